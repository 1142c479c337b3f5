"""What the site shows otherwise than the files do: above a file that the reader writes stands its name."""

from __future__ import annotations

import re

_FILE = re.compile(r"^```(\w+) file=(\S+)$", re.MULTILINE)


def on_page_markdown(markdown: str, **_: object) -> str:
    """Called by mkdocs with every page: a fence of Markdown knows a language, and no file."""
    return _FILE.sub(r"`\2`\n{: .file }\n\n```\1", markdown)
