"""What a release brings, as its repository tells it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Brought:
    """From the commit that serves to the one that is released. `known` is false where nothing serves yet: then `paths` and
    `lines` say nothing, `messages` and `authors` are those of the released commit alone.

    `authors` are names and e-mail addresses, as the commits have them; co-authors in trailers count.
    """

    known: bool = False
    paths: tuple[str, ...] = ()
    lines: int = 0
    messages: tuple[str, ...] = ()
    authors: tuple[str, ...] = ()


def is_author(person: str, authors: tuple[str, ...]) -> bool:
    """Whether a person of the manifest is one of the authors: by name, by address, or by what stands before its @."""
    own = {person.casefold(), person.casefold().partition("@")[0]}
    for author in authors:
        said = author.casefold()
        local = said.partition("@")[0]
        # A tag after the name, and the forge's own addresses: bo+git@…, 123+bo@users.noreply.github.com
        if {said, local, local.partition("+")[0], local.rpartition("+")[2]} & own:
            return True
    return False
