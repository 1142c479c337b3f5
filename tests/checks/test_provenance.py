"""The check `provenance`: statements that it makes, and those that it verifies, with real keys."""

from __future__ import annotations

import base64
import hashlib
import json
import shutil
import subprocess
from collections.abc import Callable
from inspect import getdoc
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP256R1
from cryptography.hazmat.primitives.asymmetric.ec import generate_private_key as ec_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key as rsa_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from penstock.checks.findings_json import Unreadable
from penstock.checks.provenance import ProvenanceCheck, ProvenanceSection
from penstock.checks.provenance_statement import PAYLOAD, said, verified
from penstock.core import data
from penstock.core.finding import CheckRequest, Outcome
from penstock.manifest.check import CheckSection
from penstock.manifest.pages import of_check
from penstock.manifest.shape import keys

Make = Callable[..., CheckRequest]
KEY = Ed25519PrivateKey.generate()
OTHER = Ed25519PrivateKey.generate()
WHEEL = b"a wheel"
NOW = 1795262400.0


def private(key: Any, password: bytes = b"") -> str:
    """A private key as a PEM file."""
    lock = BestAvailableEncryption(password) if password else NoEncryption()
    return str(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, lock).decode())


def public(key: Any) -> str:
    """Its public half as a PEM file."""
    return str(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode())


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository with two commits, a lock file and a wheel beside them."""
    folder = tmp_path / "shop"
    folder.mkdir()
    (folder / "uv.lock").write_text("version = 1\n")
    git(folder, "init", "-q")
    git(folder, "add", ".")
    for message in ("first", "second"):
        git(folder, "commit", "-q", "--allow-empty", "-m", message)
    (folder / "dist").mkdir()
    (folder / "dist" / "shop-1.whl").write_bytes(WHEEL)
    return folder


def git(folder: Path, *words: str) -> str:
    """What git prints."""
    who = ["-c", "user.name=Ana", "-c", "user.email=ana@example.com"]
    return subprocess.run(["git", *who, *words], cwd=folder, check=True, capture_output=True, text=True).stdout.strip()


def ask(make: Make, folder: Path, key: str = "", more: dict[str, Any] | None = None, **section: Any) -> Outcome:
    """The outcome of a section as a manifest writes it; `key` is the secret's value."""
    read = ProvenanceSection.model_validate({**({"key": "$KEY"} if key else {}), **section})
    plain = data.dump(read)
    assert read == ProvenanceSection.model_validate(plain)
    settings = {"commit": git(folder, "rev-parse", "HEAD"), "repository": str(folder), "service": "shop", "branch": "main",
                "now": NOW, "secrets": {"KEY": key} if key else {}, **(more or {})}  # fmt: skip
    return ProvenanceCheck().run(make(plain, folder=str(folder), **settings))


def text_of(outcome: Outcome, name: str) -> Any:
    """A piece of evidence, as data."""
    return json.loads(next(piece.text for piece in outcome.evidence if piece.name == name))


def test_a_statement_says_where_it_is_from(repository: Path, request_for: Make) -> None:
    """Commit, first commit, lock files and subjects by digest, the builder and the moment, in SLSA's own terms."""
    outcome = ask(request_for, repository, subjects="dist/*.whl", builder="https://ci.example.com/release")
    head, root = git(repository, "rev-list", "HEAD").split()
    assert "passed" == outcome.state
    assert f"provenance of {head[:12]}, not signed: 2 subjects, 1 file it is made from" == outcome.sentence
    statement = text_of(outcome, "statement")
    assert "https://in-toto.io/Statement/v1" == statement["_type"]
    assert "https://slsa.dev/provenance/v1" == statement["predicateType"]
    wheel = {"name": "dist/shop-1.whl", "digest": {"sha256": hashlib.sha256(WHEEL).hexdigest()}}
    assert [{"name": "shop", "digest": {"gitCommit": head}}, wheel] == statement["subject"]
    build, run = statement["predicate"]["buildDefinition"], statement["predicate"]["runDetails"]
    assert {"service": "shop", "branch": "main"} == build["externalParameters"]
    source, lock = build["resolvedDependencies"]
    assert ({"gitCommit": head}, [root]) == (source["digest"], source["annotations"]["roots"])
    assert {"name": "uv.lock", "digest": {"sha256": hashlib.sha256(b"version = 1\n").hexdigest()}} == lock
    assert {"id": "https://ci.example.com/release"} == run["builder"]
    assert {"invocationId": "penstock-7-smoke", "finishedOn": "2026-11-21T12:00:00Z"} == run["metadata"]


