"""The environment and the words that an instance is started with (pure): its own, and nothing of the
keeper's.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from penstock.errors import PenstockError
from penstock.providers.local.wanted import Arm, Wanted

MARK = "PENSTOCK_INSTANCE"
SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

_NAME = re.compile(r"\$([A-Za-z_][A-Za-z0-9_]*)")
_SHELLS = frozenset(["sh", "bash", "dash", "/bin/sh", "/bin/bash", "/bin/dash"])


def environment(
    wanted: Wanted, arm: Arm, secrets: Mapping[str, str], *, port: int, home: str, data: str, mark: str
) -> dict[str, str]:
    """Everything an instance's environment holds; a PenstockError `no-secret` when it sees one that is
    not there.
    """
    revision, program = wanted.revisions[arm[1]], wanted.program(arm)
    missing = [name for name in program.sees if name not in secrets]
    if missing:
        raise PenstockError(
            "no-secret",
            f"{arm[0]} sees {', '.join(missing)}, which the secrets of {arm[1]} do not hold",
            revision.secrets_file or "",
            next="resolve the secrets again",
        )
    return {
        **program.env,
        **{name: secrets[name] for name in program.sees},
        "PORT": str(port),
        "DATA": data,
        "HOME": home,
        "PATH": ":".join([*revision.path, SYSTEM_PATH]),
        "PENSTOCK_ENVIRONMENT": wanted.environment,
        "PENSTOCK_REVISION": arm[1],
        "PENSTOCK_SERVICE": wanted.service,
        MARK: mark,
    }


def filled(argv: Sequence[str], env: Mapping[str, str]) -> list[str]:
    """The words with each `$NAME` replaced; those after `sh -c` are left to the shell.

    A name that the environment does not hold is a PenstockError `no-variable`.
    """
    if len(argv) > 1 and argv[0] in _SHELLS and argv[1] == "-c":
        return list(argv)

    def value(found: re.Match[str]) -> str:
        if found[1] not in env:
            raise PenstockError(
                "no-variable",
                f"`{found[0]}` is not in the unit's environment",
                " ".join(argv),
                next=f"give {found[1]} under `env` or `secrets`, or take it out",
            )
        return env[found[1]]

    return [_NAME.sub(value, word) for word in argv]
