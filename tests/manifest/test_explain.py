"""The manual is complete, true, and reads well in a terminal."""

from __future__ import annotations

import ast
import importlib.util
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args, get_origin

import jsonschema
import pytest
from click.testing import CliRunner

import penstock
from penstock import registry
from penstock.cli import root
from penstock.cli.explain import whole as manual_of_this
from penstock.manifest import pages, read
from penstock.manifest.environment import MOMENTS
from penstock.manifest.keys import TOP, all_keys, share_as_written, time_as_written
from penstock.manifest.schema import schema
from penstock.manifest.section import duration, fraction
from penstock.providers.local.section import LocalSection

from .as_editors_read import data

PACKAGE = Path(penstock.__file__).parent
ROOT = Path(__file__).parents[2]
KINDS = registry.kinds()
CHECK = jsonschema.Draft202012Validator(schema(KINDS))
MANUAL = manual_of_this()
KEYS = MANUAL.keys()
KNOWN = {*KINDS["target"], *KINDS["check"], *MOMENTS, "penstock", "manifest"}
TREE = {
    path: ast.parse(path.read_text()) for path in sorted(PACKAGE.rglob("*.py")) if "demo/shop" not in path.as_posix()
}
# Where a code is handed on, and not made: the call's own text.
HANDED_ON = {"code", "told.code", "error['type']", "path"}


