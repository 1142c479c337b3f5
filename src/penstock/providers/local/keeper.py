"""The keeper: the process that owns Envoy and the instances of one local environment.

It reads what shall be, makes it so, and writes what is. Level-triggered: each turn looks at everything anew,
so that it
may be killed at any moment and another one goes on. `python -m penstock.providers.local.keeper FOLDER`
"""

from __future__ import annotations

import os
import select
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from penstock import __version__, shell
from penstock.errors import PenstockError
from penstock.providers.local import converge, desire, heartbeat, lock, processes
from penstock.providers.local.bookkeeping import Bookkeeping
from penstock.providers.local.converge import Standing
from penstock.providers.local.envoy import Envoy
from penstock.providers.local.instances import Instances
from penstock.providers.local.paths import Folder, read_json, replace_json
from penstock.providers.local.tcp_ports import PortLocks
from penstock.providers.local.telling import copy_of, observed, standing
from penstock.providers.local.traffic import Traffic
from penstock.providers.local.wanted import NewerFormat, Wanted, parse

MODULE = "penstock.providers.local.keeper"

_BUSY_S, _IDLE_S = 0.06, 0.25
_TELL_EVERY_S = 5.0
_CUT_EVERY_S = 10.0
_READ = 1


class Keeper:
    """One life of the keeper."""

    def __init__(self, folder: Folder) -> None:
        self._folder = folder
        self._ports = PortLocks()
        self._instances = Instances(folder, self._ports, self._must_record, self._log)
        self._envoy = Envoy(folder, self._must_record, self._log)
        self._traffic = Traffic(folder, self._envoy, self._ports, self._log)
        self._books = Bookkeeping(folder, self._envoy, self._log)
        self._self = {
            "pid": os.getpid(),
            "boot_id": shell.boot_id(),
            "started_at": time.time(),
            "version": __version__,
        }
        self._is_dirty = False
        self._is_stopping = False
        self._wanted: Wanted | None = None
        self._seen_stat: tuple[int, ...] = ()
        self._wanted_since = time.monotonic()
        self._trouble = ""
        self._refused = ""
        self._envoy_trouble = ""
        self._fallback_applied: dict[str, Any] | None = None
        self._standing = Standing("starting", "nothing is asked yet")
        self._told: dict[str, Any] = {}
        self._tell_at = 0.0
        self._cut_at = 0.0
        self._wake, self._alarm = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)

    # -- life ------------------------------------------------------------------------------------------------

    def run(self) -> int:
        """Until it is told to stop, or nothing is left to keep; 0."""
        self._listen_to_signals()
        self._adopt()
        while not self._is_stopping:
            self._turn()
            if self._is_over():
                self._log("nothing is left to keep")
                break
            if self._folder.reexec.exists():
                self._become_another()
            self._wait()
        self._books.close()
        return 0

    def _listen_to_signals(self) -> None:
        def stop(*_: object) -> None:
            self._is_stopping = True

        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, stop)
        signal.set_wakeup_fd(self._alarm)

    def _adopt(self) -> None:
        self._log(f"keeper {os.getpid()} of {self._folder.root}")
        records: dict[str, Any] = {}
        try:
            records = read_json(self._folder.instances) or {}
        except PenstockError as error:
            self._log(str(error))  # what runs is found by its marks then
        self._envoy.adopt(records.get("envoy"))
        self._instances.adopt(records.get("instances") or [])
        self._traffic.recall()
        if records.get("envoy") and self._envoy.process is None:
            self._books.envoy_went("Envoy had ended while no keeper lived")
        self._must_record()

    def _is_over(self) -> bool:
        wanted = self._wanted
        return bool(wanted and wanted.is_nothing and not self._instances.all and self._envoy.process is None)

    def _become_another(self) -> None:
        """The same process with the code that is installed now; what runs is adopted."""
        self._folder.reexec.unlink(missing_ok=True)
        self._log("re-exec")
        self._record()
        self._books.close()
        os.execv(sys.executable, [sys.executable, "-m", MODULE, str(self._folder.root)])

    def _wait(self) -> None:
        poll = select.poll()
        poll.register(self._wake, select.POLLIN)
        for handle, mask in self._instances.sockets():
            poll.register(handle, select.POLLIN if mask == _READ else select.POLLOUT)
        if self._envoy.handle is not None:
            poll.register(self._envoy.handle, select.POLLIN)
        is_busy = self._standing.phase != "settled" or bool(self._traffic.unconfirmed)
        if poll.poll((_BUSY_S if is_busy else _IDLE_S) * 1000):
            with suppress(BlockingIOError):
                os.read(self._wake, 512)

    # -- one turn --------------------------------------------------------------------------------------------

    def _turn(self) -> None:
        self._read_desire()
        self._instances.hear_exits()
        if self._envoy.hear_exit():
            self._books.envoy_went("Envoy ended")
            self._traffic.lost_envoy(self._instances)
        self._work()
        self._instances.kill_overdue()
        self._record()
        wanted = self._wanted
        self._books.keep(
            wanted.hung_after_ms if wanted else 1000,
            is_pressing=bool(wanted and wanted.attended_s),
            once_per_client=bool(wanted and wanted.once_per_client),
        )
        self._tell()
        if time.monotonic() >= self._cut_at:
            self._cut_at = time.monotonic() + _CUT_EVERY_S
            self._instances.cut_logs()
            processes.cut(self._folder.envoy_log)
            processes.cut(self._folder.keeper_log)

    def _work(self) -> None:
        """Come nearer to what is wanted; what the machine refuses is said, and tried again in the
        next turn.
        """
        refused = ""
        for job in (self._mind_the_absent, self._instances.ask_all, self._make_true):
            try:
                if self._wanted:
                    job(self._wanted)
            except PenstockError as error:
                refused = error.what
            except OSError as error:
                refused = f"this machine refuses: {error}"
        if refused and refused != self._refused:
            self._log(refused)
        self._refused = refused

    def _read_desire(self) -> None:
        try:
            found = self._folder.desired.stat()
        except FileNotFoundError:
            return
        stat = (found.st_ino, found.st_mtime_ns, found.st_size)
        if stat == self._seen_stat:
            return
        self._seen_stat, self._trouble = stat, ""
        try:
            self._take_over(parse(desire.read(self._folder) or {}))
        except NewerFormat as error:
            self._trouble = error.what
        except PenstockError as error:
            self._trouble = f"{error.what}: {error.why}"
        if self._trouble:
            self._log(self._trouble)

    def _take_over(self, wanted: Wanted) -> None:
        before = self._wanted.generation if self._wanted else 0
        if wanted.generation < before:
            raise PenstockError(
                "older",
                "an older desire was put in the place of a newer one",
                why=f"{wanted.generation} after {before}",
            )
        is_first = self._wanted is None
        self._wanted, self._wanted_since = wanted, time.monotonic()
        self._log(f"generation {wanted.generation}: {wanted.reason}")
        self._fallback_applied = self._why_taken(wanted)
        if is_first:
            with suppress(PenstockError):
                was = (read_json(self._folder.observed) or {}).get("split_applied_at")
                self._books.split_applied_at = self._books.split_applied_at or was

    def _why_taken(self, wanted: Wanted) -> dict[str, Any] | None:
        if wanted.origin != "fallback":
            return None
        note: dict[str, Any] = {}
        with suppress(PenstockError):
            note = read_json(self._folder.taken_back) or {}
        if note.pop("generation", None) == wanted.generation:
            return note
        return {"at": time.time(), "why": "the way back was taken", "from_generation": wanted.generation - 1}

    def _mind_the_absent(self, wanted: Wanted) -> None:
        """The dead man's rule: a candidate that nobody watches any more goes back."""
        if wanted.attended_s is None:
            return
        beat = heartbeat.last_beat_s(self._folder)
        if beat is None and self._folder.heartbeat.exists():
            why = "this machine was started anew, and nobody watches since"
        elif time.monotonic() - (self._wanted_since if beat is None else beat) > wanted.attended_s:
            why = f"nobody has watched for {wanted.attended_s:g} s"
        else:
            return
        if desire.take_way_back(self._folder, why):
            self._log(f"the way back is taken: {why}")
            self._read_desire()
        else:
            raise PenstockError("no-way-back", f"{why}, and no way back is laid")

    def _make_true(self, wanted: Wanted) -> None:
        self._place(wanted)
        self._instances.start_due(wanted)
        copies = [copy_of(instance) for instance in self._instances]
        traffic = self._traffic
        traffic.place(wanted, self._instances)
        may_shift = converge.may_shift(wanted, copies, traffic.splits)
        if may_shift and traffic.changes(wanted):
            self._books.begin_change(wanted)
        traffic.route(wanted, may_shift=may_shift)
        traffic.listen(wanted)
        self._run_envoy(wanted)
        traffic.confirm(wanted)
        traffic.look(self._instances, wanted.stop_s)
        if not traffic.unconfirmed:
            self._books.settle(wanted.generation, traffic.in_force)
            if converge.may_retire(wanted, copies, traffic.splits):
                self._retire(wanted)
        self._standing = standing(wanted, copies, traffic, self._envoy, self._envoy_trouble)

    def _place(self, wanted: Wanted) -> None:
        """Enough instances of every arm: first those that are just leaving, then new ones."""
        for arm in wanted.arms():
            missing = wanted.count(arm) - len(self._instances.of(arm))
            for instance in [i for i in self._instances if i.arm == arm and i.state == "draining"][: max(0, missing)]:
                self._instances.recall(instance)
                missing -= 1
            for _ in range(missing):
                self._instances.add(arm)

    def _retire(self, wanted: Wanted) -> None:
        for arm in self._instances.arms():
            mine = sorted(self._instances.of(arm), key=lambda i: not i.is_ready)
            for instance in mine[wanted.count(arm) :]:
                self._instances.retire(instance, wanted.drain_s)

    def _run_envoy(self, wanted: Wanted) -> None:
        self._envoy_trouble = ""
        if wanted.listen or any(i.is_leaving for i in self._instances):
            if wanted.listen or self._envoy.process:  # one that just starts is asked too, for what drains
                try:
                    self._envoy.keep_running()
                except PenstockError as error:
                    self._envoy_trouble = f"{error.what}: {error.next}"
            if self._envoy.is_live:
                self._books.envoy_came()
        elif wanted.is_nothing and not self._instances.all:
            self._envoy.stop()

    # -- what is written down --------------------------------------------------------------------------------

    def _must_record(self) -> None:
        self._is_dirty = True

    def _record(self) -> None:
        if not self._is_dirty:
            return
        records = [instance.record() for instance in self._instances if instance.process]
        try:
            replace_json(self._folder.instances, {"format": 1, "instances": records, "envoy": self._envoy.record()})
            self._is_dirty = False
            self._books.wrote("instances.json")
        except OSError as error:
            self._books.cannot_write("instances.json", error)

    def _tell(self) -> None:
        told = self._observed()
        due = time.monotonic() >= self._tell_at
        if told == self._told and not due:
            return
        try:
            replace_json(self._folder.observed, {**told, "at": time.time()})
        except OSError as error:
            self._books.cannot_write("observed.json", error)
            return
        self._books.wrote("observed.json")
        self._told, self._tell_at = told, time.monotonic() + _TELL_EVERY_S

    def _observed(self) -> dict[str, Any]:
        trouble = self._trouble or self._refused
        told = observed(
            self._wanted,
            Standing("failed", trouble) if trouble else self._standing,
            list(self._instances),
            self._traffic,
            self._books,
        )
        return {
            **told,
            "keeper": self._self,
            "envoy": self._envoy.told(),
            "fallback_applied": self._fallback_applied,
        }

    def _log(self, sentence: str) -> None:
        with suppress(OSError):
            print(time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), sentence, file=sys.stderr, flush=True)


def keep(folder: str | os.PathLike[str]) -> int:
    """Keep an environment until told to stop by SIGTERM, or until nothing is left to keep; 0.

    Instances and Envoy are left running on SIGTERM: the next keeper adopts them. A PenstockError `keeper-
    lives` when
    there is a keeper already.
    """
    place = Folder.of(folder)
    place.prepare()
    handle = lock.take(place)
    try:
        return Keeper(place).run()
    finally:
        os.close(handle)


def main(words: list[str]) -> int:
    """`python -m penstock.providers.local.keeper FOLDER`"""
    if len(words) != 1:
        print("usage: python -m penstock.providers.local.keeper FOLDER", file=sys.stderr)
        return 2
    try:
        return keep(Path(words[0]))
    except PenstockError as error:
        print(error, file=sys.stderr)
        return error.exit_code


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
