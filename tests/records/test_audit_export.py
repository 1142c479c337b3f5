"""An export is checked by a stranger: with the program and no state, or by hand; and what is wrong is said, by exit code too."""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
import zipfile
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from penstock import api, shell
from penstock.errors import UsageError
from penstock.records import audit, audit_key, environments, evidence, heads, releases
from penstock.records.export import opened
from penstock.records.proof import verify
from penstock.state import State

WHO = {"uid": 0, "person": "ana", "host": "here"}
EVIL = "<script>alert(1)</script>"


class Place:
    """A state folder with a service and its release, and a stranger's folder without any."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.desk = api.open_desk(folder / "state")
        self.state = self.desk.state
        environments.know(self.desk.store, "shop", "r1", str(folder))
        self.number = releases.create(
            self.desk.store, 1.0, service="shop", environment="production", kind="release", asked="v1",
            commit_id="c" * 40, uid=0, person="ana", host="here", state="rolled_back", sentence=EVIL,
        )  # fmt: skip
        self.add("0:boot", "something else")
        for key, what in (("ordered", "release ordered"), ("began", "release began"), ("back", "going back")):
            self.add(f"{self.number}:{key}", what, release=f"shop/production/{self.number}", why=EVIL)

    def add(self, key: str, what: str, **facts: object) -> None:
        audit.append(self.state.audit_log, self.desk.store, 100.0, key, what, WHO, **facts)

    def run(self, *words: str, stranger: bool = False) -> shell.Completed:
        home = self.folder / "stranger"
        home.mkdir(exist_ok=True)
        state = str(home / "none" if stranger else self.state.root)
        env = {**os.environ, "HOME": str(home), "PENSTOCK_STATE": state}
        done = shell.run([sys.executable, "-m", "penstock", *words], cwd=home, env=env)
        assert not (home / "none").exists(), "a stranger has no state, and gets none"
        return done

    def export(self) -> Path:
        path = self.folder / "export.zip"
        done = self.run("audit", "export", str(path))
        assert 0 == done.code, done.err
        return path


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def altered(path: Path, name: str, old: bytes, new: bytes) -> Path:
    """The same export with one file changed."""
    other = path.with_name("altered.zip")
    with zipfile.ZipFile(path) as source, zipfile.ZipFile(other, "w") as target:
        for entry in source.namelist():
            data = source.read(entry)
            target.writestr(entry, data.replace(old, new) if entry == name else data)
    return other


def test_an_export_is_whole_for_a_stranger(place: Place) -> None:
    """Everything that is needed lies in one 0600 file; a stranger without state finds it whole and proven to the end."""
    path = place.export()
    assert 0o600 == path.stat().st_mode & 0o777
    assert {"audit.log", "heads.jsonl", "audit-key.pub.pem", "README.txt"} == set(zipfile.ZipFile(path).namelist())
    done = place.run("audit", "verify", str(path), "--json", stranger=True)
    said = json.loads(done.out)
    assert (0, True, 5, 5) == (done.code, said["whole"], said["lines"], said["proven"])
    assert any("came with it" in sentence for sentence in said["cannot"])


def test_an_export_names_itself(place: Place) -> None:
    """Without a name it is called for its service and its last line, and nothing half-written is left beside it."""
    assert 0 == place.run("audit", "export").code
    assert ["penstock-audit-shop-5.zip"] == [path.name for path in (place.folder / "stranger").iterdir()]


def test_a_changed_export_is_not_whole(place: Place) -> None:
    """One byte, and the exit code is 3; the line is named in words."""
    done = place.run("audit", "verify", str(altered(place.export(), "audit.log", b"began", b"never")), stranger=True)
    assert 3 == done.code, done.err
    assert "NOT WHOLE" in done.out
    assert "line 3 was changed" in done.out


def test_a_trusted_key_decides(place: Place) -> None:
    """With the right key named it is whole, and nothing is left open about it; with another it is not."""
    path = place.export()
    with zipfile.ZipFile(path) as file:
        (place.folder / "right.pem").write_bytes(file.read("audit-key.pub.pem"))
    other_key = Ed25519PrivateKey.generate().public_key().public_bytes_raw()
    (place.folder / "other.pem").write_bytes(audit_key.pem(other_key))
    right = place.run("audit", "verify", str(path), "--key", str(place.folder / "right.pem"), stranger=True)
    other = place.run("audit", "verify", str(path), "--key", str(place.folder / "other.pem"), stranger=True)
    assert (0, 3) == (right.code, other.code)
    assert "came with it" not in right.out
    assert "no head is signed by the key that you gave" in other.out


def test_a_head_from_a_report_is_checked(place: Place) -> None:
    """A head copied from elsewhere fits, or the log is not whole."""
    path = place.export()
    head = heads.read((place.state.root / "heads.jsonl").read_bytes())
    assert head
    codes = [
        place.run("audit", "verify", str(path), "--head", word, stranger=True).code
        for word in (head.word, head.word[:30], f"4:{head.head}", f"99:{head.head}")
    ]
    assert [0, 0, 3, 3] == codes


@pytest.mark.parametrize("words", [
    ("nowhere.zip",), (), ("{export}", "--head", "5"), ("{export}", "--head", "5:12"), ("{export}", "--head", "0:" + "a" * 64),
    ("{export}", "--key", "nowhere.pem"), ("{export}", "--key", "{export}"), ("{other}",),
])  # fmt: skip
def test_what_cannot_be_checked_is_usage(place: Place, words: tuple[str, ...]) -> None:
    """A file that is none, a key that is none, a head that is none: exit code 2 and what to do, never a traceback."""
    other = place.folder / "other.zip"
    with zipfile.ZipFile(other, "w") as file:
        file.writestr("x", "y")
    named = [word.format(export=place.export() if "{export}" in word else "", other=other) for word in words]
    done = place.run("audit", "verify", *named, stranger=True)
    assert 2 == done.code, done.out + done.err
    assert "Traceback" not in done.err


def test_this_machines_own_log_is_checked(place: Place) -> None:
    """Without a file it is the log of this state folder; a bare log elsewhere is checked with the heads beside it."""
    place.export()
    assert 0 == place.run("audit", "verify").code
    bare = place.folder / "elsewhere"
    bare.mkdir()
    for name in ("audit.log", "heads.jsonl"):
        shutil.copy(place.state.root / name, bare / name)
    done = place.run("audit", "verify", str(bare / "audit.log"), stranger=True)
    assert (0, True) == (done.code, "Signed heads: 1 of 1" in done.out)
    (bare / "heads.jsonl").unlink()
    done = place.run("audit", "verify", str(bare / "audit.log"), stranger=True)
    assert (0, True) == (done.code, "Nobody vouches for this log" in done.out)


def test_the_readme_of_an_export_is_true(place: Place) -> None:
    """What README.txt tells to do by hand, done as it stands, says that an export is whole, and that a changed one is not."""
    if not shutil.which("openssl"):
        pytest.skip("openssl is not there")
    folder = place.folder / "unpacked"
    with zipfile.ZipFile(place.export()) as file:
        file.extractall(folder)
    text = (folder / "README.txt").read_text()
    assert "@" not in text.replace("README", "")
    script = re.search(r"--- check\.py\n(.*?)--- end", text, re.DOTALL)
    assert script
    (folder / "check.py").write_text(script[1])
    done = shell.run([sys.executable, "-I", "check.py"], cwd=folder)
    assert done.out.startswith("the chain is whole: 5 lines; newest head 5:"), done.err
    assert done.out.split()[-1] in text
    line = re.search(r"openssl pkeyutl .*", text)
    assert line
    assert "Verified Successfully" in shell.run(line[0].split(), cwd=folder).out
    der = shell.run(
        ["openssl", "pkey", "-pubin", "-in", "audit-key.pub.pem", "-outform", "DER", "-out", "key.der"], cwd=folder
    )
    assert der.ok
    digest = shell.run(["sha256sum", "key.der"], cwd=folder).out
    assert re.sub(r"(.{4})(?!$)", r"\1-", digest[:32]) in text
    (folder / "audit.log").write_bytes((folder / "audit.log").read_bytes().replace(b"began", b"never"))
    assert "the chain breaks at line 4" in shell.run([sys.executable, "-I", "check.py"], cwd=folder).err
    signed = (folder / "signed.bin").read_bytes()
    (folder / "signed.bin").write_bytes(signed[:-1] + b" ")
    assert not shell.run(line[0].split(), cwd=folder).ok


def test_nothing_is_exported_where_nothing_was_logged(tmp_path: Path) -> None:
    """Without a log there is nothing to export, and no key is made for it."""
    state = State(tmp_path / "state").make()
    done = shell.run([sys.executable, "-m", "penstock", "audit", "export"], cwd=tmp_path,
                     env={**os.environ, "PENSTOCK_STATE": str(state.root)})  # fmt: skip
    assert 2 == done.code
    assert not (state.root / "audit-key.pem").exists()


def packed(place: Place, code: int = 0) -> zipfile.ZipFile:
    path = place.folder / "evidence.zip"
    done = place.run("audit", "evidence", "--release", str(place.number), str(path))
    assert code == done.code, done.out + done.err
    return zipfile.ZipFile(path)


def keep(place: Place, name: str, text: str) -> str:
    return evidence.keep(place.desk.store, place.state.evidence, 2.0, place.number, name, "text/plain", text)


def test_the_evidence_of_a_release_is_packed(place: Place) -> None:
    """Its lines as they stand in the log, its evidence by name, its reports, its record, the signed head, and their sums."""
    keep(place, "before/lint/output", "all good")
    folder = place.state.release(place.number)
    folder.mkdir(parents=True)
    (folder / "report.html").write_text("<p>report")
    (folder / "build.log").write_text("no report")
    (folder / "report.json").symlink_to("/etc/hostname")
    with packed(place) as file:
        assert {"index.html", "release.json", "audit-lines.jsonl", "head.json", "audit-key.pub.pem", "SHA256SUMS",
                "evidence/before/lint/output", "report/report.html"} == set(file.namelist())  # fmt: skip
        assert place.state.audit_log.read_bytes().splitlines()[1:4] == file.read("audit-lines.jsonl").splitlines()
        assert place.number == json.loads(file.read("release.json"))["number"]
        head = heads.read(file.read("head.json"))
        file.extractall(place.folder / "out")
    assert head
    assert f"evidence of shop/production/{place.number}" == head.subject
    assert shell.run(["sha256sum", "--strict", "-c", "SHA256SUMS"], cwd=place.folder / "out").ok


def test_the_page_says_who_and_what_and_escapes_it(place: Place) -> None:
    """One page without script or anything from elsewhere: who asked, what ran, what was rolled back, every file's sum."""
    place.add("order:1:given", "order: abort", release=place.number, reason="too slow")
    keep(place, f"before/{EVIL}/x", "found")
    with packed(place) as file:
        page = file.read("index.html").decode()
        sums = dict(line.split("  ", 1)[::-1] for line in file.read("SHA256SUMS").decode().splitlines())
    assert "<script" not in page
    assert not re.search(r"(src|href)=", page)
    assert "&lt;script&gt;" in page
    assert all(
        word in page for word in ("release ordered", "order: abort", "too slow", "going back", "ana (uid 0) on here")
    )
    assert all(digest in page for name, digest in sums.items() if name != "index.html")


