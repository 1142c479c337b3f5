"""The check `coverage`: every format, what is compared, and what changed."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from penstock.checks.coverage import CoverageCheck, CoverageSection, judged, percent, runs
from penstock.checks.coverage_changed import Changed, lines_of, of
from penstock.checks.coverage_formats import read, together
from penstock.checks.running import Ended
from penstock.checks.tests_reading import Unreadable
from penstock.core import data
from penstock.core.finding import CheckRequest, Last, Outcome

RECORDED = Path(__file__).parent / "recorded" / "coverage"
PATH = {"PATH": "/usr/bin:/bin"}
SECTION = {"report": "c", "at_least": "60%"}
Make = Callable[..., CheckRequest]


def of_report(
    name: str, section: dict[str, Any] | None = None, *, changed: Any = None, code: int = 0, last: Any = None
) -> Outcome:
    """The outcome of a recorded report."""
    files = together([read((RECORDED / name).read_bytes())], "/srv/shop")
    model = CoverageSection.model_validate({**SECTION, **(section or {})})
    return judged(model, files, changed, Ended(code, "", 1.0), last)


def run(make: Make, section: dict[str, Any], **more: Any) -> Outcome:
    """The outcome of a section as a manifest writes it."""
    plain = data.dump(CoverageSection.model_validate({**SECTION, **section}))
    return CoverageCheck().run(make(plain, **{"env": PATH, **more}))


FIRST = ", with no last release to compare with"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("coverage-py.json", "69.23 % covered (9 of 13)"),
        ("coverage-py-branches.json", "58.82 % covered (10 of 17)"),
        ("coverage-py.xml", "69.23 % covered (9 of 13)"),
        ("coverage-py.lcov", "69.23 % covered (9 of 13)"),
        ("vitest.lcov", "62.5 % covered (5 of 8)"),
        ("vitest-cobertura.xml", "62.5 % covered (5 of 8)"),
        ("jacoco.xml", "50 % covered (2 of 4)"),
        ("go.out", "60 % covered (3 of 5)"),
    ],
)
def test_every_format_is_known_by_its_content(name: str, said: str) -> None:
    """The share is the tool's own, and the first release is told that there is nothing to compare with."""
    assert f"{said}{FIRST}" == of_report(name, {"at_least": "50%"}).sentence


def test_what_is_measured_and_shown() -> None:
    """The numbers for the next release, and a table with the worst file first."""
    outcome = of_report("coverage-py.json")
    assert {"percent": 69.2308, "covered": 9, "total": 13, "files": 3} == outcome.measured
    rows = [row.split("\t") for row in outcome.evidence[0].text.splitlines()]
    assert ["src/shop/prices.py", "50 %", "4", "8", "3, 8-10"] == rows[1]


def test_too_little_fails() -> None:
    """Less than `at_least` fails, by the sentence and a finding; exactly as much passes."""
    outcome = of_report("vitest.lcov", {"at_least": "80%"})
    assert "failed" == outcome.state
    assert f"62.5 % covered (5 of 8){FIRST}: less than the 80 % of `at_least`" == outcome.sentence
    assert "passed" == of_report("vitest.lcov", {"at_least": "62.5%"}).state
    assert "failed" == of_report("vitest.lcov", {"at_least": "62.51%"}).state


@pytest.mark.parametrize(
    ("last", "drop", "state", "said"),
    [
        (62.5, "0.1pp", "passed", ", as in the last release"),
        (62.6, "0.1pp", "passed", ", 62.6 % in the last release"),
        (62.61, "0.1pp", "failed", ": 0.11 points less, more than the 0.1 of `drop`"),
        (60.0, "0pp", "passed", ", 60 % in the last release"),
        (90.0, "100pp", "passed", ", 90 % in the last release"),
        (62.50004, "0pp", "passed", ", as in the last release"),
        ("broken", "0pp", "passed", FIRST),
    ],
)
def test_the_last_release_is_compared_with(last: Any, drop: str, state: str, said: str) -> None:
    """A drop of more points than `drop` fails; what was rounded, or is not there, is no drop."""
    outcome = of_report("vitest.lcov", {"drop": {"at_most": drop}}, last={"percent": last})
    assert state == outcome.state
    assert said in outcome.sentence
    default = of_report("vitest.lcov", last={"percent": last})
    assert drop != "0.1pp" or state == default.state


