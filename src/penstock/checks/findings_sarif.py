"""SARIF 2.1.0: the results of any analyser, as CodeQL, semgrep, trivy, ruff, ESLint and most others write them."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from penstock.checks.findings_allowed import Severity, severity_of, severity_of_score
from penstock.checks.findings_json import Unreadable, items, mapping, needed, number, text

_LEVELS: dict[str, Severity] = {"error": "high", "warning": "medium", "note": "low", "none": "info"}
_NOT_FOUND = ("pass", "notApplicable")  # kinds of result that say that all is well
_A_FINGERPRINT = re.compile(r"[A-Za-z0-9+/=_.:-]{8,512}")  # semgrep writes "requires login" where it has none


@dataclass(frozen=True)
class Found:
    """One result. `identity` stays the same when lines above it come and go; `passed_over` is why a tool let it through."""

    rule: str
    message: str
    severity: Severity
    path: str = ""
    line: int = 0
    identity: str = ""
    passed_over: str = ""
    remedy: str = ""

    @property
    def where(self) -> str:
        """`path:line`, as far as it is known."""
        return f"{self.path}:{self.line}" if self.path and self.line else self.path


@dataclass(frozen=True)
class Analysis:
    """What one report says: by which tools, what they found, and what they did not inspect."""

    tools: tuple[str, ...]
    found: tuple[Found, ...]
    not_inspected: tuple[str, ...] = ()


def read(data: Any, folder: str) -> Analysis:
    """The runs of a SARIF log; a path below `folder` is made relative to it."""
    log = needed(data, dict, "map at its top")
    version = text(log.get("version"))
    if not version.startswith("2.1"):
        raise Unreadable(f"is SARIF of version `{version}`, and 2.1.0 is read" if version else "names no SARIF version")
    runs = [_Run(needed(run, dict, "run"), folder) for run in needed(log.get("runs"), list, "`runs`")]
    if not runs:
        raise Unreadable("has no run in it: no tool says that it inspected anything")
    found = tuple(one for run in runs for one in run.found())
    return Analysis(tuple(run.tool for run in runs), found, tuple(w for run in runs for w in run.not_inspected()))


class _Run:
    """One run of one tool."""

    def __init__(self, run: dict[str, Any], folder: str) -> None:
        self._run = run
        self._folder = folder.rstrip("/")
        tool = needed(run.get("tool"), dict, "`tool` of a run")
        self._components = [needed(tool.get("driver"), dict, "`driver` of a tool")]
        self._components += [mapping(one, "extension") for one in items(tool.get("extensions"), "`extensions`")]
        self._rules = {}
        for component in reversed(self._components):
            for rule in items(component.get("rules"), "`rules`"):
                self._rules[text(mapping(rule, "rule").get("id"))] = rule
        driver = self._components[0]
        version = text(driver.get("semanticVersion")) or text(driver.get("version"))
        self.tool = f"{text(driver.get('name')) or 'a tool'} {version}".strip()

    def found(self) -> Iterator[Found]:
        """What is wrong here. A run without `results` inspected nothing."""
        for one in needed(self._run.get("results"), list, f"results of {self.tool}"):
            result = needed(one, dict, "result")
            if result.get("kind") not in _NOT_FOUND and result.get("baselineState") != "absent":
                yield self._one(result)

    def not_inspected(self) -> Iterator[str]:
        """Why not all was inspected: an invocation that failed, or an error that the tool notes."""
        for one in items(self._run.get("invocations"), "`invocations`"):
            invocation = mapping(one, "invocation")
            noted = list(self._errors(invocation))
            yield from noted
            if invocation.get("executionSuccessful", True) is not True and not noted:
                yield f"{self.tool} says that it did not come to its end"

    def _errors(self, invocation: Mapping[str, Any]) -> Iterator[str]:
        for key in ("toolExecutionNotifications", "toolConfigurationNotifications"):
            for one in items(invocation.get(key), f"`{key}`"):
                note = mapping(one, "notification")
                if note.get("level") == "error":
                    path = self._place(note)[0]
                    said = text(mapping(note.get("message"), "message").get("text")) or "an error"
                    yield f"{self.tool} at {path}: {said}" if path else f"{self.tool}: {said}"

    def _one(self, result: dict[str, Any]) -> Found:
        rule = self._rule(result)
        name = text(result.get("ruleId")) or text(rule.get("id")) or "a rule without a name"
        path, line, snippet = self._place(result)
        message = self._message(result, rule)
        return Found(
            name, message, _severity(result, rule), path, line, self._identity(result, name, path, snippet or message),
            _passed_over(result), text(rule.get("helpUri")),
        )  # fmt: skip

    def _rule(self, result: Mapping[str, Any]) -> dict[str, Any]:
        """The rule of a result: by its name, by the name's beginning (`CA1000/1`), or by its place."""
        said = mapping(result.get("rule"), "`rule` of a result")
        name = text(result.get("ruleId")) or text(said.get("id"))
        while name and name not in self._rules and "/" in name:
            name = name.rpartition("/")[0]
        if name:
            return mapping(self._rules.get(name), "rule")
        at = mapping(said.get("toolComponent"), "`toolComponent`").get("index")
        component = self._components[0] if at in (None, -1) else self._at(self._components[1:], at)
        place = result.get("ruleIndex", said.get("index"))
        return mapping(self._at(items(mapping(component, "component").get("rules"), "`rules`"), place), "rule")

    @staticmethod
    def _at(several: list[Any], place: Any) -> Any:
        return several[place] if isinstance(place, int) and 0 <= place < len(several) else None

    @staticmethod
    def _message(result: Mapping[str, Any], rule: Mapping[str, Any]) -> str:
        said = mapping(result.get("message"), "message")
        template = text(said.get("text"))
        if not template:
            strings = mapping(rule.get("messageStrings"), "`messageStrings`")
            template = text(mapping(strings.get(text(said.get("id"))), "message").get("text"))
        arguments = [text(one) for one in items(said.get("arguments"), "arguments of a message")]
        for place, argument in enumerate(arguments[:20]):
            template = template.replace(f"{{{place}}}", argument)[:4000]
        return template or text(mapping(rule.get("shortDescription"), "description").get("text"))

    def _place(self, one: Mapping[str, Any]) -> tuple[str, int, str]:
        """The path, the line and the text at the first place."""
        places = items(one.get("locations"), "`locations`")
        place = mapping(mapping(places[0] if places else None, "location").get("physicalLocation"), "place")
        region = mapping(place.get("region"), "region")
        snippet = text(mapping(region.get("snippet"), "snippet").get("text"))
        return self._path(mapping(place.get("artifactLocation"), "file")), number(region.get("startLine")), snippet

    def _path(self, file: Mapping[str, Any]) -> str:
        uri = text(file.get("uri"))
        if not uri:
            known = self._at(items(self._run.get("artifacts"), "`artifacts`"), file.get("index"))
            file = mapping(mapping(known, "artifact").get("location"), "file")
            uri = text(file.get("uri"))
        bases = mapping(self._run.get("originalUriBaseIds"), "`originalUriBaseIds`")
        base = text(mapping(bases.get(text(file.get("uriBaseId"))), "base").get("uri"))
        whole = uri if re.match(r"[a-z][a-z0-9+.-]*:|/", uri) or not base else f"{base.rstrip('/')}/{uri}"
        return relative(whole, self._folder)

    def _identity(self, result: Mapping[str, Any], rule: str, path: str, what: str) -> str:
        for key in ("fingerprints", "partialFingerprints"):
            prints = mapping(result.get(key), f"`{key}`")
            useful = {name: text(value) for name, value in prints.items() if _A_FINGERPRINT.fullmatch(text(value))}
            if useful:
                return identity(rule, path, repr(sorted(useful.items())))
        return identity(rule, path, what.replace(self._folder, ""))


