"""The live view of a release: one picture from the records, the same for everybody who looks."""

from __future__ import annotations

from penstock.render import arms, waits
from penstock.render.cells import wrap
from penstock.render.checklist import items
from penstock.render.checklist_item import age, drawn
from penstock.render.picture import TURNS, Line, Row, Screen, Seen, beside, fitted, line
from penstock.render.words import count, milliseconds, share, span

CONTACTS = 3  # groups that are shown; all of them are in the plan and the report
TWO_COLUMNS = 110  # from this width on the checklist stands beside the figures
_STATES = {"ordering": "being ordered", "waiting": "waiting", "planned": "getting ready", "rolling_out": "rolling out",
           "rolled_back": "rolled back", "stuck": "needs a person", "baking": "released; still watched"}  # fmt: skip
_STYLES = {"released": "good", "baking": "good", "rolled_back": "bad", "stuck": "bad", "blocked": "bad"}


def screen(seen: Seen, on: Screen) -> list[Line]:
    """The whole picture, never wider or higher than the terminal: a pure function of what the records say."""
    head, foot = _head(seen, on), _foot(seen, on)
    height = max(1, on.height - 1)  # the last line stays free: some terminals scroll when it is written to
    made = _body(seen, on, height - len(head) - len(foot))
    kept = [*head, *made][: max(1, height - len(foot))]
    return [fitted(spans, on) for spans in [*kept, *foot][:height]]


def _body(seen: Seen, on: Screen, room: int) -> list[Line]:
    """Checklist, figures and wait, one below the other or side by side; what is left is for what happened."""
    gap: list[Line] = [()] if room >= 16 else []
    if on.width >= TWO_COLUMNS:
        left = min(52, on.width // 3 + 2)
        column = on.narrowed(on.width - left - 2)
        figures = _figures(seen, column, gap)
        made = beside(drawn(items(seen), max(1, room - 5), on.narrowed(left)), figures, on, left)
    else:
        figures = _figures(seen, on, gap)
        kept = (
            0 if not gap else 3 if seen.is_over or seen.row["state"] == "awaiting" else 5
        )  # for what happened, and the lines around it
        made = drawn(items(seen), max(3, room - len(figures) - len(gap) - kept), on) + gap + figures
    made = [*gap, *made]
    rest = room - len(made) - 2 * len(gap)
    happened = _happened(seen, on, rest) if rest > 0 else []
    return [*made, *(gap if happened else []), *happened, *gap]


def _figures(seen: Seen, on: Screen, gap: list[Line]) -> list[Line]:
    parts = [
        arms.arms(seen, on), arms.evidence(seen, on), waits.lines(seen, on) or _outcome(seen, on), _contacts(seen),
    ]  # fmt: skip
    made: list[Line] = []
    for part in parts:
        made += [*(gap if made and part else []), *part]
    return made


def _head(seen: Seen, on: Screen) -> list[Line]:
    row = seen.row
    kind = row["kind"]
    ended = row["ended_at"] or (row["changed_at"] if row["state"] == "baking" else None)
    took = span(max(0.0, ended - row["asked_at"])) if ended else age(max(0.0, seen.now - row["asked_at"]))
    first = line(
        (f"{kind} {row['number']} of {row['service']} to {row['environment']}", "strong"), "  ",
        (_state(seen), _STYLES.get(row["state"], "bad" if "back" in seen.keys else "now")), (f"  {took}", "dim"),
        ("  HOTFIX" if seen.hotfix else "", "bad"),
    )  # fmt: skip
    what = row["revision"] or row["commit_id"][:12]
    stable = (seen.plan.get("stable") or {}).get("id")
    instead = f" instead of {stable}" if stable else " where nothing ran" if seen.plan else ""
    second = line((f"{what}{instead}{on.dot}asked for by {row['person']} at {on.clock(row['asked_at'])}", "dim"))
    return [first, second, *_hotfix(seen, on)] if on.height >= 10 else [first]


def _hotfix(seen: Seen, on: Screen) -> list[Line]:
    """Why it is in haste, who let it through, and what is left out for it."""
    if seen.hotfix is None:
        return []
    by = f"{on.dot}let through by {', '.join(seen.hotfix.by)}" if seen.hotfix.by else ""
    without = f"{on.dot}without {', '.join(seen.hotfix.left_out)}" if seen.hotfix.left_out else ""
    return [line((f"hotfix: {seen.hotfix.reason}{by}{without}", "dim"))]


def _state(seen: Seen) -> str:
    if not seen.is_over and "back" in seen.keys:
        return "going back"
    if not seen.is_over and seen.held_by:
        return f"held by {seen.held_by}"
    state = str(seen.row["state"])
    if seen.turns and state == "rolling_out":
        return TURNS[seen.row["kind"]][0]
    if state == "awaiting":
        return "waits for people" if seen.waits_for_people else "waits for its time"
    return _STATES.get(state, state)


def _contacts(seen: Seen) -> list[Line]:
    """Whom to reach, where a person is asked for: held, going back, or stuck."""
    needed = seen.held_by or "back" in seen.keys or seen.row["state"] == "stuck"
    told = seen.plan.get("contacts", ())[:CONTACTS] if needed else ()
    return [line(arms.label("reach" if n == 0 else ""), words) for n, words in enumerate(told)]


def _outcome(seen: Seen, on: Screen) -> list[Line]:
    """How it ended, and what every revision served meanwhile."""
    row = seen.row
    style = _STYLES.get(row["state"], "")
    told = wrap(row["sentence"], on.width - arms.LABEL, 4, on.ellipsis)
    made = [line(arms.label("outcome" if n == 0 else ""), (words, style)) for n, words in enumerate(told)]
    arms_of = {"stable": (seen.plan.get("stable") or {}).get("id"), "candidate": row["revision"]}
    served = [(arm, sums) for arm, name in arms_of.items() if (sums := row["facts"].get("served", {}).get(name))]
    for number, (arm, sums) in enumerate(served):
        made.append(line(arms.label("served" if number == 0 else ""), (f"{arm:<10}", arm), _served(sums)))
    return made


def _served(sums: Row) -> str:
    asked = sums["requests"]
    mean = f", {milliseconds(sums['duration_us'] / asked / 1000)} on average" if asked and "duration_us" in sums else ""
    return f"{count(asked)} requests, {count(sums['errors'])} failed ({share(sums['errors'], asked)}){mean}"


def _happened(seen: Seen, on: Screen, room: int) -> list[Line]:
    """The newest events, as many as there is room for; what is said elsewhere on the picture is not said again."""
    told = [e for e in seen.events if e["kind"] != "end" and e["data"].get("state") != "running"]
    return [
        line((f" {on.clock(e['at'])}  ", "dim"), (e["text"], "bad" if e["kind"] == "back" else "dim"))
        for e in told[-room:]
    ]


def _foot(seen: Seen, on: Screen) -> list[Line]:
    number = seen.row["number"]
    if seen.is_over:
        return [line((f"penstock show {number}", "strong"), (" is its report", "dim"))]
    ends = f"penstock abort --release {number}"
    return [line(("Ctrl-C leaves, the release goes on", "dim"), (f"{on.dot}to end it: ", "dim"), (ends, "strong"))]
