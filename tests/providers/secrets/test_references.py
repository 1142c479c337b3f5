"""References to secrets, the file that holds values, and their digest."""

from __future__ import annotations

import json
import os
import stat
import sys
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock import shell
from penstock.errors import PenstockError, StateError, UserError
from penstock.providers.secrets import ReferenceSecrets
from penstock.providers.secrets import references as module

VALUES = st.dictionaries(st.text(min_size=1, max_size=5), st.text(max_size=8), max_size=4)


@pytest.fixture
def secrets(tmp_path: Path) -> ReferenceSecrets:
    return ReferenceSecrets(tmp_path / "state")


def private(path: Path, content: bytes, mode: int = 0o600) -> str:
    path.write_bytes(content)
    path.chmod(mode)
    return f"file:{path}"


def test_references_become_values(secrets: ReferenceSecrets, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable is itself; a file is its text without the last line end; the environment's name is filled in."""
    monkeypatch.setenv("SHOP_TOKEN", "word\n")
    private(tmp_path / "production.dsn", b"one\ntwo\n\n")
    references = {"TOKEN": "env:SHOP_TOKEN", "DSN": f"file:{tmp_path}/$ENVIRONMENT.dsn"}
    assert {"TOKEN": "word\n", "DSN": "one\ntwo\n"} == secrets.resolve(references, "production")
    assert "w" == secrets.resolve({"W": private(tmp_path / "w", b"w\r\n")}, "x")["W"]


@pytest.mark.parametrize("reference", ["env:NOT_THERE", "file:/nowhere/at-all", "file:/etc", "vault:a", "env:", ""])
def test_a_reference_to_nothing_is_named(secrets: ReferenceSecrets, reference: str) -> None:
    """The error says which secret and which reference; every order names all it needs, or is none."""
    with pytest.raises(UserError) as error:
        secrets.resolve({"TOKEN": reference}, "production")
    assert ("no-secret", reference) == (error.value.code, error.value.where)
    assert "TOKEN" in error.value.what
    assert error.value.next


@pytest.mark.parametrize("mode", [0o604, 0o640, 0o644, 0o620, 0o602, 0o666])
def test_a_file_that_others_may_use_is_refused(secrets: ReferenceSecrets, tmp_path: Path, mode: int) -> None:
    """Readable or writable by group or everybody, itself or through a link: the remedy is named, the value is not."""
    private(tmp_path / "token", b"s3cret-value", mode)
    (tmp_path / "link").symlink_to("token")
    for path in (tmp_path / "token", tmp_path / "link"):
        with pytest.raises(UserError) as error:
            secrets.resolve({"TOKEN": f"file:{path}"}, "production")
        assert ("secret-readable", f"chmod 600 {path}") == (error.value.code, error.value.next)
        assert "s3cret-value" not in str(error.value)


@pytest.mark.parametrize("mode", [0o600, 0o400, 0o700])
def test_a_file_of_its_owner_alone_is_read(secrets: ReferenceSecrets, tmp_path: Path, mode: int) -> None:
    """Whatever its owner may do with it."""
    assert {"A": "x"} == secrets.resolve({"A": private(tmp_path / "a", b"x", mode)}, "production")


@pytest.mark.parametrize("content", [b"x" * (64 * 1024 + 1), b"a\0b"])
def test_what_cannot_be_a_secret_is_refused(secrets: ReferenceSecrets, tmp_path: Path, content: bytes) -> None:
    """Over 64 KiB, or with a character that no environment holds."""
    with pytest.raises(UserError) as error:
        secrets.resolve({"A": private(tmp_path / "a", content)}, "production")
    assert "no-secret" == error.value.code
    assert content.decode() not in str(error.value)


def test_a_pipe_is_read_to_its_end(secrets: ReferenceSecrets) -> None:
    """A secret may come from a running program: in pieces, or from one that has ended already."""
    for pieces in (1, 2):
        reading, writing = os.pipe()
        os.write(writing, b"s3cret")
        rest = threading.Thread(target=_finish, args=(writing,))
        rest.start()
        if pieces == 1:
            rest.join()
        assert {"A": "s3cret-value"} == secrets.resolve({"A": f"file:/dev/fd/{reading}"}, "production")
        rest.join()
        os.close(reading)


def _finish(writing: int) -> None:
    os.write(writing, b"-value\n")
    os.close(writing)


def test_a_pipe_is_open_to_whom_it_will(secrets: ReferenceSecrets, tmp_path: Path) -> None:
    """Only a regular file is looked at for its mode; an empty one, or a device at its end, is the empty text."""
    assert {"A": "", "B": ""} == secrets.resolve({"A": "file:/dev/null", "B": private(tmp_path / "b", b"")}, "x")


def test_a_pipe_that_nobody_fills_is_not_waited_for_long(
    secrets: ReferenceSecrets, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The wait has an end, and says what it waited for."""
    monkeypatch.setattr(module, "_WAIT_S", 0.05)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(UserError) as error:
        secrets.resolve({"A": f"file:{tmp_path}/pipe"}, "production")
    assert "no-secret" == error.value.code


def test_values_are_written_for_their_owner_only(secrets: ReferenceSecrets, tmp_path: Path) -> None:
    """JSON, 0600 even where another lay open before, bytes that are no UTF-8 too, and nothing beside it."""
    path = tmp_path / "folder" / "1.json"
    value = secrets.resolve({"A": private(tmp_path / "a", b"\xff\xc3\xbc")}, "production")
    secrets.write_private(path, {"B": "old"})
    path.chmod(0o644)
    secrets.write_private(path, value)
    assert value == json.loads(path.read_text())
    assert b"\xff\xc3\xbc" == os.fsencode(value["A"])
    assert (0o600, ["1.json"]) == (stat.S_IMODE(path.stat().st_mode), [found.name for found in path.parent.iterdir()])


def test_values_that_cannot_be_written_are_said(secrets: ReferenceSecrets, tmp_path: Path) -> None:
    """A StateError, without a value, and with nothing left beside."""
    (tmp_path / "1.json").mkdir()
    with pytest.raises(StateError) as error:
        secrets.write_private(tmp_path / "1.json", {"A": "s3cret-value"})
    assert "private-file" == error.value.code
    assert "s3cret-value" not in str(error.value)
    assert ["1.json"] == [path.name for path in tmp_path.iterdir()]


@given(one=VALUES, two=VALUES)
def test_digests_are_equal_for_equal_values_only(
    tmp_path_factory: pytest.TempPathFactory, one: dict[str, str], two: dict[str, str]
) -> None:
    """In whatever order they stand; a value moved to another name is a change."""
    secrets = ReferenceSecrets(tmp_path_factory.getbasetemp())
    assert (one == two) == (secrets.digest(one) == secrets.digest(two))
    assert secrets.digest(dict(reversed(one.items()))) == secrets.digest(one)


def test_a_digest_gives_nothing_away(secrets: ReferenceSecrets, tmp_path: Path) -> None:
    """Another state folder has another key, so no list of known values helps; the key is its owner's alone."""
    other = ReferenceSecrets(tmp_path / "other")
    assert secrets.digest({"A": "x"}) != other.digest({"A": "x"})
    assert secrets.digest({"A": "x"}) == ReferenceSecrets(tmp_path / "state").digest({"A": "x"})
    assert 0o600 == stat.S_IMODE((tmp_path / "state" / "digest.key").stat().st_mode)
    assert ["digest.key"] == [path.name for path in (tmp_path / "state").iterdir()]


def test_a_damaged_key_is_said(secrets: ReferenceSecrets, tmp_path: Path) -> None:
    """With half a key every secret would look changed, and that is never guessed."""
    secrets.digest({})
    (tmp_path / "state" / "digest.key").write_bytes(b"half")
    with pytest.raises(PenstockError) as error:
        secrets.digest({})
    assert "private-file" == error.value.code


def test_a_key_is_made_once(tmp_path: Path) -> None:
    """Of processes that make it at once, all have the same."""
    code = "import sys; from pathlib import Path; from penstock.providers.secrets import ReferenceSecrets as R\n"
    code += "Path(sys.argv[2]).touch()\nwhile not Path(sys.argv[3]).exists(): pass\n"
    code += "print(R(Path(sys.argv[1])).digest({}))"
    names = ("one", "two", "three")
    started = []
    for name in names:
        words = [str(tmp_path / "state"), str(tmp_path / f"{name}.ready"), str(tmp_path / "go")]
        started.append(shell.spawn([sys.executable, "-c", code, *words], tmp_path / f"{name}.out"))
    for name in names:
        while not (tmp_path / f"{name}.ready").exists():
            pass
    (tmp_path / "go").touch()
    for process in started:
        os.waitpid(process.pid, 0)
    assert 1 == len({(tmp_path / f"{name}.out").read_text() for name in names})
    assert 65 == len((tmp_path / "one.out").read_text())
