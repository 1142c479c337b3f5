"""Hostile and broken commands, run as a release runs them: each has a defined end, and nothing of it is left."""

from __future__ import annotations

import base64
import json
import os
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from penstock import containment, shell
from penstock.checks import running
from penstock.checks.command import CommandCheck, CommandSection
from penstock.checks.reported import Produced, Reported, produce
from penstock.containment import Limits
from penstock.core import data
from penstock.core.finding import CheckRequest, Outcome

SECRET = "s3cr3t/t0ken=of+the:service"
THEIRS = "the-secret-of-another-release"
MIB = 1 << 20
SMALL = Limits(output=2 * MIB, disk=24 * MIB, memory=256 * MIB, processes=60, walk_s=0.3)
contained = pytest.mark.skipif(containment.available() is not None, reason=str(containment.available()))


@dataclass
class Town:
    """A state folder as a release finds it, with what others keep there, and a check's own place in it."""

    root: Path
    mark: str = field(default_factory=lambda: f"attack-{uuid.uuid4().hex}")

    def __post_init__(self) -> None:
        for path, text in self.others().items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
            path.chmod(0o600)
        for path in (self.place, self.home):
            path.mkdir(parents=True)
        (self.place / "app.py").write_text("print('app')\n")

    @property
    def place(self) -> Path:
        return self.root / "releases/7/work places/smoke"

    @property
    def home(self) -> Path:
        return self.root / "releases/7/home/smoke"

    def others(self) -> dict[Path, str]:
        """Files that are nothing to a check."""
        names = {
            "records.sqlite": "records", "audit.log": "line 1\n", "audit-key.pem": "the key",
            "environments/shop/production/secrets/6.json": THEIRS,
            "releases/7/checkout-abc/app.py": "print('app')\n", "releases/7/work places/lint/report.json": THEIRS,
        }  # fmt: skip
        return {self.root / name: text for name, text in names.items()}

    def untouched(self) -> bool:
        """Whether all of that is as it was, and nothing came beside it."""
        there = {path for path in self.root.rglob("*") if path.is_file() and not path.is_relative_to(self.place)}
        expected = self.others()
        return there - {self.log} == set(expected) and all(p.read_text() == text for p, text in expected.items())

    @property
    def log(self) -> Path:
        return self.root / "releases/7/candidate-smoke.log"

    def request(self, section: dict[str, Any], **more: Any) -> CheckRequest:
        """As a release asks."""
        key = f"penstock-7-candidate-{self.mark}"
        env = {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": str(self.home), "PENSTOCK_IDEMPOTENCY_KEY": key}
        repository = self.root / "repos/shop.git"
        return CheckRequest(
            "smoke", "candidate", section, str(self.place), env=env, key=key, log_file=str(self.log),
            repository=str(repository), **more,
        )  # fmt: skip

    def run(self, command: str | list[str], within: str = "15s", **more: Any) -> Outcome:
        """What a command's check says of it; a text is a line for a shell."""
        run: Any = {"sh": command} if isinstance(command, str) else command
        section = CommandSection.model_validate({"run": run, "within": within, "sees": list(more.get("secrets", ()))})
        return CommandCheck().run(self.request(data.dump(section), **more))

    def python(self, code: str, within: str = "15s", **more: Any) -> Outcome:
        """The same of a Python program, which has the mark among its words."""
        return self.run([sys.executable, "-c", code, self.mark], within, **more)

    def left(self) -> list[str]:
        """What still runs and has the mark among its words or variables."""
        found = []
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit() and int(entry.name) != os.getpid():
                try:
                    words = (entry / "cmdline").read_bytes(), (entry / "environ").read_bytes()
                except OSError:
                    continue
                if any(self.mark.encode() in text for text in words):
                    found.append(f"{entry.name}: {words[0]!r}")
        return found


@pytest.fixture
def town(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Town]:
    """A town with small limits; at the end nothing of its check runs, and nothing temporary is left."""
    monkeypatch.setattr(running, "LIMITS", SMALL)
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    made = Town(tmp_path / "state")
    yield made
    left = list(temporary.iterdir())
    shell.run(["rm", "-rf", str(temporary)])  # deeper than what removes it otherwise can go
    assert [] == made.left()
    assert [] == left


def said(outcome: Outcome) -> str:
    return "\n".join([outcome.sentence, *(str(f) for f in outcome.findings), *(e.text for e in outcome.evidence)])


# Commands that do not end, and what they leave behind.


@pytest.mark.parametrize(
    "command",
    [
        "trap '' TERM HUP INT; while :; do sleep 0.1; done",
        "trap '' TERM; setsid sh -c \"trap '' TERM; while :; do sleep 0.1; done\" & wait",
        "kill -STOP $$",
        "exec 0<&- 1>&- 2>&-; sleep 60",
    ],
)
def test_a_command_that_will_not_end_is_killed(command: str, town: Town) -> None:
    """Past `within` it is killed, whatever it ignores: errored, and the time is named."""
    began = time.monotonic()
    outcome = town.run(command, within="400ms")
    assert "errored" == outcome.state
    assert "was not over after 0.4 s" in outcome.sentence
    assert 5 > time.monotonic() - began


DAEMON = """
import os, sys, time
if os.fork(): os._exit(0)
os.setsid()
if os.fork(): os._exit(0)
os.closerange(0, 64)
os.execve(sys.executable, [sys.executable, "-c", "import time; time.sleep(60)", sys.argv[1]], {})
"""


@pytest.mark.parametrize("ending", ["exit 0", "exit 3", "sleep 60"])
def test_daemons_end_with_the_command(ending: str, town: Town) -> None:
    """Twice forked, in a session of its own, with nothing of its environment left: it ends when the command does."""
    (town.place / "daemon.py").write_text(DAEMON)
    start = f"{sys.executable} daemon.py {town.mark}; env -i setsid -f sleep 60 {town.mark}; sleep 0.2; {ending}"
    outcome = town.run(start.replace(f"sleep 60 {town.mark}", f"sh -c 'sleep 60; : {town.mark}'"), within="2s")
    assert {"exit 0": "passed", "exit 3": "failed"}.get(ending, "errored") == outcome.state


HOPS = """
import os, sys, time
until = time.monotonic() + 20
while time.monotonic() < until:
    if os.fork(): os._exit(0)
    os.setsid()
"""


def test_a_process_that_is_another_one_each_time_ends(town: Town) -> None:
    """What forks and ends all the time, so that no list of processes has it, ends with the command."""
    (town.place / "hops.py").write_text(HOPS)
    assert "passed" == town.run(f"{sys.executable} hops.py {town.mark} & sleep 0.4").state


def test_a_fork_bomb_is_ended(town: Town) -> None:
    """Too many processes: all are killed, errored, and the number is named."""
    began = time.monotonic()
    bomb = "import os, time\nfor _ in range(9): os.fork()\ntime.sleep(60)"
    outcome = town.python(bomb)
    assert "errored" == outcome.state
    assert " processes with " in outcome.sentence
    assert "starts fewer processes" in outcome.findings[0].remedy
    assert 8 > time.monotonic() - began


def test_a_bomb_of_threads_is_ended(town: Town) -> None:
    """Threads count as well: a machine has only so many."""
    outcome = town.python(
        "import threading, time\nfor _ in range(400): threading.Thread(target=time.sleep, args=(60,)).start()"
    )
    assert "errored" == outcome.state
    assert "threads" in outcome.sentence


def test_nobody_waits_for_it_any_more(town: Town) -> None:
    """When the release has ended meanwhile, so does the command."""
    began = time.monotonic()
    outcome = town.run("sleep 60", within="50s", stopped=lambda: time.monotonic() - began > 0.5)
    assert "errored" == outcome.state
    assert "nobody waits for it" in outcome.sentence
    assert 5 > time.monotonic() - began


WORKER = """
import json, sys
from penstock.checks.command import CommandCheck
from penstock.core.finding import CheckRequest
CommandCheck().run(CheckRequest(**json.loads(sys.argv[1])))
"""


def test_a_worker_killed_leaves_no_check_running(town: Town) -> None:
    """`kill -9` of whoever runs a check ends the check, with its daemons, and removes its temporary folder."""
    script = f"echo $TMPDIR > began; env -i setsid -f sh -c 'sleep 60; : {town.mark}' & sleep 60"
    section = data.dump(CommandSection.model_validate({"run": {"sh": script}, "within": "50s"}))
    request = town.request(section)
    plain = {name: getattr(request, name) for name in ("name", "moment", "section", "folder", "env", "key", "log_file")}
    worker = subprocess.Popen(
        [sys.executable, "-c", WORKER, json.dumps(plain)], env={**os.environ, "TMPDIR": os.path.dirname(town.place)}
    )
    began = town.place / "began"
    until(lambda: began.exists() and len(began.read_text()) > 1 and len(town.left()) >= 3)
    worker.send_signal(signal.SIGKILL)
    worker.wait()
    until(lambda: not town.left())
    until(lambda: not Path(began.read_text().strip()).exists())


def until(so: Callable[[], bool], within_s: float = 8.0) -> None:
    end = time.monotonic() + within_s
    while not so():
        assert time.monotonic() < end, "not in time"
        time.sleep(0.02)


# Commands that take too much.


@pytest.mark.parametrize("command", ["head -c 1G /dev/zero", "yes", "yes >&2 & yes"])
def test_a_flood_of_output_is_cut(command: str, town: Town) -> None:
    """More output than is kept: killed, errored, and the log stays small."""
    outcome = town.run(command)
    assert "errored" == outcome.state
    assert "wrote more than 2 MiB of output" in outcome.sentence
    assert 3 * MIB > town.log.stat().st_size
    assert 1 == len(outcome.evidence)


WRITES = {
    "one file": "open('big', 'wb').write(bytes(64 << 20)); time.sleep(60)",
    "small files": "[open(f'f{n}', 'wb').write(bytes(1 << 20)) for n in range(64)]; time.sleep(60)",
    "temporary files": "open(os.environ['TMPDIR'] + '/b', 'wb').write(bytes(20 << 20)); open('b', 'wb').write(bytes(20 << 20));"
    " time.sleep(60)",
    "a deleted file": "f = open('big', 'wb'); os.unlink('big'); [f.write(bytes(1 << 20)) for _ in range(22)];"
    " g = open('big', 'wb'); os.unlink('big'); [g.write(bytes(1 << 20)) for _ in range(22)]; f.flush(); g.flush();"
    " time.sleep(60)",
    "a closed folder": "os.mkdir('x'); [open(f'x/{n}', 'wb').write(bytes(1 << 20)) for n in range(64)]; os.chmod('x', 0);"
    " time.sleep(60)",
}  # fmt: skip


@pytest.mark.parametrize("how", WRITES)
def test_filling_the_disk_is_ended(how: str, town: Town) -> None:
    """More on the disk than it may: killed, errored, and what it wrote is removed."""
    outcome = town.python(f"import os, signal, time; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n{WRITES[how]}")
    assert "errored" == outcome.state, said(outcome)
    assert "MiB to the disk" in outcome.sentence
    assert ["app.py"] == [path.name for path in town.place.rglob("*") if path.is_file()]


def test_eating_the_memory_is_ended(town: Town) -> None:
    """More memory than it may, in several processes: killed, errored."""
    outcome = town.python("import os, time\nos.fork()\nkept = bytearray(os.urandom(1 << 20)) * 180\ntime.sleep(60)")
    assert "errored" == outcome.state
    assert "MiB of memory" in outcome.sentence


def test_shared_memory_counts_once(town: Town) -> None:
    """Processes that share what their parent read do not have it each."""
    code = "import os, time\nkept = bytearray(90 << 20)\n[os.fork() for _ in range(2)]\ntime.sleep(0.8)"
    outcome = town.python(code)
    assert "passed" == outcome.state, said(outcome)


# Commands that reach for what is not theirs.


REACHES = {
    "overwrites records": "echo x > {root}/records.sqlite",
    "adds an audit line": "echo 'line 2' >> {root}/audit.log",
    "removes the audit log": "rm -f {root}/audit.log; mv {root}/audit.log .; ln {root}/audit.log mine && echo x > mine",
    "truncates": "truncate -s 0 {root}/records.sqlite; dd if=/dev/null of={root}/records.sqlite",
    "puts a file in the state": "touch {root}/releases/8 {root}/new; mkdir {root}/repos {root}/releases/7/x; mkfifo {root}/p",
    "edits the commit's files": "echo broken > {root}/releases/7/checkout-abc/app.py; rm -r {root}/releases/7/checkout-abc",
    "forges another's report": "echo '[]' > '{root}/releases/7/work places/lint/report.json'",
    "follows a link": "ln -s {root} up; echo x > up/audit.log; rm up/records.sqlite; rm -r up/releases/7/checkout-abc",
    "climbs": "echo x > ../../checkout-abc/app.py; cd ../../../..; echo x > audit.log; rm -rf ./*",
    "uses what it has open": "for n in /proc/self/fd/*; do echo x > $n/../../../audit.log; done;"
    " echo x > /proc/self/cwd/../../../../audit.log",
    "goes in by root": "echo x > /proc/self/root{root}/audit.log; echo x > /proc/$PPID/root{root}/audit.log",
    "is another program": "python3 -c 'import os; os.replace(\"app.py\", \"{root}/audit.log\")';"
    " python3 -c 'import os; os.truncate(\"{root}/audit.log\", 0)'",
    "mounts": "unshare -rm sh -c 'mount --bind . {root}; echo x > {root}/audit.log'; mount --bind . {root}",
}  # fmt: skip


@contained
@pytest.mark.parametrize("how", REACHES)
def test_it_cannot_change_what_is_not_its_own(how: str, town: Town) -> None:
    """Nothing of the state folder but its own folder changes, whatever it tries; the attempt ends as any error does."""
    town.run(f"{{ {REACHES[how].format(root=town.root)}; }}; true")
    assert town.untouched()


READS = {
    "a secret": "cat {root}/environments/shop/production/secrets/6.json",
    "the audit key": "cp {root}/audit-key.pem mine; cat mine",
    "by a link": "ln -s {root}/environments/shop/production/secrets/6.json mine; cat mine; ln {root}/audit-key.pem k; cat k",
    "by climbing": "cat ../../../../environments/*/*/secrets/*; cat ../../../../audit-key.pem",
    "by its parents' memory": "cat /proc/$PPID/environ /proc/[0-9]*/environ | tr '\\0' '\\n' | grep WORKERS; cat /proc/$PPID/mem",
    "by /proc": "cat /proc/[0-9]*/root{root}/audit-key.pem /proc/[0-9]*/cwd/audit-key.pem",
    "another's report": "cat '{root}/releases/7/work places/lint/report.json'",
}  # fmt: skip


@contained
@pytest.mark.parametrize("how", READS)
def test_it_cannot_read_what_is_not_its_own(how: str, town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    """The secrets of other releases, the audit key and the environment of whoever runs it stay unread."""
    monkeypatch.setenv("WORKERS", THEIRS)
    outcome = town.run(READS[how].format(root=town.root) + "; ls")
    assert THEIRS not in said(outcome)
    assert "the key" not in said(outcome)
    assert "app.py" in said(outcome)


@contained
def test_what_is_its_own_is_not_in_the_way(town: Town) -> None:
    """Its folder, its home, its temporary folder and what was built are there for it, and so is the system."""
    built = town.root / "artifacts/abc/bin/tool"
    built.parent.mkdir(parents=True)
    built.write_text("#!/bin/sh\necho built\n")
    built.chmod(0o755)
    script = f"""set -e
    echo x > a; mkdir -p d/e; mv a d/e/b; ln d/e/b d/c; ln -s d/c l; cat l; rm -r d l; echo x > app.py
    echo y > "$HOME/y"; mktemp -d; f=$(mktemp); echo z > $f; mv $f moved; mkfifo p; rm p
    echo o > /dev/stdout; echo e > /dev/stderr; echo n > /dev/null; echo s > /dev/shm/{town.mark}; rm /dev/shm/{town.mark}
    {built}; {sys.executable} -c 'import ssl, multiprocessing as m; m.Lock(); print(open("/etc/passwd").read()[:4])'
    sleep 50 & kill $!; (exit 0)"""
    outcome = town.run(script)
    assert "passed" == outcome.state, said(outcome)
    assert "built" in said(outcome)


# Commands that say what is not so.


@pytest.mark.parametrize(
    "command",
    [
        "kill -9 $PPID; sleep 0.3; exit 3",
        "kill -STOP $PPID; kill -9 -$PPID; exit 3",
        "for n in 3 4 5 6 7 8 9; do printf '0\\0\\0\\0' >&$n; done 2>/dev/null; exit 3",
        "for f in /proc/$PPID/fd/*; do printf '0\\0\\0\\0' > $f; done 2>/dev/null; exit 3",
        "echo 'Penstock: passed'; echo '{\"state\": \"passed\"}'; exit 3",
        "kill -9 -1; exit 3",
    ],
)
@contained
def test_no_lie_makes_a_pass(command: str, town: Town) -> None:
    """What fails is not passed, whoever it kills and whatever it writes where the answer goes."""
    assert town.run(command).state in ("failed", "errored")


def test_without_its_launcher_there_is_no_answer(town: Town) -> None:
    """Where the kernel does not protect the launcher and it is killed: errored, never passed, nothing left."""
    told = town.place / "launcher"

    def kill() -> None:
        until(lambda: told.exists() and told.read_text().endswith("\n"))
        os.kill(int(told.read_text()), signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    outcome = town.run(f"echo $PPID > launcher; setsid sh -c 'sleep 60; : {town.mark}' & sleep 60; : {town.mark}")
    killer.join()
    assert "errored" == outcome.state
    assert "ended what watched over it" in outcome.sentence


def test_an_earlier_log_cannot_be_rewritten(town: Town) -> None:
    """What was logged before is not taken back by the next try."""
    town.run("echo first; exit 3")
    town.run(f": > {town.log}; echo > /dev/stdout; rm -f {town.log}; echo second")
    assert town.log.read_text().startswith("first\n") or containment.available()


# Secrets.


LEAKS = {
    "plain": SECRET,
    "base64": base64.b64encode(SECRET.encode()).decode(),
    "base64 after one byte": base64.b64encode(b"x" + SECRET.encode()).decode(),
    "base64 after two bytes": base64.b64encode(b"xy" + SECRET.encode()).decode(),
    "hex": SECRET.encode().hex(),
    "url": quote(SECRET, safe=""),
    "json": SECRET.replace("/", "\\/"),
}


@pytest.mark.parametrize("folding", ["cat", "fold -w 10", "fold -w 7 | sed 's/^/    /'"])
@pytest.mark.parametrize("spelling", LEAKS)
def test_no_secret_comes_out(spelling: str, folding: str, town: Town) -> None:
    """Plain or encoded, in one line or wrapped: neither sentence nor evidence shows a secret."""
    (town.place / "leak").write_text(LEAKS[spelling] + "\n")
    outcome = town.run(f"cat leak | {folding}; exit 1", secrets={"TOKEN": SECRET})
    assert "failed" == outcome.state
    assert "***" in outcome.evidence[0].text
    told = "".join(said(outcome).split())
    certain = LEAKS[spelling][4:-4]
    assert not any(certain[at : at + 8] in told for at in range(len(certain) - 7))


# A hostile repository.


def report(town: Town, run: str, path: str = "out/report.json", within: str = "10s") -> Produced | Outcome:
    """The reports of a section whose command is a line for a shell."""
    section = Reported.model_validate({"run": {"sh": run}, "report": path, "within": within})
    return produce(section, town.request(data.dump(section)))


@pytest.mark.parametrize(
    ("run", "why"),
    [
        ("mkdir out; ln -s /etc/passwd out/report.json", "is a link that leads out of the folder"),
        ("ln -s /etc out; cp /etc/passwd report", "there is no report"),
        ("ln -s ../../checkout-abc out", "there is no report"),
        ("mkdir out; mkfifo out/report.json", "is no plain file"),
        ("mkdir -p out/report.json", "there is no report"),
        ("mkdir out; ln -s report.json out/report.json", "the command did not write it"),
        ("mkdir out; ln -s /dev/zero out/report.json", "leads out of the folder"),
        ("mkdir out; truncate -s 60M out/report.json", "is larger than 50 MiB"),
    ],
)
def test_a_report_that_is_no_report_is_refused(run: str, why: str, town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    """Links that lead out, pipes, devices, folders and giants are refused: errored, and nobody waits."""
    monkeypatch.setattr(running, "LIMITS", replace(SMALL, disk=8 << 30))
    made = report(town, run)
    assert isinstance(made, Outcome)
    assert "errored" == made.state
    assert why in made.sentence
    assert "root:" not in said(made)


def test_a_folder_of_reports_that_is_a_link_is_refused(town: Town) -> None:
    """A report below a link that leads out is not read, though it is there."""
    made = report(town, "ln -s ../lint out; cat out/report.json; touch now")
    assert isinstance(made, Outcome)
    assert "errored" == made.state


def test_nobody_is_left_to_replace_a_report(town: Town) -> None:
    """When a report is read, nothing of its command runs any more: it is as it was left."""
    swap = "while :; do ln -sf /etc/passwd r; mv -f r out/report.json; echo '[]' > r; mv -f r out/report.json; done"
    for _ in range(3):
        made = report(town, f"mkdir -p out; setsid sh -c '{swap}; : {town.mark}' & sleep 0.2; echo done")
        assert [] == town.left()
        assert isinstance(made, Outcome) or made.reports[0].data in (b"[]\n", b"")


def test_a_stopped_command_has_no_report(town: Town) -> None:
    """What a command wrote before it had to be ended is not judged."""
    made = report(town, "mkdir out; echo '[]' > out/report.json; yes")
    assert isinstance(made, Outcome)
    assert ("errored", "the command wrote more than 2 MiB of output") == (made.state, made.sentence)


def test_a_tree_too_deep_is_removed(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    """Folders deeper than a path may be long, and closed ones, do not outlive the command in its temporary folder."""
    monkeypatch.setattr(running, "LIMITS", Limits())
    code = "import os\nos.chdir(os.environ['TMPDIR'])\nfor _ in range(3000): os.mkdir('d'); os.chdir('d')\nos.chmod('.', 0)"
    outcome = town.python(code)
    assert "passed" == outcome.state, said(outcome)
