"""What a target says of environments that come and go with a branch: for how long, and on which ports."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, TypeVar

from pydantic import BeforeValidator, Field

from penstock.manifest.section import Duration, Section, wrong

S = TypeVar("S", bound="Leased")
_RANGE = re.compile(r"([0-9]{1,5})-([0-9]{1,5})")


def port_range(value: Any) -> Any:
    """`20000-20099` as its first and its last port."""
    if not isinstance(value, str):
        return value
    found = _RANGE.fullmatch(value)
    first, last = (int(found[1]), int(found[2])) if found else (0, 0)
    if not 1 <= first <= last <= 65535:
        raise wrong(
            f"`{value[:60]}` is not a range of ports",
            "it is the first and the last port, from 1 to 65535, the smaller one first",
            "20000-20099",
        )
    return (first, last)


Ports = Annotated[tuple[int, int], BeforeValidator(port_range)]


class Leased(Section):
    """The section of a target that may be a template's. `expires_s`: how long after its last release an environment goes."""

    expires_s: Duration | None = Field(default=None, alias="expires", gt=0)

    def ports_to_take(self) -> tuple[int, int] | None:
        """The range from which each unit with traffic gets a port of its own; None where it needs none."""
        return None

    def taken(self: S, ports: Mapping[str, int]) -> S:
        """The section of one environment, which stays as it is: with its own ports (unit -> port)."""
        del ports
        return self.model_copy(update={"expires_s": None})
