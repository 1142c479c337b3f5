"""Damaged manifests: no traceback, no hang, and an answer within a second. PENSTOCK_FUZZ=10000 tries so many."""

from __future__ import annotations

import gc
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import penstock
from penstock import registry
from penstock.cli import main
from penstock.errors import ManifestError
from penstock.manifest import read, render_problems
from penstock.manifest.parse import BYTES_MAX
from penstock.manifest.schema import schema

from .as_editors_read import data
from .conftest import whole

HERE = Path(__file__).parent
LINE = "\n----------\n"
KINDS = registry.kinds()
CHECK = jsonschema.Draft202012Validator(schema(KINDS))
TRIES = int(os.environ.get("PENSTOCK_FUZZ", "500"))
SECONDS = 1.0  # of the processor: how busy the machine is with other things is not the reader's affair
EXAMPLES = sorted(Path(penstock.__file__).parent.glob("**/*.example.yaml"))
GOOD = [path.read_text().partition(LINE)[0] + "\n" for path in sorted(HERE.glob("good/*.yaml"))]
GOOD += [whole(path.read_text()) for path in EXAMPLES]
BAD = [path.read_text().partition(LINE)[0] + "\n" for path in sorted(HERE.glob("bad/*.yaml"))]
LINES = sorted({line for text in GOOD + BAD for line in text.split("\n")})
TOKENS = [
    *(
        "{",
        "}",
        "[",
        "]",
        ":",
        ": ",
        ",",
        "- ",
        "#",
        " # ",
        "&a ",
        "*a",
        "!!int ",
        "|",
        ">",
        "'",
        '"',
        "\t",
        "\n",
        "\\",
    ),
    *(
        "? ",
        "<<: ",
        "---\n",
        "%YAML 1.1\n",
        "${PORT}",
        "$ENVIRONMENT",
        "none",
        "null",
        "~",
        "no",
        "yes",
        "0x1f",
        ".inf",
    ),
    *("5%", "5% for 1m", "5% up to 20s", "1.5x + 1pp", "90", "1h30m", "999999999999d", "-1", "like: a", "is: canary"),
    *("\u2028", "\ufeff", "\x00", "\ud800", "\u00e9", "\U0001f600", "a" * 300, "(" * 300, "/(((((a+)+)+)+)+$/", "\r"),
]

Change = Callable[[st.DataObject, str], str]


def bytes_changed(draw: st.DataObject, text: str) -> str:
    """Bytes put in the place of others, decoded as the program would."""
    raw = text.encode("utf-8", "surrogateescape" if not any("\ud800" <= c <= "\udbff" for c in text) else "replace")
    at = draw.draw(st.integers(0, len(raw)))
    gone = draw.draw(st.integers(0, 6))
    return (raw[:at] + draw.draw(st.binary(max_size=6)) + raw[at + gone :]).decode("utf-8", "surrogateescape")


def lines_changed(draw: st.DataObject, text: str) -> str:
    """A line gone, doubled, moved, shifted to the side, or another manifest's in its place."""
    lines = text.split("\n")
    at, to = draw.draw(st.integers(0, len(lines) - 1)), draw.draw(st.integers(0, len(lines) - 1))
    what = draw.draw(st.sampled_from(["gone", "doubled", "moved", "in", "out", "other"]))
    line = lines.pop(at)
    put = {"gone": [], "doubled": [line, line], "moved": [], "in": [f"  {line}"], "out": [line.removeprefix("  ")]}
    lines[at:at] = put.get(what) if what != "other" else [draw.draw(st.sampled_from(LINES))]
    if what == "moved":
        lines.insert(to, line)
    return "\n".join(lines)


def tokens_changed(draw: st.DataObject, text: str) -> str:
    """A word of YAML, or of the language, where it does not belong."""
    at = draw.draw(st.integers(0, len(text)))
    return text[:at] + draw.draw(st.sampled_from(TOKENS)) + text[at + draw.draw(st.integers(0, 5)) :]


