"""`penstock check`: the lines of a checklist, tried out on the work tree as it lies."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from penstock import checking, hooks, registry, shell
from penstock.checking import Glance, Wish
from penstock.checks import running
from penstock.cli import root
from penstock.core.finding import CheckRequest, Outcome
from penstock.errors import UsageError
from penstock.manifest import read
from penstock.records import checks, environments, releases, revisions
from penstock.records.store import Store
from penstock.render.checked import Checked, CheckedLine
from penstock.state import State

HEAD = "penstock: 1\nservice: shop\nrun: sleep 1000\n"
TARGET = "{is: local, port: 8080, instances: 1}"
FOOT = f"environments:\n  staging:\n    target: {TARGET}\n  production:\n    target: {TARGET}\n"


class Place:
    """A repository that somebody works in, and a state folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "work"
        self.folder.mkdir()
        self.state = State(folder / "state").make()
        self.git("init", "--quiet", "--initial-branch=main")
        (self.folder / ".gitignore").write_text("*.out\n")

    def git(self, *words: str, **env: str) -> shell.Completed:
        people = [
            part
            for name, said in (("name", "Ana"), ("email", "ana@example.org"))
            for part in ("-c", f"user.{name}={said}")
        ]
        return shell.run(["git", *people, *words], cwd=self.folder, env={**os.environ, **env} if env else None)

    def manifest(self, lines: str, more: str = "", moment: str = "revision") -> None:
        """The lines of a moment, each as it stands below it."""
        body = "".join(f"    {line}\n" for line in lines.strip().splitlines())
        (self.folder / "penstock.yaml").write_text(f"{HEAD}{more}checklist:\n  {moment}:\n{body}{FOOT}")

    def commit(self) -> str:
        """Everything that lies here."""
        self.git("add", "-A")
        self.git("commit", "--quiet", "-m", "a change")
        return self.git("rev-parse", "HEAD").out.strip()

    def check(self, look: Any = lambda glance: None, to: str = "production", **wish: Any) -> Checked:
        """The checks, in this process."""
        manifest = read((self.folder / "penstock.yaml").read_text(), "penstock.yaml", registry.kinds())
        return checking.run(self.state, manifest, manifest.environments[to], Wish(self.folder, **wish), look)

    def states(self, **wish: Any) -> dict[str, str]:
        return {one.name: one.state for one in self.check(**wish).lines}

    def told(self, **wish: Any) -> CheckedLine:
        """The only line."""
        (found,) = self.check(**wish).lines
        return found

    def program(self, *words: str) -> Result:
        """The program, in this folder."""
        before = Path.cwd()
        os.chdir(self.folder)
        try:
            return CliRunner(env={"PENSTOCK_STATE": str(self.state.root)}).invoke(root, ["check", *words])
        finally:
            os.chdir(before)

    def serves(self, commit: str, **measured: Any) -> None:
        """A release of a commit that was promoted, and what its line `tests` measured."""
        store = Store(self.state.records)
        number = releases.create(
            store, 1.0, service="shop", environment="production", kind="release", asked="HEAD", commit_id=commit, uid=0,
            person="ana", host="here", revision="r1", state="released", promoted_at=2.0, ended_at=3.0,
        )  # fmt: skip
        environments.place(store, "shop", "production", "local", "")
        environments.promote(store, "shop", "production", "r1", 2.0)
        checks.keep(store, 2.0, number, "revision", "tests", kind="tests", state="passed", sentence="", seconds=1,
                    facts={"measured": measured})  # fmt: skip
        store.close()


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    (tmp_path / "home").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    return Place(tmp_path)


def test_lines_run_where_one_works(place: Place) -> None:
    """A line runs in the work tree itself: it sees what no commit has, and what it makes stays there."""
    place.manifest('here: {sh: "cat uncommitted && pwd > made.out"}')
    place.commit()
    (place.folder / "uncommitted").write_text("yes")
    assert "passed" == place.told().state
    assert str(place.folder.resolve()) == (place.folder / "made.out").read_text().strip()


