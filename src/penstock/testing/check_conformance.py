"""The laws that every check must keep, to be run by whoever writes one.

    from penstock.testing.check_conformance import LAWS, Subject

    SUBJECT = Subject("titles", TitlesCheck(), TitlesSection, ({"folder": "site"},))

    @pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
    def test_the_check_keeps_the_law(law, tmp_path):
        law(SUBJECT, tmp_path)

A law asks the check for lines of the checklist in places where something is missing, wrong or secret, and raises
AssertionError, with what was asked, where the check does not keep it. Nothing outside of the folder is written.
"""

from __future__ import annotations

import inspect
import json
import re
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, get_args

from penstock.core import data
from penstock.core.finding import CheckRequest, History, Last, Outcome, State
from penstock.core.target import Reach
from penstock.errors import ManifestError
from penstock.manifest import pages, read
from penstock.manifest.check import PACES, CheckSection
from penstock.manifest.shape import keys
from penstock.ports import Check

WITHIN_S = 3.0
GRACE_S = 7.0
SENTENCE = 300
FINDINGS = 101
EVIDENCE = 256 << 10
MEASURED = 256 << 10
NOW = 1_795_000_000.0
NOWHERE = "http://127.0.0.1:9"  # the port of `discard`, where nobody listens
SECRET = "conformance+s3cret/v4lue"
_SEVERITIES = ("critical", "high", "medium", "low", "info", "")
_CONTROL = re.compile(r"[\x00-\x1f\x7f\u2028\u2029]")
_NAME = re.compile(r"\$([A-Za-z_][A-Za-z0-9_]*)")
_KEY = re.compile(r"^- ((?:`[a-z0-9_.]+`(?:, | and |; | or )?)+): ", re.MULTILINE)


@dataclass(frozen=True)
class Subject:
    """A check to be held to the laws.

    `lines` are sections as the manifest writes them, without `is`; at least one. `more` are requests of your own for the
    first line, made in a folder: a place where the tool is there, say. `passes_without`: why this check may pass where
    nothing is there, as one that is content with an empty folder; empty: it may not. `answers`: what it answered before, so
    that the laws together ask only once.
    """

    kind: str
    check: Check
    section: type[CheckSection]
    lines: tuple[Mapping[str, Any], ...]
    more: Callable[[CheckRequest, Path], Iterator[CheckRequest]] | None = None
    passes_without: str = ""
    answers: dict[str, Outcome] = field(default_factory=dict, compare=False, repr=False)

    def sections(self) -> list[dict[str, Any]]:
        """Every line as the plain data that a check is handed, with little time."""
        made = [self.section.model_validate(dict(line)) for line in self.lines]
        short = [{"within_s": WITHIN_S} if one.within_s > WITHIN_S else {} for one in made]
        return [{**data.dump(one), **less} for one, less in zip(made, short, strict=True)]


def requests(subject: Subject, folder: Path) -> list[CheckRequest]:
    """Every line in an empty world, and in worlds that are worse."""
    found: list[CheckRequest] = []
    for section in subject.sections():
        plain = _plain(subject, section, folder)
        found += [plain, *_worse(plain)]
    if subject.more:
        first = _plain(subject, subject.sections()[0], folder)
        found += list(subject.more(first, folder))
    return found


def _plain(subject: Subject, section: dict[str, Any], folder: Path) -> CheckRequest:
    """Nothing is there: no tool, no report, no service, no last release; every secret that is asked for is."""
    place = folder / "empty"
    place.mkdir(exist_ok=True)
    names = {*_NAME.findall(data.canonical(section)), *(section.get("sees") or ())}
    names |= subject.section.model_validate(section).names()
    return CheckRequest(
        "conformance", "candidate", section, str(place), env={"PATH": str(place), "HOME": str(place)},
        secrets={name: f"{SECRET}{number}" for number, name in enumerate(sorted(names))}, key="conformance-1",
        service="shop", environment="production", commit="c0ffee" * 6 + "c0ff", branch="main", now=NOW,
    )  # fmt: skip


def _worse(plain: CheckRequest) -> Iterator[CheckRequest]:
    """The same where what is there is of no use."""
    yield replace(plain, reach=Reach(NOWHERE, {"x-penstock-revision": "r2"}))
    yield replace(plain, folder=str(Path(plain.folder) / "gone"), repository="/nonexistent")
    yield replace(plain, env={**plain.env, **dict.fromkeys(plain.secrets, NOWHERE)}, secrets={})
    strange = {"requests": -1, "p95_ms": "x", "left": None, "names": {"a": [1, {}]}, "": float(10**300)}
    yield replace(plain, last=Last("deadbeef", "r1", plain.now - 3600, strange, {"A": "1"}), repository=plain.folder)
    yield replace(plain, last=Last("deadbeef", "r1", 0.0, {}, {}), history=History(True, 1e9, 3.0))
    yield replace(
        plain, configured={"production": {"A": ""}, "staging": {}}, references={"A": "env:A"}, groups={"a": ()}
    )


