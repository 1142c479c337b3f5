"""The JSON Schema that editors check with agrees with the reader, as far as a schema can know."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import jsonschema
import pytest
from click.testing import CliRunner

import penstock
from penstock import registry
from penstock.cli import root
from penstock.errors import ManifestError
from penstock.manifest import Manifest, pages, read
from penstock.manifest.schema import schema

from .as_editors_read import data
from .conftest import whole

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
PACKAGE = Path(penstock.__file__).parent
LINE = "\n----------\n"
KINDS = registry.kinds()
SCHEMA = schema(KINDS, registry.pages())
CHECK = jsonschema.Draft202012Validator(SCHEMA)
GOOD = sorted(
    {
        *HERE.glob("good/*.yaml"),
        *PACKAGE.glob("**/*.example.yaml"),
        *PACKAGE.glob("demo/shop/*/penstock.yaml"),
        *ROOT.glob("examples/**/penstock.yaml"),
    }
)
BAD = {path.stem: path for path in sorted(HERE.glob("bad/*.yaml"))}
# What a schema cannot know, and why. All other bad manifests that are YAML at all are refused by it.
BEYOND = {
    "braces": "what a text means to a shell",
    "comment-in-command": "comments",
    "conditions": "the words of a condition",
    "like-circle": "names that refer to names",
    "ports": "names that refer to names",
    "quote-command": "the words of a command",
    "rolling": "numbers beside each other",
    "shell": "the words of a command",
}


def text_of(path: Path) -> str:
    """The manifest in a file; what every manifest has is put around an example."""
    text = path.read_text().partition(LINE)[0] + "\n"
    return whole(text) if path.name.endswith(".example.yaml") else text


def test_it_is_a_schema() -> None:
    """The schema is valid itself, and plain JSON."""
    jsonschema.Draft202012Validator.check_schema(json.loads(json.dumps(SCHEMA)))


@pytest.mark.parametrize("path", GOOD, ids=lambda p: f"{p.parent.name}/{p.stem}")
def test_every_good_manifest_is_valid(path: Path) -> None:
    """What the reader reads, an editor does not underline."""
    assert [] == [error.message for error in CHECK.iter_errors(data(text_of(path)))]


@pytest.mark.parametrize("name", sorted(BAD))
def test_every_bad_structure_is_refused(name: str) -> None:
    """A bad manifest that is YAML at all is refused, but for what a schema cannot know, which is named."""
    found = data(text_of(BAD[name]))
    if found is not None:
        assert (name in BEYOND) == CHECK.is_valid(found)


def test_what_is_beyond_it_is_there() -> None:
    """The exceptions are files."""
    assert [] == [name for name in BEYOND if name not in BAD]


@pytest.mark.parametrize(
    ("good", "bad"),
    [
        ("bake: 1h30m", "bake: 90"),
        ("bake: none", "bake: never"),
        ("rollout: canary", "rollout: canari"),
        ("rollout: {is: rolling, max_surge: 25%}", "rollout: {is: rolling, max_surge: 125%}"),
        ("rollout: {is: canary, increments: [5% up to 20s]}", "rollout: {is: canary, increments: [5% until 20s]}"),
        ("health: {get: /health}", "health: {get: health}"),
        ("health: none", "health: /health"),
        ("env: {WORKERS: 2, DEBUG: no}", "env: {PORT: 2}"),
        ("secrets: {A: env:B}", "secrets: {A: hunter2}"),
        ("checklist: {before: {disk: {sh: df | wc}}}", "checklist: {before: {disk: {within: 5m}}}"),
        ("checklist: {candidate: {home: {get: /, expect: {status: 200}}}}", "checklist: {candidate: {home: {gte: /}}}"),
        ("build: {run: make}", "build: {run: make, sh: make}"),
        ("prepare: {sh: make}", "prepare: {within: 5m}"),
        ("verdict: {errors: {against_stable: 1.5x + 1pp}}", "verdict: {errors: {against_stable: 1.5 + 1pp}}"),
        ("target: {is: local, port: 8080}", "target: {is: local, prot: 8080}"),
        ("target: {is: command, converge: make}", "target: {is: local, converge: make}"),
        ("environments: {a: {health: none}}\ntarget: {is: local, port: 1}", "environments: {a: {service: x}}"),
    ],
)
def test_what_editors_tell_apart(good: str, bad: str) -> None:
    """Words, durations, shares, forms and unknown keys are told apart while they are written."""
    assert (True, False) == (CHECK.is_valid(data(whole(good + "\n"))), CHECK.is_valid(data(whole(bad + "\n"))))


@pytest.mark.parametrize(
    "page", [page for page in pages.words().values() if page.name in SCHEMA["properties"]], ids=lambda p: p.name
)
def test_an_editor_shows_the_page(page: pages.Page) -> None:
    """A key's description is its page's first paragraph."""
    assert page.summary.replace("`", "") == SCHEMA["properties"][page.name]["description"]


def test_the_verb_prints_it() -> None:
    """`penstock schema` prints the schema, and its help says how an editor finds it."""
    assert SCHEMA == json.loads(CliRunner().invoke(root, ["schema"]).output)
    assert "yaml-language-server: $schema=" in CliRunner().invoke(root, ["schema", "--help"]).output


def test_a_manifest_that_names_its_schema_reads(manifest: Callable[[str], Manifest]) -> None:
    """The line that leads an editor to the schema is a comment to the reader."""
    assert "shop" == manifest("# yaml-language-server: $schema=penstock.schema.json\n").service


def accepted(text: str) -> bool:
    """Whether the reader reads it."""
    try:
        read(text, kinds=KINDS)
    except ManifestError:
        return False
    return True
