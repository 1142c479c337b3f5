"""What containing a command costs: the same command plain, bare of all but a launcher's Python, and contained."""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from penstock import containment, shell

ENV = {"PATH": "/usr/bin:/bin"}
WORK = "import time\nend = time.process_time() + 1\nwhile time.process_time() < end: sum(range(10_000))"
COMMANDS = {
    "true": (["true"], 40),
    "a shell that lists /usr": (["sh", "-c", "ls -R /usr/share/doc > /dev/null"], 15),
    "1 s of work": ([sys.executable, "-c", WORK], 5),
    "64 MB of output": (["head", "-c", "64000000", "/dev/zero"], 10),
}  # fmt: skip


def main() -> None:
    """All take turns; the medians, and what the second costs as a multiple of the first."""
    print(f"contained: {containment.available() or 'yes'}\n")
    print("| command | plain ms | `python -I -S -c pass` before it ms | contained ms | × plain | ms more |")
    print("|---|---|---|---|---|---|")
    folder = Path(tempfile.mkdtemp())
    (folder / "place").mkdir()
    for name, (words, rounds) in COMMANDS.items():
        ways: dict[str, Callable[[], object]] = {
            "plain": lambda w=words: shell.run(w, env=ENV, log_file=folder / "log"),  # type: ignore[misc]
            "floor": lambda w=words: _after_python(w, folder),  # type: ignore[misc]
            "contained": lambda w=words: _contained(w, folder),  # type: ignore[misc]
        }
        times: dict[str, list[float]] = {way: [] for way in ways}
        for _ in range(rounds):
            for way, act in ways.items():
                (folder / "log").unlink(missing_ok=True)
                began = time.perf_counter()
                act()
                times[way].append((time.perf_counter() - began) * 1000)
        plain, floor, contained = (statistics.median(times[way]) for way in ways)
        more = contained - plain
        print(
            f"| {name} | {plain:.1f} | {floor:.1f} | {contained:.1f} | {contained / plain:.2f} | {more:.1f} |",
            flush=True,
        )


def _after_python(words: list[str], folder: Path) -> None:
    shell.run([sys.executable, "-I", "-S", "-c", "pass"], env={}, log_file=folder / "log")
    shell.run(words, env=ENV, log_file=folder / "log")


def _contained(words: list[str], folder: Path) -> None:
    fence = containment.fence_of(str(folder / "place"), "", "", str(folder / "log"))
    end = containment.run(words, ENV, fence, folder / "log", 60.0, limits=containment.Limits())
    assert (end.code, end.stopped) == (0, ""), end


if __name__ == "__main__":
    main()
