"""Past releases judged by another policy: what is read for it (records, audit log, evidence, files), and what came out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from penstock.core import data
from penstock.core.known import NOTHING_KNOWN, Known
from penstock.core.rejudging import Case, Course, Rejudged, Summary, Was, rejudge, summary
from penstock.errors import ManifestError, Problem, UserError
from penstock.manifest.node import Map, Node, Place, Scalar, Seq
from penstock.manifest.parse import BYTES_MAX, parse
from penstock.manifest.problems import Problems
from penstock.manifest.typed import refuse_braces, shaped, typed
from penstock.manifest.verdict import Verdict
from penstock.records import releases
from penstock.records.store import Row, Store
from penstock.replaying import record_of

Asked = Callable[[Row], Verdict]
"""What is to judge a release, by its record. Raises UserError where there is nothing that could."""

_MOVED = "requests that were not sent to a candidate tell nothing of it: weights and times stay as they were"
_READ = "readings are those that were recorded, from the source and of the requests of then"
_NOT_TRIED = {"rollout": _MOVED, "increments": _MOVED, "metrics": _READ, "traffic": _READ}


@dataclass(frozen=True)
class Overlay:
    """What a file says of a policy: its keys are laid over the `verdict` of each release, key by key."""

    path: str
    text: str
    tree: Map
    key: Scalar

    def over(self, base: Verdict) -> Verdict:
        """The policy that comes of it. ManifestError: everything that is wrong with the file, over this base."""
        path, problems = self.path, Problems()
        found = typed(Verdict, self.tree, self.key, problems, base)
        if found is None:
            raise ManifestError(path, problems.all(), self.text)
        return found

    def said(self) -> tuple[str, ...]:
        """Each key that it says, with what stands there: `errors.against_stable: 1.2x`."""
        return tuple(_said("", self.tree))


@dataclass(frozen=True)
class Unread:
    """A release that could not be judged again, and why."""

    release: str
    code: str
    why: str


@dataclass(frozen=True)
class Tried:
    """What came out for some releases, newest first; those that could not be judged stand apart."""

    releases: tuple[Rejudged, ...]
    unread: tuple[Unread, ...]
    summary: Summary


def read_policy(text: str, path: str) -> Overlay:
    """The keys of `verdict:` in a file of their own, below that word or without it.

    ManifestError: what is wrong with it as a text and by its keys; whether its values fit is seen over a release's own.
    """
    problems = Problems()
    tree = parse(text, problems)
    found = _keys(tree, problems) if tree else None
    if found is None or problems:
        raise ManifestError(path, [_about(problem) for problem in problems.all()], text)
    return Overlay(path, text, *found)


def read_text(path: Path, code: str) -> str:
    """A file as text, if it may be a manifest's; the reader itself refuses what is no text, or too large."""
    try:
        with path.open("rb") as opened:
            return opened.read(BYTES_MAX + 4).decode("utf-8", "surrogateescape")
    except OSError as error:
        instead = "run this in the checkout, or name a file with the keys of `verdict`: --with FILE"
        raise UserError(code, f"{path} cannot be read: {error.strerror}", next=instead) from error


def past(store: Store, service: str, environment: str | None, last: int) -> list[Row]:
    """The newest releases whose traffic moved in increments, beside a stable revision, and that are over."""
    here = "AND environment = ?" if environment else ""
    numbers = store.rows(
        f"SELECT number FROM releases WHERE service = ? {here} AND kind = 'release' AND ended_at IS NOT NULL"
        " AND json_extract(plan, '$.strategy') = 'canary' AND json_extract(facts, '$.weight_permille') IS NOT NULL"
        " ORDER BY number DESC LIMIT ?", service, *([environment] if environment else []), last,
    )  # fmt: skip
    return [row for one in numbers if (row := releases.get(store, one["number"])) is not None]


