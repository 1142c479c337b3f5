"""What a simulation found, as tables for a terminal or a log; the page says the same in the same words."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from textwrap import wrap

from penstock.core.simulated import Fault, Found, Good, Increment, Judge, Sighting, Spread, Traffic
from penstock.render.columns import columns
from penstock.render.picture import Line, line
from penstock.render.words import count, figure, span, unbroken

Word = Callable[[float], str]

INSIDE = "inside"
WIDEST = 120  # of a sentence, where nobody knows how wide the screen is
FOUND = ("fault", "found", "promoted", "undecided", "mean", "median", "p90", "foretold", "limit")
HARMED = ("fault", "mean", "median", "p90", "limit")
FOUND_LEGEND = (
    "found by the evidence, so long after it began; foretold: our own prediction of the mean;"
    " limit: Wald's bound, no test with as few false rollbacks is faster in the mean"
)
HARMED_LEGEND = (
    "failed or too slow requests beyond what stable would have made, until it was found; limit: at Wald's bound"
)
PEERS = (
    "of each fault: the share found, how soon in the mean, and the mean of harmed requests; the others are thresholds and counters,"
    " re-implemented by behaviour at their documented settings"
)


def table(found: Found, cells: int | None = None) -> list[Line]:
    """All of it. `cells` None: nothing is cut."""
    runs = f"{count(found.faults[0].runs)} releases each" if found.faults else ""
    made = [*_wrapped(about(found.traffic), cells, "strong"), *_wrapped(plan(found), cells), ()]
    made += _listed("Good releases", good(found.good), cells)
    made += _table(f"Faults, {runs}: until found", FOUND, [row(one) for one in found.faults], FOUND_LEGEND, cells)
    made += _listed("", remarks(found), cells)
    made += _table("Faults: requests harmed", HARMED, [harm(one) for one in found.faults], HARMED_LEGEND, cells)
    others = [peer(found, one) for one in found.compared.judges]
    made += _table(f"The same traffic, judged by others: {over(found)}", peer_heads(found), others, PEERS, cells)
    made += _listed("At this traffic", found.outlook, cells) + _listed("Not simulated", found.left_out, cells)
    return made[:-1]


def _wrapped(text: str, cells: int | None, style: str = "", indent: str = "") -> list[Line]:
    """A sentence in lines, those after the first a little further in."""
    parts = wrap(unbroken(text), min(cells or WIDEST, WIDEST), initial_indent=indent, subsequent_indent=f"{indent}  ")
    return [line((part.replace("\N{NO-BREAK SPACE}", " "), style)) for part in parts]


def _listed(title: str, sentences: Sequence[str], cells: int | None) -> list[Line]:
    if not sentences:
        return []
    made = [line((title, "strong"))] if title else []
    for text in sentences:
        made += _wrapped(text, cells, indent="  ")
    return [*made, ()]


def _table(title: str, heads: Sequence[str], rows: list[list[str]], legend: str, cells: int | None) -> list[Line]:
    if not rows:
        return []
    drawn = columns(list(heads), [[(text, "") for text in one] for one in rows], cells)
    return [*_wrapped(title, cells, "strong"), *_wrapped(legend, cells, "dim", "  "), *drawn, ()]


def about(traffic: Traffic) -> str:
    """The traffic in a line, and where it is known from."""
    parts = [f"{figure(traffic.rps)} requests/s", f"{100 * traffic.error_rate:.3g} % errors"]
    if traffic.cluster > 1:
        parts.append(f"in clusters of {traffic.cluster:.2g}")
    if traffic.median_ms is not None and traffic.p99_ms is not None:
        parts.append(f"p50 {traffic.median_ms:.3g} ms, p99 {traffic.p99_ms:.3g} ms")
    return ", ".join(parts) + (f" ({traffic.of})" if traffic.of else "")


def plan(found: Found) -> str:
    """The rollout and its policy in a line."""
    steps = ", ".join(_step(one) for one in found.increments)
    return (
        f"{found.environment}: {steps}; then up to {span(found.hold_s)} of holding; "
        f"false rollbacks at most {100 * found.false_rollbacks:g} %, against stable {found.margin}"
    )


def _step(one: Increment) -> str:
    return f"{100 * one.weight:g} % {'up to' if one.may_leave_early else 'for'} {span(one.duration_s)}"


def good(seen: Good) -> list[str]:
    """What became of good releases."""
    back = f"rolled back by the evidence: {count(seen.rolled_back)} of {count(seen.runs)}"
    return [
        f"{back}, with 99 % confidence at most {100 * seen.at_most:.2g} % of all",
        f"promoted: {percent(seen.promoted, seen.runs)}{_in(seen.promoted_s)}",
        f"undecided at the end of patience: {percent(seen.undecided, seen.runs)}",
    ]


def _in(spread: Spread | None) -> str:
    if spread is None:
        return ""
    return f", in {span(spread.median)} in the median (mean {span(spread.mean)}, 90 % within {span(spread.p90)})"


def row(fault: Fault) -> list[str]:
    """When one fault is found, a text for each of `FOUND`. Inside the margin nothing need be."""
    found = percent(fault.found, fault.runs)
    if fault.inside:
        found = f"{INSIDE}, {found}" if fault.found else INSIDE
    ends = [percent(fault.promoted, fault.runs), percent(fault.undecided, fault.runs)]
    after = [] if fault.inside else [brief(one) for one in _figures(fault.found_s)]
    limits = [] if fault.inside else [brief(fault.predicted_s), brief(fault.limit_s)]
    return _filled([short(fault), found, *ends, *after, *limits], FOUND)


def harm(fault: Fault) -> list[str]:
    """What one fault harms until it is found, a text for each of `HARMED`."""
    figures = [] if fault.inside else [*_figures(fault.harmed), fault.least_harmed]
    return _filled([short(fault), *["–" if one is None else count(one) for one in figures]], HARMED)


def short(fault: Fault) -> str:
    """A fault's name without its figures."""
    return fault.name.split(",")[0]


