"""`logs`: lines in a candidate's log that are reason enough to go back."""

from __future__ import annotations

import re
from typing import ClassVar

from pydantic import field_validator

from penstock.manifest.section import Section, wrong


class Logs(Section):
    """`critical` patterns: a text to be found as it is, or a regular expression between slashes."""

    not_yet: ClassVar[frozenset[str]] = frozenset({"errors", "at_least", "for", "keep", "mask"})

    critical: tuple[str, ...] = ()

    @field_validator("critical")
    @classmethod
    def _patterns(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for text in value:
            try:
                pattern(text)
            except (re.error, OverflowError, RecursionError) as error:
                raise wrong(
                    f"`{text}` is not a regular expression ({error})",
                    "text between slashes is a pattern",
                    "the text alone, without slashes, to find it as it is",
                ) from error
            if not text.strip("/"):
                raise wrong("this pattern is empty", "it would be found in every line", "some text, or /a pattern/")
        return value

    def patterns(self) -> tuple[re.Pattern[str], ...]:
        """All of them, to be searched in one line at a time."""
        return tuple(pattern(text) for text in self.critical)


def pattern(text: str) -> re.Pattern[str]:
    """What finds one `critical` text in a line."""
    slashes = len(text) > 1 and text.startswith("/") and text.endswith("/")
    return re.compile(text[1:-1] if slashes else re.escape(text))