def structure_changed(draw: st.DataObject, text: str) -> str:
    """A value in the tree put in the place of another, or taken away; written again as YAML in braces."""
    tree = data(text)
    if not isinstance(tree, dict):
        return text
    places = list(inside(tree))
    parent, key = draw.draw(st.sampled_from(places))
    other, name = draw.draw(st.sampled_from(places))
    what = draw.draw(st.sampled_from(["gone", "swapped", "wrapped", "listed", "renamed", "scalar"]))
    value, taken = parent[key], other[name]
    if what == "gone" or (what == "renamed" and isinstance(parent, list)):
        del parent[key]
    elif what == "renamed":
        parent[draw.draw(st.sampled_from(["run", "is", "like", "none", "health", str(name)]))] = parent.pop(key)
    elif what == "scalar":
        parent[key] = draw.draw(st.sampled_from([None, True, 7, 1.5, "", "none", "5%", "1h", "canary", [], {}]))
    else:
        parent[key] = {"swapped": written(taken), "wrapped": {"run": value}, "listed": [value, value]}[what]
    return "".join(f"{written_key(name)}: {flow(one)}\n" for name, one in tree.items())


def inside(tree: Any) -> Any:
    """Every (container, key) of a tree."""
    for key, value in list(tree.items() if isinstance(tree, dict) else enumerate(tree)):
        yield tree, key
        if isinstance(value, dict | list):
            yield from inside(value)


def written(value: Any) -> Any:
    """A value of its own, so that no tree holds itself."""
    return [written(v) for v in value] if isinstance(value, list) else (
        {k: written(v) for k, v in value.items()} if isinstance(value, dict) else value
    )  # fmt: skip


def written_key(name: Any) -> str:
    return f'"{name}"'


