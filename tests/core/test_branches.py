"""Branches: who fits, how a branch's environment is called, and which ports it gets."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock import registry
from penstock.core import data
from penstock.core.branches import NAME_MAX, fits, name_for, ports_for, template_for
from penstock.manifest import Environment, Manifest, read
from penstock.manifest.templates import environment_of

GLOBS = ("feature/*", "fix/**", "release")
BRANCH = st.text(
    st.characters(exclude_categories=("Cs", "Cc", "Zs"), exclude_characters="~^:?*[\\ "), min_size=1, max_size=60
)
FITTING = st.one_of(
    BRANCH.map(lambda name: f"feature/{name.replace('/', '-')}"), BRANCH.map(lambda name: f"fix/{name}")
)
TEXT = """penstock: 1
service: shop
run: shop --port $PORT
env: {{HERE: "$ENVIRONMENT, $ENVIRONMENTS"}}
environments:
  first: {{branches: ["feature/a*"], secrets: {{DSN: file:/etc/$ENVIRONMENT}}, target: {{is: local, expires: 7d}}}}
  preview:
    branches: ["feature/*"]
    units: {{shop: {{run: shop $PORT $ENVIRONMENT, env: {{UNIT: $ENVIRONMENT}}}}}}
    secrets: {{DSN: file:/etc/$ENVIRONMENT.dsn}}
    checklist:
      candidate:
        smoke: {{run: ./smoke, env: {{WHERE: $ENVIRONMENT}}}}
        asked: {{post: /x, expect: {{json: {{env: $ENVIRONMENT}}}}}}
    target: {{is: local, {ports}expires: 7d}}
  production: {{branches: [main], target: {{is: local, port: 8080}}}}
"""


@pytest.fixture(scope="module")
def manifest() -> Manifest:
    """Two templates and an environment that is none."""
    return read(TEXT.format(ports="ports: 20000-20099, "), kinds=registry.kinds())


@pytest.mark.parametrize(
    ("branch", "globs", "expected"),
    [
        ("main", ["main"], True),
        ("feature/a", ["main", "feature/*"], True),
        ("feature/a/b", ["feature/*"], False),
        ("feature/a/b", ["feature/**"], True),
        ("Main", ["main"], False),
        ("", ["**"], False),
        ("main", [], False),
    ],
)
def test_who_fits(branch: str, globs: list[str], expected: bool) -> None:
    """A star stays between two slashes; letters count as they are; no branch fits nothing."""
    assert expected == fits(branch, globs)


@pytest.mark.parametrize(
    ("branch", "expected"),
    [
        ("feature/login-page", "preview-login-page"),
        ("feature/ABC-123_Login", "preview-abc-123-login"),
        ("fix/a/b", "preview-a-b"),
        ("release", "preview-release"),
        ("feature/été", "preview-t"),
        ("feature/日本", "preview-53a8f6"),
        ("feature/" + "long" * 20, "preview-longlonglonglonglonglong-a3f21d"),
    ],
)
def test_a_name_is_the_branch_in_letters_of_a_name(branch: str, expected: str) -> None:
    """What the glob says is left out, the rest is made of small letters, digits and dashes; too much ends with a hash."""
    assert expected == name_for("preview", GLOBS, branch, {})


def test_two_branches_of_one_name_are_told_apart() -> None:
    """Whoever comes second gets a hash of its own behind the name; whoever has a name keeps it."""
    taken = {"preview-a": "feature/a", "preview-b": ""}
    assert "preview-a" == name_for("preview", GLOBS, "feature/a", taken)
    assert re.fullmatch("preview-a-[0-9a-f]{6}", name_for("preview", GLOBS, "fix/a", taken))
    assert re.fullmatch("preview-b-[0-9a-f]{6}", name_for("preview", GLOBS, "feature/b", taken))


@given(st.lists(FITTING, min_size=1, max_size=30, unique=True), st.sampled_from(["p", "preview", "p" * 24]))
def test_names_are_names_and_nobody_shares_one(branches: list[str], template: str) -> None:
    """Whatever branches are called: every name may be one, begins with its template, is one branch's, and stays its own."""
    taken: dict[str, str] = {}
    for branch in branches:
        taken[name_for(template, GLOBS, branch, taken)] = branch
    assert len(branches) == len(taken)
    assert all(re.fullmatch(r"[a-z][a-z0-9-]*[a-z0-9]", name) and len(name) <= NAME_MAX for name in taken)
    assert all(name.startswith(f"{template}-") for name in taken)
    assert taken == {name_for(template, GLOBS, branch, taken): branch for branch in reversed(branches)}


