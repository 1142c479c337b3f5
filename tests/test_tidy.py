"""The house's style, held by tests: banned calls with the replacement named, limits of shape, nothing dead."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from statistics import quantiles

import pytest

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "penstock"
FILES = [path for path in sorted(SOURCE.rglob("*.py")) if "demo/shop" not in str(path)]
MODULES = {str(path.relative_to(ROOT / "src")): path.read_text() for path in FILES}

BANNED = [
    # pattern, who may, what to use instead
    (r"\bimport pickle\b", (), "JSON"),
    (r"shell=True", (), "argv"),
    (r"\bimport subprocess\b|from subprocess", ("penstock/shell.py",), "penstock.shell"),
    (r"datetime\.now\(|utcnow\(", ("penstock/testing/", "penstock/providers/"), "the Clock port"),
    (r"^\s*print\(", ("penstock/testing/", "penstock/worker.py", "penstock/providers/local/"), "click.echo in cli"),
    (r"except Exception:\s*\n\s*pass", (), "say it, or let it rise"),
    (r"\bTODO\b|\bFIXME\b|\bXXX\b", (), "do it, or write it down as an issue"),
    (r"0\.0\.0\.0", ("penstock/providers/local/target.py", "penstock/checks/"), "127.0.0.1: servers bind to loopback"),
]


def functions() -> Iterator[tuple[str, str, int]]:
    """(file, name, lines) of every function."""
    for name, text in MODULES.items():
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield name, node.name, (node.end_lineno or node.lineno) - node.lineno + 1


@pytest.mark.parametrize(("pattern", "allowed", "instead"), BANNED)
def test_banned_calls_stay_away(pattern: str, allowed: tuple[str, ...], instead: str) -> None:
    """What is banned stands nowhere but where it is allowed; the message names what to use."""
    found = [
        f"{name}: {match.group().strip()} → {instead}"
        for name, text in MODULES.items()
        if not any(name.startswith(place) for place in allowed)
        for match in re.finditer(pattern, text, re.MULTILINE)
    ]
    assert [] == found


def test_modules_are_short() -> None:
    """No module is over 400 lines."""
    assert [] == [(name, n) for name, text in MODULES.items() if (n := text.count("\n")) > 400]


def test_functions_are_short() -> None:
    """Median at most 9 lines, nine in ten at most 35, none over 70."""
    found = list(functions())
    lengths = sorted(length for _, _, length in found)
    assert [] == [entry for entry in found if entry[2] > 70]
    assert 9 >= quantiles(lengths, n=2)[0]
    assert 35 >= quantiles(lengths, n=10)[8]


def test_the_story_fits_on_a_page() -> None:
    """release.py stays under 150 lines."""
    assert 150 > MODULES["penstock/release.py"].count("\n")


def test_everything_public_has_a_docstring() -> None:
    """Modules, and public classes and functions at the top of a module, say what they promise."""
    silent = []
    for name, text in MODULES.items():
        tree = ast.parse(text)
        if text.strip() and not ast.get_docstring(tree):
            silent.append(name)
        for node in tree.body:
            if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
                one_liner = isinstance(node, ast.FunctionDef) and (node.end_lineno or 0) - node.lineno <= 4
                if not ast.get_docstring(node) and not one_liner:
                    silent.append(f"{name}: {node.name}")
    assert [] == silent


def test_every_test_states_its_law() -> None:
    """Every test has a docstring."""
    silent = [
        f"{path.relative_to(ROOT)}: {node.name}"
        for path in sorted((ROOT / "tests").rglob("test_*.py"))
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.name.startswith("test_")
        and not ast.get_docstring(node)
    ]
    assert [] == silent


def test_no_module_is_dead() -> None:
    """Every module is imported or named somewhere, but for the entrances."""
    entrances = {"__main__", "__init__", "worker", "app", "load", "keeper"}
    everything = "\n".join(MODULES.values()) + "\n".join(
        path.read_text() for place in ("tests", "bench") for path in (ROOT / place).rglob("*.py")
    )
    dead = [
        name
        for name in MODULES
        if (stem := Path(name).stem) not in entrances and not re.search(rf"(\.|import |, |\(|\"){stem}\b", everything)
    ]
    assert [] == dead


def test_names_avoid_empty_words() -> None:
    """No class or module is called a manager, helper, util, handler, base or context."""
    empty = re.compile(r"(manager|helper|util|handler|context)s?$|^base", re.IGNORECASE)
    found = [name for name in MODULES if empty.search(Path(name).stem)]
    for name, text in MODULES.items():
        found += [
            f"{name}: {n.name}"
            for n in ast.walk(ast.parse(text))
            if isinstance(n, ast.ClassDef) and empty.search(n.name)
        ]
    assert [] == found
