"""Planted faults, found and missed, and false alarms on a twin that has none: a row for each kind of check."""

from __future__ import annotations

import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parents[1]


def main() -> None:
    """Ask every check about both twins, and count."""
    sys.path.insert(0, str(ROOT))  # the twins belong to the tests
    from tests.planted import asking

    began = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="penstock-planted-") as folder:
        answers, asked, clean = asking.both(Path(folder))
    took = time.perf_counter() - began
    kind = {one.line.name: one.line.kind for one in asked}
    planted = Counter(kind[one.planted.line] for one in answers)
    found = Counter(kind[one.planted.line] for one in answers if one.found)
    alarms = Counter(kind[name] for name, _, _ in asking.alarms(clean))
    print("| kind | planted | found at its place | recall | false alarms |\n|---|---|---|---|---|")
    for name in sorted(planted):
        _row(name, planted[name], found[name], alarms[name])
    _row("all", planted.total(), found.total(), alarms.total())
    for one in answers:
        if not one.found:
            print(f"\nmissed: {one.planted.id}, at {one.where or '(no place)'}")
    for name, sentence, finding in asking.alarms(clean):
        print(f"\nfalse alarm: {name}: {finding.condition if finding else sentence}")
    print(f"\n{len(asked)} lines, asked of both twins in {took:.1f} s")


def _row(name: str, planted: int, found: int, alarms: int) -> None:
    print(f"| {name} | {planted} | {found} | {found / planted * 100:.0f} % | {alarms} |")


if __name__ == "__main__":
    main()
