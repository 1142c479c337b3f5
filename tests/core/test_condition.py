"""Conditions: which paths a glob matches, what holds of a release, and what is asked where nobody knows."""

from __future__ import annotations

import re
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from penstock.core.brought import Brought
from penstock.core.condition import MIGRATIONS, Change, bump_of, change_of, holds, labels_of, matches
from penstock.manifest.when import EndConditions, When

READ: TypeAdapter[tuple[When, ...]] = TypeAdapter(EndConditions)
KNOWN = Change(("auth/login.py", "README.md"), frozenset({"schema"}), 120, "minor", "release/1.2", "released")


def asked(change: Change, when: object = (), unless: object = ()) -> tuple[bool, str]:
    """Whether conditions hold, and why, as a manifest writes them."""
    return holds(READ.validate_python(when), READ.validate_python(unless), change)


@pytest.mark.parametrize(
    ("glob", "yes", "no"),
    [
        ("auth/**", ["auth/a.py", "auth/a/b/c.py", "auth"], ["authx/a.py", "src/auth/a.py", "Auth/a.py"]),
        ("auth/*", ["auth/a.py", "auth/.env"], ["auth/a/b.py", "auth"]),
        ("template.yaml", ["template.yaml"], ["a/template.yaml", "template_yaml", "template.yaml/x"]),
        ("*.sql", ["a.sql", ".sql"], ["db/a.sql", "a.sqlx"]),
        ("**/*.sql", ["a.sql", "db/a.sql", "a/b/c.sql"], ["a.sql/b"]),
        ("a/**/z", ["a/z", "a/b/z", "a/b/c/z"], ["az", "a/z/b", "b/a/z"]),
        ("**/auth/**", ["auth/a", "x/auth/a", "x/y/auth"], ["x/auths/a"]),
        ("**", ["a", "a/b"], []),
        ("v?.py", ["v1.py"], ["v10.py", "v/.py", "v.py"]),
        ("app/(id)/+page$.ts", ["app/(id)/+page$.ts"], ["app/id/page.ts"]),
    ],
)
def test_globs(glob: str, yes: list[str], no: list[str]) -> None:
    """A glob is held against the whole path; `*` and `?` never go across a `/`, `**` goes across any number or none."""
    assert [] == [path for path in yes if not matches(path, glob)]
    assert [] == [path for path in no if matches(path, glob)]


NAMES = st.text("ab.", min_size=1, max_size=3)
PATHS = st.lists(NAMES, min_size=1, max_size=5).map("/".join)
PARTS = st.lists(st.text("ab.*?", min_size=1, max_size=3).filter(lambda part: "**" not in part) | st.just("**"),
                 min_size=1, max_size=4)  # fmt: skip


def by_definition(path: list[str], parts: list[str]) -> bool:
    """The meaning of a glob, spelled out: `**` is tried as every number of folders."""
    if not parts:
        return not path
    if parts[0] == "**":
        return any(by_definition(path[n:], parts[1:]) for n in range(len(path) + 1))
    if not path:
        return False
    one = "".join({"*": "[^/]*", "?": "[^/]"}.get(letter, re.escape(letter)) for letter in parts[0])
    return re.fullmatch(one, path[0]) is not None and by_definition(path[1:], parts[1:])


@given(PATHS, PARTS)
def test_a_glob_means_what_is_written_down(path: str, parts: list[str]) -> None:
    """A glob matches exactly the paths that its definition does."""
    assert by_definition(path.split("/"), parts) == matches(path, "/".join(parts))


@given(PATHS, st.data())
def test_a_star_stays_in_its_folder(path: str, pick: st.DataObject) -> None:
    """A glob without `**` matches only paths with as many slashes as itself."""
    names = path.split("/")
    glob = "/".join(pick.draw(st.sampled_from([name, "*", "?" * len(name)])) for name in names)

    assert matches(path, glob)
    assert not matches(f"{path}/x", glob)
    assert not matches(f"x/{path}", glob)


