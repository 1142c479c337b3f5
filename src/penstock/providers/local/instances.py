"""The instances of one environment: started, adopted, watched, asked how they are, stopped."""

from __future__ import annotations

import os
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

from penstock import shell
from penstock.errors import PenstockError
from penstock.providers.local import asking, probe, processes
from penstock.providers.local.environment import environment, filled
from penstock.providers.local.instance import Instance
from penstock.providers.local.paths import Folder
from penstock.providers.local.secrets_file import secrets_in
from penstock.providers.local.tcp_ports import PortLocks
from penstock.providers.local.wanted import Arm, Wanted

_BACK_OFF_S, _LONGEST_BACK_OFF_S = 0.2, 30.0
_FOLDERS_KEPT = 30


class Instances:
    """All instances. `changed` is called whenever what must be written down changed."""

    def __init__(
        self, folder: Folder, ports: PortLocks, changed: Callable[[], None], log: Callable[[str], None]
    ) -> None:
        self._folder = folder
        self._ports = ports
        self._changed = changed
        self._log = log
        self.all: dict[str, Instance] = {}

    def __iter__(self) -> Iterator[Instance]:
        return iter(list(self.all.values()))

    def of(self, arm: Arm) -> list[Instance]:
        """The instances of an arm that are to stay, by number."""
        mine = [i for i in self.all.values() if i.arm == arm and not i.is_leaving]
        return sorted(mine, key=Instance.number)

    def arms(self) -> set[Arm]:
        """Every arm that has an instance, also a leaving one."""
        return {i.arm for i in self.all.values()}

    # -- adopting --------------------------------------------------------------------------------------------

    def adopt(self, records: list[dict[str, Any]]) -> None:
        """Take over what still lives, by the records and by the marks; processes of unknown instances end."""
        for record in records:
            with suppress(KeyError, TypeError, ValueError):
                self._adopt_recorded(record)
        by_pid = {i.process.pid for i in self.all.values() if i.process}
        for found in processes.marked(self._folder.root):
            if found.is_leader and found.pid not in by_pid and len(found.parts) == 4:
                self._adopt_marked(found)
        for found in processes.marked(self._folder.root):
            if len(found.parts) == 4 and found.parts[0] not in self.all:
                with suppress(OSError):
                    os.kill(found.pid, signal.SIGKILL)

    def _adopt_recorded(self, record: dict[str, Any]) -> None:
        process = shell.Process(int(record["pid"]), str(record["boot_id"]), int(record["start_ticks"]))
        if not shell.alive(process):
            return
        handle = processes.watch(process)
        instance = Instance(str(record["id"]), str(record["unit"]), str(record["revision"]), process, handle)
        instance.number()  # a ValueError for a name that is not ours
        instance.port, instance.restarts = int(record["port"]), int(record.get("restarts", 0))
        instance.asked_since = float(record.get("asked_since", time.time()))
        instance.is_proven = bool(record.get("is_proven"))
        if record.get("ready_since"):  # ready until its health says otherwise: nobody loses traffic by our coming
            instance.since = float(record["ready_since"])
            instance.ready_at = time.monotonic() - max(0.0, time.time() - instance.since)
            instance.state = "ready"
        if record.get("is_stopping"):
            instance.state, instance.stop_until = "stopping", time.monotonic()
        self._take(instance)

    def _adopt_marked(self, found: processes.Marked) -> None:
        """A keeper died between starting a process and writing it down."""
        name, unit, revision, port = found.parts
        process = processes.known(found.pid)
        if name in self.all or not port.isdigit() or not name.rpartition("-")[2].isdigit():
            with suppress(OSError):
                os.kill(found.pid, signal.SIGKILL)
        elif shell.alive(process):
            self._take(Instance(name, unit, revision, process, processes.watch(process), int(port)))

    def _take(self, instance: Instance) -> None:
        self._ports.take(instance.port)
        self.all[instance.id] = instance
        self._log(f"adopted {instance.id}, process {instance.process.pid if instance.process else 0}")

    # -- starting --------------------------------------------------------------------------------------------

    def add(self, arm: Arm) -> Instance:
        """A new instance under the lowest free number; it is started when its time comes."""
        numbers = {i.number() for i in self.all.values() if i.arm == arm}
        number = next(n for n in range(1, len(numbers) + 2) if n not in numbers)
        instance = Instance(f"{arm[0]}-{arm[1]}-{number}", *arm)
        self.all[instance.id] = instance
        return instance

    def start_due(self, wanted: Wanted) -> None:
        """Start every instance that has no process and whose time has come."""
        for instance in self:
            is_due = instance.process is None and not instance.is_leaving and time.monotonic() >= instance.start_at
            if is_due and wanted.count(instance.arm):
                try:
                    self._start(instance, wanted)
                except (PenstockError, OSError) as error:
                    self._could_not_start(instance, error)

    def _start(self, instance: Instance, wanted: Wanted) -> None:
        revision, program = wanted.revisions[instance.revision], wanted.program(instance.arm)
        home = self._folder.instance(instance.id) / "home"
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        secrets = secrets_in(revision.secrets_file)
        port = self._ports.free_port()
        try:
            mark = processes.mark(self._folder.root, instance.id, *instance.arm, str(port))
            env = environment(
                wanted,
                instance.arm,
                secrets,
                port=port,
                home=str(home),
                data=str(self._folder.data),
                mark=mark,
            )
            log = self._folder.out_log(instance.id)
            process = shell.spawn(filled(program.argv, env), log, cwd=revision.folder, env=env)
        except BaseException:
            self._ports.give_back(port)
            raise
        instance.process, instance.port, instance.handle = process, port, processes.watch(process)
        instance.is_seen = False
        instance.failures, instance.ready_at, instance.ask_at = 0, None, 0.0
        instance.become("starting")
        self._log(f"started {instance.id}, process {process.pid}, port {port}")
        self._changed()

    def _could_not_start(self, instance: Instance, error: Exception) -> None:
        said = error.what if isinstance(error, PenstockError) else str(error)
        instance.health = said
        self._log(f"could not start {instance.id}: {said}")
        if isinstance(error, PenstockError):  # what the machine refuses, as a full disk does, is no crash
            instance.exits.append(time.monotonic())
        self._later(instance)

    def _later(self, instance: Instance) -> None:
        wait_s = min(_LONGEST_BACK_OFF_S, _BACK_OFF_S * 2 ** min(instance.in_a_row, 10))
        instance.in_a_row += 1
        instance.restarts += 1
        instance.start_at = time.monotonic() + wait_s
        instance.become("crashed")

    # -- ending ----------------------------------------------------------------------------------------------

    def hear_exits(self) -> None:
        """Notice what has ended; an instance that was not asked to is started again later."""
        for instance in self:
            if instance.process and processes.has_ended(instance.process, instance.handle):
                self._ended(instance)

    def _ended(self, instance: Instance) -> None:
        assert instance.process
        instance.exit = shell.reap(instance.process.pid)
        self._log(f"{instance.id}, process {instance.process.pid}, ended: {instance.exit}")
        if instance.handle is not None:
            os.close(instance.handle)
        instance.forget_question()
        lasted_s = time.monotonic() - (instance.ready_at or time.monotonic())
        instance.process = instance.handle = instance.ready_at = None
        processes.end_left_behind(self._folder.root, instance.id)
        self._ports.give_back(instance.port)
        if instance.is_leaving:
            self._remove(instance)
        else:
            if lasted_s > _LONGEST_BACK_OFF_S:
                instance.in_a_row = 0
            instance.health = _ending(instance.exit)
            instance.exits.append(time.monotonic())
            self._later(instance)
        self._changed()

    def _remove(self, instance: Instance) -> None:
        self.all.pop(instance.id, None)
        self._forget_old_folders()

    def _forget_old_folders(self) -> None:
        """What ended long ago leaves the disk; the newest are kept, for their logs."""
        gone = [path for path in self._folder.copies.iterdir() if path.name not in self.all]
        for path in sorted(gone, key=lambda p: p.stat().st_mtime)[:-_FOLDERS_KEPT]:
            shutil.rmtree(path, ignore_errors=True)

    def retire(self, instance: Instance, drain_s: float) -> None:
        """Begin to take an instance away; its requests may end first."""
        if instance.process is None:
            self._remove(instance)
            self._changed()
            return
        instance.drain_until = time.monotonic() + drain_s
        instance.drained_from = 0.0
        instance.forget_question()
        instance.become("draining")
        self._log(f"draining {instance.id}")

    def recall(self, instance: Instance) -> None:
        """An instance that drains is wanted after all."""
        instance.is_seen = False
        instance.become("ready" if instance.ready_at is not None else "starting")
        self._log(f"recalled {instance.id}")

    def stop(self, instance: Instance, stop_s: float) -> None:
        """Ask an instance to end."""
        instance.forget_question()
        instance.stop_until = time.monotonic() + stop_s
        instance.become("stopping")
        if instance.process:
            shell.end(instance.process)
        self._changed()

    def kill_overdue(self) -> None:
        """End what did not end when asked."""
        for instance in self:
            if instance.state == "stopping" and instance.process and time.monotonic() >= instance.stop_until:
                self._log(f"{instance.id} did not end in time: killed")
                shell.end(instance.process, signal.SIGKILL)
                instance.stop_until = time.monotonic() + 1.0

    # -- asking ----------------------------------------------------------------------------------------------

    def ask_all(self, wanted: Wanted) -> None:
        """Go on asking every instance how it is."""
        asking.ask_all(self, wanted, self._noted)

    def _noted(self, instance: Instance, sentence: str) -> None:
        self._log(f"{instance.id} {sentence}")
        self._changed()

    def sockets(self) -> Iterator[tuple[int, int]]:
        """Every handle to wait for: (file descriptor, mask of `selectors`)."""
        for instance in self.all.values():
            if instance.handle is not None:
                yield instance.handle, 1
            if instance.probe is not None:
                yield instance.probe.socket.fileno(), probe.events(instance.probe)

    def cut_logs(self) -> None:
        """Keep what they write within bounds."""
        for instance in self.all.values():
            processes.cut(self._folder.out_log(instance.id))


def _ending(code: int | None) -> str:
    if code is None:
        return "ended"
    return f"killed by signal {-code}" if code < 0 else f"ended with exit code {code}"
