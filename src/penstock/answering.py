"""People's answers to a release's questions: given here under one's own account, or signed anywhere and brought."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from penstock.api import Desk, get, wake, who
from penstock.errors import UsageError, UserError
from penstock.records import answers
from penstock.records.store import Row

if TYPE_CHECKING:
    from penstock.core.signed import Signed

AHEAD_S = 300.0  # clocks of two machines may differ so much
OPEN = ("planned", "waiting", "awaiting")
OF_PLAN = {"approve": True, "reject": None, "confirm": False}  # None: of either sort


def answer(
    desk: Desk, number: int, verb: str, line: str | None = None, reason: str = "", until_s: float = 0.0
) -> list[str]:
    """Answer the questions that one may answer, or the one that is named; returns their lines. The release decides what
    follows; nothing here does.
    """
    row = _open(desk, number)
    me = who()
    asked = _meant(row, verb, line, me["person"])
    for one in asked:
        if one["signed"]:
            raise UsageError("needs-signature", f"`{one['line']}` counts signed answers only", f"release {number}",
                             "one account of this machine is one person: several people prove themselves by their keys",
                             f"penstock {verb} {number} --line {one['line']} --sign ~/.ssh/id_ed25519 --as NAME")  # fmt: skip
    now = time.time()
    for one in asked:
        _write(desk, row, one, verb, me, now, reason, now + until_s if until_s else None)
    wake(desk)
    return [str(one["line"]) for one in asked]


def to_sign(desk: Desk, number: int, verb: str, line: str | None, person: str, reason: str, until_s: float) -> Signed:
    """What somebody would sign, not signed yet: the request that may be carried to another machine."""
    from penstock.core.signed import Signed

    row = _open(desk, number)
    found = _meant(row, verb, line, person)
    if len(found) > 1:
        raise UsageError("which-line", "one question is signed at a time", f"release {number}",
                         next=f"--line, one of: {', '.join(one['line'] for one in found)}")  # fmt: skip
    now = time.time()
    place = f"{row['service']}/{row['environment']}/{number}"
    until = now + until_s if until_s else 0.0
    return Signed(
        place, found[0]["line"], verb, person, _about(row, found[0]), now, reason, until, _question(row, found[0])
    )


def signed_by(request: Signed, verb: str, key: Path, person: str, reason: str) -> Signed:
    """A request with somebody's own answer, name, words and signature."""
    from penstock.signatures import sign

    said = replace(request, verb=verb, person=person, reason=reason or request.reason, at=time.time(), signature="")
    return sign(said, key)


def read(path: Path) -> Signed:
    """The signed answer, or the request, in a file."""
    from penstock.core.signed import LIMIT, parse

    try:
        with path.open("rb") as file:
            return parse(file.read(LIMIT + 1).decode())
    except OSError as error:
        raise UsageError("no-answer", f"{path} cannot be read: {error.strerror}", next="--file FILE") from error
    except ValueError as error:
        raise UsageError("no-answer", f"{path} holds no answer: {error}", str(path),
                         "an answer is the file that `penstock approve --sign` wrote") from error  # fmt: skip


def bring(desk: Desk, verb: str, said: Signed) -> int:
    """Take a signed answer in, if its signature holds; returns the release's number. Brought twice it is there once."""
    from penstock.worlds import proofs_of

    if said.verb != verb:
        raise UserError("other-answer", f"this file says `{said.verb}`, and not `{verb}`", said.place,
                        "what was signed is what counts", f"penstock {said.verb} --file FILE")  # fmt: skip
    if said.at > time.time() + AHEAD_S:
        raise UserError("not-proven", "this answer was given in the future", said.place,
                        "it would outlast whatever its person says after it",
                        "sign it again, with the clock set right")  # fmt: skip
    number = int(said.place.rpartition("/")[2])
    row = _open(desk, number)
    if said.place != f"{row['service']}/{row['environment']}/{number}":
        raise UserError("other-release", f"this answer is to {said.place}", f"release {number}",
                        "an answer counts for the release that it names", "an answer to this release")  # fmt: skip
    asked = _meant(row, said.verb, said.line, said.person)[0]
    if answers.has(desk.store, number, said.text):
        return number
    written = {"line": said.line, "verb": said.verb, "person": said.person, "digest": said.digest, "signed": said.text,
               "release": number}  # fmt: skip
    doubt, _ = proofs_of(desk.state, row)(written)
    if doubt:
        raise UserError("not-proven", f"this answer proves nothing: {doubt}", f"release {number}",
                        "a signed answer counts when its key is the person's, by .penstock/allowed_signers of the commit",
                        "sign it again, with the key that stands there")  # fmt: skip
    if said.digest != _about(row, asked):
        raise UserError("other-plan", "this answer is to another plan", f"release {number}",
                        "the plan was drawn anew since, and who said yes to the old one did not to this",
                        f"ask again: penstock approve {number} --request")  # fmt: skip
    _write(
        desk,
        row,
        asked,
        said.verb,
        {**who(), "person": said.person},
        said.at,
        said.reason,
        said.until or None,
        said.text,
    )
    wake(desk)
    return number