def test_a_command_that_failed_fails() -> None:
    """Coverage of a run that failed may be of half of it."""
    outcome = of_report("vitest.lcov", code=1)
    assert "failed" == outcome.state
    assert "the command ended with 1" in outcome.sentence


def test_a_share_is_never_rounded_up() -> None:
    """What is below a limit does not read as if it were not."""
    assert ["79.99 %", "80 %", "100 %", "0 %"] == [percent(x) for x in (0.79996, 0.8, 1.0, 0.0)]
    assert "3, 8-10, 12" == runs([3, 8, 9, 10, 12])


DIFF = """\
diff --git a/src/shop/prices.py b/src/shop/prices.py
--- a/src/shop/prices.py
+++ b/src/shop/prices.py
@@ -3 +3,2 @@ def total(items):
-        return None
+        return 0
+++ b/no/file.py
@@ -9,0 +10 @@
+    return price
@@ -20,2 +20,0 @@
-gone
--- a/gone.py
diff --git "a/src/\\303\\266 \\"x\\".py" "b/src/\\303\\266 \\"x\\".py"
--- /dev/null
+++ "b/src/\\303\\266 \\"x\\".py"
@@ -0,0 +1 @@
+x = 1
\\ No newline at end of file
diff --git a/a b.py b/a b.py
--- a/a b.py\t
+++ b/a b.py\t
@@ -1 +1 @@
-x
\\ No newline at end of file
+y
diff --git a/old.py b/old.py
--- a/old.py
+++ /dev/null
@@ -1 +0,0 @@
-x
"""


def test_a_diff_gives_its_new_lines() -> None:
    """By file and number; what a hunk holds is never read as a head, and strange names are read as they are."""
    assert {"src/shop/prices.py": {3, 4, 10}, 'src/ö "x".py': {1}, "a b.py": {1}} == lines_of(DIFF)


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("coverage-py.json", "src/shop/prices.py"),
        ("coverage-py.json", "backend/src/shop/prices.py"),
        ("coverage-py.xml", "src/shop/prices.py"),
        ("jacoco.xml", "src/main/java/com/example/shop/Prices.java"),
        ("go.out", "prices/prices.go"),
    ],
)
def test_files_are_found_by_the_end_of_their_paths(name: str, path: str) -> None:
    """A report may name a file from the repository's root, from a folder of sources, or by its module."""
    files = together([read((RECORDED / name).read_bytes())], "/srv/elsewhere")
    assert {path: [10]} == of({path: {4, 10, 999}}, files).bare
    assert 2 == of({path: {4, 10, 999}}, files).total
    assert Changed({}, 0) == of({f"other/x{path.rpartition('/')[2]}": {4, 10}}, files)


def test_changed_lines_have_their_own_limit() -> None:
    """Too few of them fail, each file named with its first such line; where none changed there is nothing to say."""
    changed = Changed({"src/prices.mjs": [7, 8]}, 4)
    outcome = of_report("vitest.lcov", {"changed_lines": "90%"}, changed=changed)
    assert "failed" == outcome.state
    assert f"62.5 % covered (5 of 8){FIRST}, 50 % of 4 changed lines: less of the changed" in outcome.sentence
    finding = outcome.findings[1]
    assert ("2 changed lines of `src/prices.mjs` did not run: 7-8", "src/prices.mjs:7") == (
        finding.condition,
        finding.where,
    )
    assert "passed" == of_report("vitest.lcov", {"changed_lines": "50%"}, changed=changed).state
    nothing = of_report("vitest.lcov", {"changed_lines": "90%"}, changed=Changed({}, 0))
    assert ("passed", True) == (nothing.state, "no line of code changed" in nothing.sentence)


@pytest.fixture
def repository(tmp_path: Path) -> tuple[str, str, str]:
    """A repository in which `src/prices.mjs` was lengthened: its folder, the last commit and this one."""
    folder = tmp_path / "repository"
    (folder / "src").mkdir(parents=True)
    source = folder / "src" / "prices.mjs"
    made = []
    git = ["git", "-C", str(folder), "-c", "user.name=a", "-c", "user.email=a@example.com"]
    subprocess.run(["git", "init", "-q", str(folder)], check=True)
    for text in ("1\n2\n3\n4\n5\n", "1\n2\nnew\n4\n5\n6\n7\n8\n9\n"):
        source.write_text(text)
        subprocess.run([*git, "add", "."], check=True)
        subprocess.run([*git, "commit", "-q", "--no-gpg-sign", "-m", "x"], check=True)
        made.append(
            subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True).stdout.strip()
        )
    return str(folder), made[0], made[1]


