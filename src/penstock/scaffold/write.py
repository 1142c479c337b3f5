"""Findings to the text of a manifest, each line with its source beside it (pure)."""

from __future__ import annotations

import re
from collections.abc import Sequence

from penstock.manifest.fmt import WIDTH, formatted
from penstock.scaffold.findings import Build, Check, Command, Deploy, Findings, Health, Process

_PLAIN = re.compile(r"[A-Za-z0-9./$_][^\x00-\x1f\x7f-\x9f]*")
_HEAD = """\
# Written by `penstock init`: behind each line stands where it was seen. Change what is wrong.
# `penstock check` reads this file, `penstock explain` shows all that it may say.
"""
_LAST = ("production", "prod", "live")
_UNKNOWN = "echo 'say in penstock.yaml how this is deployed' >&2; exit 1"


def service_name(text: str) -> str:
    """The nearest name that a service may have; empty where nothing of the text can be one."""
    return re.sub(r"[^a-z0-9-]+", "-", text.lower()).lstrip("-0123456789")[:39].rstrip("-")


def chosen(found: Findings) -> Deploy | None:
    """How it is deployed: by the team's own command, else by a platform; None where it runs on a machine."""
    for reach in ("evident", "platform", *([] if found.processes else ["whole"])):
        for deploy in found.deploys:
            if deploy.reach == reach:
                return deploy
    return None


def environments(found: Findings) -> tuple[str, ...]:
    """The names that the team has given to environments, where its command is told which one is meant."""
    deploy = chosen(found)
    named = deploy.environments if deploy and "$PENSTOCK_ENVIRONMENT" in deploy.converge.line else ()
    return tuple(sorted(named, key=lambda name: name in _LAST)) or ("production",)


def manifest(found: Findings, service: str, service_from: str) -> str:
    """The whole manifest, written the one way. It reads as it is."""
    deploy = chosen(found)
    is_elsewhere = deploy is not None and deploy.reach != "evident"
    lines = [_HEAD + "penstock: 1", *_said(f"service: {service}", service_from)]
    lines += _build(found.builds)
    lines += _processes(distinct(found.processes), deploy, is_elsewhere=is_elsewhere)
    if not deploy and any(process.traffic for process in found.processes):
        lines += _health(found.health)
    lines += _prepare(found.prepares)
    lines += _variables(found)
    lines += ["", *_checklist(found, asks_candidate=deploy is None and bool(found.processes))]
    lines += ["", *_where(found, deploy, service)]
    lines += [_remark(note) for note in found.notes]
    return formatted("\n".join(lines) + "\n")


def distinct(processes: Sequence[Process]) -> list[Process]:
    """One process of each name: the first that was seen."""
    found: dict[str, Process] = {}
    for process in processes:
        found.setdefault(process.name, process)
    return list(found.values())


def _build(builds: Sequence[Build]) -> list[str]:
    if not builds:
        return []
    first, *others = builds
    parts = ["is: python"] if first.is_python else []
    parts += [f"requirements: {_scalar(first.requirements)}"] if first.requirements else []
    parts += [_run(first.run)] if first.run else []
    parts += ["env: {" + ", ".join(f'{name}: "{value}"' for name, value in first.env) + "}"] if first.env else []
    whole = f"build: {{{', '.join(parts)}}}"
    if first.run and not (first.is_python or first.env):
        whole = f"build: {_command(first.run)}"
    told = _said(whole, first.where)
    if first.is_python and first.run and first.requirements:
        told.insert(0, _remark("The checks run with the programs of the build: what they need is installed with it."))
    return told + [_remark(f"Not part of it: {_short(one.where)} tells of another build.") for one in others[:3]]


def _processes(processes: Sequence[Process], deploy: Deploy | None, *, is_elsewhere: bool) -> list[str]:
    if deploy and is_elsewhere:
        return _said('run: "true"', f"{deploy.platform} runs it: nothing is started here", plain=True)
    if not processes:
        return _said('run: "true"', "nothing was seen that is to be started here", plain=True)
    if len(processes) == 1 and processes[0].traffic:
        return [*_doubts(processes[0].doubt), *_said(f"run: {_command(processes[0].run)}", processes[0].where)]
    lines = ["units:"]
    for process in processes:
        rest = "" if process.traffic else ", traffic: none"
        entry = f"  {process.name}: {{{_run(process.run)}{rest}}}"
        lines += [*(f"  {doubt}" for doubt in _doubts(process.doubt)), *_said(entry, process.where)]
    return lines


def _health(found: Sequence[Health]) -> list[str]:
    if not found:
        return _said(
            "health: none", "no route such as /health was seen: it is well when it can be connected to", plain=True
        )
    health = found[0]
    lines = _doubts(health.doubt)
    if health.version:
        lines.append(
            _remark("Its answer seems to name a version of its own, which is not the commit that is released.")
        )
    version = ", version: false" if health.version else ""
    return [*lines, *_said(f"health: {{get: {_scalar(health.path)}{version}}}", health.where)]


def _prepare(found: Sequence[Check]) -> list[str]:
    if not found:
        return []
    return _said(f"prepare: {_command(found[0].run)}", f"{found[0].where}; a rollback does not undo it")