def test_a_signed_statement_is_verified_by_its_public_key(repository: Path, request_for: Make) -> None:
    """What one release signs, the check verifies: by the public key, and by no other."""
    made = ask(request_for, repository, private(KEY), subjects="dist/*.whl")
    assert ("passed", True) == (made.state, "signed by the key " in made.sentence)
    (repository / "origin.json").write_text(made.evidence[0].text)
    section = {"verify": "origin.json", "subjects": "dist/*.whl", "builder": "urn:penstock:builder"}
    good = ask(request_for, repository, public(KEY), **section)
    assert "passed" == good.state
    assert "1 file, built by urn:penstock:builder, signed by the key " in good.sentence
    assert made.measured == good.measured
    bad = ask(request_for, repository, public(OTHER), **section)
    assert ("failed", "`$KEY` has not signed `origin.json`") == (bad.state, bad.sentence)


def test_openssl_verifies_what_is_signed(repository: Path, request_for: Make, tmp_path: Path) -> None:
    """The envelope is DSSE: its signature is over the pre-authentication encoding, and any tool can check it."""
    envelope = text_of(ask(request_for, repository, private(KEY)), "provenance")
    payload = base64.b64decode(envelope["payload"])
    pae = b"DSSEv1 %d %b %d %b" % (len(PAYLOAD), PAYLOAD.encode(), len(payload), payload)
    KEY.public_key().verify(base64.b64decode(envelope["signatures"][0]["sig"]), pae)
    assert PAYLOAD == envelope["payloadType"]
    if openssl := shutil.which("openssl"):
        (tmp_path / "key.pem").write_text(public(KEY))
        done = subprocess.run([openssl, "pkey", "-pubin", "-in", "key.pem", "-outform", "DER"], cwd=tmp_path, check=True,
                              capture_output=True)  # fmt: skip
        assert hashlib.sha256(done.stdout).hexdigest() == envelope["signatures"][0]["keyid"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"commit": True}, "it speaks of "),
        ({"wheel": b"another wheel"}, "it does not speak of `dist/shop-1.whl` as it is here"),
        ({"builder": "https://ci.example.com/other"}, "it was built by urn:penstock:builder"),
    ],
)
def test_a_statement_about_something_else_fails(
    change: dict[str, Any], said: str, repository: Path, request_for: Make
) -> None:
    """Of another commit, another file or another builder: signed as it may be, it is not about this release."""
    (repository / "o.json").write_text(ask(request_for, repository, private(KEY), subjects="dist/*").evidence[0].text)
    if "commit" in change:
        git(repository, "commit", "-q", "--allow-empty", "-m", "third")
    (repository / "dist" / "shop-1.whl").write_bytes(change.get("wheel", WHEEL))
    builder = {"builder": change["builder"]} if "builder" in change else {}
    outcome = ask(request_for, repository, public(KEY), verify="o.json", subjects="dist/*", **builder)
    assert "failed" == outcome.state
    assert said in outcome.sentence


def envelope(statement: Any, *, kind: str = PAYLOAD, sign: Callable[[bytes], bytes] = KEY.sign) -> dict[str, Any]:
    """A statement in an envelope, signed without our own code, its key's id a word of the signer's."""
    payload = json.dumps(statement).encode()
    pae = b"DSSEv1 %d %b %d %b" % (len(kind), kind.encode(), len(payload), payload)
    signature = {"sig": base64.b64encode(sign(pae)).decode(), "keyid": "of the build"}
    return {"payloadType": kind, "payload": base64.b64encode(payload).decode(), "signatures": [signature]}


