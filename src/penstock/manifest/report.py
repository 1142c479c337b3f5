"""`report`: a team's own form of the release report."""

from __future__ import annotations

from pydantic import field_validator

from penstock.manifest.section import Section, wrong


class ReportForm(Section):
    """`template`: a file of the repository, in Jinja's language, that is filled in when a release ends."""

    template: str = ""

    @classmethod
    def short_for(cls, text: str) -> str:
        """A bare text is the template's file."""
        del text
        return "template"

    @field_validator("template")
    @classmethod
    def _inside(cls, value: str) -> str:
        if value.startswith("/") or ".." in value.split("/"):
            raise wrong(
                f"`{value}` is not a file of the repository",
                "the template is read from the commit that is released",
                "a path from the repository's root, such as docs/release-report.md.j2",
            )
        return value
