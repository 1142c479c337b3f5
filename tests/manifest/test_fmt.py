"""What `penstock fmt` promises: one way to write, the same meaning, every comment, and never half a file."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

import penstock
from penstock.cli import root
from penstock.core import data
from penstock.errors import ManifestError, UserError
from penstock.manifest import Kinds, read
from penstock.manifest.fmt import WIDTH, formatted
from penstock.manifest.sheet import comments

FOLDER = Path(__file__).parent
PACKAGE = Path(penstock.__file__).parent
ROOT = FOLDER.parents[1]
GOOD = [path.read_text().partition("\n----------\n")[0] for path in sorted(FOLDER.glob("good/*.yaml"))]
BAD = [path.read_text().partition("\n----------\n")[0] for path in sorted(FOLDER.glob("bad/*.yaml"))]
FILES = [
    *sorted(PACKAGE.glob("**/*.example.yaml")),
    *sorted(ROOT.glob("examples/*/penstock.yaml")),
    *sorted(PACKAGE.glob("demo/shop/*/penstock.yaml")),
]
TEXTS = [*GOOD, *BAD, *(path.read_text() for path in FILES)]
CHARACTERS = "{}[]:,#&*!|>'\"%@`- \n\t?~$0aé\u2028\x00.x\ud800"


def reading(text: str, kinds: Kinds) -> object:
    """What the reader makes of a text, but for the lines: the values, or the codes of its problems."""
    try:
        manifest = read(text, kinds=kinds)
    except ManifestError as error:
        return sorted((problem.code, problem.what) for problem in error.problems if "line" not in problem.what)
    return {name: data.dump(env.model_copy(update={"said": {}})) for name, env in manifest.environments.items()}


def keeps_the_laws(text: str, kinds: Kinds) -> None:
    """Formatting gives what formatting leaves alone, with the same meaning and comments; or it is refused."""
    try:
        written = formatted(text)
    except ManifestError:
        return
    assert written == formatted(written)
    assert reading(text, kinds) == reading(written, kinds)
    assert sorted(comments(text.removeprefix("\ufeff").replace("\r\n", "\n"))) == sorted(comments(written))
    assert written.endswith("\n")
    assert not written.endswith("\n\n") or "+" in written


@pytest.mark.parametrize("number", range(len(TEXTS)))
def test_every_manifest_that_we_have_keeps_its_meaning(number: int, kinds: Kinds) -> None:
    """Examples, good and bad manifests: formatted twice is once, the reader says the same, comments stay."""
    keeps_the_laws(TEXTS[number], kinds)


@pytest.mark.parametrize("path", FILES, ids=lambda p: f"{p.parent.name}/{p.name}")
def test_lines_are_no_longer_than_they_must_be(path: Path) -> None:
    """A map or a list in one line has at most 100 columns, its comment not counted."""
    for line in formatted(path.read_text()).splitlines():
        said = f"  {line}".partition("  #")[0][2:]
        assert len(said) <= WIDTH or "{" not in said


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None, max_examples=300)
@given(st.data())
def test_a_damaged_manifest_keeps_the_laws(kinds: Kinds, data: st.DataObject) -> None:
    """A manifest in which something was changed is formatted by the same laws, or refused by the reader."""
    text = data.draw(st.sampled_from(TEXTS))
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(text)))
        end = min(len(text), start + data.draw(st.integers(0, 8)))
        text = text[:start] + data.draw(st.text(alphabet=CHARACTERS, max_size=3)) + text[end:]
    keeps_the_laws(text, kinds)


words = st.sampled_from(["a", "ruff check .", '"no"', "'it''s'", "'a: b'", "5%", "/x", "none", "1.10", "b" * 40, '"#"'])
remarks = st.sampled_from(["", "  # why", " # near", "      # aligned"])
above = st.sampled_from(["", "", "\n", "# lead\n", "\n\n# two\n\n", "      # deep\n", "  # some\n"])


@st.composite
def flows(draw: st.DrawFn, depth: int = 2) -> str:
    """Maps and lists in braces, in one line or several, with comments inside."""
    items = draw(st.lists(words if depth == 0 else words | flows(depth - 1), max_size=4))
    gap = draw(st.sampled_from(["", " ", "\n      ", "  # in\n      "]))
    if draw(st.booleans()):
        return "[" + gap + f",{gap}".join(items) + gap + "]"
    return "{" + gap + f",{gap}".join(f"k{n}:  {item}" for n, item in enumerate(items)) + gap + "}"


@st.composite
def blocks(draw: st.DrawFn, indent: int = 0, depth: int = 3) -> str:
    """Maps and lists line by line, wide or narrow, with texts of several lines, comments and blank lines."""
    pad, is_list = " " * indent, indent > 0 and draw(st.booleans())
    written = ""
    for number in range(draw(st.integers(1, 3))):
        kind = draw(st.integers(0, 5))
        head = f"{pad}-" if is_list else f"{pad}k{number}:"
        written += draw(above)
        if kind == 0 and depth:
            step = draw(st.integers(1, 4))
            written += f"{head}{draw(remarks)}\n" + draw(blocks(indent + step, depth - 1))
        elif kind == 1:
            written += f"{head} {draw(flows())}{draw(remarks)}\n"
        elif kind == 2:
            mark = draw(st.sampled_from(["|", ">", "|-", ">+", "|  # head"]))
            lines = draw(st.lists(st.sampled_from(["x", "  y", "# z", ""]), max_size=3))
            written += f"{head} {mark}\n" + "".join(f"{pad}   {line}\n" for line in ["one", *lines])
        elif kind == 3:
            written += f'{head} "two\n{pad}     lines"{draw(remarks)}\n'
        else:
            written += f"{head} {draw(words)}{draw(remarks)}\n"
    return written + draw(above)


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None, max_examples=300)
@given(blocks())
@example("{a: 1}  # c")
@example("a: {  # one\n}  # two\n")
@example("a: {\n # inside nothing\n}\n")
@example("- # c\n  a: 1\n")
@example("a:\n  # c\n  b\n")
@example("a: |\n  no line end")
@example("a: |2\n   b\n  c\n")
@example("a: >\n\n\nb: 1\n")
@example("? a\n: b\n? [c]\n: d\n")
@example("--- # start\na: 1\n... # end\n")
@example("a: [b: 1, {c: 2}]\n")
@example("\ufeffa: 1\r\nb: 2\r\n")
@example("  a: 1\n  # foot\n# lower\n")
@example("a:\n- b\n# about c\nc: 1\n")
@example("a: [1, # x\n 2] # y\n")
@example('a: "x\\\n   y \\\n   \\ z"\n')
@example("a: |+\n  b\n\n\n# c\nd: 1\n")
def test_any_sheet_keeps_the_laws(kinds: Kinds, text: str) -> None:
    """However a sheet is written, formatting keeps its meaning and its comments, and is stable."""
    keeps_the_laws(text, kinds)


SHOWN = """