def _variables(found: Findings) -> list[str]:
    if not found.variables:
        return []
    names = ", ".join(seen.what for seen in found.variables[:12]) + (", ..." if len(found.variables) > 12 else "")
    first = found.variables[0].what
    return [
        _remark(f"{found.variables[0].where} names {names}."),
        _remark("Decide which it needs here: plain ones below `env`, and of a secret only where it is to be had:"),
        _remark(f"secrets: {{{first}: env:{first}}}"),
    ]


def _checklist(found: Findings, *, asks_candidate: bool) -> list[str]:
    checks: dict[str, Check] = {}
    for check in found.checks:
        checks.setdefault(check.name, check)
    asks = asks_candidate and bool(found.health)
    lines = ["checklist:"] if checks or asks else []
    lines += ["  revision:  # once for each revision: a failure blocks, nothing was touched"] if checks else []
    for check in list(checks.values())[:12]:
        lines += _said(f"    {check.name}: {_command(check.run)}", check.where)
    if asks:
        path = _scalar(found.health[0].path)
        lines += ["  candidate:  # placed, without traffic: a failure goes back"]
        lines += [f"    health: {{get: {path}, expect: {{status: 200}}}}"]
    return lines


def _where(found: Findings, deploy: Deploy | None, service: str) -> list[str]:
    if deploy:
        return _by_command(found, deploy, service)
    if not found.processes:
        return _undecided()
    port = found.ports[0] if found.ports else None
    serving = [process.name for process in distinct(found.processes) if process.traffic]
    several = len(distinct(found.processes)) > 1
    number = port.what if port else "8080"
    instances = (f", instances: {{{serving[0]}: 2}}" if several else ", instances: 2") if serving else ""
    at = f"{{{serving[0]}: {number}}}" if several and serving else number
    told = (
        f"{port.where}; this machine, behind an Envoy of its own"
        if port
        else "this machine, behind an Envoy of its own"
    )
    lines = ["environments:", "  production:"]
    lines += _said(f"    target: {{is: local, port: {at}{instances}}}", told, plain=port is None)
    if serving:
        return [*lines, "    rollout: rolling  # or canary, where there is enough traffic to compare"]
    return [*lines, "    rollout: all_at_once"]


def _by_command(found: Findings, deploy: Deploy, service: str) -> list[str]:
    converge = Command(deploy.converge.line.replace("SERVICE-$", f"{service}-$"), deploy.converge.sh)
    lines = [_remark(f"Penstock does not act on {deploy.platform} itself yet: it runs the command that deploys there.")]
    if deploy.reach == "evident":
        lines = [
            _remark("The command that deploys today. It is told what to deploy: see docs/reference/command-target.md.")
        ]
    lines += [_remark(f"Decide: {note}.") for note in deploy.notes]
    names = environments(found)
    inside = "" if len(names) > 1 else "    "
    target = _said(f"{inside}target: {{is: command, {_run(converge, 'converge')}}}", deploy.where)
    rollout = f"{inside}rollout: all_at_once  # a command alone cannot share traffic out"
    if found.health:
        path = found.health[0].path
        lines.append(
            _remark(
                "Say where it answers, and it is asked after each deployment, and taken back when it does not. Below `checklist`:"
            )
        )
        lines.append(_remark(f'promoted: {{health: {{get: "https://{service}.example.com{path}"}}}}'))
    if len(names) > 1:
        return [*lines, *target, rollout, "environments:", *(f"  {name}: {{}}" for name in names)]
    return [*lines, "environments:", f"  {names[0]}:", *target, rollout]


def _undecided() -> list[str]:
    return [
        _remark("Decide: how this is deployed was seen nowhere. Until it is said here, a release fails, and says so."),
        "environments:",
        "  production:",
        f"    target: {{is: command, converge: {{sh: {_scalar(_UNKNOWN, quote=True)}}}}}",
        "    rollout: all_at_once",
    ]


# Words


def _said(text: str, where: str, *, plain: bool = False) -> list[str]:
    """A line with its source behind it, or above it where it is long."""
    source = _short(where) if plain else f"from {_short(where)}"
    if len(text) + len(source) + 4 <= WIDTH:
        return [f"{text}  # {source}"]
    indent = " " * (len(text) - len(text.lstrip(" ")))
    return [f"{indent}# {source[:1].upper()}{source[1:]}:", text]


def _doubts(doubt: str) -> list[str]:
    return [_remark(f"Decide: {doubt}.")] if doubt else []


def _remark(text: str) -> str:
    return f"# {_short(text, 400)}"


def _short(text: str, most: int = 100) -> str:
    shown = " ".join("".join(c if c.isprintable() else "?" for c in text).split())
    return shown if len(shown) <= most else f"{shown[: most - 3]}..."


def _command(run: Command) -> str:
    return f"{{sh: {_scalar(run.line, quote=True)}}}" if run.sh else _scalar(run.line)


def _run(run: Command, key: str = "run") -> str:
    """A command below its key, in braces; `sh` may stand for `run` where a command is all."""
    return f"{key}: {_command(run)}"


def _scalar(text: str, *, quote: bool = False) -> str:
    """Text as YAML reads it back, in braces too."""
    if not quote and _PLAIN.fullmatch(text) and not re.search(r"[,\[\]{}#]|:(?:\s|$)|\s$|^(?:none|---|\.\.\.)", text):
        return text
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(c if c.isprintable() else f"\\U{ord(c):08X}" for c in escaped) + '"'
