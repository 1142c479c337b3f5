"""Sends synthetic requests to the two arms of a release while somebody watches: few at a time, on time or not at all.

What becomes of them is for the access log to say. What is counted here is for people, and never judged: a connection that
was refused is no reading.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from http.cookiejar import CookieJar, DefaultCookiePolicy
from itertools import count
from typing import TYPE_CHECKING, Self

from penstock.core.target import Reach
from penstock.core.traffic import AT_ONCE, due_s, nth
from penstock.manifest.traffic import Traffic

if TYPE_CHECKING:
    import httpx2

LATE_S = 0.1  # what is due for longer is not sent any more: after a pause nothing is caught up with
KEEP_S = 15.0
_NAP_S = 0.05
_STOP_S = 5.0


@dataclass(frozen=True)
class Tally:
    """What became of the requests so far, for people.

    `sent` by arm; `answered` with any status; `unanswered` were refused, cut off, not answered in time or left at the end.
    Never sent: `no_room`, as too many were under way, and `late`, as this machine was. `trouble` is what went wrong last.
    """

    sent: tuple[int, int] = (0, 0)
    answered: int = 0
    unanswered: int = 0
    no_room: int = 0
    late: int = 0
    trouble: str = ""

    @property
    def under_way(self) -> int:
        """How many are neither answered nor given up yet."""
        return sum(self.sent) - self.answered - self.unanswered


class Sending:
    """Requests to two arms, alternately, from a thread of this process. It never raises, and judges nothing.

        with Sending(traffic, (candidate, stable), seed) as sending:
            …
            sending.tally

    `start` and `stop` may be called again at any time. Sending ends by itself `keep_s` after the last `start`: so whoever
    watches calls it at every look, and a watcher that is stuck or gone sends nothing. The thread dies with the process.
    """

    def __init__(self, traffic: Traffic, arms: tuple[Reach, Reach], seed: int = 0, keep_s: float = KEEP_S) -> None:
        self._traffic, self._arms, self._seed, self._keep_s = traffic, arms, seed, keep_s
        self._until = 0.0
        self._end = threading.Event()
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()
        self._tally = Tally()

    @property
    def tally(self) -> Tally:
        """What became of the requests of every start."""
        return self._tally

    @property
    def is_running(self) -> bool:
        """Whether anything may still be sent, or is under way."""
        return self._thread is not None and self._thread.is_alive()

    def start(self) -> None:
        """Send, from now on for `keep_s`; already sending, for so long from now."""
        with self._lock:
            self._until = time.monotonic() + self._keep_s
            if not self.is_running:
                self._end = threading.Event()
                self._thread = threading.Thread(target=self._work, args=(self._end,), name="synthetic", daemon=True)
                self._thread.start()

    def stop(self) -> bool:
        """Send nothing more, and leave what is under way; True once nothing is (it is tried for five seconds)."""
        with self._lock:
            self._end.set()
            if self._thread is not None:
                self._thread.join(_STOP_S)
            return not self.is_running

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *problem: object) -> None:
        self.stop()

    def _work(self, end: threading.Event) -> None:
        try:
            asyncio.run(self._send(end))
        except OSError as error:  # no socket can be had here: nothing is sent, which says nothing about the release
            self._count(trouble=f"{type(error).__name__}: {error}")

    async def _send(self, end: threading.Event) -> None:
        under_way: set[asyncio.Task[str]] = set()
        async with _client(self._traffic.headers) as client:
            try:
                await self._pace(client, under_way, end)
            finally:
                for task in under_way:
                    task.cancel()
                await asyncio.gather(*under_way, return_exceptions=True)

    async def _pace(self, client: httpx2.AsyncClient, under_way: set[asyncio.Task[str]], end: threading.Event) -> None:
        """One slot after the other. What finds no room, or comes too late, is left out: its turn goes to the next."""
        began = time.monotonic()
        for slot in count():
            due = began + due_s(slot, self._traffic.rps, self._seed)
            while (now := time.monotonic()) < due and not end.is_set() and now < self._until:
                await asyncio.sleep(min(_NAP_S, due - now))
            if end.is_set() or now >= self._until:
                return
            if now - due > LATE_S:
                self._count(late=self._tally.late + 1)
            elif len(under_way) >= AT_ONCE:
                self._count(no_room=self._tally.no_room + 1)
            else:
                task = asyncio.create_task(self._one(client, *self._next()))
                under_way.add(task)
                task.add_done_callback(under_way.discard)
                task.add_done_callback(self._settle)

    def _next(self) -> tuple[Reach, str, str]:
        """Whom to ask next, and what; it counts as sent."""
        first, second = self._tally.sent
        arm, (method, path) = nth(first + second, self._traffic.asks(), self._seed)
        self._count(sent=(first + (arm == 0), second + (arm == 1)))
        return self._arms[arm], method, path

    async def _one(self, client: httpx2.AsyncClient, arm: Reach, method: str, path: str) -> str:
        """One request; its answer is read to the end, as a user would, and forgotten. What went wrong, or nothing."""
        import httpx2

        try:
            async with (
                asyncio.timeout(self._traffic.within_s),
                client.stream(method, arm.url.rstrip("/") + path, headers=arm.headers) as answer,
            ):
                async for _ in answer.aiter_raw():
                    pass
        except TimeoutError:
            return f"no answer within {self._traffic.within_s:g} s"
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError) as error:
            return f"{type(error).__name__}: {error}"[:200]
        return ""

    def _settle(self, task: asyncio.Task[str]) -> None:
        """Every request that was sent comes to one end."""
        trouble = "left at the end" if task.cancelled() else task.result()
        if trouble:
            self._count(unanswered=self._tally.unanswered + 1, trouble=trouble)
        else:
            self._count(answered=self._tally.answered + 1)

    def _count(self, **changed: int | str | tuple[int, int]) -> None:
        """Only the sending thread counts; whoever reads sees a whole tally."""
        self._tally = replace(self._tally, **changed)  # type: ignore[arg-type]


def _client(headers: Mapping[str, str]) -> httpx2.AsyncClient:
    """A client that remembers nothing from one request to the next but its connections: no cookie makes an arm sticky."""
    import httpx2

    return httpx2.AsyncClient(
        headers={"user-agent": "penstock", **headers}, follow_redirects=False, trust_env=False, timeout=None,
        limits=httpx2.Limits(max_connections=AT_ONCE, max_keepalive_connections=AT_ONCE),
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
    )  # fmt: skip