def flow(value: Any) -> str:
    """A value in braces, its texts in quotes where they need some."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{written_key(k)}: {flow(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(flow, value)) + "]"
    if isinstance(value, str):
        return "none" if value == "none" else "'" + value.replace("'", "''") + "'"
    return (
        {None: "null", True: "true", False: "false"}.get(value, str(value))
        if not isinstance(value, float)
        else str(value)
    )


CHANGES: dict[str, Change] = {
    "bytes": bytes_changed,
    "lines": lines_changed,
    "tokens": tokens_changed,
    "structure": structure_changed,
}


def answered(text: str) -> bool:
    """Whether it is read. A refusal can be shown; anything but the two, or more than a second, is an error."""
    gc.freeze()  # what other tests have left in memory is not looked through on this one's time
    began = time.process_time()
    error = refusal(text)
    shown = render_problems(error) if error else ""
    seconds = time.process_time() - began
    gc.unfreeze()
    if error:
        assert error.problems
        assert all(p.line >= 1 and p.column >= 1 and p.what and p.why and p.instead for p in error.problems)
        assert max(map(len, shown.split("\n"))) <= 100
    assert seconds < SECONDS
    return error is None


def refusal(text: str) -> ManifestError | None:
    """Why a text is refused; None when it is read."""
    try:
        read(text, kinds=KINDS)
    except ManifestError as error:
        return error
    return None


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("level", CHANGES)
@settings(max_examples=TRIES // 4, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_a_damaged_manifest_is_answered(level: str, draw: st.DataObject) -> None:
    """A manifest damaged at one level, up to four times: it is read, or refused in words, within a second."""
    text = draw.draw(st.sampled_from(GOOD))
    for _ in range(draw.draw(st.integers(1, 4))):
        text = CHANGES[level](draw, text)
    if answered(text):
        assert [] == [error.message for error in CHECK.iter_errors(data(text))], "the schema refuses what is read"


FULL = BYTES_MAX - 100
SHOP = "penstock: 1\nservice: shop\nrun: x\ntarget: {is: local, port: 1}\nenvironments:\n"
HEAVY = {
    "aliases": "a: &a x\nb: [" + "*a," * (FULL // 3) + "]",
    "braces": "a: " + "{" * FULL,
    "brackets": "a: " + "[" * FULL,
    "colons": "a: " + ": " * (FULL // 2),
    "commas": "{" + ("a," * (FULL // 2)),
    "dashes": "- " * (FULL // 2),
    "deep": "".join(f"{' ' * n}a:\n" for n in range(340)),
    "environments": SHOP + "".join(f"  e{n}: {{}}\n" for n in range(3000)),
    "environments and variables": f"env: {{{', '.join(f'A{n}: x' for n in range(1200))}}}\n"
    + SHOP
    + "".join(f"  e{n}: {{}}\n" for n in range(2000)),
    "like": SHOP + "".join(f"  e{n}: {{like: e{n + 1}}}\n" for n in range(2400)),
    "like in a circle": SHOP + "".join(f"  e{n}: {{like: e{(n + 1) % 2400}}}\n" for n in range(2400)),
    "like, the other way": SHOP + "  e0: {}\n" + "".join(f"  e{n + 1}: {{like: e{n}}}\n" for n in range(2400)),
    "globs": "secrets: {A: env:B}\nrun: x\nunits: {a: {run: x, sees: ['" + "*a" * 15000 + "']}}",
    "keys": "".join(f"k{n}: 1\n" for n in range(5000)),
    "one line": "run: " + "x" * FULL,
    "pattern": "logs: {critical: ['/" + "(a+)+" * 3000 + "/']}",
    "quotes": "a: '" + "''" * (FULL // 2),
    "questions": "? " * (FULL // 2),
    "same key": "a: 1\n" * (FULL // 5),
    "tags": "a: [" + "!x y," * (FULL // 5) + "]",
    "words": "run: " + "a " * (FULL // 2),
}


@pytest.mark.parametrize("name", HEAVY)
def test_what_is_heavy_is_answered(name: str) -> None:
    """Sixty-four kilobytes of what is worst for a parser are answered as soon as any other file."""
    answered(HEAVY[name])


@pytest.mark.parametrize("size", [BYTES_MAX + 1, 5_000_000])
def test_what_is_too_large_is_not_read(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Over 64 KB nothing is parsed."""
    monkeypatch.setattr("penstock.manifest.parse._events", lambda _: pytest.fail("it was parsed"))

    with pytest.raises(ManifestError) as raised:
        read("a" * size, kinds=KINDS)
    assert ["too-large"] == [problem.code for problem in raised.value.problems]


FILES = {
    "binary": bytes(range(256)) * 4,
    "empty": b"",
    "five-megabytes": b"a: b\n" * 1_000_000,
    "latin-1": "service: caf\u00e9".encode("latin-1"),
    "utf-16": "penstock: 1\nservice: shop\n".encode("utf-16"),
    "truncated": "service: caf\u00e9".encode()[:-1],
    "zeros": b"\0" * 1000,
}


def ended(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str]:
    """Exit code and words of the program."""
    monkeypatch.setattr("sys.argv", ["penstock", *words])
    with pytest.raises(SystemExit) as end:
        main()
    return int(end.value.code or 0), capsys.readouterr().err


@pytest.mark.parametrize("name", FILES)
def test_any_file_is_answered_by_the_program(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`penstock check` on any bytes ends with 2 and a code that can be looked up, never with a traceback."""
    (tmp_path / "penstock.yaml").write_bytes(FILES[name])
    began = time.process_time()
    code, said = ended(monkeypatch, capsys, "check", str(tmp_path / "penstock.yaml"))

    assert (2, False) == (code, "Traceback" in said)
    assert time.process_time() - began < SECONDS


def test_a_folder_is_answered_by_the_program(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`penstock check DIR` says that this is a folder."""
    code, said = ended(monkeypatch, capsys, "check", str(tmp_path))

    assert (2, True) == (code, "directory" in said)
