"""The command target with real commands: once, in the background, fenced, turned round, and silent about secrets."""

from __future__ import annotations

import json
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from penstock import shell
from penstock.core.target import Desired, Fence, Progress
from penstock.errors import PenstockError, Refused
from penstock.providers.command.run import Run
from penstock.providers.command.target import CommandTarget
from tests.providers.command import made

ROOT = Path(__file__).parents[3]


def toys(folder: Path, *verbs: str, cancel: bool = True, **others: object) -> CommandTarget:
    """A target with verbs of the toy."""
    commands = {verb: made.toy(verb, folder) for verb in ("converge", *verbs)}
    can = replace(made.SPLIT, cancel=cancel)
    return made.target(made.Section(**commands, can=can, **others), folder)  # type: ignore[arg-type]


def settle(target: CommandTarget, desired: Desired, tries: int = 600) -> Progress:
    """Converge until it no longer works."""
    for _ in range(tries):
        progress = target.converge(desired)
        if progress.state != "working":
            return progress
        time.sleep(min(progress.retry_after_s, 0.05))
    raise AssertionError(progress.reason)


def ran(folder: Path) -> list[str]:
    """What the toy was asked, looks left out."""
    lines = (folder / "toy.log").read_text().splitlines()
    return [line for line in lines if not line.startswith("observe")]


def hold(folder: Path) -> None:
    """The toy waits from now on, until it is let go."""
    (folder / "held").touch()


def let_go(folder: Path) -> None:
    """The toy goes on."""
    (folder / "held").unlink()


def begun(folder: Path, lines: int = 1) -> list[str]:
    """What the toy was asked, once it was asked so much."""
    for _ in range(1000):
        if (folder / "toy.log").exists() and len(ran(folder)) >= lines:
            break
        time.sleep(0.02)
    return ran(folder)


def test_a_command_runs_once(tmp_path: Path) -> None:
    """However often a desire is converged on, its command runs once."""
    target = toys(tmp_path)
    for _ in range(3):
        assert "done" == settle(target, made.alone("a")).state
    assert ["converge a 1000", "done"] == ran(tmp_path)


def test_what_is_there_already_is_not_done(tmp_path: Path) -> None:
    """Where `observe` says that the desire is true, nothing runs."""
    (tmp_path / "toy.json").write_text(json.dumps({"units": {"web": {"placed": {"a": 2}, "split": {"a": 1000}}}}))
    assert "done" == toys(tmp_path, "observe").converge(made.alone("a")).state
    assert [] == ran(tmp_path)


def test_the_split_alone_is_shifted(tmp_path: Path) -> None:
    """`shift` runs where only the split changes, `back` for the way back that was laid, else `converge`."""
    target = toys(tmp_path, "observe", "shift", "back")
    steps = [made.alone("a"), made.both("a", "b", 0), made.both("a", "b", 100), made.both("a", "b", 500)]
    back = steps[-1].way_back
    assert back
    for desired in (*steps, back):
        assert "done" == settle(target, desired).state
    asked = [line for line in ran(tmp_path) if line != "done"]
    assert ["converge a 1000", "converge b 0", "shift b 100", "shift b 500", "back a 1000"] == asked


def test_a_lower_fence_runs_nothing(tmp_path: Path) -> None:
    """A lower fence is refused before any command runs."""
    target = toys(tmp_path)
    settle(target, made.alone("a", 2, 1))
    before = ran(tmp_path)
    for lower in ((1, 9), (2, 0)):
        with pytest.raises(Refused) as caught:
            target.converge(made.alone("b", *lower))
        assert "fence" == caught.value.code
    assert before == ran(tmp_path)


def test_a_fence_on_the_platform_counts(tmp_path: Path) -> None:
    """A stamp that `observe` reports refuses lower fences too: another host may have written it."""
    (tmp_path / "toy.json").write_text(json.dumps({"units": {}, "stamp": [9, 0]}))
    with pytest.raises(Refused):
        toys(tmp_path, "observe").converge(made.alone("a", 8))


