"""The samples: repositories in one text file each, and last the manifest that is expected."""

from __future__ import annotations

import re
from pathlib import Path

SAMPLES = sorted((Path(__file__).parent / "samples").glob("*.txt"))
MANIFEST = "penstock.yaml"
_FILE = re.compile(r"^--- (\S+) ---\n", re.MULTILINE)


def files_of(sample: Path) -> dict[str, str]:
    """Every file of a sample, the manifest among them."""
    _, *parts = _FILE.split(sample.read_text())
    return dict(zip(parts[::2], parts[1::2], strict=True))


def laid_out(sample: Path, folder: Path) -> str:
    """Write a sample's files into a folder; returns the manifest that is expected."""
    files = files_of(sample)
    expected = files.pop(MANIFEST)
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    return expected
