"""Good manifests: a file each, the text above the line, what is in force below it as JSON."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from penstock.core import data
from penstock.manifest import Kinds, read

FOLDER = Path(__file__).parent / "good"
LINE = "\n----------\n"


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.yaml")), ids=lambda p: p.stem)
def test_a_good_manifest_reads_as_written_down(path: Path, kinds: Kinds) -> None:
    """A good manifest gives exactly the values and places that lie beside it (UPDATE_GOLDEN=1 rewrites)."""
    text, _, expected = path.read_text().partition(LINE)
    found = json.dumps(data.dump(read(text, kinds=kinds)), indent=1, sort_keys=True, ensure_ascii=False) + "\n"
    if os.environ.get("UPDATE_GOLDEN"):
        path.write_text(text + LINE + found)
        expected = found

    assert expected == found