def test_evidence_that_was_changed_is_said(place: Place) -> None:
    """Content that is not what its digest says is packed as it is, named on the page, and the exit code is 3."""
    digest = keep(place, "a", "right")
    keep(place, "b", "also right")
    evidence.path_of(place.state.evidence, digest).write_text("wrong")
    with packed(place, code=3) as file:
        page = file.read("index.html").decode()
    assert 1 == page.count("CHANGED")


def test_evidence_that_is_not_kept_is_said(place: Place) -> None:
    """What was pruned is named, with the digest that it had."""
    digest = keep(place, "a", "old")
    assert 1 == len(evidence.prune(place.desk.store, place.state.evidence, 1e6, 10.0))
    with packed(place) as file:
        page = file.read("index.html").decode()
        assert "evidence/a" not in file.namelist()
    assert "not kept any more" in page
    assert digest in page


@pytest.mark.parametrize("name", ["../../x", "/etc/passwd", "a/../../b", "..", "", "a\\b", "C:x", "é/ü", "x" * 500])
def test_names_of_evidence_are_safe_wherever_they_are_unpacked(place: Place, name: str) -> None:
    """Whatever a piece is called, its file lies in the folder `evidence`, and two of a name are two files."""
    keep(place, name, "one")
    keep(place, f"{name}/", "two")
    with packed(place) as file:
        names = [name for name in file.namelist() if file.read(name) in (b"one", b"two")]
    assert 2 == len(names)
    assert all(re.fullmatch(r"evidence(/[\w@+~-][\w.@+~-]*)+", name) for name in names), names


def test_a_release_that_is_none_is_usage(place: Place) -> None:
    """There is nothing to pack of a release that never was."""
    assert 2 == place.run("audit", "evidence", "--release", "99").code


def test_the_rest_of_the_group_is_loaded_when_it_is_there(place: Place) -> None:
    """The group names its parts."""
    assert all(word in place.run("audit", "--help").out for word in ("export", "verify", "evidence"))


def test_a_damaged_file_is_an_answer(place: Place) -> None:
    """A byte changed anywhere in the zip file itself: it cannot be read, or is not whole, or the byte meant nothing."""
    whole = place.export().read_bytes()
    with opened(place.folder / "export.zip") as found:
        log = found.log.read()
    for at in range(0, len(whole), 7):
        damaged = place.folder / "damaged.zip"
        damaged.write_bytes(whole[:at] + bytes([whole[at] ^ 0xFF]) + whole[at + 1 :])
        try:
            with opened(damaged) as found:
                proof = verify(found.log, found.heads, known=found.keys)
        except UsageError:
            continue
        with opened(damaged) as found:
            assert not proof.whole or log == found.log.read(), at
