"""An open-loop client: requests are due on a schedule, whatever became of those before, and are timed from when they were due."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from penstock.checks.http import BODY_LIMIT, Asked
from penstock.checks.json_path import Answer

LATE_S = 0.1


@dataclass(frozen=True)
class Schedule:
    """So many requests, so many a second, so many at once at most; each may take so long from when it was due."""

    requests: int
    rate: float
    at_once: int
    answer_within_s: float


@dataclass(frozen=True)
class Shot:
    """One request: how long it took from when it was due, what was wrong with it, and whether we ourselves were late."""

    ms: float
    problem: str
    was_late: bool


def fire(asking: Asked, schedule: Schedule, until: float, problem: Callable[[Answer], str]) -> list[Shot]:
    """Every request of the schedule, in order. What is not answered `until` (monotonic) has no answer."""
    return asyncio.run(_fire(asking, schedule, until, problem))


async def _fire(asking: Asked, schedule: Schedule, until: float, problem: Callable[[Answer], str]) -> list[Shot]:
    import httpx2

    limits = httpx2.Limits(max_connections=schedule.at_once, max_keepalive_connections=schedule.at_once)
    room = asyncio.Semaphore(schedule.at_once)
    tasks: list[asyncio.Task[Shot]] = []
    async with httpx2.AsyncClient(follow_redirects=False, trust_env=False, limits=limits, timeout=None) as client:
        began = time.monotonic()
        for number in range(schedule.requests):
            due = began + number / schedule.rate
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            shot = _shot(
                client, _numbered(asking, number), room, due, min(until, due + schedule.answer_within_s), problem
            )
            tasks.append(asyncio.create_task(shot))
        return list(await asyncio.gather(*tasks))


async def _shot(
    client: Any, asking: Asked, room: asyncio.Semaphore, due: float, until: float, problem: Callable[[Answer], str]
) -> Shot:
    """One request. Waiting for room is the service's slowness, and counts; our own being late is noted."""
    import httpx2

    was_late = time.monotonic() - due > LATE_S
    try:
        async with asyncio.timeout(max(0.0, until - time.monotonic())), room:
            found = problem(await _answer(client, asking, due))
    except TimeoutError:
        found = "no answer in time"
    except (httpx2.HTTPError, OSError) as error:
        found = f"no answer: {type(error).__name__}"
    return Shot((time.monotonic() - due) * 1000, found, was_late)


async def _answer(client: Any, asking: Asked, due: float) -> Answer:
    sent = asking.body.encode("utf-8", "surrogateescape") if asking.body is not None else None
    body = bytearray()
    async with client.stream(asking.method, asking.url, headers=asking.headers, content=sent) as answer:
        async for chunk in answer.aiter_bytes():
            body += chunk[: BODY_LIMIT + 1 - len(body)]
    text = body[:BODY_LIMIT].decode("utf-8", "replace")
    ms = (time.monotonic() - due) * 1000
    return Answer(answer.status_code, dict(answer.headers), text, ms, len(body) <= BODY_LIMIT)


def _numbered(asking: Asked, number: int) -> Asked:
    """Each request has an idempotency key of its own: none is the repetition of another."""
    if key := asking.headers.get("Idempotency-Key", ""):
        return replace(asking, headers={**asking.headers, "Idempotency-Key": f"{key}-{number}"})
    return asking
