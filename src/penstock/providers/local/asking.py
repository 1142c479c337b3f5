"""Asking the instances how they are, and what their answers make of them. Never waits for one of them."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable

from penstock.errors import PenstockError
from penstock.providers.local import probe
from penstock.providers.local.health import judge
from penstock.providers.local.instance import Instance
from penstock.providers.local.secrets_file import secrets_in
from penstock.providers.local.wanted import Health, Runnable, Wanted

_FIRST_EVERY_S = 0.15
_PATIENCE = 3
_SHORTEST_SECRET = 4  # as in core.masking: a shorter one is no secret

Noted = Callable[[Instance, str], None]
"""Called with an instance that became ready or unhealthy, and a sentence."""


def ask_all(instances: Iterable[Instance], wanted: Wanted, noted: Noted) -> None:
    """Go on with every question that is on its way, and ask where it is time. Raises OSError without
    sockets.
    """
    for instance in instances:
        if instance.process is None or instance.is_leaving:
            continue
        if instance.probe is None and time.monotonic() >= instance.ask_at:
            _ask(instance, wanted, noted)
        if instance.probe is not None and (answer := probe.go_on(instance.probe)):
            instance.probe = None
            _heard(instance, answer, wanted, noted)


def _ask(instance: Instance, wanted: Wanted, noted: Noted) -> None:
    health = _health(instance, wanted)
    every_s = health.every_s if health else 1.0
    instance.ask_at = time.monotonic() + (every_s if instance.is_ready else min(every_s, _FIRST_EVERY_S))
    if health:
        instance.probe = probe.ask(instance.port, health.path, health.within_s)
    elif wanted.takes_traffic(instance.unit):
        instance.probe = probe.ask(instance.port, None, 1.0)
    else:
        _judged(instance, True, "ok", _PATIENCE, noted)


def _health(instance: Instance, wanted: Wanted) -> Health | None:
    revision = wanted.revisions.get(instance.revision)
    program = revision.units.get(instance.unit) if revision else None
    return program.health if program else None


def _heard(instance: Instance, answer: probe.Answer, wanted: Wanted, noted: Noted) -> None:
    health = _health(instance, wanted)
    patience = health.unhealthy_after if health else _PATIENCE
    if answer.trouble:
        _judged(instance, False, answer.trouble, patience, noted)
        return
    revision = wanted.revisions.get(instance.revision)
    version = revision.version if revision and health and health.checks_version else None
    verdict = judge(answer.status, answer.body, version)
    sentence = verdict.sentence
    if revision and not verdict.ok:  # it quotes the answer, and is written down
        sentence = judge(answer.status, _without_secrets(answer.body, revision), version).sentence
    _judged(instance, verdict.ok, sentence, patience, noted)


def _without_secrets(body: bytes, revision: Runnable) -> bytes:
    """An answer without the values of its revision's secrets; nothing of it where they cannot be known."""
    try:
        values = secrets_in(revision.secrets_file).values()
    except PenstockError:
        return b""
    for value in sorted((v for v in values if len(v) >= _SHORTEST_SECRET), key=len, reverse=True):
        for spelling in (value, json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1]):
            body = body.replace(spelling.encode("utf-8", "surrogateescape"), b"***")
    return body


def _judged(instance: Instance, is_well: bool, sentence: str, patience: int, noted: Noted) -> None:
    instance.health = sentence
    if is_well:
        instance.failures = 0
        if not instance.is_ready:
            instance.ready_at = time.monotonic()
            instance.become("ready")
            instance.is_proven = True
            noted(instance, "is ready")
        return
    instance.failures += 1
    if instance.is_ready and instance.failures >= patience:
        instance.ready_at = None
        instance.become("unhealthy")
        noted(instance, f"is unhealthy: {sentence}")
