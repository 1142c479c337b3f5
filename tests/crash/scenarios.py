"""Stories to be interrupted: each ends the same way every time, without a load, in a few seconds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from penstock import api
from penstock.records.store import Row
from tests.site import Site

CANARY = "{is: canary, increments: [20% for 1s, 50% for 1s], min_ready: 200ms, start_within: 20s}"
ROLLING = "{is: rolling, min_ready: 200ms, start_within: 20s}"
SMOKE = "checklist: {candidate: {smoke: {get: /, retry_for: 2s}}}"
LATE = "checklist: {candidate: {smoke: {get: /, retry_for: 2s}}, promoted: {integration: {get: /error}}}"


@dataclass(frozen=True)
class Scenario:
    """What is released, what is asked meanwhile, and how it ends. `serves` is `candidate` or `stable`."""

    name: str
    rollout: str
    extra: str
    state: str
    cause: str
    serves: str
    meanwhile: Callable[[Site, int], None] = lambda site, number: None

    def commit(self, site: Site, word: str) -> str:
        """A new candidate."""
        text = site.manifest(rollout=self.rollout, env=f"WORD: {word}", extra=self.extra, hold="1s")
        return site.commit(text.replace("then: roll_back", "then: promote"), word)


def abort_at_half(site: Site, number: int) -> None:
    """Abort once half of the traffic is on the candidate."""
    at_half(site, number, lambda: api.order(site.desk, "abort", "app", "production", number))


def at_half(site: Site, number: int, deed: Callable[[], object]) -> None:
    """Do something when the candidate has half of the traffic, unless the release is over before."""
    from penstock.records import events

    def reached(row: Row) -> bool:
        keys = {event["key"] for event in events.after(site.desk.store, number)}
        return "shifted:2" in keys or row["state"] in ("released", "rolled_back", "stuck")

    site.until(lambda: reached(site.row(number)))
    deed()


SCENARIOS = {
    one.name: one
    for one in (
        Scenario("canary", CANARY, SMOKE, "released", "", "candidate"),
        Scenario("rollback", CANARY, LATE, "rolled_back", "check", "stable"),
        Scenario("rolling", ROLLING, SMOKE, "released", "", "candidate"),
        Scenario(
            "abort",
            CANARY.replace("50% for 1s", "50% for 60s"),
            SMOKE,
            "rolled_back",
            "person",
            "stable",
            abort_at_half,
        ),
    )
}
