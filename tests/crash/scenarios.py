"""Stories to be interrupted: each ends the same way every time, without a load, in a few seconds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from penstock import answering, api
from penstock.records.store import Row
from tests.site import Site

CANARY = "{is: canary, increments: [20% for 200ms, 50% for 200ms], min_ready: 200ms, start_within: 20s}"
HALF = "{is: canary, increments: [50% for 1s], min_ready: 200ms, start_within: 20s}"
LONG = CANARY.replace("50% for 200ms", "50% for 60s")
ROLLING = "{is: rolling, min_ready: 200ms, start_within: 20s}"
AT_ONCE = "{is: all_at_once, min_ready: 200ms, start_within: 20s}"
SMOKE = "checklist: {candidate: {smoke: {get: /, retry_for: 2s}}}"
ASKED = "checklist: {before: {told: {ask: Told?}}, candidate: {smoke: {get: /, retry_for: 2s}}}"
LATE = "checklist: {candidate: {smoke: {get: /, retry_for: 2s}}, promoted: {integration: {get: /error}}}"

End = tuple[str, str]
RELEASED: End = ("released", "")


@dataclass(frozen=True)
class Scenario:
    """What is released, what a person does (at half of the traffic, or when asked), and how it ends.

    `ends` are (state, cause) of the release, and of the one that takes its place where there is one. `stories` are
    what is walked, from the step `since` to the step `until`: the others are another scenario's. `serves` is the revision
    of the last release, or what was stable before.
    """

    name: str
    rollout: str
    extra: str
    ends: tuple[End, ...] = (RELEASED,)
    serves: Literal["candidate", "stable"] = "candidate"
    deed: Literal["", "abort", "supersede", "confirm"] = ""
    hold: str = "200ms"
    production: str = ""
    verdict: str = ""
    stories: tuple[str, ...] = ("release/{first}",)
    since: str = ""
    until: str = ""
    is_drill: bool = False

    def commit(self, site: Site, word: str, rollout: str = "") -> str:
        """A new candidate."""
        text = site.manifest(
            rollout=rollout or self.rollout, env=f"WORD: {word}", extra=self.extra, hold=self.hold,
            production=self.production,
        )  # fmt: skip
        text = text.replace("    verdict:\n", f"    verdict:\n      {self.verdict}\n") if self.verdict else text
        return site.commit(text.replace("then: roll_back", "then: promote"), word)

    def is_time(self, row: Row, keys: set[str]) -> bool:
        """Whether a person does what he does."""
        return row["state"] == "awaiting" if self.deed == "confirm" else "shifted:2" in keys

    def act(self, site: Site, number: int) -> None:
        """What a person does."""
        if self.deed == "confirm":
            answering.answer(site.desk, number, "confirm", "told")
        elif self.deed == "abort":
            api.order(site.desk, "abort", "app", "production", number)
        elif self.deed == "supersede":
            commit = self.commit(site, f"instead-of-{number}", AT_ONCE)
            api.release(site.desk, site.repository, commit, "production", supersede=True)


SCENARIOS = {
    one.name: one
    for one in (
        Scenario("canary", CANARY, SMOKE),
        Scenario("rollback", CANARY, LATE, (("rolled_back", "check"),), "stable"),
        Scenario("rolling", ROLLING, SMOKE),
        Scenario("abort", LONG, SMOKE, (("rolled_back", "person"),), "stable", "abort"),
        Scenario(
            "supersede", LONG, SMOKE, (("superseded", "superseded"), RELEASED), deed="supersede",
            stories=("release/{first}", "release/{second}"),
        ),
        Scenario(
            "bake", CANARY, SMOKE, production="bake: 2s", stories=("release/{first}", "bake/{first}/0"), since="promote"
        ),
        Scenario("people", AT_ONCE, ASKED, deed="confirm", since="pass_gates", until="confirm"),
        Scenario("drill", CANARY, SMOKE, (("drilled", "drill"),), "stable", is_drill=True),
        Scenario("traffic", HALF, SMOKE, verdict="traffic: {get: [/], rps: 40}"),
        # Long enough to be met in its hold and in its bake.
        Scenario("slow", CANARY, SMOKE, hold="3s", production="bake: 4s"),
    )
}  # fmt: skip
WALKED = ("canary", "rollback", "rolling", "abort", "supersede", "bake", "people", "drill")


@dataclass(frozen=True)
class Stage:
    """A stage of a scenario, and how one sees that it has come: from the release's row and its events' keys."""

    name: str
    scenario: str
    has_come: Callable[[Row, set[str]], bool]

    def __str__(self) -> str:
        return self.name


def _told(key: str) -> Callable[[Row, set[str]], bool]:
    return lambda row, keys: key in keys


STAGES = (
    Stage("placing", "slow", _told("shift:0")),
    Stage("at 20 %", "slow", _told("shifted:1")),
    Stage("at 50 %", "slow", _told("shifted:2")),
    Stage(
        "held undecided", "slow", lambda row, keys: "shifted:2" in keys and row["waiting"].startswith("not accepted")
    ),
    Stage("promotion", "slow", _told("shift:3")),
    Stage("promoted", "slow", _told("promoted")),
    Stage("going back", "rollback", _told("back")),
    Stage("gone back", "rollback", _told("back:done")),
    Stage("bake", "slow", lambda row, keys: row["state"] == "baking"),
)
VICTIMS = ("keeper", "envoy", "stable", "candidate")
# An instance of the candidate that dies may be held against it: then the release goes back, for one of these causes.
HELD_AGAINST = tuple(("rolled_back", cause) for cause in ("health", "crash_loop", "start", "check", "verdict"))