def test_git_is_asked_what_changed(repository: tuple[str, str, str], request_for: Make, tmp_path: Path) -> None:
    """Of the lines 3 and 6 to 9, two ran; without a last release that is said, without its commit it is errored."""
    folder, last, commit = repository
    (tmp_path / "c").write_bytes((RECORDED / "vitest.lcov").read_bytes())
    section = {"changed_lines": "90%"}
    asked = {"repository": folder, "commit": commit}
    outcome = run(request_for, section, **asked, last=Last(last))
    assert ("failed", True) == (outcome.state, "40 % of 5 changed lines" in outcome.sentence)
    assert "src/prices.mjs:7" == outcome.findings[1].where
    first = run(request_for, section, **asked)
    assert ("passed", f"62.5 % covered (5 of 8){FIRST}, nor to tell changed lines by") == (first.state, first.sentence)
    gone = run(request_for, section, **asked, last=Last("c0ffee" * 6 + "c0ff"))
    assert "errored" == gone.state
    assert gone.sentence.startswith("what changed since the last release is not known: fatal: ")
    assert "errored" == run(request_for, section, **asked, last=Last("--output=x")).state
    assert "errored" == run(request_for, section, last=Last(last)).state


def test_several_reports_are_one() -> None:
    """A line ran if it ran in one of them, also where one has whole paths and the other has not."""
    one = read(b"SF:/srv/shop/a.js\nDA:1,1\nDA:2,0\nend_of_record\n")
    other = read(b"SF:./a.js\nDA:1,0\nDA:2,1\nDA:3,0\nend_of_record\nSF:a.js\nDA:3,0\nend_of_record\n")
    files = together([one, other], "/srv/shop")
    assert [(2, 3)] == [file.counts() for file in files.values()]


def test_the_command_and_its_report(request_for: Make, tmp_path: Path) -> None:
    """What it writes is judged; what it does not write is no report."""
    (tmp_path / "kept").write_bytes((RECORDED / "vitest.lcov").read_bytes())
    assert "passed" == run(request_for, {"run": "cp kept c"}).state
    assert "errored" == run(request_for, {"run": "true"}).state
    assert "errored" == run(request_for, {"run": {"sh": "head -c 100 kept > c"}}).state


@pytest.mark.parametrize(
    ("report", "said"),
    [
        (b"", "is empty"),
        (b"hello", "is no coverage report"),
        (b"[]", "is no coverage report"),
        (b'{"a": 1}', "is no report of coverage.py"),
        (b'{"files": {}, "totals": {"num_statements": 0}}', "names no line of code"),
        (b'{"files": {}, "totals": {"num_statements": 12}}', "does not add up: 12 statements"),
        (b'{"files": {"a": {"summary": {}}}, "totals": {}}', "is no report of coverage.py as we know it"),
        (b'{"files": {"a": 1}, "totals": []}', "is no report of coverage.py as we know it"),
        (b'{"a":' * 100_000, "is nested too deeply"),
        (b"<testsuite/>", "is no coverage report: it begins with <testsuite>"),
        (b"<coverage/>", "names no line of code"),
        (b'<coverage><class filename="a"><line number="x" hits="1"/></class></coverage>', "has `x` where a number"),
        (b'<coverage><class filename="a"><line number="1" hits="1e999"/></class></coverage>', "has `1e999` where"),
        (b'<!DOCTYPE a [<!ENTITY b "c">]><coverage>&b;</coverage>', "declares a document type of its own"),
        (b"TN:\nSF:a.js\nDA:1,1\n", "is cut"),
        (b"SF:a.js\nDA:1\nend_of_record\n", "has `` where a number belongs"),
        (b"mode: set\na.go:1.1,2.2 1", "is no whole profile of Go"),
        (b"mode: set\na.go:1.1,2.2 1\n", "is no whole profile of Go: line 2"),
        (b"mode: set\na.go:1.1,999999999.2 1 1\n", "is no whole profile of Go: line 2"),
        (b"mode: set\n", "names no line of code"),
    ],
)
def test_what_is_no_whole_report_is_refused(report: bytes, said: str) -> None:
    """Empty, cut, of another kind, or made to hurt: it is not judged, and what is wrong is said."""
    with pytest.raises(Unreadable) as refused:
        read(report)
    assert str(refused.value).startswith(said)


