"""The check `links`, against real servers on the loopback."""

from __future__ import annotations

import json
import re
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from penstock.checks.links import LinksCheck, LinksSection
from penstock.checks.links_found import Link, NoLinks, in_data, in_markdown, in_the_commit
from penstock.core import data
from penstock.core.finding import CheckRequest, Outcome
from penstock.manifest.check import CheckSection

SECRET = "s3cr3t/t0ken"
RECORDED = Path(__file__).parent / "recorded" / "links"
Make = Callable[..., CheckRequest]
Start = Callable[..., Any]


def run(make: Make, section: dict[str, Any], **more: Any) -> Outcome:
    """The outcome of a section as a manifest writes it."""
    return LinksCheck().run(make(data.dump(LinksSection.model_validate(section)), **more))


def texts(outcome: Outcome) -> str:
    """Everything that an outcome says."""
    findings = [f"{f.condition} {f.effect} {f.remedy} {f.where}" for f in outcome.findings]
    return "\n".join([outcome.sentence, *findings, *(e.text for e in outcome.evidence)])


def closed() -> str:
    """A URL where nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return f"http://127.0.0.1:{server.getsockname()[1]}"


@pytest.mark.parametrize(
    ("answers", "section", "state", "asked"),
    [
        ([{}], {}, "passed", ["HEAD"]),
        ([{"status": 405}, {}], {}, "passed", ["HEAD", "GET"]),
        ([{"status": 404}], {}, "failed", ["HEAD", "GET"]),
        ([{"status": 401}], {"allow": 401}, "passed", ["HEAD"]),
        ([{"status": 500}], {"allow": [401, 403]}, "failed", ["HEAD", "GET"]),
        ([{"status": 429}], {}, "errored", ["HEAD", "GET"]),
        ([{"status": 302, "headers": {"location": "/new"}}, {}], {}, "passed", ["HEAD", "HEAD"]),
        (
            [{"status": 302, "headers": {"location": "/new"}}, {"status": 404}, {"status": 404}],
            {},
            "failed",
            ["HEAD"] * 2,
        ),
        ([{"status": 302, "headers": {"location": "/loop"}}], {}, "errored", ["HEAD"] * 6),
        ([{"status": 302, "headers": {"location": "file:///etc/passwd"}}], {}, "errored", ["HEAD", "GET"]),
    ],
)
def test_how_a_link_answers(
    answers: Any, section: dict[str, Any], state: str, asked: list[str], start: Start, request_for: Make
) -> None:
    """Less than 400 or allowed passes, after redirects; HEAD first, and GET where it is not answered well."""
    service = start(*answers)
    assert state == run(request_for, {"at": f"{service.url}/d/app#top", **section}).state
    assert asked == [one["method"] for one in service.asked][: len(asked)]


def test_each_url_is_asked_once(start: Start, request_for: Make) -> None:
    """The same page under two anchors is one request."""
    service = start({})
    outcome = run(request_for, {"at": [f"{service.url}/a#1", f"{service.url}/a#2", f"{service.url}/a"]})
    assert ("passed", "all 3 links lead somewhere") == (outcome.state, outcome.sentence)
    assert 1 == len(service.asked)


def test_a_login_is_no_page(start: Start, request_for: Make) -> None:
    """A redirect to a login passes, and is noted: the page was not seen."""
    service = start({"status": 302, "headers": {"location": "/login?next=/d/gone"}}, {})
    outcome = run(request_for, {"at": service.url + "/d/gone"})
    assert ("passed", "the link leads somewhere (1 of them not seen whole)") == (outcome.state, outcome.sentence)
    assert "led to a login" in outcome.findings[0].condition


def test_silence(start: Start, request_for: Make) -> None:
    """One that does not answer beside one that does is a dead link; where nothing answers, nothing is known."""
    dead = closed() + "/x"
    outcome = run(request_for, {"at": [dead, start({}).url]})
    assert ("failed", f"1 of 2 links: {dead} the connection was refused") == (outcome.state, outcome.sentence)
    alone = run(request_for, {"at": dead})
    assert ("errored", True) == (alone.state, alone.sentence.startswith("nothing answers from here: 1 of 1 links: "))


def test_it_ends_in_time(request_for: Make) -> None:
    """A server that says nothing does not hold it longer than `within`."""
    began = time.monotonic()
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}/"
        assert "errored" == run(request_for, {"at": [f"{url}{n}" for n in range(20)], "within": "300ms"}).state
    assert 3 > time.monotonic() - began


def test_the_token_goes_to_its_hosts_alone(start: Start, request_for: Make, tmp_path: Path) -> None:
    """Hosts of `at` get it; a host that a file names, or a redirect leads to, does not."""
    other = start({})
    ours = start({"status": 302, "headers": {"location": other.url + "/stolen"}})
    (tmp_path / "a.yml").write_text(f"runbook_url: {other.url}/page\n")
    section = {"at": ours.url, "file": "a.yml", "field": "runbook_url", "bearer": "$TOKEN"}
    outcome = run(request_for, section, secrets={"TOKEN": SECRET})
    assert "passed" == outcome.state
    assert [f"Bearer {SECRET}"] == [one["headers"].get("authorization") for one in ours.asked]
    assert [None, None] == [one["headers"].get("authorization") for one in other.asked]
    assert SECRET not in texts(outcome)
    assert "errored" == run(request_for, section).state


def test_a_field_of_alerts(start: Start, request_for: Make, tmp_path: Path) -> None:
    """All values of a field at any depth, with their lines; a template is noted and not asked."""
    service = start({"status": 404})
    recorded = (RECORDED / "alerts.yml").read_text().replace("https://runbooks.example.com", service.url)
    (tmp_path / "alerts.yml").write_text(recorded)
    outcome = run(request_for, {"file": "alerts.yml", "field": "runbook_url"})
    assert "failed" == outcome.state
    assert ["alerts.yml:12", "alerts.yml:22"] == [f.where for f in outcome.findings if f.severity == "medium"]
    assert ["alerts.yml:32"] == [f.where for f in outcome.findings if f.severity == "info"]
    assert {"/shop/high-error-rate", "/shop/slow"} == {one["path"] for one in service.asked}


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.yml", b"other: 1\n", "there is no `link` in `a.yml`"),
        ("a.yml", b"a: [1\n", "`a.yml` is no YAML (line 2)"),
        ("a.yml", b"\xff\xfe\x00", "`a.yml` is not UTF-8"),
        ("a.yml", b"", "there is no `link`"),
        ("a.json", b'{"link": ', "`a.json` is no JSON"),
        ("a.json", b"[" * 100_000, "`a.json` is nested too deep"),
        ("a.yml", b"[" * 20_000, "`a.yml` is nested too deep"),
        ("a.yml", b"x" * (3 << 20), "`a.yml` is larger than 2 MiB"),
        ("b.yml", b"", "`a.yml` is not there"),
    ],
)
def test_a_file_that_cannot_be_read(name: str, content: bytes, said: str, request_for: Make, tmp_path: Path) -> None:
    """No file, no field, and no YAML or JSON: errored, and said of which file."""
    (tmp_path / name).write_bytes(content)
    outcome = run(request_for, {"file": "a.json" if name == "a.json" else "a.yml", "field": "link"})
    assert ("errored", True) == (outcome.state, said in outcome.sentence)


def test_yaml_is_not_written_out() -> None:
    """Aliases of aliases are walked once, and no tag makes anything."""
    bomb = "a: &a [x, x]\n" + "".join(
        f"b{n}: &b{n} [{', '.join([f'*b{n - 1}' if n else '*a'] * 9)}]\n" for n in range(40)
    )
    found = in_data(
        "a.yml", f"{bomb}link: !!python/object:os.system https://h/\n---\nlink: [u, {{}}]\n".encode(), "link"
    )
    assert ["https://h/", "u"] == sorted(link.to for link in found)


def test_json_too() -> None:
    """Values of a field in JSON, alone or in lists."""
    text = json.dumps({"panels": [{"link": "https://h/1"}, {"link": ["https://h/2", 3]}], "link": None})
    assert {"https://h/1", "https://h/2"} == {link.to for link in in_data("a.json", text.encode(), "link")}


def test_markdown(start: Start, request_for: Make, tmp_path: Path) -> None:
    """Inline, referenced and bare links; relative ones exist in the commit; code, anchors and mail are left alone."""
    service = start({})
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "back (1).md").write_text("")
    (tmp_path / "README.md").write_text("")
    (tmp_path / "docs" / "run.md").write_text(
        f"""# Run
