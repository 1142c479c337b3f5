"""Looking at hostile and at huge repositories: bounded, no link followed, and never a traceback."""

from __future__ import annotations

import os
import time
from pathlib import Path

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from penstock import registry
from penstock.manifest import read
from penstock.manifest.fmt import formatted
from penstock.scaffold import look as looking
from penstock.scaffold.detect import detect
from penstock.scaffold.look import look
from penstock.scaffold.tree import Tree
from penstock.scaffold.write import manifest, service_name
from tests.scaffold.samples_read import SAMPLES, files_of

TEXTS = [text for sample in SAMPLES for text in files_of(sample).values()]
PATHS = sorted({path for sample in SAMPLES for path in files_of(sample)})
CHARACTERS = "{}[]()'\"`$#:=\n\t \\|>&;*!%@<-a0/é\u2028\x07"
SEEDS = [
    *(
        'a = "b',
        "[tool",
        '{"scripts": []}',
        '{"scripts": {"start": 7, "test": {"a": 1}}, "dependencies": ["x"]}',
        "[" * 5000,
    ),
    *('[project]\nname = 7\nscripts = "x"\n[project.optional-dependencies]\ntest = {a = 1}\n', '{"a":' * 5000),
    *(
        "tool = 1\nproject = []\n",
        "web: sh -c 'x\nrelease: $(rm -rf /) `x` ${{ y }}\nworker: \x1b[31m\n",
        "env = 3\nd1_databases = [1]\n",
    ),
    *(
        '{"name": "--- x", "scripts": {"start": "node a.js # ${X}", "test": "a: b, {c}"}}',
        "CMD [1, {}]\nEXPOSE 99999\nCMD\n",
    ),
    *(
        '[env]\n"a b" = 1\n[env.none]\n',
        "def create_app(",
        "deploy: x\n",
        "AWSTemplateFormatVersion\nResources:\n  a: AWS::IAM::Role\n",
    ),
    *(
        "steps:\n - run: |\n    pytest 'x\n    pytest -q \\\n - run: npm test ${{ x }}\n",
        "FROM x\nEXPOSE 1\nCMD gunicorn $X *:$PORT\n",
    ),
]
texts = st.sampled_from([*TEXTS, *SEEDS]) | st.text(alphabet=CHARACTERS) | st.text(max_size=40)


@st.composite
def damaged(draw: st.DrawFn) -> str:
    """A text in which something was changed."""
    text = draw(texts)
    start = draw(st.integers(0, len(text)))
    return text[:start] + draw(st.text(alphabet=CHARACTERS, max_size=6)) + text[start + draw(st.integers(0, 9)) :]


names = st.text(alphabet="ab-_ .$'\"#:{}é", min_size=1, max_size=8).map(lambda name: f"{name}/main.py")


def holds(tree: Tree) -> None:
    """What is written for a tree reads, and is written the one way."""
    found = detect(tree)
    text = manifest(found, service_name(tree.name) or "service", tree.name)
    assert read(text, kinds=registry.kinds()).environments
    assert text == formatted(text)


@settings(deadline=None, max_examples=250, suppress_health_check=[HealthCheck.too_slow])
@given(st.text(max_size=20), st.dictionaries(st.sampled_from(PATHS) | names, texts | damaged(), max_size=8))
@example("", {"package.json": "{"})
@example("x\n", {f"{'a' * 300}/main.tf": ""})
@example("'", {"it's here/app.py": "from flask import Flask\napp = Flask(__name__)\n"})
def test_any_tree_gets_a_manifest_that_reads(name: str, files: dict[str, str]) -> None:
    """Whatever the files hold: no exception, a manifest that the reader reads, written the one way."""
    holds(Tree(name, tuple(sorted(files)), files))


def test_a_hostile_folder_is_looked_at_within_bounds(tmp_path: Path) -> None:
    """Loops, links out, pipes, binaries, huge and forbidden files, deep folders, odd names: passed over, quickly."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "pyproject.toml").write_text('[project]\nname = "not-ours"\n')
    folder = tmp_path / "here"
    folder.mkdir()
    (folder / "loop").symlink_to(folder)
    (folder / "out").symlink_to(outside)
    (folder / "pyproject.toml").symlink_to(outside / "pyproject.toml")
    os.mkfifo(folder / "Makefile")
    (folder / "package.json").write_bytes(b"\0\xff" * 100)
    with (folder / "go.mod").open("wb") as file:
        file.truncate(100 << 20)
    (folder / "setup.py").write_bytes(b"\xff\xfe setup()")
    deep = folder.joinpath(*["d"] * 40)
    deep.mkdir(parents=True)
    (deep / "app.py").write_text("app = Flask(__name__)\n")
    (folder / "a\nb.py").write_text("x = 1\n")
    (folder / ".venv").mkdir()
    (folder / ".venv" / "requirements.txt").write_text("flask\n")
    (folder / "mine").mkdir()
    (folder / "mine" / "pyvenv.cfg").touch()
    (folder / "mine" / "requirements.txt").write_text("flask\n")

    began = time.monotonic()
    tree = look(folder)

    assert 2 > time.monotonic() - began
    assert ("go.mod", "package.json", "setup.py") == tree.paths
    assert ["setup.py"] == list(tree.texts)
    holds(tree)


def test_a_big_repository_is_cut_and_says_so(tmp_path: Path) -> None:
    """Of many files only so many are named and read, those near the root first; the manifest says that there are more."""
    (tmp_path / "a").mkdir()
    for folder in ("a/x", "a/y", "a/z"):
        (tmp_path / folder).mkdir()
        for number in range(looking.FOLDER_MAX - 10):
            (tmp_path / folder / f"{number}.py").touch()
    (tmp_path / "z.py").write_text("import http.server\n")

    began = time.monotonic()
    tree = look(tmp_path)
    text = manifest(detect(tree), "big", "")

    assert 5 > time.monotonic() - began
    assert tree.cut
    assert looking.PATHS_MAX == len(tree.paths)
    assert "z.py" in tree.texts
    assert looking.SOURCES_MAX >= len(tree.texts)
    assert "more files than were looked at" in text


def test_what_becomes_a_link_after_it_was_named_is_not_followed(tmp_path: Path) -> None:
    """Between naming and reading a file may become a link, or go: then it is passed over."""
    (tmp_path / "there").write_text("x")
    (tmp_path / "link").symlink_to(tmp_path / "there")
    assert "x" == looking.read(tmp_path / "there", 10)
    assert looking.read(tmp_path / "link", 10) is None
    assert looking.read(tmp_path / "gone", 10) is None
