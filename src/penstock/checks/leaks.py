"""The check `leaks`: no secret in what is released, nor in what came and went since the last release."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from pydantic import BeforeValidator, Field, field_validator

from penstock import shell
from penstock.checks.commits_git import CannotRead, Repository, bounded, plain, unread
from penstock.checks.leaks_allowed import Known, NoBaseline, baseline, fingerprint, in_line, pattern
from penstock.checks.leaks_engines import ENGINES, GOOD_CODES, REPORT_LIMIT, Named, NoReport, argv, find, parsed
from penstock.checks.leaks_git import Blob, added, contents, files
from penstock.checks.leaks_rules import Hit, scan
from penstock.checks.reported import a_path_inside
from penstock.core.finding import CheckRequest, Finding, Outcome
from penstock.core.target import Evidence
from penstock.errors import PenstockError
from penstock.manifest.check import CheckSection
from penstock.manifest.groups import one_or_several
from penstock.manifest.section import Count, Section, wrong

USUAL_BASELINE = ".secrets.baseline"
_GITLEAKS = ".gitleaks.toml"
_MOST = 500
_EVIDENCE = 250 << 10


class Ignored(Section):
    """Files that are not looked at, and why."""

    path: str
    reason: str = Field(min_length=3)

    @field_validator("path")
    @classmethod
    def _inside(cls, value: str) -> str:
        if value in ("*", "**", "**/*"):
            raise wrong("everything is ignored", "so nothing is inspected", "the path of what is meant")
        return a_path_inside(value)


class LeaksSection(CheckSection):
    """What is known (`baseline`), what is not looked at (`ignore`), and with whose rules it is looked for."""

    pace: ClassVar[str] = "quality"

    engine: Literal["any", "own", "gitleaks", "kingfisher"] = "any"
    baseline: Annotated[tuple[str, ...], BeforeValidator(one_or_several)] = ()
    ignore: tuple[Ignored, ...] = ()
    newest: Count = Field(default=100, ge=1, le=10_000)

    @field_validator("baseline")
    @classmethod
    def _inside(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(a_path_inside(one) for one in value)


@dataclass(frozen=True)
class Found:
    """A secret in a file, or in a commit on the way. `allowed` is the reason why it may stay."""

    blob: Blob
    hit: Hit
    allowed: str = ""
    bare: bool = False  # an allowance without a reason stands there

    @property
    def where(self) -> str:
        """Its place, as it may be shown."""
        return f"{plain(self.blob.path, 200)}:{self.hit.line}"


@dataclass
class Scanned:
    """What was looked at, with what was found in it."""

    commits: int = 0
    files: int = 0
    binary: int = 0
    cut: list[str] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)
    found: list[Found] = field(default_factory=list)
    engine: str = ""


class LeaksCheck:
    """Passes when no secret is in the files of the commit, nor in any commit since the last release.

    A secret that was committed and removed again is leaked all the same: whoever has the repository has it. Of a first
    release the newest commits are read. Own rules always look: for the forms of the keys and tokens that services give
    out, private keys, passwords in URLs, and what is assigned to a name that says password, secret, token or key, or is
    handed over in a header, an option or an element. In tests
    and documents the last two count only when a machine must have made them. Where gitleaks (with your .gitleaks.toml) or
    kingfisher is installed, its rules look as well, offline.

    A secret is never shown: a finding has its rule, its place, and a fingerprint, which is the same wherever it stands.
    Binary files are passed over, of files over 4 MiB the beginning is read; both are counted and said. One line
    may keep what is there with a comment on it, or above it, `penstock: allow REASON`; the comments of gitleaks and
    detect-secrets count too, and are shown.

    - `engine`: whose rules look beside the own ones: `any` that is installed (the default), `gitleaks`, `kingfisher`, or
      `own` for none.
    - `baseline`: what is known and may stay: a baseline of detect-secrets (.secrets.baseline is read if it is there), or
      a file with a fingerprint and a reason on each line. Read as it is at the commit.
    - `ignore`: files that are not looked at, each `{path: "tests/fixtures/**", reason: ...}`.
    - `newest`: how many commits of a first release are read, 100 if left out.

    Bad:   leaks: {is: leaks, ignore: [{path: "src/**", reason: noisy}]}    # that is where they are
    Good:  leaks: {is: leaks, ignore: [{path: "tests/keys/**", reason: made for the tests}]}
    """

    def run(self, request: CheckRequest) -> Outcome:
        """Look through the files and the commits, and judge what was found."""
        section = LeaksSection.model_validate(request.section)
        repository = Repository(request.repository, time.monotonic() + section.within_s)
        try:
            repository.need(request.commit, "the released commit")
            if request.last.commit:
                repository.need(request.last.commit, "the last release's commit")
            tree = files(repository, request.commit)
            known = _baseline(repository, tree, section.baseline)
            scanned = _scanned(section, request, repository, tree)
        except CannotRead as error:
            return unread(error)
        allowed = [_allowed(found, known) for found in scanned.found]
        return judged(replace(scanned, found=allowed), first=not request.last.commit)


def judged(scanned: Scanned, *, first: bool) -> Outcome:
    """What was found, as an outcome; what may stay is counted and kept as evidence."""
    bad = [found for found in scanned.found if not found.allowed]
    if scanned.unread and not bad:
        what = f"{len(scanned.unread)} files are too large to be read: {', '.join(scanned.unread[:3])}"
        return unread(CannotRead(what, "`ignore` them with a reason"))
    span = "the newest" if first else "the" if scanned.commits else ""
    since = "(nothing was released before)" if first else "since the last release"
    where = f"{scanned.files} files and {span} {scanned.commits} commits {since}".replace("and  0", "and 0")
    evidence = (Evidence("leaks", "application/json", _told(scanned.found)),)
    measured = {"found": len(bad), "allowed": len(scanned.found) - len(bad)}
    if not bad:
        return Outcome("passed", plain(f"no secret in {where}{_notes(scanned)}", 300), (), evidence, measured=measured)
    shown = ", ".join(f"{found.where} ({found.hit.rule})" for found in bad[:3])
    many = "1 secret" if len(bad) == 1 else f"{len(bad)} secrets"
    sentence = plain(f"{many} in {where}: {shown}{_notes(scanned)}", 300)
    return Outcome("failed", sentence, bounded([_finding(found) for found in bad]), evidence, measured=measured)


def _notes(scanned: Scanned) -> str:
    allowed = sum(1 for found in scanned.found if found.allowed)
    counts = [(allowed, "allowed"), (scanned.binary, "binary"), (len(scanned.cut), "read in part")]
    notes = [f"{number} {what}" for number, what in counts if number]
    notes += [f"with {scanned.engine}"] if scanned.engine else []
    return f" ({', '.join(notes)})" if notes else ""


def _finding(found: Found) -> Finding:
    mark = fingerprint(found.hit.secret)
    rule = plain(found.hit.rule, 60)
    if found.blob.commit:
        what = f"{rule} in {found.where} came in with {found.blob.commit[:12]} and is gone from the files (fingerprint {mark})"
        effect = "whoever has the repository can still read it"
        remedy = f"rotate it; then keep `{mark} rotated` in a file that `baseline` names, or take it out of the history"
    else:
        what, effect = f"{rule} in {found.where} (fingerprint {mark})", "whoever has the repository can read it"
        remedy = "rotate it first, then remove it from the file; a secret belongs in `secrets`"
    if found.bare:
        remedy += "; its `penstock: allow` gives no reason, and does not count"
    return Finding(what, effect, remedy, found.where, "high")


def _told(found: Sequence[Found]) -> str:
    rows = [
        {"rule": one.hit.rule, "where": one.where, "commit": one.blob.commit, "allowed": one.allowed,
         "fingerprint": fingerprint(one.hit.secret)}
        for one in found
    ]  # fmt: skip
    while len(text := json.dumps(rows, indent=1)) > _EVIDENCE:
        rows = [*rows[: len(rows) // 2], {"rule": "the rest is cut"}]
    return text


def _baseline(repository: Repository, tree: Sequence[Blob], paths: tuple[str, ...]) -> Known:
    known = Known()
    for path in paths or (USUAL_BASELINE,):
        blob = next((one for one in tree if one.path == path), None)
        if blob is None and not paths:
            break
        if blob is None:
            raise CannotRead(f"there is no `{path}` at the released commit", "a file of the commit, or no `baseline`")
        content = next(content for _, content in contents(repository, [blob.id]))
        try:
            known += baseline(content.text)
        except NoBaseline as error:
            raise CannotRead(f"`{path}` is no baseline: {error}", "`FINGERPRINT REASON` on each line") from error
    return known


def _allowed(found: Found, known: Known) -> Found:
    if found.allowed:
        return found
    return replace(found, allowed=known.reason(found.blob.path, found.hit.secret, fingerprint(found.hit.secret)))


def _scanned(section: LeaksSection, request: CheckRequest, repository: Repository, tree: list[Blob]) -> Scanned:
    """Everything that is to be looked at, looked through; a secret is found where it came in, once a file."""
    new, commits = added(repository, request.commit, request.last.commit, section.newest)
    at_commit = {(blob.path, blob.id) for blob in tree}
    blobs = tree + [blob for blob in new if (blob.path, blob.id) not in at_commit]
    blobs = [blob for blob in blobs if not any(pattern(one.path).fullmatch(blob.path) for one in section.ignore)]
    scanned = Scanned(commits, len(tree))
    with tempfile.TemporaryDirectory(prefix="penstock-leaks-") as place:
        look = _Look(section, request, repository, Path(place) / "all")
        look.through(blobs, scanned)
    scanned.found = _new_ones(repository, scanned.found)[:_MOST]
    return scanned


def _new_ones(repository: Repository, found: list[Found]) -> list[Found]:
    """Without what a commit only carried on: it was in the file before. And each secret once a file."""
    before = dict.fromkeys(one for each in found if each.blob.commit for one in each.blob.before)
    texts = {one: content.text for one, content in contents(repository, list(before))}
    once: dict[tuple[str, str], Found] = {}
    for each in found:
        if not any(each.hit.secret in texts[one] for one in each.blob.before if each.blob.commit):
            once.setdefault((each.blob.path, each.hit.secret), each)
    return list(once.values())


class _Look:
    """Looks through contents: with the own rules at once, and with an engine when all of them lie in a folder."""

    def __init__(self, section: LeaksSection, request: CheckRequest, repository: Repository, folder: Path) -> None:
        self.repository, self.folder, self.request = repository, folder, request
        names = ENGINES if section.engine == "any" else (section.engine,)
        self.engine = None if section.engine == "own" else find(names, request.env.get("PATH", ""))
        if self.engine is None and section.engine not in ("any", "own"):
            raise CannotRead(f"`{section.engine}` is not installed", f"install {section.engine}, or `engine: any`")
        self.laid: dict[str, Blob] = {}

    def through(self, blobs: Sequence[Blob], scanned: Scanned) -> None:
        """Look at each of them."""
        by_id: dict[str, list[Blob]] = {}
        for blob in blobs:
            by_id.setdefault(blob.id, []).append(blob)
        found: dict[Blob, list[Found]] = {}
        for one, content in contents(self.repository, list(by_id)):
            named = {blob.path: blob for blob in reversed(by_id[one])}  # the first of each name: a file before a commit
            scanned.binary += content.binary
            scanned.cut += [plain(by_id[one][0].path)] if content.cut else []
            scanned.unread += [plain(by_id[one][0].path)] if content.unread else []
            for blob in named.values() if content.text else ():
                found[blob] = _seen(blob, content.text, scan(content.text, blob.path))
                self._lay(blob, content.text)
        if self.engine:
            scanned.engine = self.engine[0]
            self._ask(*self.engine, found)
        scanned.found = [one for blob in blobs for one in found.pop(blob, [])]

    def _lay(self, blob: Blob, text: str) -> None:
        """Put it where the engine looks: under its own name, if a folder can have that."""
        if not self.engine:
            return
        parts = blob.path.split("/")
        fits = blob.path.isprintable() and len(blob.path) < 1000 and not {"", ".", "..", ".git"} & set(parts)
        number = len(self.laid)
        name = f"{number if blob.commit else 'files'}/{blob.path}" if fits else f"odd/{number}"
        place = self.folder / name
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(text, "utf-8", "surrogateescape", newline="")
        except OSError:  # a name that this file system does not take
            name = f"odd/{number}"
            (self.folder / "odd").mkdir(exist_ok=True)
            (self.folder / name).write_text(text, "utf-8", newline="")
        self.laid[name] = blob

    def _ask(self, name: str, program: str, found: dict[Blob, list[Found]]) -> None:
        report = self.folder.parent / "report.json"
        self.folder.mkdir(exist_ok=True)
        config = self.folder / "files" / _GITLEAKS
        words = argv(name, program, self.folder, report, config if config.is_file() else None)
        for each in _report(name, self._run(name, words), report):
            file = each.file.removeprefix(f"{self.folder}/").removeprefix("./")
            blob = self.laid.get(file)
            if blob is None:
                raise CannotRead(f"{name} names a file that is not there: {plain(file)}", "`engine: own`")
            text = (self.folder / file).read_text("utf-8", "replace")
            there = found.setdefault(blob, [])
            if each.hit.line not in {one.hit.line for one in there}:
                there += _seen(blob, text, [each.hit])

    def _run(self, name: str, words: tuple[str, ...]) -> int:
        left_s = self.repository.until - time.monotonic()
        env = {**self.request.env, "HOME": str(self.folder.parent), "TMPDIR": str(self.folder.parent)}
        try:
            done = shell.run(words, cwd=self.folder, env=env, timeout_s=max(left_s, 1.0))
        except (PenstockError, OSError, ValueError) as error:
            raise CannotRead(f"{name} cannot be run: {error}", "`engine: own`") from error
        if done.timed_out:
            raise CannotRead(f"{name} was not over in time", "more time, with `within`, or `engine: own`")
        return done.code


def _report(name: str, code: int, report: Path) -> list[Named]:
    """What an engine reported; the code it ended with must be one that means it looked."""
    if code not in GOOD_CODES[name]:
        raise CannotRead(f"{name} ended with {code}", f"run {name} by hand, or `engine: own`")
    try:
        with report.open("rb") as file:
            return parsed(name, file.read(REPORT_LIMIT + 1))
    except (OSError, NoReport) as error:
        said = "is not there" if isinstance(error, OSError) else str(error)
        raise CannotRead(f"the report of {name} {said}", f"run {name} by hand, or `engine: own`") from error


def _seen(blob: Blob, text: str, hits: Sequence[Hit]) -> list[Found]:
    """Hits with what their lines say about them."""
    lines = text.split("\n") if hits else []
    return [Found(blob, hit, *in_line(lines, hit.line)) for hit in hits]
