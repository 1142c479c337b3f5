"""Lines of the checklist, asked: requests made, checks run side by side, what came of them kept as evidence."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from penstock.core import data
from penstock.core.checklist import Line, Waiver, blocking, late, never, not_run, ready, told, waived
from penstock.core.finding import GOOD, Outcome, State
from penstock.core.masking import concealed, mask, too_short
from penstock.core.target import Reach, Revision
from penstock.manifest import CheckEntry
from penstock.records import checks, evidence
from penstock.render.words import span
from penstock.steps import requests
from penstock.steps.world import World

POLL_S = 0.25


@dataclass
class Asking:
    """The lines of one moment, on their way. `stop` ends whatever still runs; `ended` grows."""

    world: World
    revision: Revision
    moment: str
    reach: Reach | None
    entries: Mapping[str, CheckEntry]
    stop: threading.Event = field(default_factory=threading.Event)
    ended: dict[str, State] = field(default_factory=dict)
    blocked: dict[str, str] = field(default_factory=dict)
    running: dict[Future[tuple[Outcome, float]], str] = field(default_factory=dict)

    @property
    def lines(self) -> list[Line]:
        """What the order of the lines follows from."""
        known = set(self.entries)
        return [
            Line(name, tuple(n for n in entry.section.needs if n in known), entry.section.blocks)
            for name, entry in self.entries.items()
        ]

    def ask(self, meanwhile: Callable[[], None], deadline: float) -> None:
        """Run every line to its end; `meanwhile` is called several times a second, and may raise to break it off."""
        asked = self.world.environment.checks
        self._recall()
        pool = ThreadPoolExecutor(asked.at_once or self.world.processors, thread_name_prefix="check")
        try:
            while self._go_on(pool, stops=asked.stops(self.moment)):
                meanwhile()
                self._collect()
                if self.world.clock.monotonic() > deadline:
                    self._give_up(f"the checks of `{self.moment}` were not over after {span(asked.within_s)}")
        finally:
            self.stop.set()  # whatever broke this off: what runs is ended, and is not waited for
            pool.shutdown(wait=False, cancel_futures=True)
        for name, state in self.ended.items():
            if state in GOOD:  # where one failed stays: somebody will want to look
                self.world.builds.leave(f"{self.moment}-{name}")

    def _recall(self) -> None:
        """What ended before a worker died stays ended; what passed before, of the very same, is not asked again."""
        if self.moment == "verified":  # it is another revision that is asked about
            return
        for name in self.entries:
            row = checks.get(self.world.store, self.world.release, self.moment, name)
            if row:
                self._ended(name, row["state"], row["sentence"], compared=row["facts"].get("compared", True))
        for name, row in self._proven().items():
            outcome = _as_then(self.world, row)
            self._remember(name, outcome, 0.0, again=row["release"])

    def _proven(self) -> dict[str, dict[str, Any]]:
        """Lines that may be answered by an older pass, and whose files nobody needs."""
        rows = {name: row for name in self.entries if name not in self.ended and (row := self._pass_of(name))}
        while True:
            asked = {name for name in self.entries if name not in rows and name not in self.ended}
            needed = {need for name in asked for need in self.entries[name].section.needs}
            kept = {name: row for name, row in rows.items() if name not in needed}
            if kept == rows:
                return rows
            rows = kept

    def _pass_of(self, name: str) -> dict[str, Any] | None:
        key = requests.key_of(self.world, self.revision, self.entries[name])
        if not key:
            return None
        lasts_s = self.entries[name].section.once_in_s
        since = self.world.clock.now() - lasts_s if lasts_s else 0.0
        return checks.proven(self.world.store, key, since)

    def _go_on(self, pool: ThreadPoolExecutor, *, stops: bool) -> bool:
        """Begin what may begin; whether there is anything left to wait for."""
        lines = self.lines
        for name, need in never(lines, self.ended).items():
            self._remember(name, not_run(need), 0.0)
        if not (stops and self.blocked):
            for name in ready(lines, self.ended, self.running.values()):
                self._say_begun(name)
                self.running[pool.submit(self._run, name)] = name
        elif self.running:
            self._give_up("ended, because another check had failed")
        return bool(self.running)

    def _say_begun(self, name: str) -> None:
        key = f"check:{self.moment}:{name}:began"
        text = f"{self.moment}: {name}"
        self.world.tell(key, "check", text, name=name, moment=self.moment, state="running")

    def _collect(self) -> None:
        done, _ = wait(self.running, timeout=POLL_S, return_when=FIRST_COMPLETED)
        for one in done:
            outcome, seconds = one.result()
            self._remember(self.running.pop(one), outcome, seconds)

    def _give_up(self, why: str) -> None:
        """End what runs. It is not waited for longer than it takes to be ended."""
        self.stop.set()
        done, _ = wait(self.running, timeout=10.0)
        for one, name in list(self.running.items()):
            outcome, seconds = one.result() if one in done else (Outcome("errored", why), 0.0)
            if outcome.state not in GOOD:
                outcome = replace(outcome, state="errored", sentence=why)
            self._remember(name, outcome, seconds)
            del self.running[one]

    def _run(self, name: str) -> tuple[Outcome, float]:
        """In a thread of its own: nothing is recorded here."""
        entry = self.entries[name]
        request = requests.request_of(self.world, self.revision, self.moment, entry, self.reach, self.stop.is_set)
        began = self.world.clock.monotonic()
        try:
            outcome = self.world.checks[entry.kind].run(request)
        except Exception as error:  # a check is anybody's code: its bug is said, and is no pass
            outcome = Outcome("errored", f"a bug in the check `{entry.kind}`: {type(error).__name__}: {error}"[:300])
        finally:
            self.world.settle(Path(request.log_file))
        return outcome, self.world.clock.monotonic() - began

    def _remember(self, name: str, outcome: Outcome, seconds: float, again: int | None = None) -> None:
        """Evidence, audit line, event, and last the row: whoever finds it finds all of it."""
        world, entry = self.world, self.entries[name]
        short = too_short(world.secrets)
        outcome = concealed(outcome, {n: v for n, v in world.secrets.items() if n not in short})
        now = world.clock.now()
        outcome = self._in_time(entry, outcome, seconds)
        outcome = waived(outcome, _waiver(world, name), datetime.fromtimestamp(now, UTC).date())
        sentence = mask(outcome.sentence, world.secrets.values())
        digests = self._keep(name, outcome, now)
        key = f"check:{self.moment}:{name}"
        world.record(key, f"check {outcome.state}", moment=self.moment, name=name, evidence=digests)
        world.tell(
            key, "check", f"{self.moment}: {name} {outcome.state}: {sentence}", name=name, moment=self.moment,
            state=outcome.state, seconds=round(seconds, 2), findings=[data.dump(f) for f in outcome.findings],
        )  # fmt: skip
        facts = self._facts(name, outcome, seconds, digests, again)
        checks.keep(
            world.store, now, world.release, self.moment, name, kind=entry.kind, state=outcome.state,
            sentence=sentence, seconds=seconds, facts=facts,
        )  # fmt: skip
        if outcome.state == "passed" and again is None and (proves := requests.key_of(world, self.revision, entry)):
            checks.prove(world.store, now, proves, world.release, self.moment, name)
        self._ended(name, outcome.state, sentence, compared=facts["compared"])

    def _in_time(self, entry: CheckEntry, outcome: Outcome, seconds: float) -> Outcome:
        """Where the pace blocks, what passed too late has not passed."""
        pace = self.world.environment.pace
        limit_s = pace.of(entry.section.pace)
        if outcome.state != "passed" or not pace.blocks or not late(seconds, limit_s):
            return outcome
        said = f"it took {span(seconds)}, and its pace is {span(limit_s)}: {outcome.sentence}"
        return replace(outcome, state="failed", sentence=said)

    def _keep(self, name: str, outcome: Outcome, now: float) -> dict[str, str]:
        """What the check shows, and what it said, as evidence; the digest of each piece."""
        world = self.world
        pieces = [(p.name, p.media, p.text) for p in outcome.evidence]
        if outcome.findings or outcome.measured:
            pieces.append(("result", "application/json", data.canonical(world.masked(told(outcome)))))
        return {
            title: evidence.keep(
                world.store, world.evidence, now, world.release, f"{self.moment}/{name}/{title}", media,
                mask(text, world.secrets.values()),
            )
            for title, media, text in pieces
        }  # fmt: skip

    def _facts(
        self, name: str, outcome: Outcome, seconds: float, digests: dict[str, str], again: int | None
    ) -> dict[str, Any]:
        """What the report, the next release and a second look want to know of a line."""
        section, pace = self.entries[name].section, self.world.environment.pace
        measured = self.world.masked(dict(outcome.measured))
        if len(data.canonical(measured)) > checks.MEASURED_LIMIT:
            measured = {}
        pace_s = pace.of(section.pace)
        found: dict[str, Any] = {
            "blocks": section.blocks, "measured": measured, "evidence": digests, "pace": section.pace, "pace_s": pace_s,
            "pace_all_s": pace.all_s,
            "compared": requests.last_of(self.world, self.moment, name).measured is not None,
            "findings": [data.dump(f) for f in outcome.findings[:20]],
        }  # fmt: skip
        if late(seconds, pace_s):
            found["late_s"] = round(seconds - pace_s, 2)
        waiver = self.world.environment.waivers.get(name)
        if outcome.state == "waived" and waiver:
            found["waived"] = data.dump(waiver)
        return found | ({"again": again} if again else {})

    def _ended(self, name: str, state: State, sentence: str, *, compared: bool) -> None:
        self.ended[name] = state
        line = Line(name, (), self.entries[name].section.blocks)
        if blocking(line, state, comparable=compared):
            self.blocked[name] = f"the check `{name}` {state}: {sentence}"


def _as_then(world: World, row: dict[str, Any]) -> Outcome:
    """The pass of an older release, said to be one; its evidence lies there."""
    then = checks.get(world.store, row["release"], row["moment"], row["name"])
    ago = span(max(0.0, world.clock.now() - row["at"]))
    said = then["sentence"] if then else ""
    measured = then["facts"].get("measured", {}) if then else {}
    return Outcome("passed", f"as {ago} ago in release {row['release']}: {said}", measured=measured)


def _waiver(world: World, name: str) -> Waiver | None:
    found = world.environment.waivers.get(name)
    return Waiver(found.owner, found.reason, found.until) if found else None


def in_words(asking: Asking) -> str:
    """Every line that stops the release, in one sentence."""
    return "; ".join(asking.blocked.values())
