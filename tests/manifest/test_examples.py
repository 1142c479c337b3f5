"""The annotated examples beside the sections are read by the reader itself, so they cannot lie."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

import penstock
from penstock.manifest import Manifest
from penstock.manifest.bake import BakeErrors, BakePeriod, CriticalErrors
from penstock.manifest.build import Build
from penstock.manifest.groups import Group
from penstock.manifest.health import Health
from penstock.manifest.later import Reminder
from penstock.manifest.logs import Logs
from penstock.manifest.prepare import Prepare
from penstock.manifest.report import ReportForm
from penstock.manifest.rollout import Rollout
from penstock.manifest.section import Section
from penstock.manifest.shape import keys
from penstock.manifest.times import Times
from penstock.manifest.traffic import Traffic
from penstock.manifest.unit import Unit
from penstock.manifest.verdict import ErrorRules, Undecided, Verdict
from penstock.providers.command.section import CommandSection, DeclaredCapabilities
from penstock.providers.local.section import LocalSection

PACKAGE = Path(penstock.__file__).parent
EXAMPLES = sorted([*PACKAGE.glob("manifest/*.example.yaml"), *PACKAGE.glob("providers/*/section.example.yaml")])
SECTIONS: dict[str, tuple[type[Section], ...]] = {
    "manifest/build": (Build,),
    "manifest/checklist": (Reminder,),
    "manifest/groups": (Group,),
    "manifest/health": (Health,),
    "manifest/logs": (Logs,),
    "manifest/prepare": (Prepare,),
    "manifest/report": (ReportForm,),
    "manifest/rollout": (Rollout,),
    "manifest/times": (Times, BakePeriod, BakeErrors, CriticalErrors),
    "manifest/traffic": (Traffic,),
    "manifest/unit": (Unit,),
    "manifest/verdict": (Verdict, ErrorRules, Undecided),
    "providers/command/section": (CommandSection, DeclaredCapabilities),
    "providers/local/section": (LocalSection,),
}


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda p: f"{p.parent.name}/{p.name}")
def test_every_example_reads(path: Path, manifest: Callable[[str], Manifest]) -> None:
    """An annotated example is a manifest, once the lines that every manifest has are added."""
    assert "production" in manifest(path.read_text()).environments


@pytest.mark.parametrize(("name", "models"), SECTIONS.items(), ids=list(SECTIONS))
def test_every_key_is_shown(name: str, models: tuple[type[Section], ...]) -> None:
    """Every key that a section has stands in its annotated example."""
    text = (PACKAGE / f"{name}.example.yaml").read_text()

    assert [] == [key for model in models for key in keys(model) if f"{key}:" not in text]


def test_the_shown_defaults_of_the_verdict_are_the_defaults(manifest: Callable[[str], Manifest]) -> None:
    """The example of the verdict says that it shows the defaults, and it does."""
    shown = manifest((PACKAGE / "manifest/verdict.example.yaml").read_text())

    assert Verdict() == shown.environments["production"].verdict


def test_the_shown_defaults_of_health_are_the_defaults(manifest: Callable[[str], Manifest]) -> None:
    """The example of health says that it shows the defaults, and it does."""
    shown = manifest((PACKAGE / "manifest/health.example.yaml").read_text())

    assert Health() == shown.environments["production"].health


def test_the_smallest_manifest_is_about_ten_lines(manifest: Callable[[str], Manifest]) -> None:
    """The manifest that the README shows is short, and reads."""
    lines = (PACKAGE / "manifest/manifest.example.yaml").read_text().splitlines()

    assert 12 >= len(lines)