def try_many(store: Store, lines: Iterable[dict[str, Any]], evidence: Path, rows: Sequence[Row], asked: Asked) -> Tried:
    """Each release by another policy. One whose record is missing or was changed is said, and stops nobody.

    ManifestError: the other policy fits none of them.
    """
    of_each: dict[str, list[dict[str, Any]]] = {str(row["number"]): [] for row in rows}
    for line in lines:
        of_each.get(str(line.get("release", "")).rpartition("/")[2], []).append(line)
    found, unread, unfit = list[Rejudged](), list[Unread](), list[ManifestError]()
    for row in rows:
        try:
            verdict = asked(row)
            found.append(rejudge(case_of(store, of_each[str(row["number"])], evidence, row), verdict))
        except UserError as error:
            unread.append(Unread(_name(row), error.code, error.what))
            unfit += [error] if isinstance(error, ManifestError) else []
    if unfit and len(unfit) == len(rows):
        raise unfit[0]
    return Tried(tuple(found), tuple(unread), summary(found))


def case_of(store: Store, lines: Iterable[dict[str, Any]], evidence: Path, row: Row) -> Case:
    """A release and its record, from the lines of the audit log. Raises UserError where something is missing or changed."""
    record = record_of(lines, evidence, row["number"])
    course = Course(record.rules, record.readings, record.moves)
    known = row["facts"].get("known")
    return Case(
        _name(row), row["state"], row["cause"], _was(store, row), data.load(Known, known) if known else NOTHING_KNOWN,
        course,
    )  # fmt: skip


def _name(row: Row) -> str:
    return f"{row['service']}/{row['environment']}/{row['number']}"


def _was(store: Store, row: Row) -> Was:
    """A release is good if it was released and nobody went back from it to another revision."""
    if row["state"] == "rolled_back" and row["cause"] == "verdict":
        return "bad"
    if row["state"] != "released" or row["promoted_at"] is None:
        return "neither"
    after = store.row(
        "SELECT kind FROM releases WHERE service = ? AND environment = ? AND number > ? AND promoted_at IS NOT NULL"
        " AND revision != ? ORDER BY number LIMIT 1",
        row["service"], row["environment"], row["number"], row["revision"],
    )  # fmt: skip
    return "neither" if after and after["kind"] == "rollback" else "good"


def _keys(tree: Map, problems: Problems) -> tuple[Map, Scalar] | None:
    """The keys of `verdict`, and where they were named; None where it has no keys. What cannot be tried is noted."""
    refuse_braces(tree, problems)
    own = _tried(tree, problems)
    below = own.entries.get("verdict")
    key, found = Scalar("verdict", Place(1, 1)), own
    if below and len(own.entries) == 1:
        key = below.key
        if not isinstance(below.value, Map):
            typed(Verdict, below.value, key, problems)
            return None
        found = _tried(below.value, problems)
    shaped(Verdict, found, key, problems)
    if not problems and not any(_said("", found)):
        why = "a policy has the keys of `verdict`"
        problems.add("empty", key.place, "there is no key with a value in it", why, "false_rollbacks: 1%")
    return found, key


def _tried(keys: Map, problems: Problems) -> Map:
    """The keys without those that records cannot tell of, which are noted."""
    for name, entry in keys.entries.items():
        if name in _NOT_TRIED:
            what = f"`{name}` cannot be tried on records"
            problems.add("not-replayed", entry.key.place, what, _NOT_TRIED[name], "the other keys of `verdict` alone")
    return keys.without(*_NOT_TRIED)


def _said(name: str, node: Node) -> Iterator[str]:
    if isinstance(node, Map):
        for key, entry in node.entries.items():
            yield from _said(f"{name}.{key}" if name else key, entry.value)
    elif isinstance(node, Seq):
        yield f"{name}: [{', '.join(one.text for one in node.items if isinstance(one, Scalar))}]"
    else:
        yield f"{name}: {node.text}"


def _about(problem: Problem) -> Problem:
    """What a manifest would begin with is not what a policy begins with."""
    if problem.code not in ("empty", "shape") or problem.instead != "penstock: 1":
        return problem
    return replace(problem, why="a policy has the keys of `verdict`", instead="false_rollbacks: 1%")