def error_names() -> set[str]:
    """PenstockError and everything below it, by name."""
    names = {"PenstockError"}
    classes = [node for tree in TREE.values() for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    for _ in range(5):
        names |= {node.name for node in classes if any(isinstance(b, ast.Name) and b.id in names for b in node.bases)}
    return names


def made_with(call: ast.Call, errors: set[str]) -> ast.expr | None:
    """The code of the error or problem that a call makes; None when it makes none."""
    name = call.func.id if isinstance(call.func, ast.Name) else ""
    method = call.func.attr if isinstance(call.func, ast.Attribute) else ""
    given = next((word.value for word in call.keywords if word.arg == "code"), None)
    if name in errors | {"Problem", "Told"}:
        return given or (call.args[0] if call.args else None)
    if method == "_add" or (method == "add" and "problems" in ast.unparse(call.func)):
        return call.args[0]
    above = ast.unparse(call.func) == "super().__init__" and len(call.args) > 1
    return call.args[0] if above else given if name == "wrong" else None


def codes() -> Iterator[tuple[str, str]]:
    """(code, where it is made); a code that cannot be read from the text starts with `?`."""
    errors = error_names()
    for path, tree in TREE.items():
        for node in ast.walk(tree):
            made = made_with(node, errors) if isinstance(node, ast.Call) else None
            both = [made.body, made.orelse] if isinstance(made, ast.IfExp) else [made] if made else []
            for one in both:
                text = ast.unparse(one)
                if text not in HANDED_ON:
                    code = str(one.value) if isinstance(one, ast.Constant) else f"?{text}"
                    yield code, f"{path.relative_to(PACKAGE)}:{one.lineno}"


def test_every_code_of_an_error_has_a_page() -> None:
    """What an error is called can be looked up: every code in the code has a page."""
    assert [] == sorted({(code, where) for code, where in codes() if code not in pages.errors()})


def test_every_page_of_an_error_has_its_code() -> None:
    """A page of an error that nothing raises is dead. (`value` is what `wrong` says when it says no code.)"""
    assert {"value"} >= set(pages.errors()) - {code for code, _ in codes()}


@pytest.mark.parametrize("page", pages.errors().values(), ids=lambda p: p.name)
def test_every_page_of_an_error_says_three_things(page: pages.Page) -> None:
    """What it means, an example of how it comes about, and what to do."""
    assert all((page.summary, page.example, page.remedy))
    assert "\n\n    " in page.text


def test_every_key_has_a_page() -> None:
    """A key of the manifest, a target or a check without a page is forgotten."""
    assert [] == [name for name in KEYS if MANUAL.page_of(name) is None]


def test_every_page_of_a_key_has_its_key() -> None:
    """A page with a dot in its name is a key's, and the key is there."""
    assert [] == [name for name in pages.words() if "." in name and name not in KEYS]


def literals(kind: Any) -> Iterator[str]:
    """The words that a type knows."""
    for one in get_args(kind):
        yield from [one] if isinstance(one, str) and "Literal" in str(get_origin(kind)) else literals(one)


def told(name: str) -> str:
    """All that is said about a key: its page; of a check's key, the check's whole page."""
    kind = name.removeprefix("check-").partition(".")[0]
    return pages.words()[name].text if name in pages.words() else MANUAL.checks[kind]


def test_every_word_is_on_its_keys_page() -> None:
    """Each word that a key may have stands on that key's page."""
    forgotten = [
        (key.name, word)
        for key in KEYS.values()
        for word in re.split(r", | or ", key.form)
        if not (key.name.startswith("check-") and key.name.endswith(".is"))
        if re.fullmatch(r"[a-z]+(_[a-z]+)+|rolling|canary|many|shift|replace|promote|python", word)
        if (word if key.name.startswith("check-") else f"`{word}`") not in told(key.name)
    ]
    assert [] == forgotten


WRAPPED = {  # what stands around an example, by the first words of its page's name
    "target-command.capabilities": "target: {is: command, converge: make, %s}",
    "check-http.carry": "checklist: {candidate: {it: {%s}}}",
    "check-": "checklist: {candidate: {%s}}",
    "checklist.MOMENT.NAME": "checklist: {candidate: {%s}}",
    "checklist.MOMENT": "checklist: {%s}",
    "environments.NAME.like": "environments: {production: {}, %s}",
    "environments.": "environments: {%s}",
    "none": "environments: {production: {}, %s}",
    "increment": "rollout: {is: canary, increments: [%s]}",
    "for": "rollout: {is: canary, %s}",
    "up to": "rollout: {is: canary, %s}",
    "duration": "bake: 90s  # %s",
    "percentage": "verdict: {false_rollbacks: 5%%}  # %s",
    "margin": "verdict: {errors: {against_stable: %s}}",
}
NAMES = ("DATABASE_URL", "SMOKE_TOKEN", "REGISTRY_TOKEN", "STRIPE_KEY", "DEPLOY_KEY")
AROUND = {
    "penstock": "penstock: 1",
    "service": "service: shop",
    "run": "run: ./serve",
    "env": "env: {CURRENCY: EUR}",
    "secrets": f"secrets: {{{', '.join(f'{name}: env:A' for name in NAMES)}}}",
    "target": "target: {is: local, port: 80}",
    "environments": "environments: {production: {}}",
}


def part(page: pages.Page) -> str:
    """A page's example as a part of a manifest: checks, environments and values are put where they may stand."""
    if page.example.split(":")[0] in TOP:
        return page.example
    return next(wrap % page.example for start, wrap in WRAPPED.items() if page.name.startswith(start))


def with_all_that_is_needed(text: str) -> str:
    """A part of a manifest, with what every manifest needs around it, and with the units that it names."""
    said = set(re.findall(r"^([a-z_]+):", text, re.MULTILINE))
    named = dict.fromkeys(re.findall(r"\b(web|api|jobs): [0-9]", text))
    units = ", ".join(f"{name}: {{run: x{', traffic: none' if name == 'jobs' else ''}}}" for name in named)
    lines = [line for key, line in AROUND.items() if key not in said and not (key == "run" and {"units"} & said)]
    lines = [f"units: {{{units}}}" if units and line.startswith("run:") else line for line in lines]
    return "\n".join([*lines, text, ""])


class Telling(LocalSection):
    """A platform that tells everything: examples are not of one kind of target."""

    tells = frozenset({"throttles", "api_5xx", "duration", "memory", "cpu", "concurrency", "measures"})


@pytest.mark.parametrize("page", pages.words().values(), ids=lambda p: p.name)
def test_every_example_reads(page: pages.Page) -> None:
    """What a page shows can be written so: each example is a part of a manifest that reads, and a schema accepts."""
    text = with_all_that_is_needed(part(page))

    assert "shop" == read(text, kinds={**KINDS, "target": {**KINDS["target"], "local": Telling}}).service
    assert [] == [error.message for error in CHECK.iter_errors(data(text))]


@pytest.mark.parametrize("topic", MANUAL.topics())
def test_a_page_fits_a_terminal(topic: str) -> None:
    """Every topic has something to say, and no line of prose is wider than 80 columns; what is quoted stays whole."""
    text = MANUAL.about(topic)
    wide = [
        line for line in text.split("\n") if len(line) > 80 and not re.match(r" {4}|\s*[a-z_]+: |  ?[A-Za-z_]+:", line)
    ]

    assert text
    assert [] == wide


@pytest.mark.parametrize(
    ("topic", "said"),
    [
        ("rollout", "`up to`: it stays for at most"),
        ("run", "checklist.MOMENT.NAME.run"),
        ("env", "units.NAME.env"),
        ("bake", "still watched"),
        ("canary", "compared with stable"),
        ("rolling", "instance by instance"),
        ("all_at_once", "one step"),
        ("like", "Starts from another environment"),
        ("local", "an Envoy of their own"),
        ("increments", "default  [5% up to 10m, 25% up to 10m, 50% up to 10m]"),
        ("min_ready", "default  5s"),
        ("rollout.increments", "written  `5% for 30m`, or `5% up to 30m`"),
        ("environments.production", "What is built cannot differ"),
        ("environments.staging.rollout.min_ready", "without a break"),
        ("target.port", "Where clients connect"),
        ("up to", "for this time at most"),
        ("up", "for this time at most"),
        ("LIKE", "Starts from another environment"),
        ("like-circle", "Do: let one of them say everything itself"),
        ("http", "Asks the revision under test over HTTP"),
        ("build", "the error `build`"),
        ("migrations", "does not act on it yet"),
        ("keys", "verdict.errors.at_most"),
        ("errors", "no-envoy"),
    ],
)
def test_a_word_is_explained(topic: str, said: str) -> None:
    """Sections, keys, words, checks and codes are found, wherever they stand."""
    result = CliRunner().invoke(root, ["explain", *topic.split()])

    assert (0, True) == (result.exit_code, said in result.output), result.output


@pytest.mark.parametrize(
    ("topic", "near"),
    [
        ("rolout", "rollout"), ("min-ready", "min_ready"), ("duplicate", "duplicate-key"),
        ("verdict.errrors", "verdict.errors"), ("verdict.latncy", "verdict.latency"),
        ("environments.production.verdict.throttle", "verdict.throttles"),
    ],
)  # fmt: skip
def test_an_unknown_word_gets_the_nearest(topic: str, near: str) -> None:
    """A word without a page is answered with the nearest ones, and with where all of them are listed."""
    error = CliRunner().invoke(root, ["explain", topic]).exception

    assert isinstance(error, penstock.errors.UsageError)
    assert near in MANUAL.near(topic)
    assert all(word in error.next for word in (near, "keys", "errors", "rollout"))


def test_every_command_in_a_page_is_a_verb() -> None:
    """A page names no verb that is not there."""
    from penstock.cli import VERBS

    text = "\n".join(page.text for page in [*pages.words().values(), *pages.errors().values()])
    assert [] == [verb for verb in re.findall(r"penstock ([a-z]+)", text) if verb not in VERBS and verb not in KNOWN]


@pytest.mark.parametrize(("seconds", "text"), [(600, "10m"), (90, "90s"), (86400, "1d"), (0, "0s"), (7200, "2h")])
def test_a_default_is_shown_as_it_would_be_written(seconds: float, text: str) -> None:
    """A time is shown in its largest whole unit, and reads as itself again."""
    assert (text, seconds) == (time_as_written(seconds), duration(text))
    assert 0.05 == fraction(share_as_written(0.05))


def test_without_kinds_there_are_the_manifests_own_keys() -> None:
    """The keys of targets and checks come from the registry alone."""
    assert not any("-" in key.name for key in all_keys({}))


def reference() -> dict[str, str]:
    """What docs/make_reference.py makes."""
    spec = importlib.util.spec_from_file_location("make_reference", ROOT / "docs/make_reference.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    made: dict[str, str] = module.made()
    return made


def test_the_reference_is_what_the_code_says() -> None:
    """docs/reference holds exactly what is made from the code (`python docs/make_reference.py` writes it)."""
    for name, text in reference().items():
        assert text == (ROOT / "docs/reference" / name).read_text(), f"{name}: run `python docs/make_reference.py`"
