"""People and time, at a shell: approvals signed and unsigned, questions, freezes, the line stopped."""

from __future__ import annotations

import json
import os
import pwd
import signal
import subprocess
from pathlib import Path

import pytest

from tests.cli import penstock
from tests.site import Site

ME = pwd.getpwuid(os.geteuid()).pw_name
QUICK = "{is: all_at_once, min_ready: 200ms, start_within: 20s}"
LONG = "{is: canary, increments: [50% for 60s], min_ready: 200ms, start_within: 20s}"
GROUPS = f"groups: {{team: {{people: [{ME}]}}, managers: {{people: [ana, bo]}}}}"


def commit(site: Site, word: str, production: str = "", extra: str = "", rollout: str = QUICK) -> str:
    """A commit of a healthy service, with what its manifest demands of people."""
    text = site.manifest(
        rollout=rollout, env=f"WORD: {word}", instances=1, extra=f"{GROUPS}\n{extra}", production=production
    )
    return site.commit(text, word)


def ordered(site: Site) -> int:
    done = penstock(site, "release", "--to", "production", "--detach")
    assert 0 == done.code, done
    return int(done.out)


def key(folder: Path, name: str) -> Path:
    """A key for SSH, without a passphrase."""
    path = folder / name
    if not path.exists():
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", str(path)], check=True)
    return path


@pytest.fixture(scope="module")
def served(site: Site) -> Site:
    """v1 serves; whose key is whose stands in its commit."""
    signers = site.repository / ".penstock" / "allowed_signers"
    signers.parent.mkdir()
    rows = [f"{name} {key(site.folder, name).with_suffix('.pub').read_text()}" for name in ("ana", "bo")]
    signers.write_text("".join(rows))
    commit(site, "v1")
    done = penstock(site, "release", "--to", "production")
    assert 0 == done.code, done
    return site


def test_a_question_is_ticked_once_for_every_environment(served: Site) -> None:
    """`confirm` ticks it; released again, the answer to the same commit still stands."""
    commit(served, "v7", extra="checklist: {before: {told: {ask: Stakeholders told?, by: team}}}")
    number = ordered(served)
    served.wait(number, until=("awaiting",))
    assert 0 == penstock(served, "confirm", str(number)).code
    assert "released" == served.wait(number)["state"]
    again = penstock(served, "release", "--to", "production", "--again")
    assert 0 == again.code, again


def test_a_freeze_holds_releases_and_no_rollback(served: Site) -> None:
    """What is frozen waits and says why; going back is never frozen; thawed, it goes on."""
    commit(served, "v8")
    assert 0 == penstock(served, "freeze", "quarter end").code
    back = penstock(served, "rollback", "production")
    assert 0 == back.code, back
    number = ordered(served)
    assert "quarter end" in served.wait(number, until=("awaiting",))["waiting"]
    assert 0 == penstock(served, "thaw").code
    assert "released" == served.wait(number)["state"]


def test_the_line_is_stopped(served: Site) -> None:
    """One command aborts what runs and freezes everything."""
    commit(served, "v9", rollout=LONG)
    number = ordered(served)
    served.wait_weight(number, 500)
    done = penstock(served, "stop-the-line", "payments are down")
    assert 0 == done.code, done
    row = served.wait(number)
    assert "rolled_back" == row["state"]
    assert "payments are down" in row["sentence"]
    assert "payments are down" in penstock(served, "freeze", "--list").out
    assert 0 == penstock(served, "thaw").code


def test_an_approval_lets_a_release_through(served: Site) -> None:
    """It waits, holding nobody up, also over a worker's death; the answer lets it through, and the record says who."""
    commit(served, "v2", "approvals: {by: team, authors: count, within: 1h}")
    number = ordered(served)
    row = served.wait(number, until=("awaiting",))
    assert "for team to answer `approval`" in row["waiting"]
    assert "awaiting" in penstock(served, "status", "--json").out
    os.kill(served.worker_pid(), signal.SIGKILL)
    done = penstock(served, "approve", str(number), "--reason", "looked at it")
    assert 0 == done.code, done
    assert "released" == served.wait(number)["state"]
    said = served.desk.store.row("SELECT * FROM answers WHERE release = ?", number)
    assert said
    assert (ME, "looked at it") == (said["person"], said["reason"])
    assert "gates passed" in served.desk.state.audit_log.read_text()


