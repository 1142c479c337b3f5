"""What people ask of a running release: read, never pushed."""

from __future__ import annotations

from dataclasses import dataclass, replace

from penstock.core.ending import Ending, Over
from penstock.core.rollout import TURNS
from penstock.records import freezes, orders
from penstock.steps.world import World


@dataclass(frozen=True)
class Asked:
    """The orders that stand. `ends`: (cause, sentence) of the one that ends the release."""

    ends: tuple[str, str] | None = None
    held: str = ""
    hurried: str = ""


def read(world: World) -> Asked:
    """The orders to this release, the last word counting between hold and promote."""
    ends, held, hurried = None, "", ""
    for order in orders.standing(world.store, world.row()):
        why = f": {order['reason']}" if order["reason"] else ""
        if order["verb"] == "abort":
            ends = ends or ("person", f"{order['person']} aborted it{why}")
        elif order["verb"] == "supersede":
            ends = ends or ("superseded", f"a newer release takes its place{why}")
        elif order["verb"] == "hold":
            held, hurried = order["person"], ""
        elif order["verb"] == "promote":
            held, hurried = "", order["person"]
    return _under_freeze(world, Asked(ends, held, hurried))


def _under_freeze(world: World, asked: Asked) -> Asked:
    """What a freeze asks of a release that is under way, by its manifest: to finish, to stay where it is, or to go back."""
    row, windows = world.row(), world.environment.windows
    if asked.ends or windows is None or windows.on_freeze == "finish" or row["state"] != "rolling_out":
        return asked
    freeze = freezes.in_force(world.store, row["service"], row["environment"], world.clock.now())
    if freeze is None or row["kind"] not in ("release", *TURNS):
        return asked
    said = f"{freeze['person']} froze {row['environment']}: {freeze['reason']}"
    if windows.on_freeze == "roll_back":
        return replace(asked, ends=("freeze", said))
    return replace(asked, held=f"the freeze by {freeze['person']}", hurried="")


def stop_if_asked(world: World) -> None:
    """Raise Over when an order ends a release that has touched nothing yet."""
    asked = read(world)
    if asked.ends:
        cause, sentence = asked.ends
        raise Over(Ending("superseded" if cause == "superseded" else "aborted", cause, sentence))


def answer(world: World, text: str) -> None:
    """Say what became of every order that stands."""
    for order in orders.standing(world.store, world.row()):
        orders.answer(world.store, world.clock.now(), order["id"], text)
        world.record(
            f"order:{order['id']}", "answered an order",
            order={"verb": order["verb"], "person": order["person"], "reason": order["reason"]}, answer=text,
        )  # fmt: skip
