"""Dockerfiles as instructions, by stage."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

from penstock.checks.infra.reading import Unreadable

_WORDS = frozenset(
    [
        "ADD",
        "ARG",
        "CMD",
        "COPY",
        "ENTRYPOINT",
        "ENV",
        "EXPOSE",
        "FROM",
        "HEALTHCHECK",
        "LABEL",
        "MAINTAINER",
        "ONBUILD",
        "RUN",
        "SHELL",
        "STOPSIGNAL",
        "USER",
        "VOLUME",
        "WORKDIR",
    ]
)
_HEREDOC = re.compile(r"<<-?\s*[\"']?([A-Za-z_][A-Za-z0-9_]*)[\"']?")
_FROM = re.compile(r"(?:--platform=\S+\s+)?(\S+)(?:\s+AS\s+(\S+))?\s*", re.IGNORECASE)
_ARG = re.compile(r"\$\{?([A-Za-z_][A-Za-z0-9_]*)(?::[-+]([^}]*))?\}?")


@dataclass(frozen=True)
class Instruction:
    """One instruction: its word, all that follows it, its line, and the stage that it is in."""

    word: str
    rest: str
    line: int
    stage: int = -1


@dataclass(frozen=True)
class Stage:
    """One stage: the image it starts from (arguments filled in), its name, its line."""

    image: str
    name: str
    line: int


@dataclass(frozen=True)
class Dockerfile:
    """A Dockerfile. The last stage is what runs."""

    stages: tuple[Stage, ...]
    instructions: tuple[Instruction, ...]
    path: str

    def last(self) -> list[Instruction]:
        """What makes up the image that runs: the last stage, and the stages it starts from."""
        wanted, at = set[int](), len(self.stages) - 1
        while at >= 0 and at not in wanted:
            wanted.add(at)
            image = self.stages[at].image.lower()
            at = next((index for index in range(at) if self.stages[index].name.lower() == image), -1)
        return [one for one in self.instructions if one.stage in wanted]

    def is_stage(self, image: str) -> bool:
        """Whether a name is that of a stage."""
        return any(stage.name.lower() == image.lower() for stage in self.stages if stage.name)


def read_dockerfile(text: str, path: str) -> Dockerfile:
    """The instructions; Unreadable where it is no Dockerfile."""
    given: dict[str, str] = {}
    stages, found = list[Stage](), list[Instruction]()
    for one in _instructions(text):
        if one.word not in _WORDS:
            raise Unreadable(f"`{one.word[:30]}` is no instruction of a Dockerfile", one.line)
        if one.word == "ARG" and not stages:
            name, _, value = one.rest.partition("=")
            given[name.strip()] = value.strip().strip("\"'")
        if one.word == "FROM":
            said = _FROM.fullmatch(one.rest)
            if said is None:
                raise Unreadable("FROM without an image", one.line)
            stages.append(
                Stage(_ARG.sub(lambda arg: given.get(arg[1]) or arg[2] or arg[0], said[1]), said[2] or "", one.line)
            )
        elif not stages and one.word != "ARG":
            raise Unreadable("an instruction before the first FROM", one.line)
        found.append(Instruction(one.word, one.rest, one.line, len(stages) - 1))
    if not stages:
        raise Unreadable("it has no FROM: that is no Dockerfile")
    return Dockerfile(tuple(stages), tuple(found), path)


def _instructions(text: str) -> list[Instruction]:
    lines, escape, at = text.splitlines(), "`" if re.search(r"(?im)\A(#.*\n)*#\s*escape\s*=\s*`", text) else "\\", 0
    found = []
    while at < len(lines):
        line, began = lines[at].strip(), at + 1
        at += 1
        if not line or line.startswith("#"):
            continue
        parts = []
        while line.endswith(escape) and at < len(lines):
            parts.append(line[:-1])
            while at < len(lines) and (not lines[at].strip() or lines[at].strip().startswith("#")):
                at += 1
            line = lines[at].strip() if at < len(lines) else ""
            at += 1
        whole = " ".join([*parts, line])
        word, _, rest = whole.strip().partition(" ")
        if word.upper() in ("RUN", "COPY", "ADD"):
            rest, at = _with_heredocs(rest, lines, at)
        found.append(Instruction(word.upper(), rest.strip(), began))
    return found


def _with_heredocs(rest: str, lines: list[str], at: int) -> tuple[str, int]:
    for mark in _HEREDOC.findall(rest):
        body = []
        while at < len(lines) and lines[at].strip() != mark:
            body.append(lines[at])
            at += 1
        at += 1
        rest = "\n".join([rest, *body])
    return rest, at


def pairs(rest: str) -> list[tuple[str, str]]:
    """The names and values of an ENV, ARG or LABEL, in both of its spellings."""
    found = re.findall(r"([A-Za-z_][\w.-]*)=(\"(?:[^\"\\]|\\.)*\"|'[^']*'|[^\s]*)", rest)
    if found:
        return [(name, value.strip("\"'")) for name, value in found]
    name, _, value = rest.partition(" ")
    return [(name, value.strip().strip("\"'"))]


def command(rest: str) -> str:
    """A command as one text, whether it was written as a line or as a JSON list."""
    if rest.startswith("["):
        try:
            words = json.loads(rest)
        except (ValueError, RecursionError):
            return rest
        return " ".join(str(one) for one in words) if isinstance(words, list) else rest
    return rest
