"""Rules over Dockerfiles."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from penstock.checks.infra.docker_text import Dockerfile, command, pairs
from penstock.checks.infra.image import tag_problem
from penstock.checks.infra.resource import Hit
from penstock.checks.infra.secrets import is_plain_secret, is_secret_name, is_secret_value

_PIPED = re.compile(
    r"(curl|wget|fetch)\b[^|;&\n]*\|\s*(?:sudo\s+(?:-\w+\s+)*)?(?:env\s+\S+\s+)?(?:/\S*/)?(sh|bash|ash|dash|zsh|python3?|perl|ruby|node)\b|"
    r"(?:\b(?:sh|bash|zsh)\s+(?:-\w+\s+)*|\bsource\s+|\beval\s+\S?)(<\s*\(|[\"']?\$\(|`)\s*(curl|wget)\b"
)
_APT = re.compile(r"\bapt(-get)?\b(\s+-\S+|\s+\S+=\S+)*\s+install\b")
_CLEANED = re.compile(
    r"rm\s+-\w+\s+(\S+\s+)*/var/lib/apt/lists|apt(-get)?\s+(dist-)?clean|--mount=type=cache|--mount=\S*type=cache"
)
_INSTALLS = re.compile(
    r"\b(npm\s+(ci|i|install)|yarn(\s+install|\s*$|\s+--)|pnpm\s+(i|install)|pip3?\s+install|uv\s+(sync|pip)|poetry\s+install|bundle\s+install|"
    r"go\s+mod\s+download|composer\s+install|mvn\s+\S*dependency|cargo\s+(fetch|build)|dotnet\s+restore|pipenv\s+(install|sync))"
)
_NO_SHELL = re.compile(r"(^|/)(distroless|scratch|chainguard)(/|$|:)|nonroot")
_SECRET_FILE = re.compile(
    r"(?i)(?:^|[\s/\",])(\.env(?:\.(?!example|sample|template|dist|defaults?)[\w-]+)*|id_(?:rsa|ed25519|ecdsa|dsa)|\.npmrc|\.pypirc|"
    r"\.netrc|\.ssh/?|\.aws/?(?:credentials)?|\.kube/?(?:config)?|[\w.-]+\.(?:key|p12|pfx|jks|ppk)|"
    r"(?![\w.-]*(?:ca|cert|crt|chain|bundle|public|pub|root)[\w-]*\.pem)[\w.-]+\.pem)(?=[\s\",]|$)"
)
"""What holds secrets by its name. A certificate in a .pem is no secret, nor is an example of an .env."""
_ASSIGNED = re.compile(r"(?:^|[\s;&|])(?:export\s+)?([A-Z][A-Z0-9_]{2,60})=(\"[^\"\n]*\"|'[^'\n]*'|[^\s;&|\"']+)")
_SUDO_CHMOD = re.compile(r"\bchmod\s+(-\w+\s+)*(0?777|a\+rwx|ugo\+rwx)\b")


def bases(docker: Dockerfile) -> Iterator[Hit]:
    """A base image that is another one tomorrow."""
    for index, stage in enumerate(docker.stages):
        earlier = any(other.name.lower() == stage.image.lower() for other in docker.stages[:index])
        if stage.image == "scratch" or earlier or not (problem := tag_problem(stage.image)):
            continue
        name = stage.image.partition(":")[0]
        yield Hit(
            "base-tag",
            "high",
            stage.image,
            f"FROM {stage.image} {problem}",
            "the same commit builds into another image tomorrow",
            f"FROM {name}:1.2.3   # or @sha256:...",
            f"{docker.path}:{stage.line}",
        )
    for one in docker.instructions:
        source = re.search(r"--from=(\S+)", one.rest) if one.word == "COPY" else None
        if (
            source
            and not source[1].isdecimal()
            and not docker.is_stage(source[1])
            and (problem := tag_problem(source[1]))
        ):
            yield Hit(
                "base-tag",
                "medium",
                source[1],
                f"COPY --from={source[1]} {problem}",
                "the same commit builds into another image tomorrow",
                f"COPY --from={source[1].partition(':')[0]}:1.2.3",
                f"{docker.path}:{one.line}",
            )


def user(docker: Dockerfile) -> Iterator[Hit]:
    """The image runs as root."""
    users = [one for one in docker.last() if one.word == "USER"]
    last = users[-1] if users else None
    name = last.rest.split(":")[0].strip("\"' ") if last else ""
    if (last and name.lower() not in ("root", "0")) or (
        not last and _NO_SHELL.search(docker.stages[-1].image) and "nonroot" in docker.stages[-1].image
    ):
        return
    what = f"USER {last.rest} is root" if last else "there is no USER: it runs as root"
    line = last.line if last else docker.stages[-1].line
    yield Hit(
        "root",
        "high" if last else "medium",
        "USER",
        what,
        "whoever gets into the container is root in it, and one hole from the host",
        "RUN useradd --uid 10001 app\nUSER 10001",
        f"{docker.path}:{line}",
    )


def fetched(docker: Dockerfile) -> Iterator[Hit]:
    """Programs from the net that nobody has checked."""
    for one in docker.instructions:
        place = f"{docker.path}:{one.line}"
        sources = [word for word in one.rest.split() if re.match(r"[\"'\[]*(http|https|ftp)://", word)]
        if one.word == "ADD" and sources and "--checksum=" not in one.rest:
            insecure = any(re.match(r"[\"'\[]*(http|ftp)://", word) for word in sources)
            yield Hit(
                "add-from-net",
                "high" if insecure else "medium",
                "ADD",
                "ADD fetches from the net, unchecked",
                "whoever holds that host, or the way to it, is in the image",
                "ADD --checksum=sha256:... https://...",
                place,
            )
        if one.word == "RUN" and _PIPED.search(command(one.rest)):
            yield Hit(
                "pipe-to-shell",
                "high",
                "RUN",
                "RUN pipes what it fetched into a shell",
                "whoever holds that host runs what they like in the build, unseen",
                "RUN curl -fsSLo tool URL && echo 'SHA256  tool' | sha256sum -c && sh tool",
                place,
            )


def secrets(docker: Dockerfile) -> Iterator[Hit]:
    """A secret in ENV, ARG, LABEL or RUN: every layer keeps it."""
    effect = "it stays in the image's layers and history, for everybody who can pull it"
    for one in docker.instructions:
        place = f"{docker.path}:{one.line}"
        for name, value in pairs(one.rest) if one.word in ("ENV", "ARG", "LABEL") else ():
            handed = one.word == "ENV" and is_secret_name(name) and value.startswith("$")
            declared = one.word == "ARG" and is_secret_name(name) and not value
            if is_plain_secret(name, value) or handed or declared:
                how = "holds a secret" if not (handed or declared) else "takes a secret at build time"
                severity = "medium" if handed or declared else "high"
                yield Hit(
                    "secret",
                    severity,
                    name,
                    f"{one.word} {name} {how}",
                    effect,
                    f"RUN --mount=type=secret,id={name} ...",
                    place,
                )
        if one.word == "RUN" and is_secret_value(one.rest):
            yield Hit(
                "secret",
                "high",
                "RUN",
                "RUN has a secret in its command",
                effect,
                "RUN --mount=type=secret,id=token ...",
                place,
            )
        for name, value in _ASSIGNED.findall(one.rest) if one.word == "RUN" else ():
            if is_plain_secret(name, value.strip("\"'")):
                words = (f"RUN sets {name} to a secret", effect, f"RUN --mount=type=secret,id={name} ...")
                yield Hit("secret", "high", name, *words, place)
        if one.word in ("COPY", "ADD") and _SECRET_FILE.search(one.rest):
            yield Hit(
                "secret",
                "high",
                one.word,
                f"{one.word} takes a file that holds secrets",
                effect,
                "RUN --mount=type=secret,id=file ...",
                place,
            )


def habits(docker: Dockerfile) -> Iterator[Hit]:
    """Lists of packages kept, rights for all, and what is asked for too early."""
    for one in docker.instructions:
        text, place = command(one.rest), f"{docker.path}:{one.line}"
        if one.word == "RUN" and _APT.search(text) and not _CLEANED.search(one.rest):
            yield Hit(
                "apt-lists",
                "info",
                "RUN",
                "apt's lists stay in the image",
                "it is larger than it need be",
                "&& rm -rf /var/lib/apt/lists/*",
                place,
            )
        if one.word == "RUN" and _SUDO_CHMOD.search(text):
            yield Hit(
                "chmod-777",
                "medium",
                "RUN",
                "RUN lets everybody write (chmod 777)",
                "whatever gets into the container can change the program",
                "chmod 755",
                place,
            )
    yield from _copied_early(docker)
    last = docker.last()
    if not any(one.word == "HEALTHCHECK" and one.rest.upper() != "NONE" for one in last):
        yield Hit(
            "no-healthcheck",
            "info",
            "HEALTHCHECK",
            "there is no HEALTHCHECK",
            "a program that hangs looks alive",
            "HEALTHCHECK CMD curl -fs http://localhost:8080/health || exit 1",
            f"{docker.path}:{docker.stages[-1].line}",
        )


def _copied_early(docker: Dockerfile) -> Iterator[Hit]:
    """Everything is copied before what changes seldom is installed."""
    copied: dict[int, int] = {}
    for one in docker.instructions:
        words = [
            word
            for word in one.rest.strip("[]").replace('"', "").replace(",", " ").split()
            if not word.startswith("--")
        ]
        if one.word in ("COPY", "ADD") and "--from" not in one.rest and words[:1] in (["."], ["./"]):
            copied.setdefault(one.stage, one.line)
        elif one.word == "RUN" and _INSTALLS.search(command(one.rest)) and one.stage in copied:
            yield Hit(
                "copy-before-install",
                "info",
                "COPY",
                "COPY . stands before the dependencies are installed",
                "every change of the code installs them all again",
                "COPY package.json package-lock.json ./   # first, then install, then COPY . .",
                f"{docker.path}:{copied.pop(one.stage)}",
            )


ALL: tuple[Callable[[Dockerfile], Iterator[Hit]], ...] = (bases, user, fetched, secrets, habits)
