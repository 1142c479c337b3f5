"""The laws by which what is said for all, for another environment and for this one comes into force."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.errors import ManifestError
from penstock.manifest import Environment, Manifest
from penstock.manifest.rollout import CANARY

PRODUCTION = "environments:\n  production:\n    target: {is: local, port: 8080}\n"
Read = Callable[[str], Manifest]
NAMES = st.sampled_from(["A", "B", "C", "D"])
WORDS = st.sampled_from(["one", "two", "1.10", "no", ""])
VARIABLES = st.dictionaries(NAMES, WORDS, max_size=4)


def flow(values: dict[str, str | None]) -> str:
    """A map in braces; None is the word that takes away."""
    return "{" + ", ".join(f"{k}: none" if v is None else f'{k}: "{v}"' for k, v in values.items()) + "}"


@given(VARIABLES, VARIABLES, st.sets(NAMES))
def test_named_entries_add_by_name(
    production: Callable[[str], Environment], base: dict[str, str], over: dict[str, str], gone: set[str]
) -> None:
    """In force is what is said for all, with this environment's entries over it, less what it removes."""
    changes: dict[str, str | None] = {**over, **dict.fromkeys(gone & base.keys(), None)}
    text = f"env: {flow(dict(base))}\n{PRODUCTION}    env: {flow(changes)}\n"
    expected = {k: v for k, v in {**base, **changes}.items() if v is not None}

    assert expected == production(text).env


@given(VARIABLES, VARIABLES, VARIABLES)
def test_like_is_laid_between(
    manifest: Read, common: dict[str, str], other: dict[str, str], own: dict[str, str]
) -> None:
    """An environment that is like another has what is said for all, then the other's, then its own."""
    text = f"env: {flow(dict(common))}\n{PRODUCTION}    env: {flow(dict(other))}\n"
    text += f"  staging: {{like: production, env: {flow(dict(own))}}}\n"

    assert {**common, **other, **own} == manifest(text).environments["staging"].env


def test_like_alone_changes_the_name_only(manifest: Read) -> None:
    """An environment that is like another and says nothing differs from it by its name."""
    found = manifest(PRODUCTION + "    bake: 1h\n  staging: {like: production}\n").environments

    assert found["production"].model_copy(update={"name": "staging"}) == found["staging"]


def test_the_order_of_environments_does_not_matter(manifest: Read) -> None:
    """`like` may name an environment that stands further down."""
    found = manifest("environments:\n  a: {like: b}\n  b: {target: {is: local, port: 8080}, bake: 2h}\n")

    assert 7200 == found.environments["a"].bake_s


def test_an_entry_is_replaced_whole(production: Callable[[str], Environment]) -> None:
    """A check that an environment says again has nothing left of what it was."""
    text = "checklist:\n  before: {disk: {run: df, within: 1m}}\n" + PRODUCTION
    found = production(text + "    checklist: {before: {disk: {run: df -h}}}\n").checklist["before"]["disk"]

    assert ("df", "-h") == found.section.run.argv()  # type: ignore[attr-defined]
    assert 600 == found.section.within_s


def test_a_moment_keeps_what_an_environment_does_not_name(production: Callable[[str], Environment]) -> None:
    """The moments of the checklist add by name, each on its own."""
    text = "checklist: {before: {disk: df}, revision: {lint: ruff check .}}\n" + PRODUCTION
    found = production(text + "    checklist: {before: {load: uptime}}\n").checklist

    assert {"revision": ["lint"], "before": ["disk", "load"]} == {m: list(c) for m, c in found.items()}


def test_any_other_key_is_replaced_whole(production: Callable[[str], Environment]) -> None:
    """A rollout that an environment says again keeps nothing of the one that is said for all."""
    text = "rollout: {is: rolling, min_ready: 99s}\n" + PRODUCTION + "    rollout: canary\n"
    found = production(text).rollout

    assert ("canary", CANARY, 5) == (found.strategy, found.increments, found.min_ready_s)


@pytest.mark.parametrize("key", ["prepare", "health", "checklist", "logs", "env", "secrets", "groups", "bake"])
def test_none_takes_a_whole_key_away(key: str, production: Callable[[str], Environment]) -> None:
    """`none` after a key leaves the environment as if nothing had been said for all."""
    said = {
        "prepare": "migrate",
        "health": "{get: /up}",
        "checklist": "{before: {a: df}}",
        "logs": "{critical: [FATAL]}",
        "env": "{A: b}",
        "secrets": "{A: env:B}",
        "groups": "{dev: {people: [ana]}}",
        "bake": "1h",
    }
    found = production(f"{key}: {said[key]}\n{PRODUCTION}    {key}: none\n")
    bare = production(PRODUCTION + ("    health: none\n" if key == "health" else ""))

    assert bare.model_copy(update={"said": {}}) == found.model_copy(update={"said": {}})


def test_environment_is_filled_in_where_it_stands(manifest: Read) -> None:
    """$ENVIRONMENT is the environment's own name in `env` and `secrets`, also by `like`."""
    text = "env: {URL: x-$ENVIRONMENT, OTHER: $ENVIRONMENTAL}\nsecrets: {T: file:/etc/$ENVIRONMENT/t}\n"
    found = manifest(text + PRODUCTION + "  staging: {like: production}\n").environments["staging"]

    assert {"URL": "x-staging", "OTHER": "$ENVIRONMENTAL"} == found.env
    assert "file:/etc/staging/t" == str(found.secrets["T"])


