"""Taking an environment down: a desire of nothing, under a number of its own so that its fence is the highest."""

from __future__ import annotations

import time
from collections.abc import Iterator

from penstock.api import Desk, who
from penstock.core.target import Desired, Fence, UnitDesire
from penstock.errors import Blocked, NeedsPerson, PenstockError, UserError
from penstock.ports import Target
from penstock.providers.git import GitForge
from penstock.records import environments, releases
from penstock.worlds import checkout_at, environment_named, manifest_at, target_of

DEADLINE_S = 120.0


def take_down(desk: Desk, service: str, name: str) -> Iterator[str]:
    """Stop everything there; refused while a release runs. Says how far it got."""
    running = [r for r in releases.unended(desk.store) if (r["service"], r["environment"]) == (service, name)]
    if any(row["state"] != "baking" for row in running):
        raise Blocked("running", f"release {running[0]['number']} runs in {name}",
                      next=f"penstock abort --release {running[0]['number']}")  # fmt: skip
    last = releases.last(desk.store, service, name)
    if last is None:
        raise UserError("no-environment", f"{service} was never released to {name}", name,
                        next="`penstock status` lists the environments")  # fmt: skip
    forge = GitForge(desk.state.repository(service))
    environment = environment_named(manifest_at(forge, last["commit_id"]), name, desk.store)
    files = checkout_at(desk.state, forge, last["number"], last["commit_id"])
    target = target_of(desk.state, service, environment, files)
    units = {unit: UnitDesire({}) for unit in target.observe().placed}
    number = releases.create(
        desk.store, time.time(), service=service, environment=name, kind="down", asked="down",
        commit_id=last["commit_id"], state="ordering", **who(),
    )  # fmt: skip
    desk.audit(f"{number}:down", "environment taken down", release=f"{service}/{name}/{number}")
    desired = Desired(Fence(number), units, reason="taken down")
    try:
        _bring_down(target, desired, name)
    except PenstockError as error:
        releases.update(desk.store, number, state="stuck", cause="down", sentence=error.sentence, ended_at=time.time())
        raise
    environments.clear(desk.store, service, name)
    sentence = "nothing runs there any more"
    releases.update(desk.store, number, state="released", cause="down", sentence=sentence, ended_at=time.time())
    yield f"{service}/{name}: {sentence}"


def _bring_down(target: Target, desired: Desired, name: str) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while (progress := target.converge(desired)).state == "working":
        if time.monotonic() > deadline:
            raise NeedsPerson("down", f"{name} is not down after {DEADLINE_S:.0f} s: {progress.reason}",
                              next="penstock doctor")  # fmt: skip