def test_no_glob_takes_for_ever() -> None:
    """A glob of many stars against a long path is answered at once."""
    assert not matches("a" * 4000, "*a" * 30 + "b")
    assert not matches("/".join("a" * 1000), "/".join(["**", "a"] * 40 + ["b"]))


@pytest.mark.parametrize(
    ("when", "told"),
    [
        ({"paths": "auth/**"}, (True, "auth/login.py changed")),
        ({"paths": ["auth/**", "*.md"]}, (True, "auth/login.py and 1 more changed")),
        ({"paths": ["db/**", "api/**"]}, (False, "no path of db/** or api/** changed")),
        ({"labels": ["schema", "api"]}, (True, "labelled schema")),
        ({"labels": "api"}, (False, "not labelled api")),
        ({"lines": {"at_least": "120"}}, (True, "120 lines changed")),
        ({"lines": {"at_least": "400"}}, (False, "120 lines changed, and 400 are asked for")),
        ({"bump": ["minor", "major"]}, (True, "a minor bump")),
        ({"bump": "major"}, (False, "a minor bump, no major bump")),
        ({"branches": "release/*"}, (True, "branch release/1.2")),
        ({"branches": "main"}, (False, "branch release/1.2, not a branch of main")),
        ({"ended": "released"}, (True, "it ended released")),
        ({"ended": ["stuck", "aborted"]}, (False, "it ended released, not stuck or aborted")),
        ({"migrations": "true"}, (False, "no migration changed")),
        ({"paths": "auth/**", "bump": "minor"}, (True, "auth/login.py changed, a minor bump")),
        ({"paths": "auth/**", "bump": "major"}, (False, "a minor bump, no major bump")),
        ([{"bump": "major"}, {"paths": "auth/**"}], (True, "auth/login.py changed")),
        ([{"bump": "major"}, {"paths": "db/**"}], (False, "a minor bump, no major bump; no path of db/** changed")),
        ((), (True, "it is always asked")),
    ],
)
def test_what_holds_and_why(when: object, told: tuple[bool, str]) -> None:
    """A map holds when all of its keys do, a list when any of its maps does; the reason is in words."""
    assert told == asked(KNOWN, when)


def test_unless_is_stronger_than_when() -> None:
    """A line is not asked where `unless` holds, whatever `when` says, and the reason is that of `unless`."""
    assert (False, "a minor bump") == asked(KNOWN, {"paths": "auth/**"}, {"bump": "minor"})
    assert (False, "no path of db/** changed") == asked(KNOWN, {"paths": "db/**"}, {"bump": "minor"})
    assert (True, "auth/login.py changed") == asked(KNOWN, {"paths": "auth/**"}, {"bump": "patch"})
    assert (True, "a minor bump, no patch bump") == asked(KNOWN, (), {"bump": "patch"})


@pytest.mark.parametrize("path", ["shop/migrations/0002_more.py", "db/migrate/20260101_x.rb", "alembic/versions/a.py",
                                  "prisma/migrations/1/migration.sql", "src/main/resources/db/changelog/1.xml",
                                  "migrations/1.sql"])  # fmt: skip
def test_migrations_usually_lie_there(path: str) -> None:
    """Where the usual tools put migrations, they are found."""
    assert (True, f"{path} changed") == asked(Change((path,)), {"migrations": "true"})


def test_migrations_may_lie_elsewhere() -> None:
    """Other folders may be given, and then they count alone."""
    when = READ.validate_python({"migrations": "true"})

    assert holds(when, (), Change(("sql/1.sql",)), ("sql/*",))[0]
    assert not holds(when, (), Change(("migrations/1.sql",)), ("sql/*",))[0]
    assert not any(matches("docs/migration.md", glob) for glob in MIGRATIONS)


@pytest.mark.parametrize(
    "one",
    [{"paths": "x"}, {"labels": "x"}, {"lines": {"at_least": "1"}}, {"bump": "major"}, {"branches": "x"},
     {"migrations": "true"}, {"ended": "stuck"}],
)  # fmt: skip
def test_in_doubt_it_is_asked(one: dict[str, object]) -> None:
    """What nobody knows counts as so for `when`, and as not so for `unless`; the reason says that nobody knows."""
    assert asked(Change(), one)[0]
    assert asked(Change(), (), one)[0]
    assert re.search("nobody knows|nothing to compare with", asked(Change(), one)[1])


