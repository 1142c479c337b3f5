"""How what was found is told: a bounded list, the worst first, and a table of all of it as evidence."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from penstock.core.finding import Finding
from penstock.core.target import Evidence

MOST = 100
ROOM = 256 << 10
SENTENCE = 300


def bounded(findings: Sequence[Finding], evidence: str) -> tuple[Finding, ...]:
    """At most a hundred of them; the last then says how many more there are, and where."""
    if len(findings) <= MOST:
        return tuple(findings)
    more = Finding(f"and {len(findings) - MOST + 1} more", "all of them stand in the evidence", f"see `{evidence}`")
    return (*findings[: MOST - 1], more)


def table(name: str, head: Sequence[str], rows: Iterable[Sequence[str]]) -> Evidence:
    """Rows of words parted by tabs, under their heads."""
    return text(name, "text/tab-separated-values", "\n".join("\t".join(row) for row in (head, *rows)) + "\n")


def text(name: str, media: str, whole: str) -> Evidence:
    """A text, cut where it is longer than what is kept; then its last line says so."""
    data = whole.encode("utf-8", "replace")
    if len(data) <= ROOM:
        return Evidence(name, media, data.decode())
    kept = data[: ROOM - 100].decode("utf-8", "ignore")
    return Evidence(name, media, f"{kept}\n[cut here: {len(data)} bytes in all]\n")


def listed(head: str, names: Sequence[str], tail: str = "") -> str:
    """A sentence that names five at most, and as many as there is room for: `head: one, two and 3 more; tail`."""
    end = f"; {tail}" if tail else ""
    for count in range(min(len(names), 5), 0, -1):
        more = f" and {len(names) - count} more" if count < len(names) else ""
        said = f"{head}: {', '.join(names[:count])}{more}{end}"
        if len(said) <= SENTENCE:
            return said
    return f"{head}{end}"[:SENTENCE]


def counted(words: Iterable[str], order: Sequence[str]) -> str:
    """`2 high, 1 low`, in an order; empty for nothing."""
    several = list(words)
    return ", ".join(f"{several.count(word)} {word}" for word in order if word in several)
