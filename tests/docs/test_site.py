"""The site leaves no page out."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_every_page_is_in_the_navigation() -> None:
    """`nav` of mkdocs.yml names each page of docs/ once, and nothing else."""
    nav = (ROOT / "mkdocs.yml").read_text().split("\nnav:\n")[1]
    pages = [str(path.relative_to(ROOT / "docs")) for path in (ROOT / "docs").rglob("*.md")]
    assert sorted(pages) == sorted(re.findall(r": (\S+\.md)$", nav, re.MULTILINE))
