"""One check of a moment: asked, judged by its moment, its evidence kept."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from penstock.core import data
from penstock.core.ending import Ending, Over
from penstock.core.finding import CheckRequest, History, Outcome
from penstock.core.masking import concealed, mask, too_short
from penstock.core.plan import Plan
from penstock.core.target import Reach, Revision
from penstock.errors import PenstockError, StateError
from penstock.records import environments, evidence, releases
from penstock.steps import orders
from penstock.steps.world import World

PATH = "/usr/local/bin:/usr/bin:/bin"


@dataclass(frozen=True)
class Checked:
    """What the journal keeps of a check."""

    state: str
    sentence: str


def check(world: World, plan: Plan, moment: str, name: str) -> Checked:
    """Run one check; what its failing means is the moment's to say: before the candidate it blocks, after it goes back."""
    asked = orders.read(world)
    if asked.ends:
        raise Over(Ending("aborted", *asked.ends))
    world.beat()
    reach = _reach(world, plan, plan.candidate) if moment in ("candidate", "promoted") else None
    outcome = ask(world, plan.candidate, moment, name, reach)
    if outcome.state in ("passed", "skipped", "waived"):
        return Checked(outcome.state, outcome.sentence)
    state = "blocked" if moment in ("revision", "before") else "rolled_back"
    raise Over(Ending(state, "check", f"the check `{name}` {outcome.state}: {outcome.sentence}"))  # type: ignore[arg-type]


def verify(world: World, plan: Plan) -> tuple[str, ...]:
    """The candidate's checks, asked of what serves after going back; what failed, in sentences."""
    if plan.stable is None:
        return ()
    failed = []
    for name in plan.checks.get("candidate", ()):
        try:
            outcome = ask(world, plan.stable, "verified", name, _reach(world, plan, plan.stable))
        except StateError:
            raise
        except PenstockError as error:  # it could not be asked: that does not break off the way back
            failed.append(f"`{name}` errored: {error.what}")
            continue
        if outcome.state not in ("passed", "skipped", "waived"):
            failed.append(f"`{name}` {outcome.state}: {outcome.sentence}")
    return tuple(failed)


def ask(world: World, revision: Revision, moment: str, name: str, reach: Reach | None) -> Outcome:
    """Run a check against a revision, record how it ended, keep its evidence."""
    entry = next(found[name] for found in world.environment.checklist.values() if name in found)
    section = data.dump(entry.section)
    request = CheckRequest(
        name, "candidate" if moment == "verified" else moment, section, str(world.builds.checkout(revision)),  # type: ignore[arg-type]
        env=environment_of(world, revision, moment, name), secrets=_visible(world, section), reach=reach,
        key=f"penstock-{world.release}-{moment}-{name}", log_file=str(world.work / f"{moment}-{name}.log"),
        history=_history(world),
    )  # fmt: skip
    world.tell(f"check:{moment}:{name}:began", "check", f"{moment}: {name}", name=name, moment=moment, state="running")
    began = world.clock.monotonic()
    outcome = run(world, entry.kind, request)
    _remember(world, moment, name, outcome, world.clock.monotonic() - began)
    return outcome


def _history(world: World) -> History:
    row = world.row()
    env = environments.get(world.store, row["service"], row["environment"])
    drill = releases.last_drill(world.store, row["service"], row["environment"])
    return History(
        bool(env and env["stable"]), max(0.0, world.clock.now() - drill["ended_at"]) if drill else None,
        drill["facts"].get("back_s", 0.0) if drill else 0.0,
    )  # fmt: skip


def run(world: World, kind: str, request: CheckRequest) -> Outcome:
    """Run a check. It may come upon secrets that it was not given, of the service: none is in what it says or logs."""
    try:
        outcome = world.checks[kind].run(request)
    finally:
        world.settle(Path(request.log_file))
    short = too_short(world.secrets)
    return concealed(outcome, {name: value for name, value in world.secrets.items() if name not in short})


def _remember(world: World, moment: str, name: str, outcome: Outcome, seconds: float) -> None:
    now = world.clock.now()
    sentence = mask(outcome.sentence, world.secrets.values())
    digests = {}
    for piece in outcome.evidence:
        text = mask(piece.text, world.secrets.values())
        title = f"{moment}/{name}/{piece.name}"
        digests[piece.name] = evidence.keep(world.store, world.evidence, now, world.release, title, piece.media, text)
    with world.store.write() as db:
        db.execute(
            "INSERT OR REPLACE INTO checks VALUES (?, ?, ?, ?, ?, ?, ?)",
            (world.release, moment, name, outcome.state, sentence, seconds, now),
        )
    world.record(f"check:{moment}:{name}", f"check {outcome.state}", moment=moment, name=name, evidence=digests)
    world.tell(
        f"check:{moment}:{name}", "check", f"{moment}: {name} {outcome.state}: {sentence}", name=name, moment=moment,
        state=outcome.state, seconds=round(seconds, 2), findings=[data.dump(f) for f in outcome.findings],
    )  # fmt: skip


def _reach(world: World, plan: Plan, revision: Revision) -> Reach | None:
    for unit, place in plan.places.items():
        if place.traffic:
            return world.target.reach(unit, revision.id)
    return None


def environment_of(world: World, revision: Revision, moment: str, name: str) -> dict[str, str]:
    """All that a command of this release gets as its environment; secrets are added by what it sees."""
    row = world.row()
    home = world.work / "home"
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    return {
        **world.environment.env,
        "PATH": ":".join([*world.builds.paths(revision.artifact), PATH]),
        "HOME": str(home),
        "LANG": "C.UTF-8",
        "PENSTOCK_SERVICE": row["service"],
        "PENSTOCK_ENVIRONMENT": row["environment"],
        "PENSTOCK_RELEASE": str(world.release),
        "PENSTOCK_REVISION": revision.id,
        "PENSTOCK_COMMIT": revision.commit,
        "PENSTOCK_IDEMPOTENCY_KEY": f"penstock-{world.release}-{moment}-{name}",
    }


def _visible(world: World, section: dict[str, Any]) -> dict[str, str]:
    """A check sees the secrets it names: in `sees`, or as $NAME in what it sends."""
    named = set(section.get("sees") or ())
    if "run" not in section:
        named |= set(re.findall(r"\$([A-Za-z_][A-Za-z0-9_]*)", data.canonical(section)))
    return {name: value for name, value in world.secrets.items() if name in named}
