"""Heads: what is signed, by which key, and what is in the way of signing."""

from __future__ import annotations

import base64
import json
import sys
from dataclasses import FrozenInstanceError
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1
from cryptography.hazmat.primitives.asymmetric.ec import generate_private_key as make_ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, NoEncryption, PrivateFormat

from penstock import shell
from penstock.errors import StateError
from penstock.records import audit, heads
from penstock.records.proof import Proof, verify
from penstock.records.store import Store

WHO = {"uid": 0, "person": "ana", "host": "here"}


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store(tmp_path / "records.sqlite")
    for number in range(3):
        audit.append(tmp_path / "audit.log", store, 1.0, f"k{number}", "did", WHO)
    return store


def weighed(folder: Path) -> Proof:
    with (folder / "audit.log").open("rb") as log, (folder / "heads.jsonl").open("rb") as signed:
        return verify(log, signed)


def key_file(path: Path, mode: int = 0o600) -> Path:
    path.write_bytes(Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    path.chmod(mode)
    return path


def test_a_head_says_what_was_signed(store: Store, tmp_path: Path) -> None:
    """The envelope's payload is canonical JSON of log, line, head, moment, subject and key; what is returned is the same."""
    head = heads.anchor(tmp_path, store, 7.0, WHO, "shop/production/1")
    envelope = json.loads((tmp_path / "heads.jsonl").read_text())
    said = base64.b64decode(envelope["payload"])
    last = (tmp_path / "audit.log").read_bytes().splitlines()
    assert {"log": audit.hash_of(last[0]), "line": 4, "head": audit.hash_of(last[-1]), "at": 7.0,
            "subject": "shop/production/1", "key": head.key} == json.loads(said)  # fmt: skip
    assert audit.encode(json.loads(said)) == said
    assert (4, audit.hash_of(last[-1]), 7.0) == (head.line, head.head, head.at)
    assert f"4:{head.head}" == head.word
    assert head.key.startswith(head.fingerprint.replace("-", ""))
    with pytest.raises(FrozenInstanceError):
        head.line = 5  # type: ignore[misc]
    assert [("holds", "agrees")] == [(w.signature, w.log) for w in weighed(tmp_path).heads]


def test_the_key_is_made_once_for_its_owner_and_never_told(store: Store, tmp_path: Path) -> None:
    """The key is made on first use, 0600, and is a line of the log: its id and its public half, nothing else."""
    one = heads.anchor(tmp_path, store, 7.0, WHO, "a")
    two = heads.anchor(tmp_path, store, 8.0, WHO, "b")
    assert one.key == two.key
    assert (
        0o600
        == (tmp_path / "audit-key.pem").stat().st_mode & 0o777
        == (tmp_path / "heads.jsonl").stat().st_mode & 0o777
    )
    said = [line for line in audit.read(tmp_path / "audit.log") if "key" in line["what"]]
    assert ["audit key made"] == [line["what"] for line in said]
    assert {"line", "before", "at", "key", "what", "who", "key_id", "public"} == set(said[0])
    secret = (tmp_path / "audit-key.pem").read_text().splitlines()[1]
    assert secret not in (tmp_path / "audit.log").read_text() + (tmp_path / "heads.jsonl").read_text()
    assert [] == [path.name for path in tmp_path.iterdir() if path.name.endswith(".new")]


def test_another_key_is_said_before_it_signs(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A key given by PENSTOCK_AUDIT_KEY, and the way back to the old one, are lines; every head holds."""
    old = heads.anchor(tmp_path, store, 7.0, WHO, "a")
    monkeypatch.setenv("PENSTOCK_AUDIT_KEY", str(key_file(tmp_path / "given.pem")))
    new = heads.anchor(tmp_path, store, 8.0, WHO, "b")
    heads.anchor(tmp_path, store, 8.0, WHO, "c")
    monkeypatch.delenv("PENSTOCK_AUDIT_KEY")
    heads.anchor(tmp_path, store, 9.0, WHO, "d")
    said = [line for line in audit.read(tmp_path / "audit.log") if "key" in line["what"]]
    assert [("audit key made", old.key), ("audit key changed", new.key), ("audit key changed", old.key)] == [
        (line["what"], line["key_id"]) for line in said
    ]
    assert [old.key, new.key] == [line["was"] for line in said[1:]]
    proof = weighed(tmp_path)
    assert proof.whole
    assert [("holds", "agrees")] * 4 == [(w.signature, w.log) for w in proof.heads]


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ("missing", "cannot be read"), ("open", "may be read by others"), ("nonsense", "is no private key"),
        ("locked", "is no private key"), ("ec", "not an ed25519 one"), ("folder", "is no file"),
    ],
)  # fmt: skip
def test_a_key_that_is_not_right_is_refused(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: str, why: str
) -> None:
    """A given key is ed25519, whole, without a password and for its owner only; else the error says what is wrong."""
    path = tmp_path / "given.pem"
    if given == "folder":
        path.mkdir()
    elif given == "locked":
        path.write_bytes(Ed25519PrivateKey.generate().private_bytes(
            Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"word")))  # fmt: skip
    elif given == "ec":
        path.write_bytes(make_ec(SECP256R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    elif given != "missing":
        key_file(path)
    if given == "nonsense":
        path.write_text("nonsense")
    if given not in ("missing", "folder"):
        path.chmod(0o644 if given == "open" else 0o600)
    monkeypatch.setenv("PENSTOCK_AUDIT_KEY", str(path))
    with pytest.raises(StateError) as caught:
        heads.anchor(tmp_path, store, 7.0, WHO, "a")
    assert "audit-key" == caught.value.code
    assert why in caught.value.what
    assert caught.value.where == str(path)
    assert not (tmp_path / "audit-key.pem").exists()


def test_a_head_that_cannot_be_written_is_a_state_error(store: Store, tmp_path: Path) -> None:
    """A disk that refuses is an error that says so; the log is not touched by it."""
    (tmp_path / "heads.jsonl").mkdir()
    with pytest.raises(StateError) as caught:
        heads.anchor(tmp_path, store, 7.0, WHO, "a")
    assert "audit-head" == caught.value.code


@pytest.mark.parametrize("left", [0, 1, 100])
def test_a_torn_head_is_cut_off(store: Store, tmp_path: Path, left: int) -> None:
    """Killed while a head was written: the next one stands on a line of its own, and all hold."""
    for subject in "ab":
        heads.anchor(tmp_path, store, 7.0, WHO, subject)
    whole = (tmp_path / "heads.jsonl").read_bytes()
    second = whole.index(b"\n") + 1
    (tmp_path / "heads.jsonl").write_bytes(whole[: second + left])
    heads.anchor(tmp_path, store, 8.0, WHO, "c")
    assert ["a", "c"] == [w.head.subject for w in weighed(tmp_path).heads]
    assert weighed(tmp_path).whole


ANCHOR = """
import sys
from pathlib import Path
from penstock.records import heads
from penstock.records.store import Store
root = Path(sys.argv[1])
for number in range(10):
    heads.anchor(root, Store(root / "records.sqlite", patience_s=60), 1.0, {}, str(number))
"""


def test_several_processes_sign_at_once(store: Store, tmp_path: Path) -> None:
    """Processes that make the key and sign at the same time have one key, and heads in the log's order."""
    import subprocess

    running = [subprocess.Popen([sys.executable, "-c", ANCHOR, str(tmp_path)]) for _ in range(3)]
    assert [0, 0, 0] == [process.wait(timeout=120) for process in running]
    proof = weighed(tmp_path)
    assert proof.whole
    assert 30 == len(proof.heads)
    assert 1 == len({w.head.key for w in proof.heads})
    assert sorted(w.head.line for w in proof.heads) == [w.head.line for w in proof.heads]


def test_an_earlier_log_is_not_forgotten(store: Store, tmp_path: Path) -> None:
    """A log that was moved away and began anew: the heads of the earlier one are named as such."""
    heads.anchor(tmp_path, store, 7.0, WHO, "a")
    (tmp_path / "audit.log").rename(tmp_path / "old.log")
    audit.append(tmp_path / "audit.log", store, 8.0, "new", "did", WHO)
    heads.anchor(tmp_path, store, 9.0, WHO, "b")
    proof = weighed(tmp_path)
    assert proof.whole
    assert any("an earlier log is" in sentence for sentence in proof.cannot)


def test_looking_loads_no_cryptography() -> None:
    """What only looks, orders or adds a line loads nothing of what signs."""
    code = (
        "import sys, penstock.api, penstock.cli.status, penstock.cli.history, penstock.cli.abort, penstock.cli.audit\n"
        "import penstock.records.heads, penstock.records.proof, penstock.steps.end\n"
        "print([m for m in ('cryptography', 'securesystemslib') if m in sys.modules])"
    )
    done = shell.run([sys.executable, "-c", code])
    assert "[]" == done.out.strip(), done.err
