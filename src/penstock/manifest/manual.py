"""The manual: what is to be said about a word. Pure: pages, keys and examples in, text of 80 columns out."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from penstock.manifest import checklist, pages, target
from penstock.manifest.approvals import Approval
from penstock.manifest.build import Build
from penstock.manifest.environment import Kinds
from penstock.manifest.groups import Group
from penstock.manifest.health import Health
from penstock.manifest.keys import Key, all_keys, matching
from penstock.manifest.later import Reminder
from penstock.manifest.logs import Logs
from penstock.manifest.pages import WIDTH, Page, filled
from penstock.manifest.prepare import Prepare
from penstock.manifest.problems import nearest
from penstock.manifest.read import LATER
from penstock.manifest.report import ReportForm
from penstock.manifest.rollout import Rollout
from penstock.manifest.unit import Unit
from penstock.manifest.verdict import ErrorRules, Undecided, Verdict

_MODELS = (
    Approval,
    Build,
    Group,
    Health,
    Logs,
    Prepare,
    Reminder,
    ReportForm,
    Rollout,
    Unit,
    Verdict,
    ErrorRules,
    Undecided,
)
_UNITS = {
    "duration": "ms, s, m, h, d, w: `90s`, `1h30m`",
    "percentage": "%: `5%`, `0.1%`",
    "margin of times": "`1.3x + 3ms`: a factor, and time on top where times are short",
    "margin": "`1.5x + 0.05pp`: a factor, and percentage points",
    "list of increments": "`5% for 30m`, or `5% up to 30m`",
    "command": "words; a list of words; or `{sh: a line for a shell}`",
    "scheme:where": "`slack:releases`, `mail:ana@example.com`",
    "reference to a secret": "`file:/a/path`, or `env:A_VARIABLE`",
}
_RULE = "-" * WIDTH


@dataclass(frozen=True)
class Manual:
    """All that can be asked for: annotated examples and checks' own pages by name, and the kinds that there are."""

    examples: Mapping[str, str]
    checks: Mapping[str, str]
    kinds: Kinds

    def keys(self) -> dict[str, Key]:
        """Every key, by the name of its page."""
        return {key.name: key for key in all_keys(self.kinds)}

    def topics(self) -> list[str]:
        """Every word that has a page."""
        return sorted({*self.examples, *self.checks, *pages.words(), *pages.errors(), "keys", "errors"})

    def opening(self) -> str:
        """A whole manifest, and where to go on."""
        return self._section("manifest")

    def about(self, topic: str) -> str:
        """Everything that a word means; empty when it means nothing."""
        topic = " ".join(topic.split())
        topic = next((name for name in pages.words() if name.startswith(f"{topic} ")), topic)
        if topic in ("keys", "errors"):
            return _list_of_keys(list(self.keys().values())) if topic == "keys" else _list_of_errors()
        parts = list(self._parts(topic)) or list(self._parts(topic.lower()))
        return f"\n{_RULE}\n\n".join(parts) or _later(topic)

    def near(self, topic: str) -> list[str]:
        """The words that were probably meant, the nearest first."""
        words = {word.rpartition(".")[2] for word in self.topics()} | set(self.topics())
        found: list[str] = []
        topic = re.sub(r"^environments\.[^.]+\.", "", topic.lower())
        while len(found) < 3 and (word := nearest(topic, words)):
            found.append(word)
            words.discard(word)
        return found

    def _parts(self, topic: str) -> Iterator[str]:
        if topic in self.examples:
            yield self._section(topic)
        if topic in self.checks:
            yield f"the check `{topic}`\n\n{_narrow(self.checks[topic])}\n"
        found = [key for key in matching(topic, self.keys()) if key.name not in self.examples]
        page = self.page_of(topic)
        if page and topic not in self.examples and topic not in [key.name for key in found]:
            yield f"{topic}\n\n{_body(page)}"
        own = [key for key in found if key.name == topic]
        for key in own or found if len(found) == 1 else own:
            yield f"{key.written}\n\n{_body(self.page_of(key.name) or Page(key.name, ''))}\n{_facts(key)}"
        below = [key for key in self.keys().values() if key.name.startswith((f"{topic}.", f"{topic}.NAME."))]
        if own and below and topic not in self.examples:
            yield f"keys, and their defaults:\n{_table(below)}"
        if rest := [key for key in found if key not in own and len(found) > 1]:
            also = "also stands" if own or topic in self.examples else "stands"
            count = f"{len(rest)} places" if len(rest) > 1 else "one place"
            yield f"`{topic}` {also} in {count}\n\n" + "\n".join(
                _short(key, self.page_of(key.name) or Page(key.name, "")) for key in rest
            )
        if topic in pages.errors():
            yield f"the error `{topic}`\n\n{_body(pages.errors()[topic])}"

    def page_of(self, name: str) -> Page | None:
        """The page of a word. A check's keys have theirs in the check's own, where what lies below a key is said with it."""
        kind, _, key = name.removeprefix("check-").partition(".")
        if name in pages.words() or not name.startswith("check-"):
            return pages.words().get(name)
        own = self.checks.get(kind, "")
        if key == "is":
            return Page(name, f"{own.split(chr(10) * 2, 1)[0]}\n\n{_example_of(own)}")
        told = pages.of_check(own)
        return told.get(key) or told.get(key.partition(".")[0])

    def _section(self, topic: str) -> str:
        mine = [key for key in self.keys().values() if key.name.startswith(_prefix(topic))]
        text = _narrow_example(self.examples[topic])
        if topic == "manifest":
            text += f"\n{_all_sections(self.examples, self.checks)}"
        return text + (f"\nkeys, and their defaults:\n{_table(mine)}" if mine else "")


