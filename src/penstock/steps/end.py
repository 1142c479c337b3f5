"""Promotion, and the end: what was decided is recorded, the environment is free again, the report is written."""

from __future__ import annotations

import gzip
from dataclasses import replace
from pathlib import Path

from penstock.core import data, recording
from penstock.core.brought import Brought
from penstock.core.condition import Change, holds
from penstock.core.ending import Ending
from penstock.core.masking import mask
from penstock.core.plan import Plan
from penstock.core.questions import change_of
from penstock.core.reading import Reading
from penstock.core.report import Report, tell
from penstock.errors import PenstockError, StateError
from penstock.records import due, environments, evidence, looks, releases, revisions
from penstock.records.known import known
from penstock.render.page import page
from penstock.render.report import markdown
from penstock.render.template import fill
from penstock.steps import calibrate, folded, orders
from penstock.steps.back import with_contacts
from penstock.steps.count import count
from penstock.steps.shift import stop_if_told
from penstock.steps.world import World

_FOLLOWED = ("release", "rollback")


def promote(world: World, plan: Plan) -> bool:
    """The candidate is what serves; from here on the release counts as released."""
    row = world.row()
    if row["promoted_at"] is None:  # what went back meanwhile is not what serves
        stop_if_told(world, plan, world.observe())
    now = world.clock.now()
    world.record("promoted", "promoted", revision=plan.candidate.id)
    environments.promote(world.store, row["service"], row["environment"], plan.candidate.id, now,
                         anew=plan.kind == "restart")  # fmt: skip
    if row["promoted_at"] is None:
        releases.update(world.store, world.release, promoted_at=now)
    world.tell("promoted", "done", f"{plan.candidate.id} serves")
    return True


def judge_ending(world: World, plan: Plan) -> Ending:
    """Released, or baking first."""
    sentence = f"{plan.candidate.id} serves all of {world.row()['environment']}"
    if plan.bounds["bake_s"] and plan.kind == "release":
        return Ending("baking", "", f"{sentence}; watched for {plan.bounds['bake_s']:.0f} s more")
    return Ending("released", "", sentence)


def end(world: World, ending: Ending) -> Ending:
    """Record the end; a baking release frees the environment and stays open."""
    row = world.row()
    sentence = with_contacts(world, ending.sentence) if ending.state == "stuck" else ending.sentence
    ending = Ending(ending.state, ending.cause, mask(sentence, world.secrets.values()))
    orders.answer(world, f"the release ended: {ending.state}")
    readings = count(world, is_over=ending.state != "baking", expects_harm=ending.state != "released")
    if ending.state == "released" and row["revision"] and ending.cause not in ("nothing_to_do", "cut_short"):
        revisions.mark_good(world.store, row["service"], row["environment"], row["revision"])
    calibrate.keep(world, readings or ())
    kept = _keep_readings(world, readings) if readings is not None else ""
    world.record(
        f"end:{ending.state}", f"release {ending.state}", cause=ending.cause, why=ending.sentence, readings=kept
    )
    if kept:
        folded.forget(world)
    now = world.clock.now()
    over = {} if ending.state == "baking" else {"ended_at": now}
    with world.store.write():  # whoever finds it over finds its last event too
        releases.update(
            world.store, world.release, state=ending.state, cause=ending.cause, sentence=ending.sentence, waiting="",
            changed_at=now, **over,
        )  # fmt: skip
        world.tell(
            f"end:{ending.state}", "end", f"{ending.state}: {ending.sentence}", state=ending.state, cause=ending.cause
        )
    environments.free(world.store, row["service"], row["environment"], world.release)
    (world.work / "mark").unlink(missing_ok=True)
    if ending.state != "baking":
        _remind(world, ending)
    head = _anchor(world)
    _write_report(world, readings)
    if ending.state != "baking":
        looks.thin(world.store, world.release)
    _prune(world)
    _prune_evidence(world)
    return replace(ending, head=head)


def _remind(world: World, ending: Ending) -> None:
    """What a person has to do afterwards is written down, once; where nothing was done there is nothing to do."""
    row = world.row()
    if row["kind"] not in _FOLLOWED or ending.cause == "nothing_to_do":
        return
    change = _change(world, ending)
    asked = [(n, r) for n, r in world.environment.later.items() if holds(r.when, r.unless, change)[0]]
    due.remind(world.store, world.release, [(n, r.ask, r.by, row["ended_at"] + r.due_s) for n, r in asked])