@pytest.mark.parametrize(
    ("section", "said"),
    [
        ({"report": ""}, "leads out of the repository"),
        ({"report": []}, "this coverage has no report"),
        ({"at_least": "80"}, "is not a percentage"),
        ({"drop": {"at_most": "1%"}}, "`1%` are no points"),
        ({"drop": {"at_most": "101pp"}}, "`101pp` are no points"),
        ({"changed_lines": "most"}, "is not a percentage"),
        ({"not_below_last": "true"}, "Extra inputs"),
    ],
)
def test_a_section_that_cannot_be_is_refused(section: dict[str, Any], said: str) -> None:
    """What could never be judged is refused when the manifest is read."""
    with pytest.raises(ValidationError) as refused:
        CoverageSection.model_validate({**SECTION, **section})
    assert said in str(refused.value)


HEADS = [b"", b"mode: set\n", b"SF:a\nDA:1", b"<coverage>", b'{"files":', b"TN:"]


@settings(max_examples=60, deadline=None)
@given(st.tuples(st.sampled_from(HEADS), st.binary(max_size=200)).map(b"".join))
def test_any_bytes_are_read_or_refused(report: bytes) -> None:
    """No report makes the reader stumble, and no diff."""
    lines_of(report.decode("utf-8", "replace"))
    try:
        read(report)
    except Unreadable:
        return


@settings(max_examples=100, deadline=None)
@given(st.sampled_from([p for p in sorted(RECORDED.iterdir()) if p.suffix in (".json", ".xml")]), st.integers(0, 9000))
def test_a_cut_report_is_never_judged(path: Path, at: int) -> None:
    """JSON and XML without their end are not whole, wherever they were cut."""
    whole = path.read_bytes().rstrip()
    with pytest.raises(Unreadable):
        read(whole[: at % len(whole)])


@pytest.mark.parametrize("name", ["vitest.lcov", "coverage-py.lcov"])
def test_lcov_that_is_cut_inside_a_record_is_not_judged(name: str) -> None:
    """A record without its end is not whole, wherever it was cut."""
    whole = (RECORDED / name).read_bytes()
    first = whole.index(b"SF:") + 4
    for at in range(first, whole.index(b"end_of_record", first) + 12):
        with pytest.raises(Unreadable):
            read(whole[:at])


def test_a_profile_of_go_that_is_cut_inside_a_line_is_not_judged() -> None:
    """A line without its end is not whole: its last number may have lost digits."""
    whole = b"mode: count\nexample.com/shop/prices.go:3.28,14.21 12 120\n"
    for at in range(12, len(whole)):
        with pytest.raises(Unreadable):
            read(whole[:at])


_STATEMENTS = {"0": {"start": {"line": 1, "column": 0}}, "1": {"start": {"line": 2, "column": 0}}}


@pytest.mark.parametrize(
    "report",
    [
        b"# made by c8\r\nTN:\r\nSF:a.js\r\nDA:1,1\r\nDA:2,0\r\nend_of_record\r\n",
        b"VER:1\nTN:\nSF:a.js\nDA:1,1\nDA:2,0\nend_of_record\n",
        json.dumps({"a.js": {"path": "a.js", "statementMap": _STATEMENTS, "s": {"0": 3, "1": 0}}}).encode(),
        b'<coverage clover="3.2.0"><project><file name="a.js" path="a.js"><class name="A"/>'  # noqa: ISC004
        b'<line num="1" count="2" type="stmt"/><line num="2" count="0" type="stmt"/><line num="9" count="1" type="method"/>'
        b"</file></project></coverage>",
    ],
    ids=["lcov with a comment", "lcov with a version", "istanbul", "clover"],
)
def test_what_tools_of_javascript_write_is_read(report: bytes) -> None:
    """LCOV with a head, Istanbul's own JSON, and Clover say the same of the same lines."""
    assert {"a.js": {1: True, 2: False}} == {path: file.lines for path, file in read(report).items()}


def test_a_report_of_istanbul_that_is_not_whole_is_none() -> None:
    """A statement without a count was not inspected."""
    with pytest.raises(Unreadable):
        read(json.dumps({"a.js": {"statementMap": _STATEMENTS, "s": {"0": 3}}}).encode())