def relative(uri: str, folder: str) -> str:
    """A file's path, relative to the folder when it lies in it."""
    path = text(unquote(re.sub(r"^file:(//[^/]*)?", "", uri)))
    if folder and path.startswith(f"{folder}/"):
        path = path[len(folder) + 1 :]
    return path.removeprefix("./")


def identity(rule: str, path: str, what: str) -> str:
    """What names a finding from release to release: no line number, no width of a gap, no figure in a message."""
    words = " ".join(re.sub(r"[0-9]+", "0", what).split())
    return hashlib.sha256("\0".join((rule, path, words)).encode("utf-8", "replace")).hexdigest()[:12]


def _severity(result: Mapping[str, Any], rule: Mapping[str, Any]) -> Severity:
    """By score, else by a tool's own word, else by level. A level that SARIF does not know is no reason to pass."""
    own, of_rule = (mapping(one.get("properties"), "properties") for one in (result, rule))
    for said in (own.get("security-severity"), of_rule.get("security-severity")):
        if (score := _score(said)) is not None:
            return severity_of_score(score)
    words = [own.get("issue_severity"), own.get("severity"), of_rule.get("severity")]
    words += [tag for one in (own, of_rule) for tag in items(one.get("tags"), "tags") if text(tag).isupper()]
    for word in words:
        if known := severity_of(text(word)):
            return known
    level = result.get("level")
    if level is None and result.get("kind") in ("informational", "review", "open"):
        return "info" if result["kind"] == "informational" else "medium"
    level = level or mapping(rule.get("defaultConfiguration"), "configuration").get("level") or "warning"
    if level not in _LEVELS:
        raise Unreadable(f"has a result of the level `{text(level)[:40]}`, which SARIF does not know")
    return _LEVELS[level]


def _score(said: Any) -> float | None:
    try:
        score = float(text(said))
    except ValueError:
        return None
    return score if 0 <= score <= 10 else None


def _passed_over(result: Mapping[str, Any]) -> str:
    """Why a tool let it through; empty when it did not. One suppression that is not accepted (yet) is enough to count."""
    several = [mapping(one, "suppression") for one in items(result.get("suppressions"), "`suppressions`")]
    if not several or any(one.get("status", "accepted") != "accepted" for one in several):
        return ""
    kind = "in the code" if several[0].get("kind") == "inSource" else "outside the code"
    why = text(several[0].get("justification")) or "no reason is given"
    return f"suppressed {kind}: {why}"
