"""The check `provenance`: where what is released comes from, said by Penstock, or verified as a build said it."""

from __future__ import annotations

import glob
import hashlib
import json
import os
import re
import stat
from pathlib import Path
from typing import Annotated, ClassVar

from pydantic import BeforeValidator, StringConstraints, field_validator, model_validator

from penstock import shell
from penstock.checks import provenance_statement as statements
from penstock.checks.findings_json import Unreadable
from penstock.checks.findings_json import read as read_json
from penstock.checks.findings_told import text
from penstock.checks.inside import Unreadable as Unread
from penstock.checks.inside import read as read_file
from penstock.checks.provenance_statement import Origin, Said
from penstock.checks.reported import a_path_inside, unjudged
from penstock.core.finding import CheckRequest, Finding, Outcome
from penstock.core.masking import concealed
from penstock.core.target import Evidence
from penstock.errors import PenstockError
from penstock.manifest.check import CheckSection
from penstock.manifest.groups import one_or_several
from penstock.manifest.section import wrong

LOCK_FILES = (
    *("requirements.txt", "uv.lock", "poetry.lock", "Pipfile.lock", "pylock.toml", "pdm.lock"),
    *("package-lock.json", "npm-shrinkwrap.json", "yarn.lock", "pnpm-lock.yaml", "bun.lock"),
    *("go.sum", "Cargo.lock", "Gemfile.lock", "composer.lock", "gradle.lockfile", ".terraform.lock.hcl"),
)
_BUILDER = "urn:penstock:builder"
_FILES = 500
_ENVELOPE_LIMIT = 4 << 20
_GIT = {
    "LC_ALL": "C",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_NO_REPLACE_OBJECTS": "1",
}
_DSSE = "application/vnd.dsse.envelope.v1+json"

Paths = Annotated[tuple[str, ...], BeforeValidator(one_or_several)]


