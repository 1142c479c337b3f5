"""`when` and `unless`: on which releases a line is asked at all.

A map holds when all of its keys do, a list when any of its maps does. A key with several values is any of them.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, field_validator, model_validator

from penstock.manifest.groups import one_or_several
from penstock.manifest.section import Count, Flag, Section, wrong

End = Literal["released", "rolled_back", "aborted", "blocked", "superseded", "stuck"]
Bump = Literal["major", "minor", "patch"]
_EMPTY = {
    "paths": ("no paths", "auth/**"),
    "labels": ("no labels", "schema"),
    "bump": ("no bumps", "major"),
    "branches": ("no branches", "release/*"),
    "ended": ("no ends", "rolled_back"),
}
_NO_GLOB = "[]{}\\"


def _glob(text: Any) -> Any:
    """A glob of paths or branches, refused where it could never match, or means something else elsewhere."""
    if not isinstance(text, str):
        return text
    shown, why = f"`{text[:60]}` matches nothing", "a glob is compared with whole paths from the repository's root"
    if odd := next((one for one in text if one in _NO_GLOB), ""):
        raise wrong(f"`{odd}` in `{text[:60]}` is no part of a glob", "a glob has *, ** and ?, and every other letter is itself",
                    "`?` for one letter, or a glob for each of several names")  # fmt: skip
    if text.startswith("!"):
        raise wrong(f"`{text[:60]}` begins with `!`", "a glob says what matches", "the path below `unless`")
    if text.endswith("/") and text.strip("/"):
        raise wrong(shown, "a folder is not a path of the commit, what lies below it is", f"{text.strip('/')}/**")
    parts = text.split("/")
    if {"", ".", ".."} & set(parts):
        kept = "/".join(part for part in parts if part not in ("", ".", ".."))
        raise wrong(shown, why, kept or "auth/**")
    if part := next((part for part in parts if "**" in part and part != "**"), ""):
        raise wrong(f"`{part[:60]}` is no part of a glob", "`**` stands alone between slashes: any folders, or none",
                    part.replace("**", "*") + ", or **/ before it")  # fmt: skip
    return text


Glob = Annotated[str, BeforeValidator(_glob), Field(max_length=300)]


Globs = Annotated[tuple[Glob, ...], BeforeValidator(one_or_several)]
Labels = Annotated[tuple[str, ...], BeforeValidator(one_or_several)]
Bumps = Annotated[tuple[Bump, ...], BeforeValidator(one_or_several)]
Ends = Annotated[tuple[End, ...], BeforeValidator(one_or_several)]


class Size(Section):
    """How many lines changed: added and removed ones together."""

    at_least: Count = Field(ge=1)


class When(Section):
    """What a release must be like: every key that is said must hold, and of several values of a key any one.

    A key that is not said is None. `paths` and `branches` are globs: `*` and `?` stay within one folder, `**` goes through
    any number of them. `ended` is for what is asked after a release.
    """

    paths: Globs | None = None
    labels: Labels | None = None
    lines: Size | None = None
    bump: Bumps | None = None
    migrations: Flag | None = None
    branches: Globs | None = None
    ended: Ends | None = None

    @model_validator(mode="before")
    @classmethod
    def _some(cls, value: Any) -> Any:
        for key, (no, instead) in _EMPTY.items():
            if isinstance(value, dict) and value.get(key) == []:
                why = "nobody would ever be reminded" if key == "ended" else "it would never hold"
                raise wrong(f"a list of {no}", why, instead, at=key)
        return value

    @field_validator("migrations")
    @classmethod
    def _true(cls, value: bool | None) -> bool | None:
        if value is False:
            raise wrong("this is true, or not said", "`unless` is for releases without", "unless: {migrations: true}")
        return value

    @model_validator(mode="after")
    def _something(self) -> When:
        if not any(getattr(self, name) for name in type(self).model_fields):
            raise wrong("this condition says nothing", "it would always hold", "{paths: [auth/**]}", code="missing-key")
        return self


def one_or_more(value: Any) -> Any:
    """One map is a list of one."""
    return [value] if isinstance(value, dict) else value


def _before_the_end(found: When) -> When:
    if found.ended:
        why = "how a release ends is known after it, to reminders below `checklist.later` alone"
        raise wrong("`ended` does not belong here", why, "the other keys, or the line below `later`", at="ended")
    return found


Conditions = Annotated[tuple[Annotated[When, AfterValidator(_before_the_end)], ...], BeforeValidator(one_or_more)]
"""What `when` and `unless` hold where a release is not over yet; () where nothing is said."""
EndConditions = Annotated[tuple[When, ...], BeforeValidator(one_or_more)]
"""The same for what is asked after a release has ended: `ended` belongs here."""
