"""Coming back after a reboot: keepers first, then the worker; and the systemd unit that does it."""

from __future__ import annotations

import os
import shlex
import sys
import time
from pathlib import Path

from penstock import registry, shell, waking
from penstock.api import Desk
from penstock.errors import PenstockError
from penstock.records import environments, releases
from penstock.state import State


def bring_up(desk: Desk) -> list[str]:
    """Start every keeper that should run and does not, then the worker if a release is not over; says what it did."""
    said = []
    for env in environments.all_of(desk.store):
        if env["target"] == "local":
            started = registry.find("keeper", "local")(Path(env["folder"]))
            if started:
                now = time.time()
                desk.audit(f"up:{env['service']}:{env['environment']}:{now}", "keeper started by `up`",
                           service=env["service"], environment=env["environment"])  # fmt: skip
            said.append(
                f"{env['service']}/{env['environment']}: {'keeper started' if started else 'runs, or is empty'}"
            )
    if releases.unended(desk.store):
        waking.ensure(desk.state)
        said.append("worker started: a release is not over")
    return said or ["no local environment to bring up"]


def unit(state: State) -> str:
    """A systemd unit that brings everything up at boot; keepers and instances outlive the command that starts them."""
    python = shlex.quote(sys.executable)
    return f"""[Unit]
Description=Penstock: local environments of {state.root}
After=network.target local-fs.target

[Service]
Type=oneshot
RemainAfterExit=yes
KillMode=process
Environment="PENSTOCK_STATE={state.root}"
ExecStart={python} -m penstock up

[Install]
WantedBy={"multi-user.target" if os.geteuid() == 0 else "default.target"}
"""


def install(state: State) -> str:
    """Write the unit for the system (root) or the user, and enable it where systemd answers; says what is left to do."""
    system = os.geteuid() == 0
    home = Path(os.environ.get("XDG_CONFIG_HOME", Path.home() / ".config"))
    folder = Path("/etc/systemd/system") if system else home / "systemd" / "user"
    name = "penstock.service"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(unit(state))
        (state.root / "at-boot").write_text(str(folder / name))
    except OSError as error:
        raise PenstockError("at-boot", f"the unit cannot be written: {error.strerror}", str(folder)) from error
    scope = [] if system else ["--user"]
    try:
        enabled = shell.run(["systemctl", *scope, "enable", name], timeout_s=20).ok
    except PenstockError:
        enabled = False
    linger = "" if system else "; `loginctl enable-linger` lets it run before you log in"
    todo = "" if enabled else f"; enable it: systemctl {' '.join([*scope, 'enable', name])}"
    return f"written: {folder / name}{todo}{linger}"
