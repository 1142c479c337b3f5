"""Previews, at a shell: an environment for each branch, side by side, until its time has come or its branch is gone."""

from __future__ import annotations

import json
import os
import pwd
import subprocess
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from penstock import previews
from penstock.records import audit
from tests.cli import penstock
from tests.site import APP, Site

ME = pwd.getpwuid(os.geteuid()).pw_name

MANIFEST = """penstock: 1
service: app
groups: {{team: {{people: [{me}]}}}}
run: {run}
health: {{get: /health, every: 200ms, within: 1s, unhealthy_after: 2}}
rollout: {{is: all_at_once, min_ready: 100ms, start_within: 20s}}
environments:
  preview:
    branches: ["feature/*"]
    {more}
    env: {{WORD: {word}, PLACE: $ENVIRONMENT}}
    secrets: {{TOKEN: "file:{secrets}/$ENVIRONMENT"}}
    target: {{is: local, ports: {ports}, expires: {expires}, drain: 1s, stop: 1s}}
  production:
    branches: [main]
    env: {{WORD: {word}}}
    target: {{is: local, port: {port}, drain: 1s, stop: 1s}}
"""


def git(site: Site, *words: str) -> str:
    argv = ["git", "-c", "user.name=Ana", "-c", "user.email=ana@example.com", *words]
    done = subprocess.run(argv, cwd=site.repository, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def commit(site: Site, branch: str, word: str = "", expires: str = "7d", ports: str = "", more: str = "") -> None:
    """A commit on a branch, which is made when it is not there, and is checked out then."""
    try:
        git(site, "switch", "--quiet", branch)
    except subprocess.CalledProcessError:
        git(site, "switch", "--quiet", "--create", branch)
    text = MANIFEST.format(
        run=APP, me=ME, word=word or branch, secrets=site.folder / "tokens", expires=expires, port=site.port, more=more,
        ports=ports or f"{site.port + 1}-{site.port + 40}",
    )  # fmt: skip
    site.commit(text, word or branch)


def token(site: Site, environment: str) -> None:
    """The secret of one environment, which its `$ENVIRONMENT` names."""
    path = site.folder / "tokens" / environment
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"token-of-{environment}")
    path.chmod(0o600)


def listed(site: Site) -> dict[str, dict[str, Any]]:
    """The previews there are, by branch."""
    return {row["branch"]: row for row in previews.listed(site.desk, "app")}


def body(url: str) -> str:
    with urllib.request.urlopen(url, timeout=5) as answer:
        return str(answer.read().decode())


def running(folder: Path) -> list[str]:
    """Processes that carry a folder in their words or their environment."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                words = (entry / "cmdline").read_bytes() + (entry / "environ").read_bytes()
            except OSError:
                continue
            if str(folder).encode() in words:
                found.append(words.decode("utf-8", "replace"))
    return found


@pytest.fixture(scope="module")
def two(site: Site) -> Site:
    """Two branches, each with its preview."""
    commit(site, "main")
    for name in ("one", "two"):
        token(site, f"preview-{name}")
        commit(site, f"feature/{name}")
        done = penstock(site, "preview")
        assert 0 == done.code, done
    return site


def test_two_branches_stand_side_by_side(two: Site) -> None:
    """Each branch has its environment, its port, its folder, its secret; `status` and `history` know both."""
    found = listed(two)
    assert {"feature/one": "preview-one", "feature/two": "preview-two"} == {
        b: r["environment"] for b, r in found.items()
    }
    assert found["feature/one"]["url"] != found["feature/two"]["url"]
    for name in ("one", "two"):
        url = found[f"feature/{name}"]["url"]
        assert f'"feature/{name}"' in body(f"{url}/environment?name=WORD")
        assert f'"preview-{name}"' in body(f"{url}/environment?name=PLACE")
        assert f'"token-of-preview-{name}"' in body(f"{url}/environment?name=TOKEN")
        assert two.desk.state.environment("app", f"preview-{name}").is_dir()
    for words in (["status"], ["history"], ["preview", "--list"]):
        told = penstock(two, *words).out
        assert "preview-one" in told
        assert "preview-two" in told
    assert list(found.values()) == json.loads(penstock(two, "preview", "--list", "--json").out)


def test_released_again_it_stays_where_it_is(two: Site) -> None:
    """The next commit of a branch comes to the same place, at the same port, and the preview lasts so much longer."""
    before = listed(two)["feature/one"]
    commit(two, "feature/one", "again")
    done = penstock(two, "preview")
    assert 0 == done.code, done
    assert done.out.rstrip().endswith(f"preview-one: {before['url']}")
    after = listed(two)["feature/one"]
    assert before["url"] == after["url"]
    assert before["revision"] != after["revision"]
    assert before["expires_at"] < after["expires_at"]
    assert '"again"' in body(f"{after['url']}/environment?name=WORD")


def test_who_may_be_released_where(two: Site) -> None:
    """A template takes nothing itself, a preview takes its own branch, production takes main; a detached commit is nobody's."""
    git(two, "switch", "--quiet", "feature/one")
    template = penstock(two, "release", "--to", "preview")
    assert (2, True, True) == (template.code, "penstock preview" in template.err, "preview-one" in template.err)
    other = penstock(two, "release", "feature/two", "--to", "preview-one")
    assert (3, True) == (other.code, "`feature/two`" in other.err)
    for verb in ("release", "plan"):
        blocked = penstock(two, verb, "--to", "production")
        assert (3, True, True) == (blocked.code, "`feature/one`" in blocked.err, "branch main" in blocked.err)
    detached = penstock(two, "release", git(two, "rev-parse", "main"), "--to", "production")
    assert (3, True) == (detached.code, "names no branch" in detached.err)
    assert 0 == penstock(two, "plan", "main", "--to", "production").code
    assert 0 == penstock(two, "plan", "--to", "preview-one").code


