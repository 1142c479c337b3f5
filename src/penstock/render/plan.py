"""A plan as text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

from penstock.core.plan import Plan
from penstock.manifest.waivers import Waiver
from penstock.render.words import span


def text(plan: Plan, preview: Sequence[str] = (), debts: Sequence[str] = (), ahead: Sequence[str] = ()) -> str:
    """The whole plan, for a person to read from top to bottom. `debts` are the waivers, `ahead` what the rollout will be able
    to see, a line each.
    """
    lines = [f"{plan.service} → {plan.environment}: {plan.candidate.id} ({plan.candidate.commit[:12]})"]
    lines.append(f"now: {plan.stable.id if plan.stable else 'nothing that Penstock released runs there'}")
    if plan.nothing_to_do:
        return "\n".join([*lines, "", f"nothing to do: {plan.nothing_to_do}"])
    if plan.blocked:
        return "\n".join([*lines, "", f"blocked: {plan.blocked}"])
    lines += ["", f"stages ({_strategy(plan)})"]
    lines += [f"  {number:>2}. {stage.name:<18} {stage.reason}" for number, stage in enumerate(plan.stages, 1)]
    if plan.gates.left_out:
        lines += ["", "left out", *(f"  - {name}: {reason}" for name, reason in plan.gates.left_out)]
    if debts:
        lines += ["", "waivers", *(f"  - {debt}" for debt in debts)]
    if preview:
        lines += ["", "the target says of its first step", *(f"  {line}" for line in preview)]
    lines += ["", f"way back   {plan.way_back}"]
    lines += _bounds(plan)
    if plan.judges:
        lines += ["", "judged by", *(f"  - {line}" for line in plan.judges)]
    if ahead:
        lines += ["", "at the traffic there is", *(f"  - {line}" for line in ahead)]
    if plan.risks:
        lines += ["", "risks", *(f"  - {risk}" for risk in plan.risks)]
    if plan.contacts:
        lines += ["", "contacts", *(f"  - {line}" for line in plan.contacts)]
    if plan.defaulted:
        lines += [
            "",
            "defaults, as the manifest says nothing else",
            *(f"  {line}" for line in _columns(plan.defaulted)),
        ]
    return "\n".join(lines)


def waivers(found: Mapping[str, Waiver], today: date) -> list[str]:
    """What may fail for a while, a line each: what is in force first, then what is over and does not help any more."""
    in_order = sorted(found.items(), key=lambda item: (item[1].until < today.isoformat(), item[0]))
    return [
        f"{name}: {'OVER since' if one.until < today.isoformat() else 'until'} {one.until}, by {one.owner}: {one.reason}"
        for name, one in in_order
    ]


def _strategy(plan: Plan) -> str:
    why = (
        "; nothing runs there yet, so there is nothing to compare with or to shift from" if plan.stable is None else ""
    )
    return plan.strategy + why


def _columns(words: tuple[str, ...]) -> list[str]:
    """Two columns, filled downwards."""
    half = (len(words) + 1) // 2
    right = [*words[half:], ""]
    return [f"{left:<42} {right[n]}".rstrip() for n, left in enumerate(words[:half])]


def _bounds(plan: Plan) -> list[str]:
    """What is promised in this release: a rule that cannot apply is not named."""
    bounds = plan.bounds
    said = []
    if any(rung.judged for rung in plan.rungs):
        said += [
            f"false rollbacks at most {bounds['false_rollbacks'] * 100:g} % of good releases, by statistics",
            f"undecided at the last increment: {span(bounds['undecided_hold_s'])} more, then {plan.undecided_then}",
        ]
    if (said or bounds["bake_s"]) and "errors_at_most" in bounds:
        said.append(f"at most {bounds['errors_at_most'] * 100:g} % of requests may fail")
    if not said:
        said.append("health, crashes and checks judge; requests are counted, but not compared")
    if plan.attended_s:
        said.append(f"unattended for {plan.attended_s} s: the way back is taken")
    if bounds["bake_s"]:
        said.append(f"bake: {span(bounds['bake_s'])}")
    return ["bounds     " + said[0], *("           " + line for line in said[1:])]
