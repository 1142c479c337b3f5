"""Hits of a long table, counted shard by shard: it may be stopped and goes on, and several processes may share it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from bench import paper
from bench.paper import Asked

Hits = dict[str, list[int]]
"""Releases of every cell that were rolled back, by whose judgement."""


def counted(
    asked: Asked, what: str, cells: int, seed: Sequence[int], key: dict[str, Any],
    shard: Callable[[int, Sequence[int]], Hits],
) -> tuple[int, Hits]:  # fmt: skip
    """Releases of each cell, and what was rolled back, over all shards that are this process's.

    `what` is told to who waits. `shard` gets the releases of each cell and its seed: `asked.seed`, `seed` and the shard's
    number. `key` names the table, and holds all that a result depends on beside these.
    """
    total: Hits = {}
    sizes = paper.shards(-(-asked.releases // cells), cells)
    for at, size in enumerate(sizes):
        if not asked.takes(at):
            continue
        own = [asked.seed, *seed, at]
        found = paper.remembered(
            asked, {**key, "per cell": size, "seed": own}, lambda size=size, own=own: shard(size, own)  # type: ignore[misc]
        )  # fmt: skip
        total = {
            name: [a + b for a, b in zip(total.get(name, [0] * cells), one, strict=True)] for name, one in found.items()
        }
        paper.told(f"{what}: shard {at + 1} of {len(sizes)}")
    return sum(sizes), total
