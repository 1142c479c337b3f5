"""Laws of a folder's digest."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from penstock.providers.artifacts.digest import digest

NAMES = st.from_regex(rb"[a-z\xc3\xbc\xff .-]{1,8}", fullmatch=True).filter(lambda n: n.strip(b".") != b"")
FILES = st.dictionaries(NAMES, st.tuples(st.binary(max_size=40), st.booleans()), min_size=1, max_size=5)


@contextmanager
def made(files: dict[bytes, tuple[bytes, bool]], folder: bytes = b"") -> Iterator[Path]:
    """A folder with files: name -> (content, executable); made in the order of the dictionary."""
    with tempfile.TemporaryDirectory() as place:
        for name, (content, is_program) in files.items():
            path = os.path.join(os.fsencode(place), folder, name)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "wb") as file:
                file.write(content)
            os.chmod(path, 0o755 if is_program else 0o644)
        yield Path(place)


def of(files: dict[bytes, tuple[bytes, bool]], folder: bytes = b"") -> str:
    with made(files, folder) as place:
        return digest(place)


@given(FILES, st.randoms())
def test_order_does_not_count(files: dict[bytes, tuple[bytes, bool]], random: object) -> None:
    """Files made in another order, in a folder of another name, have the same digest."""
    names = list(files)
    random.shuffle(names)  # type: ignore[attr-defined]
    assert of(files) == of({name: files[name] for name in names})


@given(FILES, FILES)
def test_equal_digests_mean_equal_files(
    one: dict[bytes, tuple[bytes, bool]], two: dict[bytes, tuple[bytes, bool]]
) -> None:
    """Names, contents and executable bits all count, and nothing runs together."""
    assert (one == two) == (of(one) == of(two))


@given(FILES, st.data())
def test_each_change_counts(files: dict[bytes, tuple[bytes, bool]], data: st.DataObject) -> None:
    """One more byte, the other executable bit, another folder, or one file less is another digest."""
    name = data.draw(st.sampled_from(sorted(files)))
    content, is_program = files[name]
    less = {other: value for other, value in files.items() if other != name}
    changed = [
        of({**files, name: (content + b"x", is_program)}),
        of({**files, name: (content, not is_program)}),
    ]
    changed += [of(files, b"deeper"), of(less)]
    assert 5 == len({of(files), *changed})


@given(FILES)
def test_caches_times_and_rights_of_others_do_not_count(files: dict[bytes, tuple[bytes, bool]]) -> None:
    """`__pycache__` anywhere, times, the right to write, and empty folders are nobody's identity."""
    with made(files) as place:
        before = digest(place)
        for folder in (place / "__pycache__", place / "pkg-x" / "__pycache__"):
            folder.mkdir(parents=True)
            (folder / "m.cpython-311.pyc").write_bytes(os.urandom(8))
        for path in (entry.path for entry in os.scandir(os.fsencode(place)) if entry.is_file()):
            os.utime(path, (0, 0))
            os.chmod(path, os.stat(path).st_mode & ~0o222)
        assert before == digest(place)


@given(st.integers(-40, 40), st.integers(1, 3), st.binary(max_size=5))
def test_the_folders_own_path_is_one_word(shift: int, times: int, end: bytes) -> None:
    """Wherever it stands, across the chunks of a large file too, a folder may lie anywhere; another path counts."""

    def with_path(word: bytes | None) -> str:
        with tempfile.TemporaryDirectory(suffix="x" * times) as place:
            own = os.fsencode(place) if word is None else word
            content = b"#" * ((1 << 20) + shift) + b"!".join([own] * 3) + end
            (Path(place) / "script").write_bytes(content)
            return digest(Path(place))

    assert with_path(None) == with_path(None)
    assert with_path(None) != with_path(b"/elsewhere")


def test_a_name_cannot_pretend_to_be_two_files() -> None:
    """A name may hold nearly any bytes, those of another file's entry too."""
    sums = ((text, hashlib.sha256(text).digest()) for text in (b"%d" % number for number in range(1000)))
    content, middle = next((text, total) for text, total in sums if not {0, ord("/")} & set(total))
    two = {b"a": (content, False), b"b": (b"y", False)}
    assert of(two) != of({b"af" + middle + b"b": (b"y", False)})


def test_a_link_counts_by_its_target(tmp_path: Path) -> None:
    """Never by what it leads to: a link into nowhere or to a folder is read as what it is."""
    found = []
    for target in ("nowhere", "elsewhere", "."):
        folder = tmp_path / target.replace(".", "here")
        folder.mkdir()
        (folder / "link").symlink_to(target)
        found.append(digest(folder))
    file = tmp_path / "file"
    file.mkdir()
    (file / "link").write_text("nowhere")
    assert 4 == len({*found, digest(file)})


def test_a_link_to_its_own_folder_is_the_same_anywhere(tmp_path: Path) -> None:
    """A virtual environment links to itself by its full path."""
    for name in ("one", "another"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "link").symlink_to(tmp_path / name / "bin")
    assert digest(tmp_path / "one") == digest(tmp_path / "another")


def test_a_pipe_is_counted_and_never_read(tmp_path: Path) -> None:
    """What is neither file nor link does not hold the digest up."""
    before = digest(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    assert before != digest(tmp_path)
