"""What Penstock and a user's commands say to each other, as JSON. Pure: text in, values out.

The desire goes out as one document; `observe`, `converge` and `preview` may answer with one. Whatever an
answer gets wrong is a PenstockError `command-contract` that names the field.
`docs/reference/command-target.md` is the contract as users read it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, NoReturn, cast

from penstock.core import data
from penstock.core.target import Desired, Fence, Instance, Preview, Progress, Revision
from penstock.errors import PenstockError

FORMAT = 1
TRY_AGAIN = 75  # EX_TEMPFAIL of sysexits.h
_REASON = 2000  # characters of a command's last words that are kept
_STATES = ("done", "working", "failed", "refused")
_INSTANCE_STATES = ("starting", "ready", "unhealthy", "draining", "stopped", "crashed")
_LONGEST_S = 3600.0

Shares = dict[str, dict[str, int]]


@dataclass(frozen=True)
class Said:
    """What `observe` printed. `revision` is its short form: one revision everywhere ("": nothing), no units."""

    serving: Shares
    placed: Shares
    revision: str | None = None
    settled: bool = True
    token: str = ""
    stamp: Fence | None = None
    instances: tuple[Instance, ...] = ()

    @property
    def mark(self) -> str:
        """Changes when what is there changes."""
        return self.token or data.digest([self.revision, self.serving, self.placed])[:12]


def some(shares: Mapping[str, int]) -> dict[str, int]:
    """Without those that are zero."""
    return {revision: share for revision, share in shares.items() if share}


def wanted(desired: Desired) -> tuple[Shares, Shares]:
    """Traffic and capacity that a desire asks for, without what is zero or empty."""
    split = {name: some(unit.split) for name, unit in desired.units.items()}
    placed = {name: some(unit.placed) for name, unit in desired.units.items()}
    return _whole(split), _whole(placed)


def main_revision(desired: Desired) -> Revision | None:
    """What a desire is about: the revision under release if it is placed, else the one with most traffic."""
    placed = desired.placed()
    if desired.preview in placed:
        return desired.revisions.get(desired.preview or "")
    ranked = sorted(placed, key=lambda r: (-desired.weight(r), r))
    return desired.revisions.get(ranked[0]) if ranked else None


def as_json(desired: Desired, service: str, environment: str, handle: str, way_back: bool = True) -> dict[str, Any]:
    """The desire as a command reads it on its standard input."""
    main = main_revision(desired)
    document = {
        "format": FORMAT,
        "service": service,
        "environment": environment,
        "revision": main.id if main else None,
        "weight_permille": desired.weight(main.id) if main else 0,
        "units": {n: {"placed": some(u.placed), "split": some(u.split)} for n, u in desired.units.items()},
        "revisions": {name: _revision(desired.revisions[name]) for name in sorted(desired.revisions)},
        "fence": [desired.fence.release, desired.fence.epoch],
        "expecting": desired.expecting,
        "reason": desired.reason,
        "handle": handle,
        "min_ready_s": desired.min_ready_s,
        "start_within_s": desired.start_within_s,
    }
    if way_back and desired.way_back:
        document["way_back"] = as_json(desired.way_back, service, environment, handle, way_back=False)["units"]
    return document


def variables(desired: Desired, service: str, environment: str, key: str) -> dict[str, str]:
    """What a command is told in its environment: enough for a script that reads no JSON."""
    main = main_revision(desired)
    return {
        "PENSTOCK_SERVICE": service,
        "PENSTOCK_ENVIRONMENT": environment,
        "PENSTOCK_REVISION": main.id if main else "",
        "PENSTOCK_COMMIT": main.commit if main else "",
        "PENSTOCK_ARTIFACT": main.artifact.locator if main else "",
        "PENSTOCK_WEIGHT": str(desired.weight(main.id)) if main else "0",
        "PENSTOCK_FENCE": f"{desired.fence.release}.{desired.fence.epoch}",
        "PENSTOCK_IDEMPOTENCY_KEY": key,
    }


def read_observed(text: str) -> Said:
    """What `observe` printed: `{"units": …}`, or `{"revision": …}` alone."""
    answer = _Answer("observe", _object("observe", text))
    answer.format()
    stamp = answer.fence("stamp")
    rest = {
        "settled": answer.flag("settled", default=True),
        "token": answer.text("token"),
        "stamp": stamp,
        "instances": tuple(_instance(entry) for entry in answer.list_of_objects("instances")),
    }
    if "revision" in answer.value:
        if "units" in answer.value:
            answer.wrong("units", "`revision` is there too", "one of the two")
        revision = "" if answer.value["revision"] is None else answer.text("revision")
        answer.nothing_else("format", "revision", *rest)
        return Said({}, {}, revision, **cast(Any, rest))
    answer.nothing_else("format", "units", *rest)
    units = answer.objects("units")
    serving = {name: unit.shares("split", whole=1000) for name, unit in units.items()}
    placed = {name: unit.shares("placed") for name, unit in units.items()}
    for name, unit in units.items():
        unit.nothing_else("placed", "split")
        bare = sorted(serving[name].keys() - placed[name].keys())
        if bare:
            unit.wrong("split", f"`{bare[0]}` has traffic, and no capacity in `placed`", "its number of instances")
    return Said(_whole(serving), _whole(placed), None, **cast(Any, rest))


def read_progress(code: int, out: str, err: str) -> Progress:
    """How far a converge got, from its exit code and, where its output ends in a JSON object with a `state`, that."""
    if code == TRY_AGAIN:
        found = _reply(out)
        reason = found.text("reason") if found else ""
        return Progress("working", reason or _last(out, err) or "the command asks to be called again", _after(found))
    if code != 0:
        return Progress("failed", f"exit {code}: {_last(err, out) or 'it said nothing'}")
    found = _reply(out)
    if found is None:
        return Progress("done")
    found.format()
    found.nothing_else("format", "state", "reason", "retry_after_s", "units")
    state = found.one_of("state", _STATES)
    units = {name: str(text) for name, text in found.map("units").items()}
    reason = found.text("reason")
    if state != "done" and not reason:
        found.wrong("reason", f"a state of `{state}` has none", "a sentence that a person understands")
    return Progress(cast(Any, state), reason, _after(found), units=units)


def read_preview(out: str) -> Preview:
    """What a change would do: a JSON object with `summary` and `irreversible`, or lines of text."""
    if not out.lstrip().startswith("{"):
        return Preview(tuple(line.rstrip() for line in out.splitlines()[:200] if line.strip()))
    answer = _Answer("preview", _object("preview", out))
    answer.format()
    answer.nothing_else("format", "summary", "irreversible")
    return Preview(answer.texts("summary"), answer.texts("irreversible"))


@dataclass(frozen=True)
class _Answer:
    """An object that a command printed; `path` is where it stands in the whole."""

    command: str
    value: dict[str, Any]
    path: str = ""

    def wrong(self, field: str, what: str, instead: str) -> NoReturn:
        """Raise what is wrong with a field."""
        raise _wrong(self.command, self.path + field, what, instead)

    def format(self) -> None:
        """Format 1 is the only one; left out, it is meant."""
        if self.value.get("format", FORMAT) != FORMAT:
            self.wrong("format", f"{self.value['format']!r} is not known", f"{FORMAT}, or leave it out")

    def nothing_else(self, *known: str) -> None:
        """What is not known is a mistake, never ignored."""
        unknown = sorted(self.value.keys() - set(known))
        if unknown:
            self.wrong(unknown[0], "there is no such field here", f"one of: {', '.join(known)}")

    def text(self, field: str) -> str:
        """A text; empty when it is left out."""
        found = self.value.get(field, "")
        if not isinstance(found, str):
            self.wrong(field, f"{found!r} is not a text", 'a text in quotes, such as "blue"')
        return found[:_REASON]

    def texts(self, field: str) -> tuple[str, ...]:
        """A list of texts; empty when it is left out."""
        found = self.value.get(field, [])
        if not isinstance(found, list) or not all(isinstance(line, str) for line in found):
            self.wrong(field, "it is not a list of texts", '["one line", "another"]')
        return tuple(found[:200])

    def flag(self, field: str, default: bool) -> bool:
        """true or false."""
        found = self.value.get(field, default)
        if not isinstance(found, bool):
            self.wrong(field, f"{found!r} is neither true nor false", "true or false, without quotes")
        return found

    def one_of(self, field: str, words: tuple[str, ...]) -> str:
        """One of some words."""
        found = self.value.get(field)
        if found not in words:
            self.wrong(field, f"{found!r} is not one of its words", f"one of: {', '.join(words)}")
        return str(found)

    def count(self, field: str, default: int | None = None, most: int = 100_000) -> int:
        """A whole number from 0 on."""
        found = self.value.get(field, default)
        if isinstance(found, bool) or not isinstance(found, int) or not 0 <= found <= most:
            self.wrong(field, f"{found!r} is not a whole number from 0 to {most}", "a number, without quotes")
        return found

    def map(self, field: str) -> dict[str, Any]:
        """An object; empty when it is left out."""
        found = self.value.get(field, {})
        if not isinstance(found, dict):
            self.wrong(field, f"{found!r} is not an object", "{…}")
        return found

    def objects(self, field: str) -> dict[str, _Answer]:
        """An object of objects, which must be there."""
        if field not in self.value:
            self.wrong(field, "it is missing", "what is there, by unit")
        return {name: self._inner(f"{field}.{name}", entry) for name, entry in self.map(field).items()}

    def list_of_objects(self, field: str) -> list[_Answer]:
        """A list of objects; empty when it is left out."""
        found = self.value.get(field, [])
        if not isinstance(found, list):
            self.wrong(field, f"{found!r} is not a list", "[…]")
        return [self._inner(f"{field}[{number}]", entry) for number, entry in enumerate(found[:1000])]

    def shares(self, field: str, whole: int | None = None) -> dict[str, int]:
        """Whole numbers by revision, zeros left out; together `whole`, or none at all."""
        inner = _Answer(self.command, self.map(field), f"{self.path}{field}.")
        found = some({name: inner.count(name) for name in inner.value})
        if whole is not None and found and sum(found.values()) != whole:
            self.wrong(field, f"it adds up to {sum(found.values())}", f"shares in permille that add up to {whole}")
        return found

    def fence(self, field: str) -> Fence | None:
        """[release, epoch]; None when it is left out."""
        found = self.value.get(field)
        if found is None:
            return None
        numbers = isinstance(found, list) and len(found) == 2 and all(type(n) is int and n >= 0 for n in found)
        if not numbers:
            self.wrong(field, f"{found!r} is not a fence", "the `fence` of the desire, as it was: [42, 1]")
        return Fence(*found)

    def _inner(self, place: str, entry: Any) -> _Answer:
        if not isinstance(entry, dict):
            self.wrong(place, f"{entry!r} is not an object", "{…}")
        return _Answer(self.command, entry, f"{self.path}{place}.")


def _revision(revision: Revision) -> dict[str, Any]:
    artifact = revision.artifact
    return {
        "commit": revision.commit,
        "version": revision.version,
        "configuration": revision.configuration,
        "artifact": {"kind": artifact.kind, "locator": artifact.locator, "digest": artifact.digest},
        "units": {
            name: {"argv": list(unit.argv), "env": dict(unit.env), "traffic": unit.traffic}
            for name, unit in revision.units.items()
        },
    }


def _instance(entry: _Answer) -> Instance:
    entry.nothing_else(*Instance.__dataclass_fields__)
    for field in ("id", "unit", "revision"):
        if not entry.text(field):
            entry.wrong(field, "it is missing", "a text")
    state = cast(Literal["ready"], entry.one_of("state", _INSTANCE_STATES))
    return Instance(
        entry.text("id"), entry.text("unit"), entry.text("revision"), state, entry.count("restarts", 0),
        entry.flag("crash_loop", default=False), entry.text("note"), entry.text("address"),
    )  # fmt: skip


def _reply(out: str) -> _Answer | None:
    """The object with a `state` that the output is, or that its last line is; other output is a command's chatter."""
    lines = [line for line in out.splitlines() if line.strip()]
    for text in (out, lines[-1] if lines else ""):
        try:
            found = json.loads(text)
        except (ValueError, RecursionError):
            continue
        if isinstance(found, dict) and "state" in found:
            return _Answer("converge", found)
    return None


