"""A check of one's own: every page has a title."""

from __future__ import annotations

import re
from pathlib import Path
from typing import ClassVar

from penstock.core.finding import CheckRequest, Finding, Outcome
from penstock.manifest.check import CheckSection


class TitlesSection(CheckSection):
    """`folder` is where the pages are."""

    pace: ClassVar[str] = "quality"
    steady: ClassVar[bool] = True  # its answer follows from the commit and this section, and from nothing else

    folder: str = "."


class TitlesCheck:
    """Passes when every page has a title.

    A page without one is hard to find, and to tell from others in a row of tabs.

    - `folder`: where the pages are, the whole repository if left out.

    Bad:   titles: {is: titles, folder: drafts}    # nobody reads those
    Good:  titles: {is: titles, folder: site}
    """

    def run(self, request: CheckRequest) -> Outcome:
        """Look at every page of the commit."""
        section = TitlesSection.model_validate(request.section)
        root = Path(request.folder)
        pages = sorted((root / section.folder).rglob("*.html"))
        if not pages:
            nothing = Finding(f"there is no page in `{section.folder}`", "nothing was inspected", "its right name")
            return Outcome("errored", nothing.condition, (nothing,))
        bare = [str(page.relative_to(root)) for page in pages if not titled(page.read_text(errors="replace"))]
        findings = tuple(
            Finding(f"{page} has no title", "readers cannot tell it from others", "<title>", page, "low")
            for page in bare[:100]
        )
        said = f"{len(bare)} of {len(pages)} pages have no title"
        return Outcome("failed" if bare else "passed", said, findings, measured={"pages": len(pages)})


def titled(page: str) -> bool:
    """Whether a page has a title that says something."""
    return re.search(r"<title>\s*[^\s<]", page, re.IGNORECASE) is not None
