"""The command target: a team's own commands, run in the background, fenced and remembered by us."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from penstock.core.target import (
    Artifact,
    Capabilities,
    Change,
    Desired,
    Evidence,
    Fence,
    Observed,
    Preview,
    Progress,
    Reach,
    Revision,
    UnitDesire,
)
from penstock.errors import PenstockError, Refused
from penstock.providers.command import contract
from penstock.providers.command.commands import Commands
from penstock.providers.command.contract import Said, Shares, some, wanted
from penstock.providers.command.memory import Memory, Place
from penstock.providers.command.run import Run

WAIT_S = 1.0  # how long one call waits for a run, so that its caller can hear orders
BLIND = "there is no `observe`: changes made by others cannot be seen"


class CommandTarget:
    """One service in one environment, by a user's own commands.

    `section` is a CommandSection: `converge`, and perhaps `observe`, `shift`, `back`, `preview`, `testimony`.
    `folder` is the environment's own: what was done last is remembered there. Commands run in the artifact's
    folder, or in `checkout` where the artifact is none; `paths` gives an artifact's own folders of programs.
    """

    def __init__(
        self,
        section: Any,
        service: str,
        environment: str,
        folder: Path,
        paths: Callable[[Artifact], list[str]] = lambda _: [],
        *,
        checkout: Path | None = None,
        **_: object,
    ) -> None:
        self._section = section
        self._place = Place(Path(folder), service, environment)
        self._commands = Commands(section, self._place, paths, checkout)

    def capabilities(self) -> Capabilities:
        """What the section declares. The fence is ours; without `observe` nothing but replacing is left.

        Nothing here beats or reaches one revision alone, so neither a dead man's rule nor a way past the split
        is promised, whatever the commands could do.
        """
        if self._section.observe is None:
            return Capabilities(fence=True, pinned_to_host=True, stamp=True)
        declared: Capabilities = self._section.declared()
        return replace(declared, fence=True, dead_man=False, reach_unsplit=False)

    def observe(self) -> Observed:
        """What `observe` says; without it, what the last run that ended well was to bring about."""
        memory = self._read()
        said = self._look(memory)
        serving, placed = self._truth(memory, said)
        there = {revision for shares in (*serving.values(), *placed.values()) for revision in shares}
        stamps = [stamp for stamp in (said.stamp if said else None, memory.fence) if stamp and stamp > Fence(0)]
        is_running = memory.has_run and self._run(memory).state() == "running"
        return Observed(
            _token(memory, said),
            serving,
            placed,
            settled=not is_running and (said.settled if said else self._came_true(memory, None)),
            stamp=max(stamps, default=None),
            instances=said.instances if said else (),
            revisions={name: kept for name, kept in memory.revisions.items() if name in there},
            taken_back=memory.taken_back,
        )

    def preview(self, change: Change) -> Preview:
        """What `preview` says; without it, which command would run, and for what."""
        memory = self._read()
        blind = () if self._section.observe else (BLIND,)
        if self._section.preview:
            key = f"{self._key(memory)}-preview"
            preview = contract.read_preview(self._commands.ask("preview", change.desired, key))
            return replace(preview, summary=(*preview.summary, *blind))
        command = self._command_for(memory, change.desired, self._look(memory))
        units = [
            f"{name}: placed {some(unit.placed)}, split {some(unit.split)}"
            for name, unit in sorted(change.desired.units.items())
        ]
        return Preview((f"runs `{' '.join(self._commands.argv(command, {}))}`", *units, *blind))

    def converge(self, desired: Desired, handle: str | None = None) -> Progress:
        """Put the desire in force, run what brings it about, and wait a moment; the run goes on without us.

        The run is found again by what is remembered; `handle` is its name, for people to read.
        """
        self._refuse_shape(desired)
        said = self._look(self._read())
        with self._place.locked():
            memory = self._read()
            self._refuse_lower(memory, said, desired)
            memory, waits = self._put(memory, said, desired)
            progress = waits or self._go_on(memory, said, desired)
        if waits or progress.state != "working":
            return progress
        run = self._run(self._read())
        run.wait(WAIT_S)
        if run.state() != "ended":
            return progress
        # What came of it is for the next look to say; without `observe` there is nothing to look at.
        return replace(progress, retry_after_s=0.05) if said else self._progress(self._read(), None, desired)

    def reach(self, unit: str, revision: str) -> Reach | None:
        """Nowhere: the commands do not say."""
        return None

    def testimony(self, revision: str) -> list[Evidence]:
        """What `testimony` prints of a revision, and what the last run said."""
        memory = self._read()
        kept = []
        known = memory.revisions.get(revision)
        if self._section.testimony and known:
            unit = UnitDesire({revision: 1})  # so that the command is told which revision is meant
            desired = Desired(memory.fence, {"testimony": unit}, {revision: known})
            text = self._commands.ask("testimony", desired, f"{self._key(memory)}-testimony", known)
            kept.append(Evidence("testimony.log", "text/x-log", text))
        if memory.has_run and memory.desired and revision in memory.desired.revisions:
            kept.append(Evidence(f"{memory.command}.log", "text/x-log", self._run(memory).log()))
        return kept

    def take_way_back(self, why: str) -> bool:
        """Start the way back of the desire in force; False where none is laid, or a run may not be cut short."""
        with self._place.locked():
            memory = self._read()
            if not memory.desired or not memory.desired.way_back:
                return False
            if not self._is_free(memory):
                return False
            back = replace(memory.desired.way_back, fence=memory.fence)
            name = "back" if self._section.back else self._command_for(memory, back, None)
            self._start(memory.wanting(back, name, came_true=False, taken_back=why))
            return True

    def heartbeat(self) -> None:
        """Nobody listens: there is no dead man's rule."""

    # Deciding; the folder is locked

    def _put(self, memory: Memory, said: Said | None, desired: Desired) -> tuple[Memory, Progress | None]:
        """The memory with this desire in force, or why that must wait."""
        again = memory.desired is not None and desired.fence.release > memory.desired.fence.release
        is_old = memory.desired is not None and wanted(memory.desired) == wanted(desired)
        memory = replace(memory, fence=max(memory.fence, desired.fence))
        if is_old and not (again and self._has_failed(memory, said)):
            self._place.write(replace(memory, desired=replace(desired, expecting=None)))
            return self._read(), None
        if not self._is_free(memory):
            self._place.write(memory)
            left_s = max(0.0, self._section.within_s - (memory.began.elapsed_s() if memory.began else 0.0))
            what = f"`{memory.command}` still runs, and may for {left_s:.0f} s more; then this is done"
            return memory, Progress("working", what, WAIT_S, f"run-{memory.run}")
        if desired.expecting not in (None, _token(memory, said)):
            what = f"{desired.expecting} was expected, and {_token(memory, said)} is there"
            why = "somebody changed the environment since it was observed"
            raise Refused("token", what, str(self._place.root), why, "observe again, and decide anew")
        name = self._command_for(memory, desired, said)
        memory = memory.wanting(desired, name, came_true=self._came_true(memory, said))
        self._place.write(memory)
        return memory, None

    def _go_on(self, memory: Memory, said: Said | None, desired: Desired) -> Progress:
        """How far it got; starts the command where it is to be started (again)."""
        progress = self._progress(memory, said, desired)
        if progress.state == "done":
            self._place.write(replace(memory, began=None))
        if progress.state != "working":
            return progress
        run, state = self._run(memory), self._run(memory).state() if memory.has_run else "cut off"
        if self._is_late(memory):
            run.end()
            return Progress("failed", f"not done within {self._section.within_s:g} s: {progress.reason}")
        if state == "new":
            self._begin(memory)
        if state == "cut off" or (state == "ended" and run.ended_ago_s() >= progress.retry_after_s):
            memory = self._start(memory)
            return replace(progress, retry_after_s=WAIT_S, handle=f"run-{memory.run}")
        return progress

    def _is_late(self, memory: Memory) -> bool:
        return memory.began is not None and memory.began.elapsed_s() > self._section.within_s

    def _progress(self, memory: Memory, said: Said | None, desired: Desired) -> Progress:
        """What the world and the last run come to."""
        handle = f"run-{memory.run}"
        state = self._run(memory).state() if memory.has_run else "cut off"
        if state in ("new", "running"):
            return Progress("working", f"`{memory.command}` runs", WAIT_S, handle)
        if said and said.settled and self._truth(memory, said) == wanted(desired):
            return Progress("done", handle=handle)
        if state == "cut off":
            return Progress("working", f"`{memory.command}` is to be run", 0.0, handle)
        try:
            told = contract.read_progress(*self._run(memory).result())
        except PenstockError as error:
            return Progress("failed", f"{error.where}: {error.what}; {error.next}", handle=handle)
        if told.state != "done" or said is None:
            return replace(told, handle=handle)
        serving, placed = self._truth(memory, said)
        what = f"`{memory.command}` ended, and `observe` says: traffic {serving}, placed {placed}"
        return Progress("working", what, 2.0, handle)

    def _start(self, memory: Memory) -> Memory:
        """A new run; that it runs is written down before it does."""
        memory = memory.running()
        self._place.write(memory)
        self._begin(memory)
        return memory

    def _begin(self, memory: Memory) -> None:
        assert memory.desired is not None, "a run is of a desire"
        place, handle = self._place, f"run-{memory.run}"
        self._run(memory).prepare(contract.as_json(memory.desired, place.service, place.environment, handle))
        main = contract.main_revision(memory.desired) or self._last(memory)
        said = self._commands.variables(memory.desired, self._key(memory))
        argv, env = self._commands.argv(memory.command, said), self._commands.env(main, said)
        self._run(memory).begin(argv, self._commands.cwd(main), env)

    def _is_free(self, memory: Memory) -> bool:
        """Whether no run is under way, once those are ended that may be cut short, or are over their time."""
        run = self._run(memory)
        if not memory.has_run or run.forbid() or run.state() != "running":
            return True
        if not self.capabilities().cancel and not self._is_late(memory):
            return False
        run.end()
        return run.state() != "running"

    def _command_for(self, memory: Memory, desired: Desired, said: Said | None) -> str:
        """`back` for the way back that was laid, `shift` where only the split changes, else `converge`."""
        back = memory.desired.way_back if memory.desired else None
        if self._section.back and back and wanted(back) == wanted(desired):
            return "back"
        _, placed = self._truth(memory, said)
        return "shift" if self._section.shift and placed and placed == wanted(desired)[1] else "converge"

    def _came_true(self, memory: Memory, said: Said | None) -> bool:
        """Whether the desire in force is what there is; before the first one nothing is missing."""
        if memory.desired is None:
            return True
        return self._progress(memory, said, memory.desired).state == "done"

    def _has_failed(self, memory: Memory, said: Said | None) -> bool:
        """Whether a later release must try again what an earlier one wanted."""
        assert memory.desired is not None, "asked of a desire in force only"
        progress = self._progress(memory, said, memory.desired)
        is_over = memory.has_run and self._run(memory).state() == "ended"
        return progress.state in ("failed", "refused") or (progress.state == "working" and is_over)

    def _truth(self, memory: Memory, said: Said | None) -> tuple[Shares, Shares]:
        """Traffic and capacity, by unit and revision."""
        if said and said.revision is None:
            return said.serving, said.placed
        if said:
            return self._everywhere(memory, said.revision or "")
        last = memory.before
        if memory.desired and memory.has_run and self._progress(memory, None, memory.desired).state == "done":
            last = memory.desired
        return wanted(last) if last else ({}, {})

    def _everywhere(self, memory: Memory, revision: str) -> tuple[Shares, Shares]:
        """What the short answer `revision` stands for: every unit that we know of, at the capacity last wanted."""
        for desired in (memory.desired, memory.before):
            if desired and revision and desired.placed() == {revision}:
                return wanted(desired)
        known = memory.revisions.get(revision)
        if known is None:
            return {}, {}
        units = {
            name: UnitDesire({revision: self._section.instances_of(name)}, {revision: 1000} if unit.traffic else {})
            for name, unit in known.units.items()
        }
        return wanted(Desired(memory.fence, units))

    # Refusing

    def _read(self) -> Memory:
        memory = self._place.read()
        if (memory.service, memory.environment) != (self._place.service, self._place.environment):
            what = f"this folder is of {memory.service}/{memory.environment}"
            raise Refused("not-ours", what, str(self._place.root), next="give every environment its own folder")
        return memory

    def _refuse_lower(self, memory: Memory, said: Said | None, desired: Desired) -> None:
        highest = max(memory.fence, said.stamp if said and said.stamp else Fence(0))
        if desired.fence < highest:
            what = f"fence {highest.release}.{highest.epoch} has written there, which is higher"
            raise Refused("fence", what, str(self._place.root), next="leave it to that one")

    def _refuse_shape(self, desired: Desired) -> None:
        can = self.capabilities()
        most = {"1": 1, "2": 2, "many": 1000}[can.coexist]
        for name, unit in desired.units.items():
            if len(some(unit.placed)) > most:
                what = f"{name}: {len(some(unit.placed))} revisions, and {can.coexist} may be there at once"
                raise Refused("coexist", what, str(self._place.root))
            if can.split == "none" and len(some(unit.split)) > 1:
                raise Refused("split", f"{name}: the commands declare no split", str(self._place.root))

    # Asking

    def _look(self, memory: Memory) -> Said | None:
        """What `observe` says now; None without one."""
        if self._section.observe is None:
            return None
        desired = memory.desired or Desired(Fence(0), {})
        return contract.read_observed(self._commands.ask("observe", desired, self._key(memory), self._last(memory)))

    def _last(self, memory: Memory) -> Revision | None:
        """The revision in whose folder `observe` runs: of the desire in force, else of the one before."""
        for desired in (memory.desired, memory.before):
            if desired and (found := contract.main_revision(desired)):
                return found
        return None

    def _run(self, memory: Memory) -> Run:
        return Run(self._place.root / "runs" / str(memory.run))

    def _key(self, memory: Memory) -> str:
        return f"{self._place.service}-{self._place.environment}-{memory.generation}"


def _token(memory: Memory, said: Said | None) -> str:
    return f"{memory.generation}-{said.mark}" if said else str(memory.generation)