def asked(subject: Subject, request: CheckRequest) -> Outcome:
    """What the check answers, or answered to the very same before."""
    same = repr(request)
    if same not in subject.answers:
        subject.answers[same] = asked_anew(subject, request)
    return subject.answers[same]


def asked_anew(subject: Subject, request: CheckRequest) -> Outcome:
    """What the check answers; an AssertionError when it raises, or takes longer than it may."""
    began = time.monotonic()
    try:
        outcome = subject.check.run(request)
    except Exception as error:
        raise AssertionError(f"{subject.kind} raised {error!r} for {_told(request)}") from error
    took = time.monotonic() - began
    limit = float(request.section["within_s"]) + GRACE_S
    assert took <= limit, f"{subject.kind} took {took:.1f} s of {limit:g} for {_told(request)}"
    return outcome


def _told(request: CheckRequest) -> str:
    return f"section {data.canonical(request.section)[:300]} in {request.folder}, last {request.last.commit or 'none'}"


def answers_always(subject: Subject, folder: Path) -> None:
    """It never raises, is over in its time, and its answer is one of the states that a check may give."""
    for request in requests(subject, folder):
        outcome = asked(subject, request)
        assert isinstance(outcome, Outcome), f"{subject.kind} answered {outcome!r}"
        assert outcome.state in get_args(State), f"{subject.kind} answered {outcome.state!r}"
        assert outcome.state != "waived", "a check does not waive: people do"


def passes_nothing_that_is_not_there(subject: Subject, folder: Path) -> None:
    """Where neither tool, report, service nor repository is there, it does not pass: nothing was inspected."""
    for section in [] if subject.passes_without else subject.sections():
        outcome = asked(subject, _plain(subject, section, folder))
        assert outcome.state != "passed", f"{subject.kind} passed without anything to inspect: {outcome.sentence}"


def tells_no_secret(subject: Subject, folder: Path) -> None:
    """No secret that it was handed stands in its answer, in no text and in nothing that was measured."""
    for request in requests(subject, folder):
        text = json.dumps(data.dump(asked(subject, request)), ensure_ascii=False)
        for name, value in request.secrets.items():
            assert value not in text, f"{subject.kind} tells the value of {name}: {text[:300]}"


def says_it_in_one_line(subject: Subject, folder: Path) -> None:
    """The sentence is one line of at most 300 characters, without control characters."""
    for request in requests(subject, folder):
        sentence = asked(subject, request).sentence
        assert sentence.strip(), f"{subject.kind} says nothing for {_told(request)}"
        assert len(sentence) <= SENTENCE, f"{subject.kind} says {len(sentence)} characters: {sentence}"
        assert not _CONTROL.search(sentence), f"{subject.kind} says a control character: {sentence!r}"


def says_why(subject: Subject, folder: Path) -> None:
    """What failed or errored has a finding; findings are few, have a severity that is known and a place that is inside."""
    for request in requests(subject, folder):
        outcome = asked(subject, request)
        assert outcome.findings or outcome.state not in ("failed", "errored"), f"{subject.kind}: no finding"
        assert len(outcome.findings) <= FINDINGS, f"{subject.kind}: {len(outcome.findings)} findings"
        for finding in outcome.findings:
            assert finding.condition, f"{subject.kind}: a finding without a condition"
            assert finding.severity in _SEVERITIES, f"{subject.kind}: severity {finding.severity!r}"
            inside = not finding.where.startswith("/") and ".." not in finding.where.split("/")
            assert inside, f"{subject.kind}: a place outside of the repository: {finding.where}"


def keeps_little(subject: Subject, folder: Path) -> None:
    """Its answer is plain data that comes back as it was; evidence and what was measured are small."""
    for request in requests(subject, folder):
        outcome = asked(subject, request)
        text = json.dumps(data.dump(outcome), allow_nan=False)
        assert outcome == data.load(Outcome, json.loads(text)), f"{subject.kind}: it comes back as something else"
        assert len(json.dumps(dict(outcome.measured))) <= MEASURED, f"{subject.kind}: it measures too much"
        names = [piece.name for piece in outcome.evidence]
        assert len(names) == len(set(names)), f"{subject.kind}: two pieces of evidence have one name: {names}"
        for piece in outcome.evidence:
            assert len(piece.text.encode("utf-8", "replace")) <= EVIDENCE, f"{subject.kind}: {piece.name} is too long"


