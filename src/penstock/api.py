"""The verbs of Penstock as functions: they write orders and look. None of them executes a release."""

from __future__ import annotations

import os
import pwd
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from penstock.errors import UsageError, UserError
from penstock.records import audit, checks, environments, events, orders, releases, revisions
from penstock.records.store import Row, Store
from penstock.state import State, default_root

if TYPE_CHECKING:
    from penstock.core.report import Report

__all__ = [
    "Desk",
    "calibrate",
    "drill",
    "due",
    "get",
    "latest",
    "note",
    "onward",
    "open_desk",
    "order",
    "release",
    "report",
    "restart",
    "rollback",
    "show",
    "status",
    "tick",
    "wake",
]

ORDER_TEXTS = {
    "abort": "the release goes back to what ran before",
    "hold": "the release stays where it is until `promote` or `abort`",
    "promote": "the release goes on to 100 %, unless its candidate is found unhealthy",
}


def who() -> dict[str, Any]:
    """The person, by uid: never by a variable that anybody may set."""
    uid = os.geteuid()
    try:
        name = pwd.getpwuid(uid).pw_name
    except KeyError:
        name = str(uid)
    return {"uid": uid, "person": name, "host": socket.gethostname()}


@dataclass
class Desk:
    """An open state folder: its records, and who asks."""

    state: State
    store: Store

    def audit(self, key: str, what: str, **facts: Any) -> None:
        audit.append(self.state.audit_log, self.store, time.time(), key, what, who(), **facts)


def open_desk(root: Path | None = None) -> Desk:
    """The state folder, made when it is not there."""
    from penstock import waking

    state = State(root or default_root()).make()
    desk = Desk(state, Store(state.records))
    waking.mind_previews(desk.state, desk.store)
    return desk


def release(
    desk: Desk,
    repository: Path,
    asked: str,
    environment: str,
    *,
    again: bool = False,
    older: bool = False,
    supersede: bool = False,
    hotfix: str = "",
    labels: Sequence[str] = (),
) -> int:
    """Order a release of a revision (a word that git knows) to an environment; returns its number.

    `hotfix`: the reason of one, which leaves out what the manifest lets be left out. `labels` are for its conditions.
    """
    from penstock.orders import order_release

    return order_release(
        desk,
        repository,
        asked,
        environment,
        again=again,
        older=older,
        supersede=supersede,
        hotfix=hotfix,
        labels=labels,
    )


def onward(desk: Desk, service: str, environment: str, to: str, repository: Path) -> int:
    """Order that what serves in one environment is released to another: the same commit, and so the same artifact."""
    serving = releases.serving(desk.store, service, environment)
    if serving is None:
        raise UserError("nothing-runs", f"nothing runs in {environment}", environment,
                        "what serves there would be released", f"penstock release --to {environment}")  # fmt: skip
    from penstock.orders import order_release

    asked_by = str(serving["options"].get("branch", ""))
    return order_release(
        desk, repository, serving["commit_id"], to, again=False, older=False, supersede=False, branch=asked_by
    )


def rollback(desk: Desk, service: str, environment: str, to: str | None = None, *, fresh_secrets: bool = False) -> int:
    """Order that a kept revision serves again; a release with a number of its own. Supersedes what runs there.

    Without `to`: the one before what serves; while a candidate is being rolled out, that release is aborted instead.
    """
    from penstock.orders import order_again

    last = releases.last(desk.store, service, environment)
    if to is None and last and last["state"] == "rolling_out":
        order(desk, "abort", service, environment, last["number"], reason="rollback")
        return int(last["number"])
    found = _kept(desk.store, service, environment, to)
    return order_again(desk, "rollback", service, environment, found, fresh_secrets=fresh_secrets)


def restart(desk: Desk, service: str, environment: str) -> int:
    """Order that what serves is placed anew, without a moment of absence."""
    from penstock.orders import order_again

    env = _environment(desk.store, service, environment)
    if not env["stable"]:
        raise UserError("nothing-runs", f"nothing runs in {environment}", next="penstock release")
    found = revisions.get(desk.store, service, environment, env["stable"])
    assert found is not None, "what serves is remembered"
    return order_again(desk, "restart", service, environment, found)


def drill(desk: Desk, service: str, environment: str, fault: dict[str, str] | None = None) -> int:
    """Order a rehearsal: what serves is released against itself, and taken back before it has everything.

    `fault`: variables that make the copy fail, so that it is the finding that is rehearsed too.
    """
    from penstock.orders import order_again

    env = _environment(desk.store, service, environment)
    found = revisions.get(desk.store, service, environment, env["stable"] or "")
    if found is None:
        raise UserError("nothing-runs", f"nothing runs in {environment}", environment,
                        "a drill rehearses taking a release back to what serves", "penstock release")  # fmt: skip
    return order_again(desk, "drill", service, environment, found, fault=fault or {})