def slsa(commit: str, **more: Any) -> dict[str, Any]:
    """A statement as GitHub's generator writes it: the commit is a material, under `gitCommit` or `sha1`."""
    source = {"uri": "git+https://example.com/shop@refs/heads/main", "digest": {"sha1": commit}}
    build = {"buildType": "https://example.com/type", "externalParameters": {}, "resolvedDependencies": [source]}
    return {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": "shop-1.whl", "digest": {"sha256": hashlib.sha256(WHEEL).hexdigest()}}],
        "predicateType": "https://slsa.dev/provenance/v1",
        "predicate": {"buildDefinition": build, "runDetails": {"builder": {"id": "https://example.com/builder"}}},
        **more,
    }


def test_what_another_build_has_signed_is_verified(repository: Path, request_for: Make) -> None:
    """The id beside a signature is a hint only; ed25519 and ECDSA both do; one good signature of several is enough."""
    statement = slsa(git(repository, "rev-parse", "HEAD"))
    curve = ec_key(SECP256R1())
    ours, theirs = envelope(statement), envelope(statement, sign=lambda pae: curve.sign(pae, ECDSA(SHA256())))
    both = {**ours, "signatures": [*theirs["signatures"], *ours["signatures"]]}
    for found, key in ((ours, KEY), (theirs, curve), (both, KEY), (both, curve)):
        (repository / "o.json").write_text(json.dumps(found))
        outcome = ask(request_for, repository, public(key), verify="o.json", subjects="dist/*")
        assert ("passed", True) == (outcome.state, "built by https://example.com/builder" in outcome.sentence)


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (b"", "is empty"),
        (b"{}", "has no `payloadType`"),
        (b"[1]", "has no map at its top"),
        (json.dumps(slsa("a" * 40)).encode(), "has no `payloadType`"),
        (json.dumps(envelope(slsa("a" * 40), kind="text/plain")).encode(), "is an envelope of `text/plain`"),
        (json.dumps({**envelope({}), "payload": "!"}).encode(), "is no base64"),
        (json.dumps({**envelope({}), "signatures": [{}]}).encode(), "has no `sig`"),
        (json.dumps({"dsseEnvelope": envelope({})}).encode(), "is a Sigstore bundle"),
        (json.dumps(envelope([])).encode(), "has no statement in its envelope as it should be"),
        (json.dumps(envelope(slsa("a" * 40, predicateType="https://slsa.dev/provenance/v0.2"))).encode(), "v0.2`, and"),
        (json.dumps(envelope(slsa("a" * 40, predicate=None))).encode(), "has no `predicate`"),
    ],
)
def test_what_is_no_signed_provenance_is_no_pass(found: bytes, said: str, repository: Path, request_for: Make) -> None:
    """Another format, another predicate, something that cannot be read: errored, and why."""
    (repository / "o.json").write_bytes(found)
    outcome = ask(request_for, repository, public(KEY), verify="o.json")
    assert ("errored", True) == (outcome.state, said in outcome.sentence)


def test_a_file_that_is_not_there_is_no_pass(repository: Path, request_for: Make) -> None:
    """No envelope, no subject, no material of one's own: nothing was said or verified."""
    for section in ({"verify": "none.json"}, {"subjects": "none/*.whl"}, {"materials": "none.lock"}):
        key = public(KEY) if "verify" in section else ""
        outcome = ask(request_for, repository, key, **section)
        assert ("errored", True) == (outcome.state, "none" in outcome.sentence)
    (repository / "dist" / "out").symlink_to("/etc/hostname")
    assert "leads out of the folder" in ask(request_for, repository, subjects="dist/*").sentence


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("no key", "is no private key in PEM form"),
        (public(KEY), "is no private key in PEM form"),
        (private(KEY, b"locked"), "is no private key in PEM form without a password"),
        (private(rsa_key(65537, 2048)), "is a key, but not an ed25519 one"),
    ],
)
def test_a_key_that_cannot_sign_is_no_pass(value: str, said: str, repository: Path, request_for: Make) -> None:
    """A statement that should be signed is not kept unsigned instead."""
    outcome = ask(request_for, repository, value)
    assert ("errored", True) == (outcome.state, said in outcome.sentence)
    assert () == outcome.evidence