def test_programs_are_ones_own(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """PATH is the developer's, and HOME is, where the state folder does not lie in it."""
    own = place.folder.parent / "bin"
    own.mkdir()
    (own / "my-linter").write_text('#!/bin/sh\necho "$HOME" > home.out\n')
    (own / "my-linter").chmod(0o755)
    monkeypatch.setenv("PATH", f"{own}:{os.environ['PATH']}")
    place.manifest("lint: my-linter")
    assert "passed" == place.told().state
    assert os.environ["HOME"] == (place.folder / "home.out").read_text().strip()


def test_a_home_around_the_state_folder_is_given_too(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """HOME is the developer's own, also where the state folder lies in it, as it usually does."""
    monkeypatch.setenv("HOME", str(place.folder.parent))
    place.manifest('lint: {sh: "echo $HOME > home.out"}')
    assert "passed" == place.told().state
    assert str(place.folder.parent) == (place.folder / "home.out").read_text().strip()


def test_nothing_that_one_writes_oneself_is_ever_removed(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """A command that fills the disk is ended in a release, and its new files removed; here they are somebody's work."""
    monkeypatch.setattr(running, "LIMITS", replace(running.LIMITS, disk=1 << 20, walk_s=0.05))
    place.manifest('fill: {sh: "head -c 90000000 /dev/zero > big.out; sleep 0.5"}')
    (place.folder / "mine.out").write_text("just written")
    assert "passed" == place.told().state
    assert {"big.out", "mine.out"} <= {path.name for path in place.folder.iterdir()}


def test_a_repository_without_commits_can_be_checked(place: Place) -> None:
    """Before the first commit, and outside any repository, lines run; there is just nothing to compare with."""
    place.manifest('here: "true"')
    assert "passed" == place.told().state
    shell.run(["rm", "-rf", ".git"], cwd=place.folder)
    assert ("passed", 0) == ((told := place.told()).state, told.again)


def test_a_pass_is_remembered_by_what_lies_there(place: Place) -> None:
    """Asked again of the same files it is answered from memory; of others, committed or not, it is asked anew."""
    place.manifest('count: {sh: "echo x >> runs.out"}')
    place.commit()
    assert [0, 1] == [place.told().again for _ in range(2)]
    (place.folder / "new.txt").write_text("not even added")
    assert 0 == place.told().again
    (place.folder / "new.txt").unlink()
    assert 1 == place.told().again
    assert 2 == len((place.folder / "runs.out").read_text().splitlines())


def test_no_cache_asks_anew(place: Place) -> None:
    """With `--no-cache` nothing is answered from memory, not even what is asked once in a while."""
    place.manifest('count: "true"\nonce: {run: "true", once_in: 1d}')
    assert [0, 0, 1, 1, 0, 0] == [
        one.again > 0 for cached in (True, True, False) for one in place.check(cached=cached).lines
    ]


def test_a_report_that_git_ignores_is_not_remembered(place: Place) -> None:
    """A line that reads a report is asked again when the report is another, though the tree is the same."""
    place.manifest("tests: {is: tests, report: report.out}")
    case = '<testsuite tests="{n}">' + '<testcase classname="a" name="t"/>' + "{bad}</testsuite>"
    report = place.folder / "report.out"
    report.write_text(case.format(n=1, bad=""))
    assert "passed" == place.told().state
    report.write_text(case.format(n=2, bad='<testcase classname="a" name="u"><failure message="no"/></testcase>'))
    assert "failed" == place.told().state


def test_a_release_takes_nothing_from_here(place: Place) -> None:
    """What is remembered of a try lies apart: the real records have no row of it, and no answer."""
    place.manifest('count: "true"')
    place.check()
    real = Store(place.state.records)
    assert [[], [], []] == [real.rows(f"SELECT * FROM {table}") for table in ("releases", "checks", "proven")]


def test_what_the_last_release_measured_is_compared_with(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """A check gets what the last real release measured, HEAD as its commit, and the repository to ask."""
    asked: list[CheckRequest] = []

    class Spy:
        def run(self, request: CheckRequest) -> Outcome:
            asked.append(request)
            return Outcome("passed", "seen")

    monkeypatch.setattr(registry, "Checks", lambda: {"tests": Spy()})
    place.manifest("tests: {is: tests, report: report.out}")
    commit = place.commit()
    place.serves(commit, count=5)
    place.check()
    (request,) = asked
    assert ({"count": 5}, commit, commit) == (request.last.measured, request.last.commit, request.commit)
    assert (str(place.folder), str(place.folder), "main") == (request.repository, request.folder, request.branch)


def test_needs_and_first_failures_are_as_in_a_release(place: Place) -> None:
    """A line whose need failed is not run, which is no pass; one that does not block does not stop anything."""
    place.manifest('bad: "false"\nafter: {run: "true", needs: bad}\nsoft: {run: "false", blocks: false}')
    found = place.check()
    assert {"bad": "failed", "after": "errored", "soft": "failed"} == {one.name: one.state for one in found.lines}
    assert ["bad", "after"] == [one.name for one in found.stops]


def test_a_waiver_holds_here_too(place: Place) -> None:
    """What is waived does not block, and says by whom."""
    place.manifest('old: "false"', more="waivers: {old: {owner: ana, reason: a fix is awaited, until: 2099-01-01}}\n")
    told = place.told()
    assert ("waived", False, "ana") == (told.state, told.stops, told.waiver["owner"])


def test_only_runs_what_it_needs_too(place: Place) -> None:
    """`--only` asks that line and all it needs, and nothing else."""
    place.manifest('a: "true"\nb: {run: "true", needs: a}\nc: "false"')
    assert {"a": "passed", "b": "passed"} == place.states(only=("b",))


@pytest.mark.parametrize(("name", "said"), [("lnt", "`lint`"), ("home", "--stage candidate")])
def test_an_unknown_line_is_refused_with_the_one_that_was_meant(place: Place, name: str, said: str) -> None:
    """A name that is none of these lines is an error: it names the nearest, or the moment that has it."""
    place.manifest('lint: "true"\n')
    text = (place.folder / "penstock.yaml").read_text()
    (place.folder / "penstock.yaml").write_text(
        text.replace("environments:", "  candidate:\n    home: {get: /}\nenvironments:")
    )
    with pytest.raises(UsageError) as caught:
        place.check(only=(name,))
    assert said in caught.value.next


def test_only_the_secrets_that_are_named_are_resolved(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """A secret that cannot be had here errors the lines that name it, with its name; the others run, with theirs."""
    monkeypatch.setenv("HERE", "hunter22hunter")
    more = "secrets: {A: env:HERE, B: env:NOT_HERE, C: env:NOT_HERE_EITHER}\n"
    place.manifest('plain: "true"\nhas: {sh: "echo $A; test -n $A", sees: [A]}\nlacks: {run: "true", sees: [B]}', more)
    found = place.check()
    assert {"plain": "passed", "has": "passed", "lacks": "errored"} == {one.name: one.state for one in found.lines}
    lacks = next(one for one in found.lines if one.name == "lacks")
    assert "secret B" in lacks.sentence
    assert "NOT_HERE" in lacks.findings[0].condition


def test_secrets_are_masked_wherever_they_are_told(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a failing line prints of a secret is nowhere: not in sentence, findings, log or evidence."""
    monkeypatch.setenv("HERE", "hunter22hunter")
    place.manifest('leak: {sh: "echo token $A; exit 1", sees: [A]}', "secrets: {A: env:HERE}\n")
    told = place.told()
    assert "***" in told.sentence
    assert "hunter22" not in repr(told)
    kept = [path.read_bytes() for path in (place.state.root / "checks").rglob("*") if path.is_file()]
    assert [] == [text for text in kept if b"hunter22" in text]


def test_questions_are_open_and_never_asked(place: Place) -> None:
    """A line that only a person can tick is listed, with its question."""
    place.manifest('told: {ask: "Is support told?"}\nlint: "true"')
    found = place.check()
    assert ((("told", "Is support told?"),), ["lint"]) == (found.open, [one.name for one in found.lines])


def test_conditions_hold_as_in_a_release(place: Place) -> None:
    """A line whose condition does not hold for what HEAD brings is left out, with the reason."""
    place.manifest('docs: {run: "true", when: {paths: docs/**}}\nall: "true"')
    place.serves(place.commit())
    (place.folder / "code.py").write_text("1")
    place.commit()
    found = place.check()
    assert (["all"], (("docs", "no path of docs/** changed"),)) == ([one.name for one in found.lines], found.left_out)


def test_changed_looks_at_what_lies_here(place: Place) -> None:
    """With `--changed` uncommitted files decide, and findings elsewhere are left out, and counted."""
    place.manifest(
        'docs: {run: "true", when: {paths: docs/**}}\n'
        'lint: {is: findings, run: {sh: "cp given.json report.out"}, report: report.out, at_most: low}'
    )
    finding = {"ruleId": "r", "level": "error", "message": {"text": "bad"}}
    rows = [
        {**finding, "locations": [{"physicalLocation": {"artifactLocation": {"uri": uri}, "region": {"startLine": 3}}}]}
        for uri in ("docs/new.md", "old.py")
    ]
    tool = {"driver": {"name": "x"}}
    (place.folder / "given.json").write_text(
        json.dumps({"version": "2.1.0", "runs": [{"tool": tool, "results": rows}]})
    )
    (place.folder / "old.py").write_text("1")
    place.serves(place.commit())
    assert ["lint"] == [one.name for one in place.check(changed=True).lines]
    (place.folder / "docs").mkdir()
    (place.folder / "docs" / "new.md").write_text("new")
    found = place.check(changed=True)
    lint = found.lines[1]
    assert (["docs", "lint"], 1) == ([one.name for one in found.lines], lint.elsewhere)
    assert ["docs/new.md:3"] == [one.where for one in lint.findings]
    assert "1 file changed" in found.notes[0]
    assert "1 finding" in found.notes[0]


def test_the_repository_is_left_as_it_is(place: Place) -> None:
    """Naming what lies there writes no object, no index and no reference into the repository."""
    place.manifest('a: "true"')
    place.commit()
    (place.folder / "new.txt").write_text("uncommitted, and larger than nothing")

    def all_of_it() -> dict[str, bytes]:
        return {str(path): path.read_bytes() for path in (place.folder / ".git").rglob("*") if path.is_file()}

    before = all_of_it()
    place.check(changed=True)
    assert before == all_of_it()


def test_what_asks_a_candidate_needs_a_url(place: Place, start_here: str) -> None:
    """Lines of `candidate` ask what --url names, and are refused without."""
    place.manifest("home: {get: /, expect: {status: 200}}", moment="candidate")
    with pytest.raises(UsageError, match="ask something that runs"):
        place.check(moments=("candidate",))
    assert {"home": "passed"} == place.states(moments=("candidate",), url=start_here)


@pytest.fixture
def start_here() -> Any:
    from http.server import BaseHTTPRequestHandler, HTTPServer
    from threading import Thread

    class Fine(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            del format, args

    server = HTTPServer(("127.0.0.1", 0), Fine)
    Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_only_the_last_runs_are_kept(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows, logs and evidence of older runs go; a remembered pass stays with its words."""
    from penstock import rehearsal

    monkeypatch.setattr(rehearsal, "KEPT", 2)
    monkeypatch.setattr(rehearsal, "UNUSED_S", -1.0)
    place.manifest('good: "true"\nbad: {sh: "date +%N; exit 1"}')
    for _ in range(5):
        found = place.check()
    paper = State(place.state.root / "checks")
    store = Store(paper.records)
    assert [4, 5] == [row["number"] for row in store.rows("SELECT number FROM releases ORDER BY number")]
    assert ["4", "5"] == sorted(path.name for path in (paper.root / "releases").iterdir())
    kept = {row["digest"] for row in store.rows("SELECT digest FROM evidence")}
    assert kept == {path.name for path in paper.evidence.glob("*/*")}
    assert "in run 1: `true` ended with 0" in found.lines[0].sentence


def test_every_glance_tells_what_ended_once(place: Place) -> None:
    """Whoever looks hears of every line's end once, and of what still runs."""
    place.manifest('slow: sleep 0.6\nquick: "true"')
    seen: list[Glance] = []
    place.check(look=seen.append)
    assert ["quick", "slow"] == [one.name for glance in seen for one in glance.ended]
    assert any(("slow",) == tuple(name for name, _ in glance.running) for glance in seen)


def test_lines_are_told_in_the_order_of_the_file(place: Place) -> None:
    """However they end, the table is in the manifest's order."""
    place.manifest('slow: sleep 0.3\nquick: "true"')
    assert ["slow", "quick"] == [one.name for one in place.check().lines]


def test_the_exit_code_says_whether_something_blocks(place: Place) -> None:
    """0 when nothing blocks, 3 when something does, 2 for usage."""
    place.manifest('a: {run: "false", blocks: false}')
    assert 0 == place.program().exit_code
    place.manifest('a: "false"')
    assert 3 == place.program().exit_code
    assert "no-environment" == place.program("--to", "nowhere").exception.code  # type: ignore[union-attr]


def test_a_named_file_is_only_read(place: Place) -> None:
    """With FILE or --manifest nothing runs."""
    place.manifest('a: {sh: "touch ran.out"}')
    for words in (["penstock.yaml"], ["--manifest"]):
        found = place.program(*words)
        assert (0, "penstock.yaml: shop: staging (local, rolling), production (local, rolling)\n") == (
            found.exit_code, found.output)  # fmt: skip
    assert not (place.folder / "ran.out").exists()


def test_the_environment_is_the_last_unless_named(place: Place) -> None:
    """Which environment's lines are asked is said."""
    place.manifest('a: "true"')
    assert "for production, the last in the file" in place.program().output
    assert "for staging, on the work tree" in place.program("--to", "staging").output


def test_a_manifest_is_found_upward_to_the_root(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a folder of the repository, the manifest at its root is the one."""
    place.manifest('a: "true"')
    (place.folder / "deep" / "er").mkdir(parents=True)
    monkeypatch.chdir(place.folder / "deep" / "er")
    found = CliRunner(env={"PENSTOCK_STATE": str(place.state.root)}).invoke(root, ["check", "--only", "a"])
    assert found.output.startswith("../../penstock.yaml: shop")
    assert 0 == found.exit_code


def test_a_document_goes_to_a_file_and_the_table_to_the_screen(place: Place) -> None:
    """--out gets the document alone; without it the document alone is on stdout."""
    place.manifest('a: "true"')
    shown = place.program("--format", "json", "--out", "told.out")
    assert ["a"] == [one["name"] for one in json.loads((place.folder / "told.out").read_text())["lines"]]
    assert "nothing blocks" in shown.output
    alone = place.program("--format", "json")
    assert "shop" == json.loads(alone.stdout)["service"]


def test_github_gets_annotations_and_a_summary(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Annotations are on stdout; the table is added to the job's summary."""
    summary = place.folder.parent / "summary.md"
    summary.write_text("before\n")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    place.manifest('a: "false"')
    assert "::error title=a failed::`false` ended with 1" in place.program("--format", "github").output
    assert summary.read_text().startswith("before\n### Penstock: 1 of 1 line blocks: a")


def test_ctrl_c_ends_what_runs(place: Place) -> None:
    """Interrupted, it ends with 130, and nothing that it started runs on."""
    place.manifest('slow: {sh: "sleep 300 & echo $! > pid.out; wait"}')
    program = subprocess.Popen(
        [sys.executable, "-m", "penstock", "check"], cwd=place.folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        env={**os.environ, "PENSTOCK_STATE": str(place.state.root)}, text=True,
    )  # fmt: skip
    pid = place.folder / "pid.out"
    _until(lambda: pid.exists() and pid.read_text().strip())
    program.send_signal(signal.SIGINT)
    said, _ = program.communicate(timeout=30)
    assert 130 == program.returncode, said
    assert not Path("/proc", pid.read_text().strip()).exists()


def _until(is_so: Any, within_s: float = 20.0) -> None:
    end = time.monotonic() + within_s
    while not is_so():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_a_push_is_refused_until_what_blocks_is_mended(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """The hook runs the checks: git refuses to push past a failing line, and pushes when it passes."""
    place.manifest("tests: test -e mended.out")
    place.commit()
    place.git("init", "--quiet", "--bare", "../origin.git")
    place.git("remote", "add", "origin", "../origin.git")
    monkeypatch.chdir(place.folder)
    assert "before each push" in hooks.install(place.folder)
    assert "already" in hooks.install(place.folder)
    env = {"PENSTOCK_STATE": str(place.state.root), "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    refused = place.git("push", "origin", "main", **env)
    assert (False, True) == (refused.ok, "1 of 1 line blocks: tests" in refused.out + refused.err), refused
    assert not place.git("--git-dir=../origin.git", "rev-parse", "--verify", "main").ok
    (place.folder / "mended.out").touch()
    pushed = place.git("push", "origin", "main", **env)
    assert pushed.ok, pushed
    assert place.git("--git-dir=../origin.git", "rev-parse", "--verify", "main").ok


def test_somebody_elses_hook_is_not_overwritten(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """A hook that is not ours stays, and what to add by hand is said; core.hooksPath is honoured."""
    monkeypatch.chdir(place.folder)
    place.git("config", "core.hooksPath", "my-hooks")
    theirs = place.folder / "my-hooks" / "pre-push"
    theirs.parent.mkdir()
    theirs.write_text("#!/bin/sh\nmake check\n")
    with pytest.raises(UsageError) as caught:
        hooks.install(place.folder)
    assert ("foreign-hook", True) == (caught.value.code, "penstock check || exit 1" in caught.value.next)
    assert "make check" in theirs.read_text()
    theirs.unlink()
    hooks.install(place.folder)
    assert os.access(theirs, os.X_OK)


def test_revisions_of_tries_are_remembered_nowhere(place: Place) -> None:
    """A try makes no revision and no environment, even in its own records."""
    place.manifest('a: "true"')
    place.check()
    store = Store(place.state.root / "checks" / "records.sqlite")
    assert (None, None) == (
        revisions.get(store, "shop", "production", "x"),
        environments.get(store, "shop", "production"),
    )


def test_each_end_is_a_line_of_its_own_in_a_log(place: Place) -> None:
    """Where no terminal is, every line is said when it ends, once, above the table, and nothing is redrawn."""
    place.manifest('slow: sleep 0.3\nquick: "true"')
    live = place.program().output.split("\n\n")[0].splitlines()[2:]
    assert ["quick", "slow"] == [text.split()[1] for text in live]
    assert not any("\r" in text or "\x1b" in text for text in live)