def calibrate(desk: Desk, service: str, environment: str, lasts_s: float = 0.0) -> int:
    """Order that what serves is held against itself, through the environment's own increments, and taken back.

    `lasts_s`: how long the increments last in all, in proportion; 0: as planned. What it learns is in its facts and report.
    """
    from penstock.orders import order_again

    env = _environment(desk.store, service, environment)
    found = revisions.get(desk.store, service, environment, env["stable"] or "")
    if found is None:
        raise UserError("nothing-runs", f"nothing runs in {environment}", environment,
                        "a calibration holds what serves against itself", "penstock release")  # fmt: skip
    return order_again(desk, "calibrate", service, environment, found, lasts_s=lasts_s)


def order(
    desk: Desk, verb: str, service: str, environment: str | None = None, release: int | None = None, reason: str = ""
) -> str:
    """Give an order to what runs; says what will follow. Nothing running: nothing is done, and that is said."""
    me = who()
    if environment is not None:
        _environment(desk.store, service, environment)
    if release is not None:
        get(desk, release)
    running = [
        row
        for row in releases.unended(desk.store)
        if row["service"] == service
        and (environment is None or row["environment"] == environment)
        and (release is None or row["number"] == release)
    ]
    if not running:
        return "nothing is running there; nothing was done"
    if verb == "promote" and all(row["state"] == "awaiting" for row in running):
        names = ", ".join(str(row["number"]) for row in running)
        return f"release {names} waits {running[0]['waiting']}; nothing was done: there is nothing to go on with yet"
    number = orders.give(
        desk.store, time.time(), verb, person=me["person"], uid=me["uid"], service=service, environment=environment,
        release=release, reason=reason,
    )  # fmt: skip
    desk.audit(f"order:{number}:given", f"order: {verb}", service=service, environment=environment, release=release,
               reason=reason)  # fmt: skip
    wake(desk)
    names = ", ".join(f"{row['number']} ({row['environment']})" for row in running)
    if verb == "abort" and all(row["state"] in ("planned", "waiting", "awaiting") for row in running):
        return f"release {names}: it is ended; nothing was changed"
    return f"release {names}: {ORDER_TEXTS.get(verb, verb)}"


def wake(desk: Desk) -> None:
    """Make sure that a worker lives."""
    from penstock import waking

    waking.ensure(desk.state)


def status(desk: Desk, service: str | None = None) -> list[dict[str, Any]]:
    """Every environment: what serves, since when, and what is under way."""
    running: dict[tuple[str, str], list[Row]] = {}
    for row in releases.unended(desk.store):
        running.setdefault((row["service"], row["environment"]), []).append(row)
    found = []
    for env in environments.all_of(desk.store, service):
        place = (env["service"], env["environment"])
        last = desk.store.row(
            "SELECT number, state, sentence, ended_at FROM releases WHERE service = ? AND environment = ?"
            " AND ended_at IS NOT NULL ORDER BY number DESC LIMIT 1",
            *place,
        )
        good = desk.store.row(
            "SELECT good FROM revisions WHERE service = ? AND environment = ? AND id = ?", *place, env["stable"] or ""
        )
        found.append({**env, "running": running.get(place, []), "last": last, "good": bool(good and good["good"])})
    return found


def show(desk: Desk, number: int) -> dict[str, Any]:
    """All that is known of a release."""
    row = get(desk, number)
    return {**row, "events": events.after(desk.store, number, limit=5000), "checks": checks.of(desk.store, number)}


def report(desk: Desk, number: int) -> Report:
    """The report of a release, as far as it has come."""
    from penstock.core.report import tell
    from penstock.records.known import known

    get(desk, number)
    found = known(desk.store, desk.state.evidence, number, time.time())
    assert found is not None, "looked for just now"
    return tell(found)


def note(desk: Desk, number: int, kind: str, text: str) -> None:
    """Add what only people know to a release, dated, under one's own name, in the audit log too."""
    from penstock.records import notes

    row = get(desk, number)
    text = " ".join(text.split())
    if not text:
        raise UsageError("empty-note", "a note needs words", next='penstock note RELEASE "what you know"')
    place = f"{row['service']}/{row['environment']}/{number}"
    me = who()
    with desk.store.write():
        added = notes.add(desk.store, time.time(), number, kind, text, me)
        desk.audit(f"{number}:note:{added}", f"note: {kind}", release=place, text=text)


