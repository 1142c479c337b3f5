"""The check `configuration`: every variable that the environment needs is there, and is what it should be."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from penstock.checks import inside
from penstock.checks.configuration_between import changed, differences
from penstock.checks.configuration_values import Shape, needed, problems
from penstock.checks.reported import a_path_inside
from penstock.core.finding import CheckRequest, Finding, Outcome, State
from penstock.core.masking import concealed
from penstock.core.target import Evidence
from penstock.manifest.check import CheckSection
from penstock.manifest.groups import one_or_several
from penstock.manifest.section import Variable

EXAMPLES = (".env.example", "env.example", ".env.sample", ".env.template", ".env.dist")
_EXAMPLE_LIMIT = 256 << 10
_MOST = 100
_EVIDENCE = 60 << 10  # of characters, each of which may be four bytes
_OF_THE_PLATFORM = frozenset({"PATH", "HOME", "LANG", "PORT", "DATA"})

Names = Annotated[tuple[Variable, ...], BeforeValidator(one_or_several)]


class ConfigurationSection(CheckSection):
    """What must be there (none said: all that the manifest and an example file name), and of what shape."""

    require: Names = ()
    example: Annotated[str, AfterValidator(lambda path: a_path_inside(path) if path else path)] = ""
    optional: Names = ()
    shapes: dict[Variable, Shape] = Field(default_factory=dict)
    same: Names = ()
    differ: Names = ()
    same_names_as: str = ""
    differences: Literal["report", "block"] = "report"
    allow: Names = ()

    def names(self) -> frozenset[str]:
        """The secrets whose values are looked at."""
        return frozenset({*self.require, *self.shapes})

    def looks_at_all(self) -> bool:
        """Without `require`, every secret is to be there, and not empty."""
        return not self.require


@dataclass(frozen=True)
class Example:
    """A file that names what the code reads; `why` says why it cannot be read."""

    path: str = ""
    text: str = ""
    why: str = ""


class ConfigurationCheck:
    """Passes when every variable the environment needs is there, not empty, of the right shape, and meant for it.

    A variable that was forgotten, or that was copied from another environment, shows only when the code reads it.
    Empty values, space or quotation marks around a value, placeholders (`changeme`, `<your-key>`), a `$NAME` left
    in a value, and values that name another environment fail (in production also `localhost`, a host named test, qa
    or sandbox, and a key such as sk_test_...). A wrong value of `env` is shown; of a secret nothing is, not even its
    length. What changed since the last release is listed.

    - `require`: the names that must be there. If left out: every name in `env` and `secrets`, and those in
      `example`. Only of a secret that `require` or `shapes` names the value is looked at; of others it is known
      that the manifest has a reference, which is said.
    - `example`: a file of the repository with a line `NAME=...` for all that the code reads. If left out, and
      `require` too: `.env.example`, `env.example`, `.env.sample`, `.env.template` or `.env.dist`, where there is one.
    - `optional`: names of that file that need not be there.
    - `shapes`: the shape of a value, by name: url, integer, number, boolean, duration, email, host, json, a
      `/pattern/` for all of it, or a list of the words it may be.
    - `same`, `differ`: names whose value is the same in every environment, or another in each.
    - `same_names_as`: an environment; each name in its `env` is here too.
    - `differences`: `report` or `block`. Names that another environment has and this one has not, and addresses
      that are the same everywhere, are reported if left out.
    - `allow`: names whose value may look like a placeholder, or name another environment.

    Bad:   configuration: ./scripts/check-env.sh        # prints what it compares, secrets too
    Good:  configuration: {is: configuration, shapes: {API_URL: url, OPENAI_API_KEY: /sk-.+/}}
    """

    def run(self, request: CheckRequest) -> Outcome:
        """Read the example, and judge what there is."""
        section = ConfigurationSection.model_validate(request.section)
        return concealed(judged(section, request, _example(section, request.folder)), request.secrets)


def _example(section: ConfigurationSection, folder: str) -> Example:
    asked = (section.example,) if section.example else () if section.require else EXAMPLES
    for path in asked:
        try:
            return Example(path, inside.read(folder, path, _EXAMPLE_LIMIT).decode("utf-8", "replace"))
        except inside.Unreadable as error:
            if section.example or str(error) != "is not there":
                return Example(path, why=str(error))
    return Example()


def judged(section: ConfigurationSection, request: CheckRequest, example: Example) -> Outcome:
    """What the values say."""
    if example.why:
        said = f"`{example.path}` {example.why}"
        return Outcome("errored", said, (Finding(said, "what the code reads is not known", "its right path"),))
    plain = _own(request.env) or {}
    secret = {*request.references, *request.secrets}
    if not (plain or secret or section.require or section.shapes or needed(example.text)):
        return Outcome("skipped", "there are no variables and no secrets here")
    bad = list(_missing(section, request, plain, example))
    for name, value in sorted({**plain, **request.secrets}.items()):
        bad += problems(
            name, value, section.shapes.get(name), secret=name in secret, allowed=name in section.allow,
            here=request.environment, others=frozenset(request.configured),
        )  # fmt: skip
    between = differences(section.same, section.differ, section.same_names_as, request, plain)
    unlike = [*between.noticed] if section.differences == "block" else []
    bad += [*between.wrong, *unlike]
    noted = [] if unlike else between.noticed
    since = changed(plain, _own(request.last.env), secret)
    return _outcome(bad, list(noted), between.unknown, _good(plain, request, since.said), since.text)


def _outcome(bad: list[Finding], noted: list[Finding], unknown: list[Finding], good: str, since: str) -> Outcome:
    evidence = (Evidence("changed", "text/plain", _cut(since, _EVIDENCE)),) if since else ()
    state: State = "failed" if bad else "errored" if unknown else "passed"
    said = [f.condition for f in bad or unknown]
    sentence = f"{len(said)} wrong: {'; '.join(said)}" if bad else "; ".join(said) or good
    return Outcome(state, _cut(sentence, 300), _at_most([*bad, *unknown, *noted]), evidence)


def _good(plain: Mapping[str, str], request: CheckRequest, since: str) -> str:
    unseen = sum(name not in request.secrets for name in request.references)
    secrets = f"{len(request.secrets)} secrets" + (f" ({unseen} more by their reference alone)" if unseen else "")
    return f"{len(plain)} variables and {secrets} are there and as they should be{since}"


def _missing(
    section: ConfigurationSection, request: CheckRequest, plain: Mapping[str, str], example: Example
) -> Iterable[Finding]:
    """What is needed and is nowhere; a name of the manifest is there by being named."""
    there = {*plain, *request.references, *request.secrets}
    in_code = needed(example.text)
    wanted = {**dict.fromkeys([*section.require, *section.shapes], 0), **in_code}
    for name, line in sorted(wanted.items()):
        if name in there or _ignored(name) or (name in section.optional and name not in section.require):
            continue
        where = f"{example.path}:{line}" if line else ""
        said = f"`{name}` is not there"
        remedy = f"`{name}` in `env` or in `secrets` of {request.environment or 'the environment'}"
        yield Finding(said, "the code that reads it has nothing", remedy, where, "high")


def _own(env: Mapping[str, str] | None) -> dict[str, str] | None:
    """Without what the platform and the runner add."""
    return None if env is None else {name: value for name, value in env.items() if not _ignored(name)}


def _ignored(name: str) -> bool:
    return name in _OF_THE_PLATFORM or name.startswith("PENSTOCK_")


def _at_most(findings: list[Finding]) -> tuple[Finding, ...]:
    more = len(findings) - _MOST
    return (*findings[:_MOST], *([Finding(f"and {more} more", "", "mend these first")] if more > 0 else []))


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else f"{text[: limit - 3]}..."