def answers_the_same(subject: Subject, folder: Path) -> None:
    """What is steady answers the same to the same: its answer may be remembered."""
    for request in requests(subject, folder) if subject.section.steady else []:
        one, other = (replace(ask(subject, request), duration_s=0.0) for ask in (asked, asked_anew))
        assert one == other, f"{subject.kind} is steady, and answered twice: {one.sentence} / {other.sentence}"


def is_of_a_known_sort(subject: Subject, _: Path) -> None:
    """Its section says what sort of work it is, and whether its answer may be remembered."""
    assert subject.section.pace in set(PACES) - {"all"}, f"{subject.kind}: pace {subject.section.pace!r}"
    assert subject.section.steady in (True, False)
    assert subject.section.model_config.get("frozen"), f"{subject.kind}: its section can be changed"
    assert subject.section.model_config.get("extra") == "forbid", f"{subject.kind}: its section ignores keys"


def is_itself_as_plain_data(subject: Subject, _: Path) -> None:
    """A section that was kept as plain data is read as the same section."""
    for line in subject.lines:
        section = subject.section.model_validate(dict(line))
        again = subject.section.model_validate(json.loads(json.dumps(data.dump(section), allow_nan=False)))
        assert section == again, f"{subject.kind}: {line} comes back as something else"


def has_its_page(subject: Subject, _: Path) -> None:
    """Its docstring is its page: what passes, an item for every key of its own, an example of bad and one of good."""
    page = inspect.getdoc(type(subject.check)) or ""
    told = {name for items in _KEY.findall(page) for name in re.findall(r"`([a-z0-9_.]+)`", items)}
    told |= {name.partition(".")[2] for name in pages.words() if name.startswith(f"check-{subject.kind}.")}
    lacking = [key for key in own_keys(subject.section) if key not in told]
    assert not lacking, f"{subject.kind}: its docstring has no item `- `KEY`: ...` for {', '.join(lacking)}"
    for word in ("Bad:", "Good:"):
        assert re.search(rf"^{word} +\S", page, re.MULTILINE), f"{subject.kind}: its docstring has no line `{word}`"


def shows_lines_that_can_be_read(subject: Subject, _: Path) -> None:
    """The examples of its page are lines that a manifest may have."""
    page = inspect.getdoc(type(subject.check)) or ""
    for example in re.findall(r"^(?:Bad|Good):((?:.|\n {7})*)", page, re.MULTILINE):
        _readable(subject, " ".join(line.strip() for line in example.strip().split("\n")))


def _readable(subject: Subject, example: str) -> None:
    from penstock.registry import kinds

    known = kinds()
    seen = {name for names in re.findall(r"sees: \[([^]]*)\]", example) for name in re.findall(r"\w+", names)}
    names = "".join(f"  {name}: env:{name}\n" for name in sorted({*_NAME.findall(example), *seen}))
    text = (
        f"penstock: 1\nservice: shop\nrun: ./shop\n{'secrets:' if names else ''}\n{names}"
        "environments:\n  production: {target: {is: command, converge: ./deploy}}\n"
        f"checklist:\n  candidate:\n    {example}\n"
    )
    try:
        read(text, kinds={**known, "check": {**known["check"], subject.kind: subject.section}})
    except ManifestError as error:
        problems = [one for one in error.problems if one.code not in ("unknown-check", "unknown-group")]
        told = "; ".join(f"{one.what} ({one.why})" for one in problems)
        assert not problems, f"{subject.kind}: the example cannot be read: {example}: {told}"


def own_keys(section: type[CheckSection]) -> list[str]:
    """The keys of a kind that not every line of a checklist has, or that mean something else by default."""
    common = {field.alias or name: field.default for name, field in CheckSection.model_fields.items()}
    fields = {field.alias or name: field.default for name, field in section.model_fields.items()}
    return [key for key in keys(section) if key not in common or fields[key] != common[key]]


LAWS: tuple[Callable[[Subject, Path], None], ...] = (
    answers_always,
    passes_nothing_that_is_not_there,
    tells_no_secret,
    says_it_in_one_line,
    says_why,
    keeps_little,
    answers_the_same,
    is_of_a_known_sort,
    is_itself_as_plain_data,
    has_its_page,
    shows_lines_that_can_be_read,
)
