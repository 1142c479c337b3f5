"""Every key that a manifest may have: its name, its form, its default, and where it may stand."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator
from pydantic_core import PydanticUndefined

from penstock.manifest.approvals import Approval, Hotfix
from penstock.manifest.asking import AskSection
from penstock.manifest.bake import BakePeriod
from penstock.manifest.bound import Bound
from penstock.manifest.build import Build
from penstock.manifest.check import CheckSection
from penstock.manifest.checks import Checks, Pace
from penstock.manifest.environment import MOMENTS, Kinds
from penstock.manifest.forms import form, is_section
from penstock.manifest.gates import Gates
from penstock.manifest.groups import Group
from penstock.manifest.health import Health
from penstock.manifest.latency import Slower
from penstock.manifest.later import Reminder
from penstock.manifest.logs import Logs
from penstock.manifest.measures import Measure
from penstock.manifest.prepare import Prepare
from penstock.manifest.read import FORMAT, ONCE
from penstock.manifest.report import ReportForm
from penstock.manifest.rollout import CANARY, Increment, Rollout
from penstock.manifest.secrets import SecretReference
from penstock.manifest.section import Amount, Command, Margin, Name, Section, Variable, duration, fraction
from penstock.manifest.shape import keys as keys_of
from penstock.manifest.times import Times
from penstock.manifest.unit import Unit, or_none
from penstock.manifest.verdict import Verdict
from penstock.manifest.waivers import Waiver
from penstock.manifest.windows import Holidays, OpenHours, Windows

LINE = "checklist.MOMENT.NAME"
ANY = frozenset({"NAME", "MOMENT"})  # segments that stand for a name of the user's
_MISSPELT = 0.8  # how alike: `errrors` is no name of one's own, `orders` is one
TOP: dict[str, Any] = {
    "penstock": Literal["1"],
    "service": Name,
    "build": Annotated[Build | None, BeforeValidator(or_none)],
    "run": Command,
    "health": Annotated[Health | None, BeforeValidator(or_none)],
    "units": dict[Name, Unit],
    "env": dict[Variable, str],
    "secrets": dict[Variable, SecretReference],
    "groups": dict[Name, Group],
    "prepare": Annotated[Prepare | None, BeforeValidator(or_none)],
    "checklist": dict[Literal[MOMENTS], dict[str, str]],  # type: ignore[valid-type]
    "target": Section,
    "rollout": Rollout,
    "verdict": Verdict,
    "logs": Annotated[Logs | None, BeforeValidator(or_none)],
    "report": Annotated[ReportForm | None, BeforeValidator(or_none)],
    "windows": Annotated[Windows | None, BeforeValidator(or_none)],
    **keys_of(Times),
    **keys_of(Gates),
    "environments": dict[Name, Section],
}
NEEDED = frozenset({"penstock", "service", "environments", "target"})
_FIRST: dict[str, type[Section]] = {"build": Build, "health": Health, "prepare": Prepare}
_THEN: dict[str, type[Section]] = {
    "bake": BakePeriod,
    "approvals": Approval,
    "hotfix": Hotfix,
    "checks": Checks,
    "pace": Pace,
    "rollout": Rollout,
    "verdict": Verdict,
    "logs": Logs,
    "report": ReportForm,
    "windows": Windows,
    "windows.open": OpenHours,
    "windows.closed.holidays": Holidays,
}
_DEFAULTS = {"rollout.increments": CANARY}
_UNITS_S = (("w", 604800), ("d", 86400), ("h", 3600), ("m", 60), ("s", 1))


@dataclass(frozen=True)
class Key:
    """One key. `name` is its page's, `path` what a person writes, NAME and MOMENT standing for any word."""

    name: str
    path: tuple[str, ...]
    form: str
    default: str
    needed: bool

    @property
    def written(self) -> str:
        """The path as a person writes it."""
        return ".".join(self.path)

    @property
    def where(self) -> str:
        """Where it may stand, in words."""
        once = self.path[0] in ONCE
        place = "at the top of the file, once for all environments" if once else "at the top, or in an environment"
        if len(self.path) == 1:
            return place
        kind = self.name.partition("-")[2].partition(".")[0]
        of = f" with `is: {kind}`" if kind else ""
        return f"in `{'.'.join(self.path[:-1])}`{of}" + ("" if self.path[-1] == "like" else f"; {place}")