def test_whoever_ordered_it_does_not_approve_it(served: Site) -> None:
    """The author is excluded by default; where nobody else could answer, it is said at once, and blocks."""
    commit(served, "v3", "approvals: {by: team}")
    row = served.wait(ordered(served))
    assert ("blocked", "unanswerable") == (row["state"], row["cause"])
    assert "does not count" in row["sentence"]


def test_a_rejection_blocks(served: Site) -> None:
    """One no of somebody who may say yes."""
    commit(served, "v4", "approvals: {by: team, authors: count}")
    number = ordered(served)
    served.wait(number, until=("awaiting",))
    assert 0 == penstock(served, "reject", str(number), "--reason", "not on a Friday").code
    row = served.wait(number)
    assert ("blocked", "rejected") == (row["state"], row["cause"])
    assert "not on a Friday" in row["sentence"]


def test_signatures_of_several_people_made_elsewhere(served: Site, tmp_path: Path) -> None:
    """Two sign a request on another machine; a forged one, and one to an older plan, are refused; two true ones suffice."""
    commit(served, "v5", "approvals: [{by: team, authors: count}, {at_least: 2, by: managers, authors: count}]")
    number = ordered(served)
    served.wait(number, until=("awaiting",))
    assert 0 == penstock(served, "approve", str(number), "--line", "approval-1").code
    unsigned = penstock(served, "approve", str(number), "--line", "approval-2")
    assert 2 == unsigned.code
    assert "not-asked" in unsigned.err  # this account is none of the managers

    asked = penstock(served, "approve", str(number), "--line", "approval-2", "--as", "ana", "--request")
    request = tmp_path / "request.json"
    request.write_text(asked.out)
    for name in ("ana", "bo"):
        signed = tmp_path / f"{name}.json"
        words = [
            "approve",
            "--file",
            str(request),
            "--sign",
            str(key(served.folder, name)),
            "--as",
            name,
            "--out",
            str(signed),
        ]
        assert 0 == penstock(served, *words).code
    forged = json.loads((tmp_path / "ana.json").read_text()) | {"person": "bo"}
    (tmp_path / "forged.json").write_text(json.dumps(forged))
    refused = penstock(served, "approve", "--file", str(tmp_path / "forged.json"))
    assert 2 == refused.code
    assert "not-proven" in refused.err

    late = json.loads((tmp_path / "ana.json").read_text())
    (tmp_path / "late.json").write_text(json.dumps(late | {"at": late["at"] + 1e6}))
    for words in (["reject", "--file", "ana.json"], ["approve", "--file", "late.json"]):
        refused = penstock(served, words[0], words[1], str(tmp_path / words[2]))
        assert 2 == refused.code, refused  # another word than was signed; given in the future
    assert 0 == penstock(served, "approve", "--file", str(tmp_path / "ana.json")).code
    served.until(lambda: "ana said yes" in served.row(number)["waiting"])
    assert 0 == penstock(served, "approve", "--file", str(tmp_path / "bo.json")).code
    assert "released" == served.wait(number)["state"]


def test_what_the_release_that_serves_demands_is_demanded_once_more(served: Site) -> None:
    """A commit that drops the approvals does not let itself in: those of the manifest that serves hold, and the plan says so."""
    commit(served, "v5b")
    number = ordered(served)
    waiting = served.wait(number, until=("awaiting",))["waiting"]
    assert "approval-1-before" in waiting
    assert "approval-2-before" in waiting
    assert 0 == penstock(served, "abort", "production").code
    assert "aborted" == served.wait(number)["state"]


def test_nobody_lets_himself_in_by_the_commit_that_he_wants_released(served: Site, tmp_path: Path) -> None:
    """A key that only the released commit names proves nothing: the one that serves must name it too."""
    signers = served.repository / ".penstock" / "allowed_signers"
    before = signers.read_text()
    mallory = key(tmp_path, "mallory")
    signers.write_text(before.replace("bo ", "bob ") + f"bo {mallory.with_suffix('.pub').read_text()}")
    commit(served, "v6", "approvals: {at_least: 1, by: managers, signed: true, authors: count}")
    number = ordered(served)
    served.wait(number, until=("awaiting",))
    done = penstock(served, "approve", str(number), "--line", "approval", "--sign", str(mallory), "--as", "bo")
    assert 2 == done.code
    assert "not-proven" in done.err
    assert 0 == penstock(served, "abort", "production").code
    assert "aborted" == served.wait(number)["state"]
    signers.write_text(before)
