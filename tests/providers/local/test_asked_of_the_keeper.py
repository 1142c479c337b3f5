"""What a manifest asks of the counting reaches the keeper's own file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from penstock.core.target import Desired, Fence
from penstock.manifest import Environment, TargetEntry
from penstock.manifest.verdict import Verdict
from penstock.providers.local.section import LocalSection
from penstock.providers.local.target import LocalTarget
from penstock.providers.local.wanted import parse
from penstock.state import State
from penstock.worlds import target_of


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({}, (1000, False, False)),
        ({"errors": {"hung_after": "900ms", "once_per": "client"}}, (900, True, False)),
        ({"traffic": {"get": ["/"], "rps": 5}}, (1000, False, True)),
    ],
)
def test_how_requests_are_counted_is_told(
    tmp_path: Path, asked: dict[str, object], expected: tuple[int, bool, bool]
) -> None:
    """The time after which a request hangs, errors once per client, and a token only where Penstock sends some."""
    section = LocalSection.model_validate({"port": 18099})
    environment = Environment(
        name="production", units={}, target=TargetEntry(kind="local", section=section),
        verdict=Verdict.model_validate(asked),
    )  # fmt: skip
    target = target_of(State(tmp_path), "shop", environment)

    assert isinstance(target, LocalTarget)
    told = target._as_keeper_reads(Desired(Fence(1), {}, {}))

    wanted = parse(json.loads(json.dumps(told)) | {"generation": 1})
    assert expected == (wanted.hung_after_ms, wanted.once_per_client, bool(wanted.synthetic_token))