def _change(world: World, ending: Ending) -> Change:
    """What the release brought, and how it ended; what cannot be had is not known, and then people are reminded."""
    row = world.row()
    before = ((row["plan"] or {}).get("stable") or {}).get("commit")
    try:
        brought = world.brings(before, row["commit_id"])
    except StateError:
        raise
    except PenstockError:
        brought = Brought()
    change = change_of(brought, row["options"].get("branch", ""), tuple(row["options"].get("labels", ())))
    return replace(change, ended=ending.state)


def _anchor(world: World) -> str:
    """Sign the log's head; a key that cannot be used ends no release otherwise than it ended, and is said."""
    try:
        head = world.anchor()
    except StateError as error:
        world.tell("anchor", "note", f"the audit log could not be signed: {error.what}")
        return ""
    releases.add_facts(world.store, world.release, head={"line": head.line, "head": head.head, "key": head.key})
    return head.word


def _keep_readings(world: World, readings: list[Reading]) -> str:
    """The readings as they were judged, compressed: the evidence from which every move can be decided again."""
    packed = gzip.compress(data.canonical(recording.pack(readings)).encode(), 6, mtime=0)
    return evidence.keep(
        world.store, world.evidence, world.clock.now(), world.release, "readings", recording.MEDIA, packed
    )


def _write_report(world: World, readings: list[Reading] | None) -> None:
    """The report as page, Markdown and data, beside the release's logs; the Markdown is evidence too."""
    found = known(world.store, world.evidence, world.release, world.clock.now(), readings or ())
    assert found is not None, "a release that ends has its record"
    told = tell(found)
    text = markdown(told)
    evidence.keep(world.store, world.evidence, world.clock.now(), world.release, "report", "text/markdown", text)
    files = _own_form(world, told) | {
        "report.md": text,
        "report.html": page(told),
        "report.json": data.canonical(data.dump(told)),
    }
    for name, content in files.items():
        path = world.work / name
        path.write_text(content)
        path.chmod(0o600)


def _own_form(world: World, told: Report) -> dict[str, str]:
    """The team's own form, filled in; what cannot be filled is said, and ends no release otherwise than it ended."""
    path = world.environment.report.template
    if not path or not world.template:
        return {}
    try:
        return {f"report-own{Path(path.removesuffix('.j2')).suffix or '.txt'}": fill(world.template, told, path)}
    except StateError:
        raise
    except PenstockError as error:
        world.tell("template", "note", f"the report's template cannot be filled: {error.what}")
        return {}


def _prune(world: World) -> None:
    """Old revisions go; never stable, previous, or what any environment still has placed."""
    row = world.row()
    keep_count = getattr(world.environment.target.section, "keep_revisions", 3)
    env = environments.get(world.store, row["service"], row["environment"])
    observed = world.observe()
    if observed is None:
        return  # what is in use is not known: nothing is removed
    placed = {r for unit in observed.placed.values() for r in unit}
    needed = placed | {env["stable"], env["previous"]} if env else placed
    needed |= {r["revision"] for r in releases.unended(world.store)}
    served = {r["revision"] for r in world.store.rows("SELECT revision FROM releases WHERE promoted_at IS NOT NULL")}
    known = revisions.newest(world.store, row["service"], row["environment"])
    kept = [r["id"] for r in known if r["id"] in served][:keep_count]  # what never served takes nobody's place
    for old in known:
        if old["id"] not in needed and old["id"] not in kept:
            revisions.forget(world.store, row["service"], row["environment"], old["id"])
    in_use = {r["artifact"] for r in world.store.rows("SELECT artifact FROM revisions")}
    # Releases that are not over still need what they built; while one is building, what it makes has no name here yet.
    in_use |= {str(row["facts"]["artifact"]) for row in releases.unended(world.store) if "artifact" in row["facts"]}
    if not any(row["state"] == "planned" and "artifact" not in row["facts"] for row in releases.unended(world.store)):
        world.builds.prune(in_use)


def _prune_evidence(world: World) -> None:
    """This environment's evidence that is older than it is kept goes; the audit log says which, before it is gone."""
    row, now, keep_s = world.row(), world.clock.now(), world.environment.keep_evidence_s
    elsewhere = world.store.rows(
        "SELECT number FROM releases WHERE NOT (service = ? AND environment = ?)", row["service"], row["environment"]
    )
    others = {other["number"] for other in elsewhere}  # how long they keep theirs is their own manifest's to say
    old = evidence.prunable(world.store, world.evidence, now, keep_s, others)
    if old:
        digests = sorted({piece["digest"] for piece in old})
        world.record("evidence:pruned", "evidence pruned", older_than_s=keep_s, digests=digests)
        evidence.prune(world.store, world.evidence, now, keep_s, others)