def asked_of(row: Row) -> list[dict[str, Any]]:
    """The questions of a release's plan; none before it has one."""
    return list(gates_of(row).get("asked", ()))


def gates_of(row: Row) -> dict[str, Any]:
    """What a release's plan says about people; nothing before it has one."""
    return dict((row["plan"] or {}).get("gates") or {})


def _open(desk: Desk, number: int) -> Row:
    row = get(desk, number)
    if row["state"] not in OPEN or row["promoted_at"] is not None:
        under_way = row["state"] == "rolling_out" and row["promoted_at"] is None
        raise UsageError("over", f"release {number} asks nobody any more: it is {row['state'].replace('_', ' ')}", "",
                         "what is said now would change nothing",
                         f"penstock abort --release {number}" if under_way else "`penstock status` shows more")  # fmt: skip
    if row["plan"] is None:
        raise UsageError("no-plan", f"release {number} has no plan yet", "", "what is answered is a plan, by its digest",
                         "in a moment: it is built first")  # fmt: skip
    return row


def _meant(row: Row, verb: str, line: str | None, person: str) -> list[dict[str, Any]]:
    """The questions that an answer is to; an error that says what is asked, and of whom, when there is none."""
    sort = OF_PLAN[verb]
    fitting = [one for one in asked_of(row) if sort is None or one["of_plan"] == sort]
    found = [one for one in fitting if line in (None, one["line"]) and _may(one, person)]
    if found and verb == "approve":
        found = [one for one in found if one["authors_count"] or person not in gates_of(row).get("authors", ())]
        if not found:
            raise UsageError("not-counted", f"an approval of {person} does not count", f"release {row['number']}",
                             "whoever wrote a commit of a release, or ordered it, does not approve it",
                             f"somebody else of those who are asked: {'; '.join(_told(fitting))}")  # fmt: skip
    if found:
        return found
    questions = "; ".join(_told(fitting)) or "nothing of the sort"
    what = f"`{line}`" if line else "anything"
    signs = next((one["line"] for one in fitting if one["signed"] and line in (None, one["line"])), "")
    how = f"penstock {verb} {row['number']} --line {signs} --request: one of them signs that" if signs else ""
    raise UsageError(
        "not-asked",
        f"release {row['number']} does not ask {person} for {what}",
        "",
        f"it asks: {questions}",
        how or "somebody who is asked; to stop a release, `penstock abort` needs nobody's leave",
    )


def _may(asked: dict[str, Any], person: str) -> bool:
    groups = {**asked["by"], **asked["escalate_to"]}
    return not groups or any(person in people for people in groups.values())


def _told(asked: list[dict[str, Any]]) -> Iterator[str]:
    for one in asked:
        people = sorted({person for names in {**one["by"], **one["escalate_to"]}.values() for person in names})
        yield f"`{one['line']}` of {', '.join(people) or 'anybody'}"


def _question(row: Row, asked: dict[str, Any]) -> str:
    commits = row["facts"].get("commits") or [{}]
    return f"{asked['question']} {row['commit_id'][:12]}: {commits[0].get('subject', '')}".strip(": ")


def _about(row: Row, asked: dict[str, Any]) -> str:
    return str(row["plan"]["digest"] if asked["of_plan"] else row["commit_id"])


def _write(
    desk: Desk, row: Row, asked: dict[str, Any], verb: str, me: dict[str, Any], at: float, reason: str,
    until: float | None, signed: str = "",
) -> None:  # fmt: skip
    number, line, digest = row["number"], asked["line"], _about(row, asked)
    with desk.store.write():
        desk.audit(f"{number}:answer:{line}:{me['person']}:{at:.6f}", f"answer: {verb}", reason=reason, line=line,
                   release=f"{row['service']}/{row['environment']}/{number}", question=asked["question"], digest=digest,
                   by=me["person"], signed=bool(signed))  # fmt: skip
        answers.give(desk.store, at, number, line, verb, me, reason=reason, digest=digest, until=until, signed=signed)