def remarks(found: Found) -> list[str]:
    """Faults of which the policy itself says something, in sentences."""
    inside = "; ".join(fault.name for fault in found.faults if fault.inside)
    accepted = "; ".join(short(fault) for fault in found.faults if fault.promotable)
    said = [f"not a fault by your policy, its margins allow it: {inside}"] if inside else []
    if accepted:
        said.append(f"convicted when it is seen, but `promote_at` allows it, so it may be promoted before: {accepted}")
    said += [
        f"promoted before it began: {percent(one.early, one.runs)} of {short(one)}" for one in found.faults if one.early
    ]
    return said


def _filled(texts: list[str], heads: Sequence[str]) -> list[str]:
    return texts + ["–"] * (len(heads) - len(texts))


def _figures(spread: Spread | None) -> list[float | None]:
    return [spread.mean, spread.median, spread.p90] if spread else [None] * 3


def brief(seconds: float | None) -> str:
    """A time in one unit, for a column."""
    if seconds is None:
        return "–"
    for name, size in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.3g} {name}"
    return f"{seconds:.3g} s"


def over(found: Found) -> str:
    """Over what the judges are compared."""
    seen = found.compared
    return (
        f"errors alone, {span(seen.lasts_s)} along the planned weights, "
        f"{count(seen.good_runs)} good releases and {count(seen.runs)} of each fault"
    )


def peer_heads(found: Found) -> list[str]:
    """The columns of the comparison."""
    first = found.compared.judges[0]
    return ["policy", "good rolled back", *[seen.fault.split(",")[0] for seen in first.seen]]


def peer(found: Found, judge: Judge) -> list[str]:
    """One judge, a text for each of `peer_heads`; what our policy allows is no fault that it should find."""
    inside = {fault.name for fault in found.faults if fault.inside} if judge is found.compared.judges[0] else set()
    backs = percent(judge.rolled_back, found.compared.good_runs)
    cells = (_seen(found, one, inside=one.fault in inside) for one in judge.seen)
    return [judge.name, backs, *cells]


def backs(found: Found) -> str:
    """How many good releases each judge rolled back, in a sentence."""
    runs = found.compared.good_runs
    said = [
        f"{one.name}: {percent(one.rolled_back, runs)} (at most {100 * one.at_most:.3g} %)"
        for one in found.compared.judges
    ]
    return f"good releases rolled back, with the 99 % bound of the share of all, by {'; by '.join(said)}"


def _seen(found: Found, one: Sighting, *, inside: bool) -> str:
    if inside:
        return INSIDE
    after = "" if one.mean_s is None else f" {brief(one.mean_s)},"
    return f"{percent(one.found, found.compared.runs)},{after} {count(max(0.0, one.harmed))}"


def percent(part: int, whole: int) -> str:
    """A share of releases."""
    return f"{100 * part / whole:.3g} %"


def peers(found: Found) -> Iterator[tuple[str, str, str]]:
    """(name, rule, where it is written down) of every peer."""
    for one in found.compared.judges[1:]:
        yield one.name, one.described, one.source
