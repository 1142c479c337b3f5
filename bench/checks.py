"""Forty checks by `penstock check`, and the same commands under `make -j2`: wall time, what a check costs more, a second run."""

from __future__ import annotations

import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from penstock import shell

ROOT = Path(__file__).parents[1]
ROUNDS = 5
PYTHON = sys.executable
BIN = Path(PYTHON).parent
# What reads a report under make is what a team writes in its place.
READS = {
    "tests": ("{is: tests, report: reports/junit.xml}", "import xml.etree.ElementTree as E; E.parse('reports/junit.xml')"),
    "coverage": ("{is: coverage, report: reports/coverage.xml, at_least: 50%}",
                 "import xml.etree.ElementTree as E; E.parse('reports/coverage.xml')"),
    "findings": ("{is: findings, report: reports/found.sarif}", "import json; json.load(open('reports/found.sarif'))"),
    "style": ("{is: findings, report: reports/style.sarif}", "import json; json.load(open('reports/style.sarif'))"),
}  # fmt: skip


def commands() -> dict[str, list[str]]:
    """Thirty-six of the sort that checklists are full of: programs that start, look at something and end."""
    packages = sorted(path.name for path in (ROOT / "src/penstock").iterdir() if path.is_dir() and path.name[0] != "_")
    made = {
        f"lint-{name}": [str(BIN / "ruff"), "check", "--no-cache", f"src/penstock/{name}"] for name in packages[:10]
    }
    code = "import ast, pathlib; [ast.parse(p.read_text()) for p in sorted(pathlib.Path('src').rglob('*.py'))[{}::40]]"
    made |= {f"parse-{n}": [PYTHON, "-c", code.format(n)] for n in range(14)}
    words = ("import os", "TYPE_CHECKING", "def main", "raise ", "shell", "assert ")
    made |= {f"grep-{n}": ["git", "grep", "-c", word, "--", "src"] for n, word in enumerate(words)}
    made |= {f"log-{n}": ["git", "log", "--oneline", f"-{50 * (n + 1)}"] for n in range(36 - len(made))}
    return made


def working(seconds: float) -> dict[str, list[str]]:
    """As many, each of which works so long: what a linter or a small suite takes."""
    code = f"import time; [sum(range(10_000)) for _ in iter(lambda: time.process_time() < {seconds}, False)]"
    return {f"work-{n}": [PYTHON, "-c", code] for n in range(36)}


def prepare(folder: Path, asked: dict[str, list[str]]) -> None:
    """A clone with a manifest, a Makefile and reports."""
    for argv in (["git", "clone", "--quiet", str(ROOT), str(folder)],):
        assert shell.run(argv).ok
    lines = [f"    {name}: {json.dumps({'run': words})}" for name, words in asked.items()]
    lines += [f"    {name}: {line}" for name, (line, _) in READS.items()]
    target = "{is: local, port: 8080, instances: 1}"
    (folder / "penstock.yaml").write_text(
        "penstock: 1\nservice: bench\nrun: sleep 1\nchecks: {at_once: 2}\nchecklist:\n  revision:\n" + "\n".join(lines)
        + f"\nenvironments:\n  production:\n    target: {target}\n"
    )  # fmt: skip
    every = {**asked, **{name: [PYTHON, "-c", code] for name, (_, code) in READS.items()}}
    rules = [f"{name}:\n\t@{' '.join(map(_quoted, words))} > /dev/null\n" for name, words in every.items()]
    (folder / "Makefile.bench").write_text(f"all: {' '.join(every)}\n.PHONY: all {' '.join(every)}\n" + "".join(rules))
    _reports(folder / "reports")


def _quoted(word: str) -> str:
    return "'" + word.replace("'", "'\\''").replace("$", "$$") + "'"


def _reports(folder: Path) -> None:
    folder.mkdir()
    cases = "".join(f'<testcase classname="a.b" name="t{n}" time="0.01"/>' for n in range(1000))
    (folder / "junit.xml").write_text(f'<testsuites><testsuite name="s" tests="1000">{cases}</testsuite></testsuites>')
    rows = "".join(f'<line number="{n}" hits="{n % 5}"/>' for n in range(1, 2000))
    (folder / "coverage.xml").write_text(
        '<coverage line-rate="0.8" lines-valid="1999" lines-covered="1600" version="7"><packages><package name="p"><classes>'
        f'<class name="c" filename="src/a.py" line-rate="0.8"><lines>{rows}</lines></class></classes></package>'
        "</packages></coverage>"
    )  # fmt: skip
    for name in ("found", "style"):
        run = {"tool": {"driver": {"name": name}}, "results": []}
        (folder / f"{name}.sarif").write_text(json.dumps({"version": "2.1.0", "runs": [run]}))


def timed(argv: list[str], folder: Path, env: dict[str, str]) -> float:
    """Seconds; whatever does not pass is said, and ends this."""
    began = time.perf_counter()
    done = shell.run(argv, cwd=folder, env=env, timeout_s=300)
    assert done.ok, done.out[-2000:] + done.err[-2000:]
    return time.perf_counter() - began


def compare(title: str, asked: dict[str, list[str]], rounds: int) -> None:
    """All take turns; the medians."""
    with tempfile.TemporaryDirectory(prefix="penstock-bench-") as place:
        _compare(Path(place), title, asked, rounds)


def _compare(place: Path, title: str, asked: dict[str, list[str]], rounds: int) -> None:
    folder = place / "work"
    prepare(folder, asked)
    env = {**os.environ, "PENSTOCK_STATE": str(place / "state"), "PATH": f"{BIN}:{os.environ['PATH']}"}
    check = [PYTHON, "-m", "penstock", "check"]
    ways: dict[str, Callable[[], float]] = {
        "make -j2": lambda: timed(["make", "-s", "-j2", "-f", "Makefile.bench"], folder, env),
        "penstock check --no-cache": lambda: timed([*check, "--no-cache"], folder, env),
        "penstock check, again": lambda: timed(check, folder, env),
        "penstock check FILE": lambda: timed([*check, "penstock.yaml"], folder, env),
    }
    times: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(rounds + 1):
        for name, way in ways.items():
            seconds = way()
            times[name] += [seconds] if number else []  # the first round fills the disk's cache
    made = {name: statistics.median(found) for name, found in times.items()}
    base = made["make -j2"]
    print(f"{title}: 40 checks, two at a time, {len(os.sched_getaffinity(0))} processors, median of {rounds}\n")
    print("| | s | × make | ms more a check |\n|---|---|---|---|")
    for name, seconds in made.items():
        print(f"| `{name}` | {seconds:.2f} | {seconds / base:.2f} | {(seconds - base) * 1000 / 40:+.1f} |", flush=True)
    print()


def main() -> None:
    """Programs that are over at once, and programs that work for half a second."""
    compare("over at once", commands(), 5)
    compare("half a second each", working(0.5), 2)


if __name__ == "__main__":
    main()