def test_a_key_that_cannot_verify_is_no_pass(repository: Path, request_for: Make) -> None:
    """A private or an RSA key verifies nothing here."""
    (repository / "o.json").write_text(json.dumps(envelope(slsa("a" * 40))))
    for value in ("no key", private(KEY), public(rsa_key(65537, 2048))):
        assert "errored" == ask(request_for, repository, value, verify="o.json").state
    assert "errored" == ask(request_for, repository, public(KEY), {"secrets": {}}, verify="o.json").state


def test_no_key_is_in_an_outcome(repository: Path, request_for: Make) -> None:
    """No line of the private key stands in any text."""
    value = private(KEY)
    outcome = ask(request_for, repository, value, subjects="dist/*")
    assert value.splitlines()[1] not in repr(outcome)


@pytest.mark.parametrize("more", [{"commit": ""}, {"commit": "HEAD"}, {"commit": "b" * 40}, {"repository": "/no such"}])
def test_a_commit_that_git_does_not_know_is_no_pass(more: dict[str, str], repository: Path, request_for: Make) -> None:
    """Without a commit and its history nothing can be said."""
    assert "errored" == ask(request_for, repository, "", more).state


SIGNED = json.dumps(envelope(slsa("a" * 40))).encode()


@given(st.integers(0, len(SIGNED) - 1), st.integers(0, 255))
@settings(max_examples=150, deadline=None)
def test_no_damaged_envelope_is_verified_as_another(at: int, byte: int) -> None:
    """One byte overwritten: it is not verified, cannot be read, or says the very same."""
    try:
        found = verified(json.loads(SIGNED[:at] + bytes([byte]) + SIGNED[at + 1 :]), public(KEY))
    except (Unreadable, ValueError):
        return
    assert found is None or json.loads(found[0]) == slsa("a" * 40)


@given(st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(
        ["predicate", "buildDefinition", "runDetails", "builder", "id", "subject", "digest", "resolvedDependencies"]),
        inner, max_size=5), max_leaves=20))  # fmt: skip
@settings(max_examples=150, deadline=None)
def test_any_statement_is_read_or_refused(value: Any) -> None:
    """Whatever somebody has signed, it is understood, or Unreadable."""
    whole = {**slsa("a" * 40), **value} if isinstance(value, dict) else value
    try:
        assert isinstance(said(whole).builder, str)
    except Unreadable:
        return


@pytest.mark.parametrize(
    ("section", "said"),
    [
        ({"key": "-----BEGIN PRIVATE KEY-----"}, "`key` is not a name"),
        ({"verify": "o.json"}, "`verify` lacks the `key`"),
        ({"verify": "../o.json", "key": "$KEY"}, "leads out of the repository"),
        ({"verify": "o.json", "key": "$KEY", "materials": "uv.lock"}, "`materials` stands beside `verify`"),
        ({"subjects": "/dist/*"}, "leads out of the repository"),
        ({"builder": "our CI"}, "match pattern"),
    ],
)
def test_a_section_that_cannot_be_is_refused(section: dict[str, Any], said: str) -> None:
    """What could never be said or verified is refused when the manifest is read."""
    with pytest.raises(ValidationError) as refused:
        ProvenanceSection.model_validate(section)
    assert said in str(refused.value)


def test_it_asks_for_its_key_alone() -> None:
    """The secret that it is given is the one that `key` names."""
    assert frozenset({"KEY"}) == ProvenanceSection.model_validate({"key": "$KEY"}).names()
    assert frozenset() == ProvenanceSection.model_validate({}).names()


def test_every_key_has_its_item() -> None:
    """What can be written is explained."""
    assert set(keys(ProvenanceSection)) - set(keys(CheckSection)) == set(of_check(getdoc(ProvenanceCheck) or ""))