class ProvenanceSection(CheckSection):
    """`key` signs, or with `verify` it is what has signed."""

    pace: ClassVar[str] = "artifact"
    steady: ClassVar[bool] = True

    key: str | None = None
    verify: str | None = None
    builder: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9+.-]*:\S{1,300}$")] | None = None
    subjects: Paths = ()
    materials: Paths = ()

    def names(self) -> frozenset[str]:
        """The secret that its key is."""
        return frozenset([self.key[1:]] if self.key else [])

    @field_validator("subjects", "materials")
    @classmethod
    def _inside(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(a_path_inside(one) for one in value)

    @field_validator("key")
    @classmethod
    def _a_reference(cls, value: str | None) -> str | None:
        if value is not None and not re.fullmatch(r"\$[A-Za-z_][A-Za-z0-9_]*", value):
            raise wrong("`key` is not a name", "a key never stands in the manifest", "key: $PROVENANCE_KEY")
        return value

    @model_validator(mode="after")
    def _one_of_two(self) -> ProvenanceSection:
        if self.verify is None:
            return self
        a_path_inside(self.verify)
        if self.key is None:
            raise wrong("`verify` lacks the `key` that has signed", "what nobody signed, anybody can have written",
                        "key: $PUBLIC_KEY", code="missing-key", at="verify")  # fmt: skip
        if self.materials:
            raise wrong("`materials` stands beside `verify`", "a build has said them itself", "one of the two",
                        at="materials")  # fmt: skip
        return self


class ProvenanceCheck:
    """Passes when it is said, or verified, of which commit and which files the release is made.

    Without `verify` it makes an in-toto statement with SLSA provenance v1: the service, the commit, the first commits of
    its history, the files of `subjects` and `materials` by their SHA-256, the builder, and the moment. It is kept as
    evidence, in a DSSE envelope that `key` has signed, or unsigned, and then the sentence says so.

    With `verify` it reads such an envelope that a build made. It passes when `key` has signed it, when it speaks of this
    very commit, of each file of `subjects`, and of `builder`; anything else fails. What is no signed statement with SLSA
    provenance v1 is *errored*, a Sigstore bundle, too: those are verified by cosign.

    What a release does with a revision stands in the audit log, whose heads are signed; this is about where it is from.

    - `key`: a secret by its name. To sign: a private ed25519 key in PEM form, as `openssl genpkey -algorithm ed25519`
      makes it. To verify: the public key, ed25519 or ECDSA. Left out, the statement is not signed.
    - `verify`: the file with a build's envelope, such as one that a check that this one `needs` has fetched.
    - `builder`: the URI of who builds, `urn:penstock:builder` if left out. To verify: who has to have built; anybody who
      has the key, if left out.
    - `subjects`: files that are released, with globs. Each has to be there.
    - `materials`: files that it is made from, with globs; the lock files at the root of the repository if left out.

    Bad:   origin: cosign verify-blob dist/shop.whl       # signed, but of which commit?
    Good:  origin: {is: provenance, key: $PROVENANCE_KEY, subjects: dist/*.whl}
    """

    def run(self, request: CheckRequest) -> Outcome:
        """Make the statement, or verify one."""
        section = ProvenanceSection.model_validate(request.section)
        if not re.fullmatch(r"[0-9a-f]{40}|[0-9a-f]{64}", request.commit):
            return unjudged("the commit is not known by its whole name", "a release of a commit")
        try:
            outcome = _verified(section, request) if section.verify else _made(section, request)
        except (Unreadable, Unread) as error:
            outcome = unjudged(str(error), "what this check needs, as `penstock explain provenance` says it")
        except PenstockError as error:
            outcome = unjudged(error.what, error.next)
        return concealed(outcome, request.secrets)


def _made(section: ProvenanceSection, request: CheckRequest) -> Outcome:
    origin = Origin(
        request.service, request.branch, request.commit, _roots(request),
        _digests(request.folder, section.subjects), _digests(request.folder, section.materials or _locked(request.folder)),
        section.builder or _BUILDER, request.key, request.now,
    )  # fmt: skip
    said = statements.statement(origin)
    about = f"{_count(len(origin.subjects) + 1, 'subject')}, {_count(len(origin.materials), 'file')} it is made from"
    readable = json.dumps(said, indent=2)
    if section.key is None:
        evidence = (text("statement", "application/json", readable),)
        return Outcome("passed", f"provenance of {request.commit[:12]}, not signed: {about}", (), evidence)
    try:
        envelope, key = statements.signed(said, _key(section, request))
    except Unreadable as error:
        raise Unreadable(f"`{section.key}` {error}") from error
    kept = (text("provenance", _DSSE, envelope), text("statement", "application/json", readable))
    sentence = f"provenance of {request.commit[:12]}, signed by the key {_short(key)}: {about}"
    return Outcome("passed", sentence, (), kept, measured={"key": key})


def _verified(section: ProvenanceSection, request: CheckRequest) -> Outcome:
    assert section.verify is not None
    try:
        envelope = read_file(request.folder, section.verify, _ENVELOPE_LIMIT)
        found = statements.verified(read_json(envelope), _key(section, request))
        said = statements.said(read_json(found[0])) if found else None
    except (Unreadable, Unread) as error:
        raise Unreadable(f"`{section.verify}` {error}") from error
    kept = (text("provenance", _DSSE, envelope.decode()),)
    if found is None or said is None:
        return _failed([Finding(f"`{section.key}` has not signed `{section.verify}`", "anybody can have written it",
                                "provenance of your build, or the right key", section.verify, "critical")], kept)  # fmt: skip
    files = _digests(request.folder, section.subjects)
    if wrong := differences(section, said, request.commit, files):
        return _failed(wrong, kept)
    of = f", {_count(len(files), 'file')}" if files else ""
    sentence = (
        f"provenance of {request.commit[:12]}{of}, built by {said.builder[:120]}, signed by the key {_short(found[1])}"
    )
    return Outcome("passed", sentence, (), kept, measured={"key": found[1]})


def differences(
    section: ProvenanceSection, said: Said, commit: str, files: tuple[tuple[str, str], ...]
) -> list[Finding]:
    """In what a build's statement is not about what is released."""
    where = section.verify or ""
    found = []
    if commit not in said.commits:
        others = ", ".join(sorted(one[:12] for one in said.commits)[:3]) or "no commit"
        found.append(Finding(f"it speaks of {others}, and {commit[:12]} is released", "what was built is something else",
                             "provenance of this commit", where, "critical"))  # fmt: skip
    if section.builder and said.builder != section.builder:
        found.append(Finding(f"it was built by {said.builder[:200]}", f"`builder` is {section.builder}",
                             "the build that you trust, or its right name", where, "high"))  # fmt: skip
    for path, digest in files:
        if digest not in said.files:
            found.append(Finding(f"it does not speak of `{path}` as it is here", f"its SHA-256 is {digest}",
                                 "the file that was built", path, "high"))  # fmt: skip
    return found[:100]


def _failed(findings: list[Finding], evidence: tuple[Evidence, ...]) -> Outcome:
    more = f"; and {len(findings) - 1} more" if len(findings) > 1 else ""
    return Outcome("failed", f"{findings[0].condition[:250]}{more}", tuple(findings), evidence)


def _key(section: ProvenanceSection, request: CheckRequest) -> str:
    name = (section.key or "$")[1:]
    if name not in request.secrets:
        raise Unreadable(f"`${name}` is not known to this check")
    return request.secrets[name]


def _roots(request: CheckRequest) -> tuple[str, ...]:
    """The first commits: what names a repository, wherever it lies."""
    where = request.repository or request.folder
    trusted = ("git", "--no-pager", "-C", where, "-c", f"safe.directory={where}")
    env = {**_GIT, "PATH": request.env.get("PATH", "/usr/local/bin:/usr/bin:/bin")}
    done = shell.run((*trusted, "rev-list", "--max-parents=0", request.commit, "--"), env=env, timeout_s=60)
    if not done.ok or not done.out.split():
        raise Unreadable(f"git does not know {request.commit[:12]} in this repository")
    return tuple(sorted(done.out.split())[:20])


def _locked(folder: str) -> tuple[str, ...]:
    return tuple(name for name in LOCK_FILES if (Path(folder) / name).is_file())


def _digests(folder: str, patterns: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """Every file of the patterns, with its SHA-256; Unreadable where a pattern has none."""
    found: dict[str, str] = {}
    for pattern in patterns:
        names = sorted(glob.glob(pattern, root_dir=folder, recursive=True)) if glob.has_magic(pattern) else [pattern]
        files = [name for name in names if not (Path(folder) / name).is_dir()]
        if not files:
            raise Unreadable(f"there is no file `{pattern}`")
        if len(found) + len(files) > _FILES:
            raise Unreadable(f"`{pattern}` are too many files: more than {_FILES} in all")
        found |= {name: _digest(folder, name) for name in files}
    return tuple(sorted(found.items()))


def _digest(folder: str, name: str) -> str:
    try:
        real = (Path(folder) / name).resolve(strict=True)
        if not real.is_relative_to(Path(folder).resolve()):
            raise Unreadable(f"`{name}` is a link that leads out of the folder")
        with open(os.open(real, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW), "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise Unreadable(f"`{name}` is no plain file")
            return hashlib.file_digest(file, "sha256").hexdigest()
    except (OSError, RuntimeError, ValueError) as error:
        raise Unreadable(f"`{name}` cannot be read: {getattr(error, 'strerror', None) or error}") from error


def _count(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"


def _short(key: str) -> str:
    """A key's name as people compare it: its first 32 digits, in fours."""
    return "-".join(key[at : at + 4] for at in range(0, 32, 4))