def all_keys(kinds: Kinds) -> list[Key]:
    """Every key, in the order of the file; the targets' and the checks' own come last."""
    found = [Key(name, (name,), _form(name, kind), "", name in NEEDED) for name, kind in TOP.items()]
    for name, section in _FIRST.items():
        found += _below(name, (name,), section)
    found += [Key("units.NAME", ("units", "NAME"), "map, or command", "", False)]
    found += _below("units.NAME", ("units", "NAME"), Unit)
    found += [Key("groups.NAME", ("groups", "NAME"), "map", "", False)]
    found += _below("groups.NAME", ("groups", "NAME"), Group)
    for name, section in _THEN.items():
        found += _below(name, tuple(name.split(".")), section)
    found += [Key("verdict.NAME", ("verdict", "NAME"), "map", "", False)]
    found += _below("verdict.NAME", ("verdict", "NAME"), Measure)
    found += [_key(name, (name,), Times, name) for name in keys_of(Times)]
    found += [_key(name, (name,), Gates, name) for name in keys_of(Gates)]
    found += [Key("waivers.NAME", ("waivers", "NAME"), "map", "", False)]
    found += _below("waivers.NAME", ("waivers", "NAME"), Waiver)
    found += [Key("environments.NAME", ("environments", "NAME"), "map", "", True)]
    found += [Key("environments.NAME.like", ("environments", "NAME", "like"), "an environment's name", "", False)]
    found += [Key("checklist.MOMENT", ("checklist", "MOMENT"), "map of name: check", "", False)]
    found += [Key("checklist.MOMENT.NAME", ("checklist", "MOMENT", "NAME"), "command, or map", "", False)]
    for line in (AskSection, CheckSection):
        found += _below(LINE, tuple(LINE.split(".")), line)
    found += [Key("checklist.later.NAME", ("checklist", "later", "NAME"), "map", "", False)]
    found += _below("checklist.later.NAME", ("checklist", "later", "NAME"), Reminder)
    for kind, model in kinds.get("target", {}).items():
        found += [Key(f"target-{kind}.is", ("target", "is"), kind, "", True)]
        found += _below(f"target-{kind}", ("target",), model)
    for kind, model in kinds.get("check", {}).items():
        found += [Key(f"check-{kind}.is", ("checklist", "MOMENT", "NAME", "is"), kind, "", False)]
        found += [key for key in _below(f"check-{kind}", tuple(LINE.split(".")), model) if not _is_common(key, model)]
    return list({key.name: key for key in found}.values())


def _is_common(key: Key, model: type[Section]) -> bool:
    """Whether a kind of check has this key as every line of a checklist has it."""
    common = {info.alias or name: info for name, info in CheckSection.model_fields.items()}
    own = {info.alias or name: info for name, info in model.model_fields.items()}
    word = key.path[-1]
    return len(key.path) == len(LINE.split(".")) + 1 and word in common and own[word].default == common[word].default


def _form(name: str, kind: Any) -> str:
    named = {
        "penstock": str(FORMAT),
        "target": "map",
        "environments": "map of name: map",
        "checklist": "map of moment: checks",
    }
    return named.get(name) or form(kind).name


def _below(name: str, path: tuple[str, ...], model: type[Section]) -> Iterator[Key]:
    for key, kind in keys_of(model).items():
        yield _key(f"{name}.{key}", (*path, key), model, key)
        section = is_section(kind)
        if section and section is not Health and not form(kind).name.startswith("list"):
            yield from _below(f"{name}.{key}", (*path, key), section)


def _key(name: str, path: tuple[str, ...], model: type[Section], key: str) -> Key:
    field = next(info for own, info in model.model_fields.items() if (info.alias or own) == key)
    default = _DEFAULTS.get(name, None if field.default is PydanticUndefined else field.default)
    kind = field.rebuild_annotation()
    found = form(kind).name
    return Key(name, path, found, "" if found == "none" else as_written(default, kind), field.is_required())


def as_written(value: Any, kind: Any) -> str:
    """A default as a person would write it; empty for one that says nothing."""
    readers = [one.func for one in getattr(kind, "__metadata__", ()) if isinstance(one, BeforeValidator)]
    if value is None or value in ((), {}):
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return f"[{', '.join(as_written(one, None) for one in value)}]"
    if isinstance(value, Section):
        return _section_as_written(value)
    if duration in readers:
        return time_as_written(value)
    return share_as_written(value) if fraction in readers else str(value)


def _section_as_written(value: Section) -> str:
    if isinstance(value, Margin | Slower | Bound):
        return str(value)
    if isinstance(value, Amount):
        return str(value.count) if value.count is not None else share_as_written(value.share or 0)
    if isinstance(value, Increment):
        between = "up to" if value.may_leave_early else "for"
        return f"{value.weight_permille / 10:g}% {between} {time_as_written(value.duration_s)}"
    return ""


def time_as_written(seconds: float) -> str:
    """Seconds in the largest unit that leaves a whole number: 600 is `10m`."""
    unit, size = next(((u, s) for u, s in _UNITS_S if seconds and seconds % s == 0), ("s", 1))
    return f"{seconds / size:g}{unit}"


def share_as_written(share: float) -> str:
    """0.05 is `5%`."""
    return f"{share * 100:g}%"


def matching(topic: str, keys: Mapping[str, Key]) -> list[Key]:
    """The keys that a word means: one named so, or all whose path ends so.

    A name of the user's may stand for NAME, unless it is a key that might stand there, misspelt.
    """
    asked = topic.split(".")
    if topic in keys and len(asked) > 1:
        return [keys[topic]]
    if len(asked) > 2 and asked[0] == "environments" and (found := matching(".".join(asked[2:]), keys)):
        return found
    return [key for key in keys.values() if _ends(key.path, asked) and not _misspelt(key.path, asked, keys)]


def _misspelt(path: tuple[str, ...], asked: list[str], keys: Mapping[str, Key]) -> bool:
    """Whether what stands for a NAME is nearly one of the keys beside it."""
    start = len(path) - len(asked)
    for n, word in enumerate(asked, start):
        if path[n] in ANY and word != path[n]:
            beside = {key.path[n] for key in keys.values() if key.path[:n] == path[:n] and len(key.path) > n} - ANY
            if get_close_matches(word, beside, 1, _MISSPELT):
                return True
    return False


def _ends(path: tuple[str, ...], asked: list[str]) -> bool:
    tail = path[-len(asked) :]
    return (
        len(tail) == len(asked)
        and tail[0] == asked[0]
        and all(one in ANY or one == other for one, other in zip(tail, asked, strict=True))
    )