def test_a_killed_worker_leaves_the_run_to_its_successor(tmp_path: Path) -> None:
    """A worker killed by `kill -9` while its command runs: the successor waits for that very run."""
    hold(tmp_path)
    code = (
        "import os, signal, sys; from pathlib import Path; sys.path.insert(0, sys.argv[2]);"
        "from tests.providers.command import made; from tests.providers.command.test_target import toys;"
        "print(toys(Path(sys.argv[1])).converge(made.alone('a')).handle, flush=True);"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    killed = shell.run([sys.executable, "-c", code, str(tmp_path), str(ROOT)], cwd=ROOT)
    assert (-9, "run-1\n") == (killed.code, killed.out)
    assert ["converge a 1000"] == begun(tmp_path)
    let_go(tmp_path)
    progress = settle(toys(tmp_path), made.alone("a", 1, epoch=1))
    assert ("done", "run-1") == (progress.state, progress.handle)
    assert ["converge a 1000", "done"] == ran(tmp_path)


def test_a_run_begun_by_many_is_one(tmp_path: Path) -> None:
    """Whoever begins a run again starts nothing twice; one that was forbidden before it began never runs."""
    run = Run(tmp_path / "runs" / "1")
    run.prepare({})
    argv = ["sh", "-c", f"echo once >> {tmp_path}/count; sleep 0.2"]
    for _ in range(5):
        run.begin(argv, tmp_path, {})
    run.wait(10)
    assert ("ended", "once\n") == (run.state(), (tmp_path / "count").read_text())
    other = Run(tmp_path / "runs" / "2")
    other.prepare({})
    assert other.forbid()
    other.begin(argv, tmp_path, {})
    time.sleep(0.3)
    assert "once\n" == (tmp_path / "count").read_text()


def test_a_command_cut_off_is_run_again(tmp_path: Path) -> None:
    """A run that died without an exit code is run again, under the same key."""
    hold(tmp_path)
    target = toys(tmp_path)
    target.converge(made.alone("a"))
    begun(tmp_path)
    Run(tmp_path / "environment" / "runs" / "1").end()
    let_go(tmp_path)
    assert "run-2" == settle(target, made.alone("a")).handle
    assert ["converge a 1000", "converge a 1000", "done"] == ran(tmp_path)


def test_another_desire_waits_where_nothing_can_be_cut_short(tmp_path: Path) -> None:
    """Without `cancel` a running command ends first, and the answer says until when; never two at once."""
    hold(tmp_path)
    target = toys(tmp_path, cancel=False)
    assert "working" == target.converge(made.alone("a")).state
    waiting = target.converge(made.alone("b", 2))
    assert "working" == waiting.state
    assert "still runs, and may for" in waiting.reason
    with pytest.raises(Refused):
        target.converge(made.alone("a", 1))
    let_go(tmp_path)
    assert "done" == settle(target, made.alone("b", 2)).state
    assert ["converge a 1000", "done", "converge b 1000", "done"] == ran(tmp_path)


def test_another_desire_turns_it_round_where_it_can(tmp_path: Path) -> None:
    """With `cancel` a running command is ended, and the new desire's begins."""
    hold(tmp_path)
    target = toys(tmp_path, "observe")
    target.converge(made.alone("a"))
    begun(tmp_path)
    assert "working" == target.converge(made.alone("b", 2)).state
    let_go(tmp_path)
    assert "done" == settle(target, made.alone("b", 2)).state
    assert ["converge a 1000", "converge b 1000", "done"] == ran(tmp_path)


def test_a_command_has_its_time(tmp_path: Path) -> None:
    """A command that takes longer than `within` is ended, and has failed; its process is gone."""
    hold(tmp_path)
    target = toys(tmp_path, within_s=1.0)
    progress = settle(target, made.alone("a"))
    assert "failed" == progress.state
    assert "not done within 1 s" in progress.reason
    assert "cut off" == Run(tmp_path / "environment" / "runs" / "1").state()


def test_75_is_asked_again(tmp_path: Path) -> None:
    """Exit code 75 means: call me again. The command runs until it says otherwise."""
    line = f"n=$(cat {tmp_path}/n 2>/dev/null || echo 0); echo $((n+1)) > {tmp_path}/n; [ $n -ge 2 ] || exit 75"
    target = made.target(made.Section(converge=made.sh(line)), tmp_path)
    assert "done" == settle(target, made.alone("a")).state
    assert "3\n" == (tmp_path / "n").read_text()


def test_a_failure_is_remembered_for_its_release(tmp_path: Path) -> None:
    """A failed command is not run again by the same release; a later one tries anew."""
    line = f"echo run >> {tmp_path}/runs.log; echo no such host >&2; exit 4"
    target = made.target(made.Section(converge=made.sh(line)), tmp_path)
    for _ in range(2):
        assert Progress("failed", "exit 4: no such host", handle="run-1") == settle(target, made.alone("a"))
    assert "run-2" == settle(target, made.alone("a", 2)).handle
    assert 2 == len((tmp_path / "runs.log").read_text().splitlines())


def test_a_wrong_reply_fails(tmp_path: Path) -> None:
    """A reply that breaks the contract is a failure that names the field, not an exception."""
    target = made.target(made.Section(converge=made.sh("""echo '{"state": "fine"}'""")), tmp_path)
    progress = settle(target, made.alone("a"))
    assert "failed" == progress.state
    assert "`state`: 'fine' is not one of its words" in progress.reason


def test_make_deploy_alone(tmp_path: Path) -> None:
    """One command and nothing else: it is told what to deploy, and what it did last is remembered."""
    (tmp_path / "Makefile").write_text('deploy:\n\techo "$$PENSTOCK_COMMIT $$PENSTOCK_WEIGHT" >> deployed\n')
    section = made.Section(converge=made.words("make", "deploy"))
    target = CommandTarget(section, "shop", "production", tmp_path / "environment", checkout=tmp_path)
    for desired in (made.alone("a"), made.alone("b", 2), made.alone("a", 2)):
        assert "done" == settle(target, desired).state
        assert target.observe().serves(next(iter(desired.placed())))
    assert "a-commit 1000\nb-commit 1000\na-commit 1000\n" == (tmp_path / "deployed").read_text()
    can = target.capabilities()
    assert ("none", "1", "reapply") == (can.split, can.coexist, can.way_back)


def test_what_failed_is_not_settled(tmp_path: Path) -> None:
    """Without `observe`, after a failure, what is told is what was true before, and that it is not settled."""
    target = toys(tmp_path)
    section_alone = made.target(made.Section(converge=made.toy("converge", tmp_path)), tmp_path)
    settle(target, made.alone("a"))
    assert "failed" == settle(section_alone, made.alone("broken", 2)).state
    seen = section_alone.observe()
    assert seen.serves("a")
    assert not seen.settled


def test_secrets_stay_in_the_environment(tmp_path: Path) -> None:
    """Only secrets that are seen reach a command, by its environment: not its words, not a file of ours."""
    secrets = tmp_path / "secrets.json"
    secrets.write_text(json.dumps({"DEPLOY_KEY": "s3cret-value", "OTHER": "hidden-value"}))
    line = f"echo $DEPLOY_KEY $OTHER ${{PENSTOCK_STATE-none}} > {tmp_path}/env; tr '\\0' ' ' < /proc/$$/cmdline"
    section = made.Section(converge=made.sh(line), sees=("DEPLOY_*",))
    target = made.target(section, tmp_path)
    assert "done" == settle(target, made.alone("a", secrets=str(secrets))).state
    assert "s3cret-value none\n" == (tmp_path / "env").read_text()
    kept = [path for path in (tmp_path / "environment").rglob("*") if path.is_file()]
    assert [] == [path for path in kept if "-value" in path.read_text()]


def test_secrets_are_never_filled_in(tmp_path: Path) -> None:
    """In a command's words only what Penstock says of the release is filled in."""
    section = made.Section(converge=made.words("sh", "-c", "exit 3", "$DEPLOY_KEY", "$PENSTOCK_REVISION"))
    target = made.target(section, tmp_path)
    argv = target._commands.argv("converge", {"PENSTOCK_REVISION": "a"})
    assert ["$DEPLOY_KEY", "a"] == argv[-2:]


def test_what_is_kept_is_private(tmp_path: Path) -> None:
    """Every file below the environment's folder is closed to others, and so is every folder of a run."""
    target = toys(tmp_path)
    settle(target, made.alone("a"))
    runs = tmp_path / "environment" / "runs"
    assert 0o600 == (tmp_path / "environment" / "command.json").stat().st_mode & 0o777
    assert {0o700} == {path.stat().st_mode & 0o777 for path in runs.iterdir()}


def test_old_runs_are_removed(tmp_path: Path) -> None:
    """The last five runs are kept."""
    target = made.target(made.Section(converge=made.sh("true")), tmp_path)
    for release in range(1, 9):
        settle(target, made.alone("ab"[release % 2], release))
    assert ["4", "5", "6", "7", "8"] == sorted(p.name for p in (tmp_path / "environment" / "runs").iterdir())


def test_the_way_back_is_taken(tmp_path: Path) -> None:
    """The way back laid beside a desire runs without one, and is observed with its reason."""
    target = toys(tmp_path, "observe", "back")
    settle(target, made.alone("a"))
    settle(target, made.both("a", "b", 500))
    assert target.take_way_back("the journal cannot be written")
    Run(tmp_path / "environment" / "runs" / "3").wait(10)
    seen = target.observe()
    assert seen.serves("a")
    assert "the journal cannot be written" == seen.taken_back
    assert "back a 1000" in ran(tmp_path)


def test_the_way_back_is_not_taken_beside_a_run(tmp_path: Path) -> None:
    """While a command runs that may not be cut short, the way back is not begun beside it, and that is said."""
    target = toys(tmp_path, "observe", "back", cancel=False)
    settle(target, made.alone("a"))
    hold(tmp_path)
    target.converge(made.both("a", "b", 500))
    assert not target.take_way_back("a test asks")
    let_go(tmp_path)
    assert "done" == settle(target, made.both("a", "b", 500)).state
    assert "back a 1000" not in ran(tmp_path)


def test_a_failing_observe_is_an_error(tmp_path: Path) -> None:
    """An `observe` that fails is an error that shows its last lines; nothing is guessed, nothing is run."""
    section = made.Section(converge=made.sh(f"touch {tmp_path}/ran"), observe=made.sh("echo no route >&2; exit 1"))
    target = made.target(section, tmp_path)
    with pytest.raises(PenstockError) as caught:
        target.converge(made.alone("a"))
    assert ("command", "no route") == (caught.value.code, caught.value.why)
    assert not (tmp_path / "ran").exists()


def test_the_short_answer_stands_for_every_unit(tmp_path: Path) -> None:
    """`{"revision": …}` is every unit at the capacity last wanted; a revision that nobody knows serves nothing."""
    observe = made.sh(f"cat {tmp_path}/now 2>/dev/null || echo '{{\"revision\": null}}'")
    converge = made.sh(f"""echo "{{\\"revision\\": \\"$PENSTOCK_REVISION\\"}}" > {tmp_path}/now""")
    target = made.target(made.Section(converge=converge, observe=observe), tmp_path)
    assert {} == target.observe().serving
    assert "done" == settle(target, made.alone("a")).state
    before = target.observe()
    assert ({"web": {"a": 1000}}, {"web": {"a": 2}}) == (before.serving, before.placed)
    (tmp_path / "now").write_text('{"revision": "by hand"}')
    assert {} == target.observe().serving
    assert before.token != target.observe().token


def test_testimony(tmp_path: Path) -> None:
    """`testimony` is asked about one revision; what the last run said comes with it."""
    section = made.Section(converge=made.sh("echo deploying"), testimony=made.sh('echo "log of $PENSTOCK_REVISION"'))
    target = made.target(section, tmp_path)
    settle(target, made.alone("a"))
    assert [("testimony.log", "log of a\n"), ("converge.log", "deploying\n")] == [
        (piece.name, piece.text) for piece in target.testimony("a")
    ]


def test_a_broken_memory_is_said(tmp_path: Path) -> None:
    """What was done last cannot be read: an error with the remedy, never a fresh start."""
    target = toys(tmp_path)
    settle(target, made.alone("a"))
    (tmp_path / "environment" / "command.json").write_text('{"service": 3')
    with pytest.raises(PenstockError) as caught:
        target.observe()
    assert "command-memory" == caught.value.code
    assert "move it away" in caught.value.next


def test_nothing_runs_before_it_is_written_down(tmp_path: Path) -> None:
    """Where the memory cannot be written, no command runs."""
    target = toys(tmp_path)
    (tmp_path / "environment" / "command.json.new").mkdir(parents=True)
    with pytest.raises(PenstockError) as caught:
        target.converge(made.alone("a"))
    assert "command-memory" == caught.value.code
    assert not (tmp_path / "toy.log").exists()


def test_the_first_release_can_be_taken_away(tmp_path: Path) -> None:
    """A desire of nothing is a desire: the command is told that no revision is wanted."""
    target = toys(tmp_path, "observe")
    settle(target, made.alone("a"))
    nothing = Desired(Fence(2), {"web": replace(made.alone("a").units["web"], placed={}, split={})})
    assert "done" == settle(target, nothing).state
    assert {} == target.observe().placed
