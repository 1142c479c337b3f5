"""A service that is asked beside the revision: its URL, and the name under which its token is known."""

from __future__ import annotations

import re

from penstock.manifest.section import wrong

_PLACE = re.compile(r"[A-Za-z0-9.-]+(?::[0-9]{1,5})?(?:/[!-~]*)?")
_NAME = re.compile(r"\$[A-Za-z_][A-Za-z0-9_]*")


def whole_url(text: str) -> str:
    """A URL as it was written, if it is whole and holds no password."""
    if not text.startswith(("http://", "https://", "$")):
        what, why = f"`{text[:60]}` is no whole URL", "it names a service beside the revision"
        raise wrong(what, why, f"http://{text}" if _PLACE.fullmatch(text) else "https://host/path")
    if re.match(r"[a-z]+://[^/?#]*@", text):
        raise wrong("a password stands in this URL", "a secret never stands in the manifest", "bearer: $TOKEN")
    return text


def token(text: str) -> str:
    """A `$NAME` as it was written: a token itself never stands in the manifest."""
    if not _NAME.fullmatch(text):
        raise wrong("`bearer` is not a name", "a token never stands in the manifest", "bearer: $TOKEN")
    return text