penstock:    1
service:     shop     # the name

checklist: {revision: {tests: pytest -q, lint: 'ruff check .'}, before: {disk: df --output=avail / , network: ping -c 1 x}}
environments:
      production:
            target: {is: local,
              port: 8080,   # where clients connect
              instances: 2}


            rollout:
            - x
  # of no use
# the end
"""
EXPECTED = """penstock: 1
service: shop  # the name

checklist:
  revision: {tests: pytest -q, lint: "ruff check ."}
  before: {disk: df --output=avail /, network: ping -c 1 x}
environments:
  production:
    target:
      is: local
      port: 8080  # where clients connect
      instances: 2

    rollout:
      - x
# of no use
# the end
"""


def test_the_one_way() -> None:
    """Indentation, spaces, long braces, braces with comments, lists, quotes, blank lines and comments, in one look."""
    assert EXPECTED == formatted(SHOWN)


def test_a_hundred_columns_are_a_line() -> None:
    """What was in braces stays in a line of 100 columns, whatever the comment behind it, and not in one of 101."""
    fits = f"key: {{a: {'x' * 90}}}  # {'c' * 90}\n"
    assert 100 == fits.index("  #")
    assert fits == formatted(fits)
    assert f"key:\n  a: {'x' * 91}\n" == formatted(f"key: {{a: {'x' * 91}}}\n")


def test_what_would_grow_too_large_is_refused() -> None:
    """A file that the reader reads, and would not any more, is the user's to change: nothing is written."""
    wide = "a: {b: {c: [" + ", ".join(["x"] * 8000) + "]}}\n"
    with pytest.raises(UserError, match="larger than the 64 KB"):
        formatted(wide)


def test_one_change_is_one_line() -> None:
    """A longer value moves no other line: nothing is aligned."""
    before, after = formatted("a: 1  # x\nbb: 2  # y\n"), formatted("a: 1000  # x\nbb: 2  # y\n")
    assert [before.splitlines()[1]] == [line for line in after.splitlines() if line in before.splitlines()]


def test_a_comment_that_the_reader_doubts_is_left_to_be_doubted(kinds: Kinds) -> None:
    """One space before a # in a command is refused; formatting does not talk the reader out of it."""
    text = formatted("penstock: 1\nservice: shop\nrun: echo #1\nenvironments: {a: {target: {is: local, port: 1}}}\n")
    assert "run: echo #1\n" in text
    assert "comment-in-command" in str(reading(text, kinds))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A manifest that is not written the one way."""
    path = tmp_path / "penstock.yaml"
    path.write_text("penstock:   1\n")
    return path


def test_the_verb_writes_in_place_and_keeps_the_mode(file: Path) -> None:
    """The file holds the new text under its old mode, nothing lies beside it, and a link stays a link."""
    file.chmod(0o640)
    link = file.with_name("link.yaml")
    link.symlink_to(file)
    done = CliRunner().invoke(root, ["fmt", str(link)])
    assert (0, "penstock: 1\n") == (done.exit_code, file.read_text())
    assert 0o640 == file.stat().st_mode & 0o777
    assert link.is_symlink()
    assert {"penstock.yaml", "link.yaml"} == set(os.listdir(file.parent))


def test_check_and_diff_write_nothing(file: Path) -> None:
    """`--check` exits with 2, `--diff` shows the lines; the file is as it was. A second `fmt` finds nothing to do."""
    done = CliRunner().invoke(root, ["fmt", "--check", str(file)])
    assert 2 == done.exit_code
    done = CliRunner().invoke(root, ["fmt", "--diff", str(file)])
    assert (0, True) == (done.exit_code, "-penstock:   1\n+penstock: 1\n" in done.output)
    assert "penstock:   1\n" == file.read_text()
    CliRunner().invoke(root, ["fmt", str(file)])
    assert 0 == CliRunner().invoke(root, ["fmt", "--check", str(file)]).exit_code


@pytest.mark.parametrize("text", [b"a: {b\n", b"a: 1\na: 2\n", b"\xff\xfe", b"", b"a: " + b"x" * 70_000])
def test_what_is_no_manifest_is_left_alone(file: Path, text: bytes) -> None:
    """A file that the reader cannot parse is refused with its own words, and not a byte is written."""
    file.write_bytes(text)
    done = CliRunner().invoke(root, ["fmt", str(file)])
    assert done.exit_code != 0
    assert text == file.read_bytes()
    assert ["penstock.yaml"] == os.listdir(file.parent)