def test_what_cannot_be_previewed(two: Site) -> None:
    """A branch that fits none, a commit that is no branch's, a range that is full, a manifest without templates."""
    last = two.desk.store.row("SELECT max(number) AS n FROM releases")
    no_fit = penstock(two, "preview", "main")
    assert (2, True) == (no_fit.code, "preview: feature/*" in no_fit.err)
    no_branch = penstock(two, "preview", "HEAD~1")
    assert (2, True) == (no_branch.code, "no-branch" in no_branch.err)
    port = listed(two)["feature/one"]["url"].rpartition(":")[2]
    commit(two, "feature/full", ports=f"{port}-{port}")
    full = penstock(two, "preview")
    assert (2, True) == (full.code, f"no port from {port} to {port} is free" in full.err)
    commit(two, "feature/secret")
    assert (2, True) == ((done := penstock(two, "preview")).code, "no-secret" in done.err)
    two.commit(two.manifest(), "no template")
    none = penstock(two, "preview")
    assert (2, True) == (none.code, "no-previews" in none.err)
    assert {"feature/one", "feature/two"} == set(listed(two))
    assert last == two.desk.store.row("SELECT max(number) AS n FROM releases")


def test_removed_nothing_is_left(two: Site) -> None:
    """Nothing runs, no folder, no port, no line in `status`; the history and the audit log know it still."""
    folder = two.desk.state.environment("app", "preview-one")
    url = listed(two)["feature/one"]["url"]
    assert running(folder)
    done = penstock(two, "preview", "--remove", "feature/one")
    assert 0 == done.code, done
    assert [] == running(folder)
    assert not folder.exists()
    with pytest.raises(OSError, match="refused"):
        body(url)
    assert {"feature/two"} == set(listed(two))
    assert "preview-one" not in penstock(two, "status").out
    assert "preview-one" in penstock(two, "history").out
    said = [line for line in audit.read(two.desk.state.audit_log) if line["what"] == "preview removed"]
    assert [("feature/one", "somebody asked for it")] == [(line["branch"], line["why"]) for line in said]
    assert 2 == penstock(two, "preview", "--remove", "feature/one").code


def test_a_branch_that_is_gone_takes_its_preview_along(two: Site) -> None:
    """`--expire` finds it; a branch that is there keeps its own, also where it is at origin alone."""
    git(two, "switch", "--quiet", "main")
    assert [] == previews.expire(two.desk)
    git(two, "update-ref", "refs/remotes/origin/feature/two", "feature/two")
    git(two, "branch", "--quiet", "-D", "feature/two")
    assert [] == previews.expire(two.desk)
    git(two, "update-ref", "-d", "refs/remotes/origin/feature/two")
    assert "the branch feature/two is gone" in penstock(two, "preview", "--expire").out
    assert {} == listed(two)
    assert not two.desk.state.environment("app", "preview-two").exists()


def test_its_time_comes_and_any_command_sees_it(two: Site) -> None:
    """A preview of two seconds is taken down by the way of a command that only looks."""
    token(two, "preview-short")
    commit(two, "feature/short", expires="2s")
    assert 0 == penstock(two, "preview").code
    folder = two.desk.state.environment("app", "preview-short")
    assert running(folder)
    two.until(lambda: listed(two)["feature/short"]["expires_at"] is not None)
    two.until(lambda: penstock(two, "status").code == 0 and not folder.exists(), 20)
    two.until(lambda: not running(folder))
    said = [line for line in audit.read(two.desk.state.audit_log) if line["what"] == "preview removed"]
    assert "nothing was released there for 2 s" == said[-1]["why"]


def test_what_a_template_asks_for_holds(two: Site) -> None:
    """An approval is awaited; while it is, nothing is removed; aborted, what never ran is removed like the rest."""
    token(two, "preview-asked")
    commit(two, "feature/asked", more="approvals: {by: team, authors: count, within: 1h}")
    done = penstock(two, "preview", "--detach")
    assert 0 == done.code, done
    number = int(done.out.split()[0])
    two.wait(number, until=("awaiting",))
    assert listed(two)["feature/asked"]["expires_at"] is None
    refused = penstock(two, "preview", "--remove")
    assert (3, True) == (refused.code, "a release runs" in refused.err)
    assert 0 == penstock(two, "abort", "preview-asked").code
    two.wait(number)
    removed = penstock(two, "preview", "--remove")
    assert 0 == removed.code, removed
    assert not two.desk.state.environment("app", "preview-asked").exists()
    assert [] == running(two.desk.state.environment("app", "preview-asked"))