def _after(found: _Answer | None) -> float:
    seconds = found.value.get("retry_after_s", 1.0) if found else 1.0
    is_number = isinstance(seconds, int | float) and not isinstance(seconds, bool)
    if found and not (is_number and 0 <= seconds <= _LONGEST_S):
        found.wrong("retry_after_s", f"{seconds!r} is not a number of seconds", f"from 0 to {_LONGEST_S:.0f}")
    return float(seconds)


def _object(command: str, text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        shown = " ".join(text.split())[:80] or "nothing"
        raise _wrong(command, "", f"its output is not JSON: {shown}", "one JSON object, and nothing else") from error
    if not isinstance(found, dict):
        raise _wrong(command, "", "its output is not a JSON object", "one JSON object: {…}")
    return found


def _last(*texts: str) -> str:
    """The last lines of the first text that has any."""
    for text in texts:
        lines = [line.rstrip() for line in text.splitlines() if line.strip()]
        if lines:
            return "\n".join(lines[-5:])[-_REASON:]
    return ""


def _wrong(command: str, field: str, what: str, instead: str) -> PenstockError:
    return PenstockError(
        "command-contract",
        f"`{field}`: {what}" if field else what,
        f"the output of `{command}`",
        "Penstock acts on what this command says, and guesses nothing",
        f"print {instead}; see docs/reference/command-target.md",
    )


def _whole(units: Shares) -> Shares:
    return {name: shares for name, shares in units.items() if shares}