[a]({service.url}/a "title") ![b](<{service.url}/b>) <{service.url}/c>
[d]: {service.url}/d
[up](../README.md#top) [back](back%20(1).md) [root](/docs/run.md) [here](#run) [mail](mailto:a@b.example)
`[code](nowhere.md)` <!-- [comment](nowhere.md) -->
```sh
[fenced](nowhere.md)
```
"""
    )
    outcome = run(request_for, {"file": "docs/*.md"})
    assert ("passed", []) == (outcome.state, [f.condition for f in outcome.findings])
    assert {"/a", "/b", "/c", "/d"} == {one["path"] for one in service.asked}
    (tmp_path / "README.md").write_text("[gone](gone.md)\n\n[out](../../etc/passwd)\n")
    bad = run(request_for, {"file": "README.md"})
    said = "2 of 2 links: gone.md leads to no file of the commit; ../../etc/passwd leads to no file of the commit"
    assert ("failed", said) == (bad.state, bad.sentence)
    assert ["README.md:1", "README.md:3"] == [f.where for f in bad.findings]
    (tmp_path / "README.md").write_text("nothing")
    assert "errored" == run(request_for, {"file": "README.md"}).state


def test_relative_links() -> None:
    """From the file's own folder, or from the root; never out of the repository."""
    expected = {
        "a.md": "docs/a.md",
        "../a.md": "a.md",
        "/a.md": "a.md",
        "../../a": None,
        "../..": None,
        "a%20b.md?x#y": "docs/a b.md",
        "..": ".",
    }
    assert expected == {to: in_the_commit(Link(to, "docs/run.md:3")) for to in expected}


def test_addresses_are_filled_in(start: Start, request_for: Make) -> None:
    """`$NAME` of the environment's variables; a name that is not there is errored."""
    service = start({})
    assert "passed" == run(request_for, {"at": "$GRAFANA/d/app"}, env={"GRAFANA": service.url}).state
    assert "errored" == run(request_for, {"at": "$GRAFANA/d/app"}).state


@pytest.mark.parametrize(
    ("section", "said"),
    [
        ({}, "there are no links here"),
        ({"at": "ftp://h/"}, "is no URL of HTTP"),
        ({"file": "alerts.yml"}, "which values of `alerts.yml` are links is not said"),
        ({"file": "../a.md"}, "leads out of the repository"),
        ({"at": "https://h/", "bearer": "token"}, "`bearer` is not a name"),
        ({"file": "a.md", "bearer": "$T"}, "`bearer` has no host to go to"),
        ({"at": "https://h/", "allow": "99"}, "greater than or equal to 100"),
        ({"at": "https://h/", "url": "x"}, "Extra inputs"),
    ],
)
def test_a_section_that_cannot_be_is_refused(section: dict[str, Any], said: str) -> None:
    """What could never be asked is refused when the manifest is read."""
    with pytest.raises(ValidationError) as refused:
        LinksSection.model_validate(section)
    assert said in str(refused.value)


def test_a_section_survives_being_plain_data() -> None:
    """What is journaled is read again as the same section."""
    for written in ({"at": "https://h/", "allow": "401"}, {"file": ["a.yml"], "field": "x", "within": "1m"}):
        section = LinksSection.model_validate(written)
        assert section == LinksSection.model_validate(json.loads(json.dumps(data.dump(section))))


def test_every_key_has_its_item() -> None:
    """The manual page has an item for every key of the section's own."""
    fields = LinksSection.model_fields.items()
    own = {field.alias or name for name, field in fields if name not in CheckSection.model_fields}
    items = re.findall(r"- ((?:`\w+`(?:, )?)+)", LinksCheck.__doc__ or "")
    assert set() == own - set(re.findall(r"`(\w+)`", " ".join(items)))


@given(st.binary(max_size=300) | st.text(alphabet="link: [](){}<>`#&*!-\n\"'x").map(str.encode))
def test_any_file_is_read(content: bytes) -> None:
    """No bytes are too strange: links, or why there are none."""
    in_markdown("a.md", content.decode("utf-8", "replace"))
    for name in ("a.yml", "a.json"):
        with suppress(NoLinks):
            assert all(isinstance(link.to, str) for link in in_data(name, content, "link"))


@pytest.mark.parametrize(
    "text",
    [
        '<a class="x" href="gone.md">x</a>', "<img width=3 src='gone.md'>", "[a\\] b](gone.md)", "- x\n\n    [a](gone.md)",
        "<!-- a -->[a](gone.md)", "<!--\na\n--> [a](gone.md)", "x\n    [a](gone.md)", "```\n<!--\n```\n[a](gone.md)",
    ],
)  # fmt: skip
def test_a_link_is_found_however_it_is_written(text: str) -> None:
    """HTML in Markdown has links, and so has what stands in a list or behind a comment."""
    assert ["gone.md"] == [link.to for link in in_markdown("a.md", text)]


@pytest.mark.parametrize(
    "text",
    [
        "<!--\n[a](gone.md)\n-->", "text\n\n    [a](gone.md)\n\n    [b](gone.md)\n", "\\[a](gone.md)", "x[^1]\n\n[^1]: note",
        "- x\n\n  ```\n  [a](gone.md)\n  ```", "`<img src='gone.png'>`",
    ],
)  # fmt: skip
def test_what_is_no_link_is_not_asked(text: str) -> None:
    """Comments over several lines, indented code, escaped brackets and footnotes have no links."""
    assert [] == in_markdown("a.md", text)
