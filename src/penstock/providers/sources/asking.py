"""Asking a source over HTTP, bounded, and saying in one sentence why it gave no readings."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from penstock.checks import endpoint
from penstock.checks.filling import Unknown
from penstock.checks.json_path import CannotTell
from penstock.core.finding import CheckRequest
from penstock.core.masking import mask
from penstock.core.splits import CLOCKS_S
from penstock.errors import PenstockError
from penstock.providers.sources.names import escaped


class Asking:
    """One source at a URL: GET, JSON of at most 1 MiB, redirects not followed, a token by its name alone."""

    def __init__(
        self, url: str, bearer: str | None, within_s: float, env: Mapping[str, str], secrets: Mapping[str, str]
    ) -> None:
        self.url = url
        self._bearer = bearer
        self._within_s = within_s
        self._request = CheckRequest("metrics", "promoted", {}, "", env=dict(env), secrets=dict(secrets))

    def until(self) -> float:
        """When an answer that is asked for now is late, on the monotonic clock."""
        return time.monotonic() + self._within_s

    def get(self, until: float, path: str = "", **parameters: str) -> Any:
        """What it answers; CannotTell where that is nothing to read."""
        return endpoint.get(self.url, self._request, until, bearer=self._bearer, path=path, parameters=parameters)

    @contextmanager
    def refusing(self) -> Iterator[None]:
        """CannotTell as the PenstockError `readings`, without secrets."""
        with refusing(self.url.partition("?")[0], tuple(self._request.secrets.values())):
            yield


@contextmanager
def refusing(where: str, secrets: tuple[str, ...] = ()) -> Iterator[None]:
    """CannotTell as the PenstockError `readings`: the watcher holds, and asks again."""
    try:
        yield
    except CannotTell as error:
        raise PenstockError("readings", escaped(mask(str(error), secrets)), where, next=error.remedy) from error
    except Unknown as unknown:
        raise PenstockError(
            "readings", f"`${unknown}` stands for nothing here", where, next="a name of `env`"
        ) from unknown


def settled_until(now: float) -> float:
    """Up to when a step may have ended that is handed on: no shift from now on can reach back to it, whatever the clocks."""
    return now - CLOCKS_S


def position_ms(since: str) -> int | None:
    """A position as milliseconds since the epoch; None for the empty one. CannotTell for a word of another source."""
    if not since:
        return None
    if not since.isdecimal() or not since.isascii() or len(since) > 16:
        raise CannotTell(f"`{since[:40]}` is no position of this source", "a release that began with this very source")
    return int(since)
