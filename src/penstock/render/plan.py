"""A plan as text."""

from __future__ import annotations

from penstock.core.plan import Plan
from penstock.render.words import span


def text(plan: Plan) -> str:
    """The whole plan, for a person to read from top to bottom."""
    lines = [f"{plan.service} → {plan.environment}: {plan.candidate.id} ({plan.candidate.commit[:12]})"]
    lines.append(f"now: {plan.stable.id if plan.stable else 'nothing runs there'}")
    if plan.nothing_to_do:
        return "\n".join([*lines, "", f"nothing to do: {plan.nothing_to_do}"])
    if plan.blocked:
        return "\n".join([*lines, "", f"blocked: {plan.blocked}"])
    lines += ["", f"stages ({plan.strategy})"]
    lines += [f"  {number:>2}. {stage.name:<18} {stage.reason}" for number, stage in enumerate(plan.stages, 1)]
    lines += ["", f"way back   {plan.way_back}"]
    lines += _bounds(plan)
    if plan.risks:
        lines += ["", "risks", *(f"  - {risk}" for risk in plan.risks)]
    if plan.defaulted:
        lines += ["", f"defaults   {', '.join(plan.defaulted)}"]
    return "\n".join(lines)


def _bounds(plan: Plan) -> list[str]:
    bounds = plan.bounds
    said = [
        f"false rollbacks at most {bounds['false_rollbacks']:.2%} of good releases, by statistics",
        f"at most {bounds['errors_at_most']:.2%} of requests may fail",
        f"undecided at the last increment: {span(bounds['undecided_hold_s'])} more, then {plan.undecided_then}",
    ]
    if plan.attended_s:
        said.append(f"unattended for {plan.attended_s} s: the way back is taken")
    if bounds["bake_s"]:
        said.append(f"bake: {span(bounds['bake_s'])}")
    return ["bounds     " + said[0], *("           " + line for line in said[1:])]