def test_names_in_commands_are_left_as_they_are(production: Callable[[str], Environment]) -> None:
    """What a command names is filled in when it runs, not when it is read."""
    assert ("shop", "$ENVIRONMENT") == production("run: shop $ENVIRONMENT\n").units["shop"].run.argv()


def test_what_leads_into_a_circle_is_refused_too(manifest: Read) -> None:
    """An environment that is like one of a circle ends there, and the circle is told once."""
    with pytest.raises(ManifestError) as raised:
        manifest(PRODUCTION + "  c: {like: a}\n  a: {like: b}\n  b: {like: a}\n")

    assert ["like-circle"] == [problem.code for problem in raised.value.problems]


def test_run_is_short_for_one_unit(production: Callable[[str], Environment]) -> None:
    """`run` at the top is a unit named like the service; an environment may say that unit again."""
    found = production(PRODUCTION + "    units: {shop: {run: other}}\n").units

    assert {"shop": ("other",)} == {name: unit.run.argv() for name, unit in found.items()}


def test_a_lone_unit_sees_all_secrets_and_one_of_several_what_it_names(manifest: Read) -> None:
    """Globs are allowed; a unit of several that names nothing sees nothing."""
    secrets = "secrets: {A_ONE: env:X, A_TWO: env:Y, B: env:Z}\n"
    alone = manifest(secrets).environments["production"]
    several = manifest(
        secrets + "units:\n  web: {run: web, sees: [A_*]}\n  jobs: {run: jobs, traffic: none}\n"
    ).environments["production"]

    assert ("A_ONE", "A_TWO", "B") == alone.sees("shop")
    assert {"web": ("A_ONE", "A_TWO"), "jobs": ()} == {name: several.sees(name) for name in several.units}


def test_a_unit_has_its_own_health_or_the_services(production: Callable[[str], Environment]) -> None:
    """A unit with traffic asks as the service says; one without, or with `none`, is not asked."""
    text = "health: {get: /up}\nunits:\n  web: {run: web}\n  own: {run: own, health: {get: /own}}\n"
    text += "  quiet: {run: quiet, health: none}\n  jobs: {run: jobs, traffic: none}\n"
    ports = "environments: {production: {target: {is: local, port: {web: 1, own: 2, quiet: 3}}}}\n"
    found = production(text + ports).units

    assert {"web": "/up", "own": "/own", "quiet": None, "jobs": None} == {
        name: unit.health and unit.health.get for name, unit in found.items()
    }


def test_said_tells_where_and_what_was_defaulted(production: Callable[[str], Environment]) -> None:
    """Each key in force has its line, with the environment that said it, or is a default."""
    said = production("env: {A: b}\n" + PRODUCTION + "    env: {C: d}\n    rollout: rolling\n").said

    assert ("line 4", "production, line 8", "production, line 9", "default") == (
        said["env.A"],
        said["env.C"],
        said["rollout.is"],
        said["rollout.min_ready"],
    )


def test_a_problem_that_two_environments_share_is_told_once(manifest: Read) -> None:
    """What is said once is wrong once, however many environments it is in force in."""
    with pytest.raises(ManifestError) as raised:
        manifest("health: {gte: /x}\n" + PRODUCTION + "  a: {like: production}\n  b: {like: a}\n")

    assert 1 == len(raised.value.problems)


def test_what_every_environment_replaces_is_still_looked_at(manifest: Read) -> None:
    """A mistake in what is said for all is found, although no environment uses it."""
    with pytest.raises(ManifestError) as raised:
        manifest("rollout: roling\n" + PRODUCTION + "    rollout: rolling\n")

    assert ["rolling"] == [problem.instead for problem in raised.value.problems]


def test_globs_are_written_out(production: Callable[[str], Environment]) -> None:
    """Whatever `sees` a secret has its name, once, however many globs let it through."""
    text = "secrets: {A_ONE: env:X, A_TWO: env:Y, B: env:Z}\nprepare: {run: migrate, sees: [B, A_*, A_ONE]}\n"
    found = production(text + "build: {run: make, sees: [A_T*]}\n")

    assert found.prepare is not None
    assert found.build is not None
    assert (("B", "A_ONE", "A_TWO"), ("A_TWO",)) == (found.prepare.sees, found.build.sees)


def test_a_shell_line_may_stand_for_a_whole_check(production: Callable[[str], Environment]) -> None:
    """`sh` beside nothing else is a check, a unit or a preparation that wants a shell."""
    found = production('checklist: {before: {disk: {sh: "df | wc", within: 5s}}}\nprepare: {sh: "a && b"}\n')

    assert found.prepare is not None
    assert ("sh", "-c", "a && b") == found.prepare.run.argv()
    assert 5 == found.checklist["before"]["disk"].section.within_s


def test_a_comment_stands_two_spaces_away(production: Callable[[str], Environment]) -> None:
    """After a command, two spaces before the # are a comment; one could have been meant as a word."""
    assert ("shop",) == production("run: shop  # 1\n").units["shop"].run.argv()
    with pytest.raises(ManifestError):
        production("run: shop # 1\n")