def due(desk: Desk, number: int | None = None, *, ticked: bool = False) -> list[dict[str, Any]]:
    """Reminders, oldest due first: the open ones, with the command that ticks each; with `ticked`, all of them."""
    from penstock.core.report import follow_up
    from penstock.records import due as reminders

    if number is not None:
        get(desk, number)
    now = time.time()
    told = [(row, follow_up(row, now)) for row in reminders.listed(desk.store, ticked=ticked, release=number)]
    return [{**row, "overdue": one.overdue, "command": one.command} for row, one in told]


def tick(desk: Desk, number: int, name: str, text: str = "") -> None:
    """Tick a reminder under one's own name, with what came of it; in the audit log too."""
    from penstock.records import due as reminders

    row, now, me = get(desk, number), time.time(), who()
    place = f"{row['service']}/{row['environment']}/{number}"
    text = " ".join(text.split())
    with desk.store.write():
        found = _reminder(reminders.of(desk.store, number), row, name)
        # The time is in the key: what is said of an attempt that was killed before it was kept stays said.
        desk.audit(f"{number}:due:{name}:{now:.6f}", "reminder ticked", release=place, name=name, ask=found["ask"],
                   text=text)  # fmt: skip
        reminders.tick(desk.store, now, number, name, me["person"], text)


def _reminder(known: list[Row], release: Row, name: str) -> Row:
    """The open one of this name."""
    from difflib import get_close_matches

    found = next((row for row in known if row["name"] == name), None)
    if found is None:
        near = get_close_matches(name, [row["name"] for row in known], 1)
        why = "its reminders are those of `later` in its manifest"
        why = why if release["ended_at"] is not None else "it is not over, and reminders are written down then"
        raise UsageError("no-reminder", f"release {release['number']} has no reminder `{name}`", name, why,
                         f"did you mean `{near[0]}`?" if near else "`penstock due --all` lists them")  # fmt: skip
    if found["done_at"] is not None:
        when = time.strftime("%Y-%m-%d %H:%M", time.localtime(found["done_at"]))
        raise UsageError("ticked", f"`{name}` of release {release['number']} was ticked already", name,
                         f"{found['person']} did, on {when}",
                         f'to add to it: penstock note {release["number"]} "what you know"')  # fmt: skip
    return found


def latest(desk: Desk, service: str, environment: str | None = None, *, running: bool = False) -> int:
    """The number of the newest release; with `running`, of the oldest that is under way, if there is one."""
    for row in releases.unended(desk.store) if running else ():
        if row["service"] == service and environment in (None, row["environment"]) and row["state"] != "baking":
            return int(row["number"])
    rows = releases.history(desk.store, service, environment, limit=1)
    if not rows:
        raise UserError("no-release", f"there is no release of {service} yet", next="penstock release --to ENVIRONMENT")
    return int(rows[0]["number"])


def get(desk: Desk, number: int) -> Row:
    """A release's record; UsageError when there is none."""
    row = releases.get(desk.store, number)
    if row is None:
        raise UsageError("no-release", f"there is no release {number}", next="`penstock history` lists them")
    return row


def _environment(store: Store, service: str, environment: str) -> Row:
    env = environments.get(store, service, environment)
    if env is None:
        raise UsageError("no-environment", f"{service} was never released to `{environment}`",
                         next="`penstock status` lists the environments")  # fmt: skip
    return env


def _kept(store: Store, service: str, environment: str, to: str | None) -> Row:
    env = _environment(store, service, environment)
    kept = revisions.newest(store, service, environment)
    word = to or env["previous"]
    if not word:
        raise UserError("nothing-before", f"nothing served in {environment} before {env['stable'] or 'now'}",
                        next="name one with --to; " + _list(kept))  # fmt: skip
    found = [row for row in kept if row["id"].startswith(word) or row["commit_id"].startswith(word)]
    if not found:
        ever = store.row(
            "SELECT 1 FROM releases WHERE service = ? AND environment = ? AND (revision LIKE ? OR commit_id LIKE ?)",
            service, environment, f"{word}%", f"{word}%",
        )  # fmt: skip
        if ever:
            raise UserError("not-kept", f"the revision `{word}` is not kept any more", environment,
                            "only `keep_revisions` of them are kept", _list(kept))  # fmt: skip
        raise UserError("never-released", f"no revision `{word}` was ever released there", environment,
                        "a rollback goes to what served before; a new commit is a release", _list(kept))  # fmt: skip
    return found[0]


def _list(kept: list[Row]) -> str:
    return "kept: " + (", ".join(row["id"] for row in kept) or "none")
