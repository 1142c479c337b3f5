"""Names of container images."""

from __future__ import annotations

import re

_DIGEST = re.compile(r"@sha256:[0-9a-f]{64}$")


def tag_problem(image: str) -> str:
    """Why a name of an image may stand for another image tomorrow; empty where it may not, or where it is known later."""
    if "$" in image or "{{" in image or _DIGEST.search(image):
        return ""
    tag = image.rpartition("/")[2].partition("@")[0].partition(":")[2]
    if not tag:
        return "has no tag"
    return "has the tag latest" if tag.lower() == "latest" else ""