def _example_of(page: str) -> str:
    """The good example of a check's page."""
    good = page.partition("Good:")[2].strip().split("\n")[0]
    return f"    {good}" if good else ""


def _prefix(topic: str) -> str:
    return {"unit": "units.NAME.", "environment": "environments."}.get(topic, f"{topic}.")


def _all_sections(examples: Mapping[str, str], checks: Mapping[str, str]) -> str:
    said = {"sections": ", ".join(examples), "checks": ", ".join(checks)}
    lines = [_hanging(f"{name}:", text, 12) for name, text in said.items()]
    more = "`penstock explain NAME` shows each, annotated. `penstock explain keys` lists every key, `penstock explain "
    return "\n".join(lines) + "\n\n" + filled(f"{more}errors` every code of an error.") + "\n"


def _facts(key: Key) -> str:
    kind = next((unit for name, unit in _UNITS.items() if key.form.startswith(name)), "")
    default = key.default or ("none: it must be said" if key.needed else "")
    said = {"type": key.form, "written": kind, "default": default, "stands": key.where}
    return "".join(_hanging(name, text, 9) + "\n" for name, text in said.items() if text)


def _short(key: Key, page: Page) -> str:
    default = f" Default: {key.default}." if key.default else ""
    text = filled(page.summary + default, "    ")
    example = textwrap.indent(page.example, " " * 8)
    of = f"  ({key.name.partition('.')[0]})" if "-" in key.name else ""
    return f"{key.written}{of}\n{text}\n\n{example}\n"


def _body(page: Page) -> str:
    return filled(page.text) + "\n"


def _hanging(head: str, text: str, width: int) -> str:
    first = head.ljust(width)
    return textwrap.fill(text, WIDTH, initial_indent=first, subsequent_indent=" " * width, break_on_hyphens=False)


def _table(keys: list[Key]) -> str:
    """Key, form and default, a line each."""
    wide = min(30, max(len(key.written) for key in keys) + 2)
    return "".join(
        _hanging(f"  {key.written}  ", f"{key.form}{f' [{key.default}]' if key.default else ''}", wide + 2) + "\n"
        for key in keys
    )


def _list_of_keys(keys: list[Key]) -> str:
    head = "Every key, and where it stands. NAME and MOMENT are names.\n\n"
    own = {"the manifest": [key for key in keys if "-" not in key.name]}
    for key in keys:
        if "-" in key.name:
            own.setdefault(key.name.partition(".")[0], []).append(key)
    return head + "\n".join(f"{name}\n{_table(mine)}" for name, mine in own.items())


def _list_of_errors() -> str:
    wide = max(map(len, pages.errors())) + 2
    lines = (f"{name:{wide}}{_cut(page.summary, WIDTH - wide)}" for name, page in sorted(pages.errors().items()))
    return "Every code of an error; `penstock explain CODE` says more.\n\n" + "\n".join(lines) + "\n"


def _cut(text: str, room: int) -> str:
    first = re.split(r"(?<=[.:;]) ", text, maxsplit=1)[0].rstrip(".:;")
    return textwrap.shorten(first, room, placeholder=" ...")


def _later(topic: str) -> str:
    known = LATER | checklist.LATER_KINDS | target.LATER_KINDS | {"ask", "blue_green"}
    known |= frozenset(key for model in _MODELS for key in model.not_yet)
    if topic not in known:
        return ""
    return filled(f"`{topic}` is a word of the language, and this version does not act on it yet.") + (
        f"\n\n{_body(pages.errors()['not-yet'])}"
    )


def _narrow(text: str) -> str:
    """A docstring's page in 80 columns: paragraphs and list items filled, what is aligned left alone."""
    return "\n\n".join(_narrow_part(part) for part in text.split("\n\n"))


def _narrow_part(part: str) -> str:
    if re.match(r"(Bad|Good): ", part):
        return "\n".join(_example_line(line) for line in part.split("\n"))
    items = re.split(r"\n(?=- )", part)
    return "\n".join(
        textwrap.fill(" ".join(item.split()), WIDTH, subsequent_indent="  " if item.startswith("- ") else "",
                      break_on_hyphens=False)
        for item in items
    )  # fmt: skip


def _example_line(line: str) -> str:
    head, _, rest = line.partition(":")
    return textwrap.fill(rest.strip(), WIDTH, initial_indent=f"{head}:".ljust(7), subsequent_indent=" " * 7,
                         break_on_hyphens=False, break_long_words=False)  # fmt: skip


def _narrow_example(text: str) -> str:
    """An annotated example in 80 columns: neighbouring lines of one comment are filled anew, the rest stays."""
    out: list[str] = []
    comment, indent = "", ""
    for line in [*text.rstrip("\n").split("\n"), ""]:
        found = re.match(r"(\s*)# (.*)", line)
        is_key = bool(found and re.match(r"[a-z_0-9]+: \S", found[2]))  # a key that is not in force: a line of its own
        if found and comment and found[1] == indent and not is_key and not re.match(r"[a-z_0-9]+: \S", comment):
            comment += f" {found[2]}"
            continue
        out += _comment(comment, indent)
        comment, indent = (found[2], found[1]) if found else ("", "")
        out += [] if found else [line]
    return "\n".join(out)


def _comment(text: str, indent: str) -> list[str]:
    lead = f"{indent}# "
    return textwrap.wrap(text, WIDTH, initial_indent=lead, subsequent_indent=lead, break_on_hyphens=False)