def test_what_is_known_decides_where_it_can() -> None:
    """One key of a map that does not hold is enough, also where another is not known; and so is one map of a list that does."""
    change = Change(branch="main")

    assert (False, "branch main, not a branch of x") == asked(change, {"paths": "a", "branches": "x"})
    assert (True, "branch main") == asked(change, [{"paths": "a"}, {"branches": "main"}])
    assert (False, "branch main") == asked(change, {"paths": "a"}, [{"paths": "a"}, {"branches": "main"}])


FACTS = {"paths": ("a",), "labels": frozenset({"a"}), "lines": 5, "bump": "major", "branch": "a", "ended": "stuck"}
KEYS = {"paths": "a", "labels": "a", "lines": {"at_least": "5"}, "bump": "major", "branches": "a", "ended": "stuck"}
CONDITIONS = st.lists(
    st.sets(st.sampled_from(sorted(KEYS)), min_size=1, max_size=3).map(lambda keys: {key: KEYS[key] for key in keys}),
    max_size=3,
)


@given(st.dictionaries(st.sampled_from(sorted(FACTS)), st.booleans()), CONDITIONS, CONDITIONS)
def test_knowing_less_never_asks_less(
    known: dict[str, bool], when: list[dict[str, object]], unless: list[dict[str, object]]
) -> None:
    """A line is left out only where it would be, whatever it is that is not known."""
    other = {"paths": (), "labels": frozenset(), "lines": 0, "bump": "patch", "branch": "z", "ended": "released"}
    facts = {name: FACTS[name] if yes else other[name] for name, yes in known.items()}
    unknown = [name for name in FACTS if name not in known]
    worlds = [
        asked(Change(**{**facts, **dict(zip(unknown, values, strict=True))}), when, unless)[0]  # type: ignore[arg-type]
        for values in product(*((FACTS[name], other[name]) for name in unknown))
    ]
    found = asked(Change(**facts), when, unless)[0]  # type: ignore[arg-type]

    assert found or not any(worlds)
    assert all(worlds) <= found


@pytest.mark.parametrize(
    ("messages", "bump"),
    [
        ([], "patch"),
        (["fix: a leak", "docs: more"], "patch"),
        (["fix: a leak", "feat: a lamp"], "minor"),
        (["Feat(ui): a lamp"], "minor"),
        (["feat!: another lamp", "fix: x"], "major"),
        (["refactor(api)!: out"], "major"),
        (["fix: x\n\nBREAKING CHANGE: the port"], "major"),
        (["fix: x\n\nBREAKING-CHANGE: the port"], "major"),
        (["fix: x\n\nno breaking change: really"], "patch"),
        (["Merge branch 'feat: x'", "feature: y", "Feats: z"], "patch"),
        (["feat(a) : odd"], "patch"),
    ],
)
def test_the_bump_that_commits_ask_for(messages: list[str], bump: str) -> None:
    """By Conventional Commits: breaking is major, a feature minor; everything else, written so or not, is a patch."""
    assert bump == bump_of(messages)


def test_labels_stand_in_the_last_paragraph() -> None:
    """A trailer names labels, several with commas; one in the midst of the text is none."""
    messages = [
        "feat: x\n\nRelease-label: schema, api\nrelease-label:  user-facing ",
        "fix: y\n\nRelease-label: no\n\nThe end.",
    ]

    assert frozenset({"schema", "api", "user-facing"}) == labels_of(messages)


def test_what_a_release_brings() -> None:
    """Where something serves the facts are those of its repository; where nothing does, all but the branch is unknown."""
    brought = Brought(True, ("a.py",), 3, ("feat: x\n\nRelease-label: schema",), ())

    assert Change(("a.py",), frozenset({"schema", "big"}), 3, "minor", "main") == change_of(brought, "main", ("big",))
    assert Change(branch="main") == change_of(Brought(messages=("feat: x",)), "main", ("big",))