@given(
    st.integers(1, 20), st.lists(st.sampled_from("abcd"), unique=True),
    st.dictionaries(st.sampled_from("abcd"), st.integers(1, 25)), st.sets(st.integers(1, 25)), st.sets(st.integers(1, 25)),
)  # fmt: skip
def test_ports_stay_and_are_nobody_elses(
    last: int, units: list[str], had: dict[str, int], taken: set[int], busy: set[int]
) -> None:
    """A unit keeps the port it had, as long as the range has it; others get free ones, each its own, or there are none."""
    had = dict(zip(had, dict.fromkeys(had.values()), strict=False))
    found = ports_for((1, last), units, had, taken, lambda port: port not in busy)
    kept = {unit: had[unit] for unit in units if had.get(unit, last + 1) <= last}
    free = set(range(1, last + 1)) - taken - busy - set(kept.values())
    if found is None:
        assert len(free) < len(units) - len(kept)
        return
    assert kept == {unit: port for unit, port in found.items() if unit in kept}
    assert {port for unit, port in found.items() if unit not in kept} <= free
    assert len(units) == len(set(found.values())) == len(found)


def test_the_first_template_that_fits_counts(manifest: Manifest) -> None:
    """In the order of the file; what is no template is never one."""
    assert ["first", "preview", None] == [
        found.name if (found := template_for(manifest, branch)) else None
        for branch in ("feature/a", "feature/b", "main")
    ]


def test_the_environment_of_a_branch_is_one_like_any_other(manifest: Manifest) -> None:
    """Its name is filled in where `env` and `secrets` name it, and nowhere else; its port is its own; it is no template."""
    made = environment_of(manifest.environments["preview"], "preview-b", "feature/b", {"shop": 20001})
    assert ("preview-b", ("feature/b",), False, None) == (
        made.name, made.branches, made.is_template, made.target.expires_s
    )  # fmt: skip
    assert {"HERE": "preview-b, $ENVIRONMENTS"} == made.env
    assert {"UNIT": "preview-b"} == made.units["shop"].env
    assert ("shop", "$PORT", "$ENVIRONMENT") == made.units["shop"].run.argv()
    assert "file:/etc/preview-b.dsn" == str(made.secrets["DSN"])
    checks = {name: data.dump(entry.section) for name, entry in made.checklist["candidate"].items()}
    assert {"WHERE": "preview-b"} == checks["smoke"]["env"]
    assert "$ENVIRONMENT" in str(checks["asked"])
    assert 20001 == made.target.section.port_of("shop")  # type: ignore[attr-defined]
    assert type(made.checklist["candidate"]["smoke"].section) is type(
        manifest.environments["preview"].checklist["candidate"]["smoke"].section
    )


def test_it_is_what_the_same_words_would_make_of_an_environment(manifest: Manifest) -> None:
    """An environment of a branch is in all that counts what a person would have written for it by hand."""
    text = TEXT.format(ports="").replace("preview:", "preview-b:").replace('"feature/*"', "feature/b")
    by_hand = read(
        text.replace("is: local, expires: 7d}\n  production", "is: local, port: {shop: 20001}}\n  production"),
        kinds=registry.kinds(),
    ).environments["preview-b"]  # fmt: skip
    made = environment_of(manifest.environments["preview"], "preview-b", "feature/b", {"shop": 20001})

    def plain(one: Environment) -> object:
        return data.dump(one.model_copy(update={"said": {}}))

    assert plain(by_hand) == plain(made)
