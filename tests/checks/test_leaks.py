"""The check `leaks`, with real repositories, and with what real engines reported."""

from __future__ import annotations

import hashlib
import json
import os
import random
import string
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from penstock.checks import leaks_git
from penstock.checks.leaks import LeaksCheck, LeaksSection
from penstock.checks.leaks_allowed import NoBaseline, baseline, fingerprint, in_line, pattern
from penstock.checks.leaks_engines import NoReport, parsed
from penstock.checks.leaks_rules import scan
from penstock.core import data
from penstock.core.finding import Outcome
from tests.checks.commits_repository import Written, written

RECORDED = Path(__file__).parent / "recorded" / "leaks"
_CHANCE = random.Random(7)
_BOTH = string.ascii_letters + string.digits


def chars(count: int, alphabet: str = _BOTH) -> str:
    """Some characters, the same in every run."""
    return "".join(_CHANCE.choice(alphabet) for _ in range(count))


GITHUB = "gh" + "p_" + chars(36)
AWS = "AK" + "IA" + chars(16, string.ascii_uppercase + "234567")
SLACK = "xox" + "b-" + chars(12, string.digits) + "-" + chars(12, string.digits) + "-" + chars(24)
STRIPE = "sk_" + "live_" + chars(24)
GITLAB = "gl" + "pat-" + chars(20)
GOOGLE = "AI" + "za" + chars(35)
AZURE = chars(86, _BOTH + "+/") + "=="
NPM = "np" + "m_" + chars(36)
PYPI = "py" + "pi-AgEIcHlwaS5vcmc" + chars(80)
JWT = "ey" + "J" + chars(30) + ".ey" + "J" + chars(60) + "." + chars(43)
WORD = "Tr" + "ub4dor&" + "3x"
KEY = "-----BEGIN RSA PRIVATE " + "KEY-----\n" + "\n".join(chars(64, _BOTH + "+/") for _ in range(4)) + "\n-----END"


@pytest.fixture
def repository(tmp_path: Path) -> Written:
    """An empty repository."""
    return written(tmp_path / "work")


def run(
    repository: Written, commit: str, last: str = "", section: dict[str, Any] | None = None, **more: Any
) -> Outcome:
    """The outcome of a section as a manifest writes it."""
    plain = data.dump(LeaksSection.model_validate(section or {}))
    return LeaksCheck().run(repository.asking(plain, commit, last, **more))


def texts(outcome: Outcome) -> str:
    """Everything that an outcome says."""
    findings = [f"{f.condition} {f.effect} {f.remedy} {f.where}" for f in outcome.findings]
    return "\n".join(
        [outcome.sentence, *findings, *(e.text for e in outcome.evidence), json.dumps(dict(outcome.measured))]
    )


@pytest.mark.parametrize(
    ("rule", "secret", "line"),
    [
        ("github-token", GITHUB, f"TOKEN = '{GITHUB}'"),
        ("aws-access-key", AWS, f"id: {AWS}"),
        ("slack-token", SLACK, f"slack({SLACK})"),
        ("stripe-key", STRIPE, f'"{STRIPE}"'),
        ("gitlab-token", GITLAB, f"curl -H 'PRIVATE-TOKEN: {GITLAB}'"),
        ("google-api-key", GOOGLE, f"?key={GOOGLE}"),
        ("azure-storage-key", AZURE, f"DefaultEndpointsProtocol=https;AccountKey={AZURE};"),
        ("npm-token", NPM, f"//registry.npmjs.org/:_authToken={NPM}"),
        ("pypi-token", PYPI, f"password = {PYPI}"),
        ("jwt", JWT, f"Authorization: Bearer {JWT}"),
        ("password-in-url", WORD.replace("&", "7"), f"postgres://shop:{WORD.replace('&', '7')}@db.acme.io/shop"),
        ("assigned-secret", WORD, f'password = "{WORD}"'),
        ("assigned-secret", WORD, f'"db_password": "{WORD}",'),
        ("assigned-secret", GITHUB[4:30], f"api_key: '{GITHUB[4:30]}'"),
    ],
    ids=range(14),
)
def test_secrets_are_found_and_never_shown(rule: str, secret: str, line: str, repository: Written) -> None:
    """Each form of a secret is found at its place; no more of it than three characters is anywhere in the outcome."""
    commit = repository.commit("feat: more", {"src/a.py": f"# one\n{line}\n"})
    outcome = run(repository, commit)
    assert ("failed", ["src/a.py:2"]) == (outcome.state, [finding.where for finding in outcome.findings])
    assert outcome.findings[0].condition.startswith(f"{rule} in src/a.py:2 (fingerprint {fingerprint(secret)})")
    assert not any(
        secret[at : at + 4] in texts(outcome).replace("password", "").replace(rule, "")
        for at in range(4, len(secret) - 4)
    )
    assert "rotate" in outcome.findings[0].remedy


def test_a_private_key_is_found_by_its_body() -> None:
    """A key is one with at least a line of it; the words around one alone are none."""
    assert ["private-key"] == [hit.rule for hit in scan(f"x\n{KEY}", "id_rsa")]
    assert ["private-key"] == [hit.rule for hit in scan(KEY.replace("\n", "\\n"), "key.json")]
    assert [] == scan("if '-----BEGIN PRIVATE KEY-----' in text:\n  raise Wrong\n", "a.py")
    assert [] == scan("-----BEGIN PRIVATE KEY-----\nMIIE...\n-----END PRIVATE KEY-----\n", "a.md")


HARMLESS = {
    "package-lock.json": '"integrity": "sha512-' + chars(86, _BOTH + "+/") + '==", "token": "' + chars(40) + '"',
    "poetry.lock": f'hash = "sha256:{chars(64, "0123456789abcdef")}"',
    "go.sum": f"github.com/x/y v1.0.0 h1:{chars(43, _BOTH + '+/')}=",
    "a.py": 'password = "changeme"\ntoken = os.environ["TOKEN"]\nsecret = get_secret("shop/token-12")\n',
    "b.py": f'password = "example-{chars(12)}"\nid = "123e4567-e89b-12d3-a456-426614174000"\n',
    "c.py": f'commit = "{chars(40, "0123456789abcdef")}"\nsecret_name = "shop-key-{chars(9)}"\ntoken_url = "https://a.io/{chars(20)}"',
    "d.yml": "password: ${DB_PASSWORD}\ntoken: '{{ vault_token }}'\nsecret: $SECRET2\napi_key: <your key 1>\n",
    "e.tf": 'password = var.db_password1\nsecret_arn = "arn:aws:secretsmanager:eu-1:123456789012:secret:a1"\n',
    ".env": "DATABASE_URL=postgres://postgres:postgres@localhost:5432/a\nPASSWORD=\nTOKEN=xxxxxxxxxxxxxxxxxxx1\n",
    "aws.md": "AKIA" + "IOSFODNN7EXAMPLE and wJalrXUtnFEMI/K7MDENG/bPxRfiCY" + "EXAMPLEKEY",
    "f.ts": 'const tokenType: "Bearer2" = "Bearer2"; t("auth.password_too_short8"); passwordField="#password-1"',
    "min.js": "var " + "a=1;" * 700 + f'token="{chars(20)}";',
    "tests/test_login.py": 'client.login(password="S3cure!pass"); api_key = "abc123def456ghi7"',
    "penstock.yaml": "secrets:\n  SMOKE_TOKEN: env:SHOP_SMOKE_TOKEN1\n  API_TOKEN: file:/etc/shop/t0ken\n",
    "j.json": f'{{"hashed_secret": "{chars(40, "0123456789abcdef")}", "public_token": "{chars(30)}"}}',
    "i.py": "password = hash2user\ntoken = tokens2of_the_whole_service\n",
    "k.py": 'PASSWORD_HASHER = "argon2id"\nTOKEN_SHA256 = "' + chars(64, "0123456789abcdef") + '"\n',
    "m.py": 'TOKEN_COOKIE = "__Host-v2-2026x9"\n',
    "k.sh": "curl -u \"$USER:$PASSWORD\" https://a.io\ntool --password-stdin <p1.txt --token $TOKEN1 --secret=<the secret 1>\n",
    "k.xml": "<password>${env.PASSWORD1}</password><token>change-me-1</token>\n",
    "l.py": 'from six import moves\nattributes = [("HTTPPasswordMgr", "urllib2"), ("Token", "string?")]\n',
    "h.py": 'TOKEN_PATTERN = "[A-Za-z0-9]{36}"\nghp = "gh' + 'p_' + "x" * 36 + '"\n',
}  # fmt: skip


@pytest.mark.parametrize("path", HARMLESS)
def test_what_is_no_secret_is_not_called_one(path: str) -> None:
    """Hashes, ids, references, placeholders and what tests make up are no findings."""
    assert [] == [(hit.rule, hit.secret) for hit in scan(HARMLESS[path], path)]


def test_our_own_sources_hold_none() -> None:
    """The rules find nothing in this project's own code, tests and documents, where many look like some."""
    root = Path(__file__).parents[2]
    files = [p for part in ("src", "docs") for p in (root / part).rglob("*") if p.suffix in (".py", ".md", ".yaml")]
    found = [
        (str(p.relative_to(root)), hit.rule, hit.line)
        for p in files
        for hit in scan(p.read_text(), str(p.relative_to(root)))
    ]
    assert [] == found


def test_what_was_added_and_removed_again_is_leaked(repository: Written) -> None:
    """A secret in a commit on the way is found in that commit, though no file has it any more."""
    last = repository.commit("feat: one", {"a.py": "x = 1\n"})
    leak = repository.commit("feat: two", {"a.py": f"x = 1\ny = '{GITHUB}'\n"})
    repository.commit("feat: three", {"a.py": f"x = 1\ny = '{GITHUB}'\nz = 3\n"})
    commit = repository.commit("fix: no", {"a.py": "x = 1\n"})
    outcome = run(repository, commit, last)
    assert ("failed", ["a.py:2"]) == (outcome.state, [finding.where for finding in outcome.findings])
    assert f"came in with {leak[:12]}" in outcome.findings[0].condition
    assert outcome.sentence.startswith(
        "1 secret in 1 files and the 3 commits since the last release: a.py:2 (github-token)"
    )


def test_what_was_there_before_is_not_new(repository: Written) -> None:
    """A commit that only carried an old secret on, or took it out, did not leak it."""
    repository.commit("feat: one", {"a.py": f"y = '{GITHUB}'\n"})
    last = repository.commit("feat: two", {"b.py": "1"})
    repository.commit("feat: three", {"a.py": f"# more\ny = '{GITHUB}'\n"})
    assert "passed" == run(repository, repository.commit("fix: out", {"a.py": "\n"}), last).state


def test_an_old_secret_in_the_files_is_found(repository: Written) -> None:
    """What is released is looked at whole, however old it is."""
    last = repository.commit("feat: one", {"a.py": f"y = '{GITHUB}'\n"})
    assert "failed" == run(repository, repository.commit("feat: two"), last).state


def test_a_merge_hides_nothing(repository: Written) -> None:
    """What only a merge itself brings in (an evil merge) is seen, and what came by a side branch too."""
    last = repository.commit("feat: one", {"a.py": "1\n", "b.py": "1\n"})
    repository.git("switch", "-q", "-c", "side")
    repository.commit("feat: side", {"a.py": f"k = '{AWS}'\n"})
    repository.commit("feat: side", {"a.py": "2\n"})
    repository.git("switch", "-q", "main")
    repository.commit("feat: main", {"b.py": "2\n"})
    repository.git("merge", "-q", "--no-commit", "--no-ff", "side")
    repository.commit("Merge", {"a.py": f"k = '{GITHUB}'\n"})
    commit = repository.commit("fix: out", {"a.py": "2\n"})
    outcome = run(repository, commit, last)
    assert ["aws-access-key", "github-token"] == sorted(f.condition.split(" ")[0] for f in outcome.findings)


def test_attributes_hide_nothing(repository: Written) -> None:
    """A file that .gitattributes calls binary, or leaves out of an export, is looked at."""
    rules = "*.env binary -diff\ndeploy/** export-ignore\n"
    files: dict[str, str | bytes | None] = {".gitattributes": rules, "a.env": f"K={GITHUB}\n", "deploy/b": f"{AWS}\n"}
    outcome = run(repository, repository.commit("feat: one", files))
    assert ["a.env:1", "deploy/b:1"] == sorted(finding.where for finding in outcome.findings)


def test_a_first_release_reads_the_newest_commits(repository: Written) -> None:
    """Without a last release the files count, and as many commits as `newest` says; that is said."""
    repository.commit("feat: one", {"a.py": f"y = '{GITHUB}'\n"})
    for number in range(3):
        commit = repository.commit("fix: out", {"a.py": f"{number}\n"})
    near, far = run(repository, commit, section={"newest": "3"}), run(repository, commit, section={"newest": "4"})
    assert ("passed", "failed") == (near.state, far.state)
    assert "and the newest 3 commits (nothing was released before)" in near.sentence


def test_links_are_not_followed(repository: Written, tmp_path: Path) -> None:
    """A link out of the tree leads nowhere: it is no file."""
    (tmp_path / "secret").write_text(f"y = '{GITHUB}'\n")
    os.symlink(tmp_path / "secret", repository.folder / "link")
    os.symlink("/", repository.folder / "root")
    repository.commit("feat: one", {"a": "1"})
    repository.git("update-index", "--add", "--cacheinfo", f"160000,{'1' * 40},module")
    repository.git("commit", "-q", "-m", "feat: a submodule")
    assert "passed" == run(repository, repository.git("rev-parse", "HEAD")).state


def test_hostile_names(repository: Written) -> None:
    """Names with new lines, escape sequences, dashes and bytes that are no text: found, and shown in one line."""
    names = [
        "--upload-pack=x",
        "a\nb.py",
        "\x1b[31mred",
        os.fsdecode(b"caf\xe9\xff"),
        ":(top)x",
        "-",
        "x" * 200,
        " sp ace",
    ]
    commit = repository.commit("feat: one", dict.fromkeys(names, f"y = '{GITHUB}'\n"))
    outcome = run(repository, commit)
    assert ("failed", len(names)) == (outcome.state, len(outcome.findings))
    assert all(text.isprintable() for finding in outcome.findings for text in (finding.where, finding.condition))
    assert outcome.sentence.isprintable()


def test_binary_and_long_files_are_said(repository: Written, monkeypatch: pytest.MonkeyPatch) -> None:
    """Binary files are counted; of a long one the beginning is read; one that is too long is no pass."""
    monkeypatch.setattr(leaks_git, "PART", 1000)
    files: dict[str, str | bytes | None] = {"a.bin": b"\0\1" + GITHUB.encode(), "b.txt": "x\n" * 600 + GITHUB}
    commit = repository.commit("feat: one", files)
    outcome = run(repository, commit)
    assert ("passed", True) == (outcome.state, outcome.sentence.endswith("(1 binary, 1 read in part)")), (
        outcome.sentence
    )
    monkeypatch.setattr(leaks_git, "LARGEST", 1100)
    assert ("errored", "1 files are too large to be read: b.txt") == (
        run(repository, commit).state,
        run(repository, commit).sentence,
    )


def test_small_batches_read_the_same(repository: Written, monkeypatch: pytest.MonkeyPatch) -> None:
    """However contents are read in batches, the same is found."""
    files: dict[str, str | bytes | None] = {f"{n}.py": f"x = {n}\ny = '{GITHUB}'\n" * (n % 3) for n in range(20)}
    commit = repository.commit("feat: one", files)
    whole = run(repository, commit)
    monkeypatch.setattr(leaks_git, "_BATCH", 100)
    assert (13, whole) == (len(whole.findings), run(repository, commit))


def test_utf_16_is_text() -> None:
    """A file with a byte-order mark is read as what it is."""
    assert "a1" == leaks_git.content("a1".encode("utf-16"), 6).text


@pytest.mark.parametrize(
    ("line", "state"),
    [
        ("y = '{}'  # penstock: allow made for the tests", "passed"),
        ("// penstock: allow made for the tests\ny = '{}'", "passed"),
        ("y = '{}'  # penstock: allow", "failed"),
        ("y = '{}'  # penstock: allow  -->", "failed"),
        ("x = 1  # penstock: allow made for the tests\ny = '{}'", "failed"),
        ("y = '{} penstock: allow made for the tests'", "failed"),
        ("y = '{}'  # gitleaks:allow", "passed"),
        ("y = '{}'  # pragma: allowlist secret", "passed"),
        ("# pragma: allowlist nextline secret\ny = '{}'", "passed"),
    ],
)
def test_a_comment_with_a_reason_allows_one_line(line: str, state: str, repository: Written) -> None:
    """An allowance needs a reason, a comment, and its own line; others' are taken, and all are shown."""
    outcome = run(repository, repository.commit("feat: one", {"a.py": line.format(GITHUB) + "\n"}))
    assert state == outcome.state, outcome.sentence
    if state == "passed":
        assert "(1 allowed)" in outcome.sentence
        assert '"allowed": "' in outcome.evidence[0].text
        assert {"found": 0, "allowed": 1} == outcome.measured


def test_a_baseline_of_detect_secrets(repository: Written) -> None:
    """What its audit let pass is allowed; what it found to be real is not, nor the same secret elsewhere."""
    row = {"hashed_secret": hashlib.sha1(GITHUB.encode()).hexdigest(), "line_number": 1, "type": "GitHub Token"}
    for more, state in (({}, "passed"), ({"is_secret": False}, "passed"), ({"is_secret": True}, "failed")):
        known = json.dumps({"version": "1.5.0", "results": {"a.py": [row | more]}})
        commit = repository.commit("feat: one", {"a.py": f"y = '{GITHUB}'\n", ".secrets.baseline": known})
        assert state == run(repository, commit).state
    elsewhere = repository.commit(
        "feat: two", {"b.py": f"y = '{GITHUB}'\n", ".secrets.baseline": known.replace("true", "false")}
    )
    assert ["b.py:1"] == [finding.where for finding in run(repository, elsewhere).findings]


def test_a_list_of_fingerprints(repository: Written) -> None:
    """The finding's own fingerprint, with a reason, allows it wherever it stands; without a reason it does not."""
    first = repository.commit("feat: one", {"a.py": f"y = '{GITHUB}'\n"})
    mark = run(repository, first).findings[0].condition.split("fingerprint ")[1].rstrip(")")
    section = {"baseline": "known.txt"}
    said = repository.commit("feat: two", {"known.txt": f"# rotated ones\n{mark} rotated on 3 May\n"})
    bare = repository.commit("feat: three", {"known.txt": f"{mark}\n"})
    assert ("passed", "failed") == (run(repository, said, "", section).state, run(repository, bare, "", section).state)
    assert "rotated on 3 May" in run(repository, said, "", section).evidence[0].text


@pytest.mark.parametrize(
    "text", ["not one", '{"results": 3}', '{"results": {"a": [1]}}', "{", "[" * 100_000, '{"results":' + "[" * 100_000]
)
def test_a_baseline_that_is_none_is_an_error(text: str, repository: Written) -> None:
    """A broken or missing baseline is errored: nobody knows what it allowed."""
    with pytest.raises(NoBaseline):
        baseline(text)
    commit = repository.commit("feat: one", {"known": text})
    assert "errored" == run(repository, commit, "", {"baseline": "known"}).state
    assert "errored" == run(repository, commit, "", {"baseline": "nowhere"}).state


@pytest.mark.parametrize(
    ("glob", "path", "fits"),
    [
        ("tests/fixtures/**", "tests/fixtures/a/b.py", True),
        ("tests/fixtures/", "tests/fixtures/a/b.py", True),
        ("**/*.pem", "a.pem", True),
        ("**/*.pem", "a/b/c.pem", True),
        ("*.pem", "a/b.pem", False),
        ("a?.py", "ab.py", True),
        ("a.py", "axpy", False),
        ("src/**/keys/*", "src/keys/a", True),
        ("tests/**", "src/tests/a", False),
    ],
)
def test_ignored_paths(glob: str, path: str, fits: bool) -> None:
    """`*` stays in a folder, `**` does not; the whole path has to fit."""
    assert fits == bool(pattern(glob).fullmatch(path))


def test_ignored_files_are_not_looked_at(repository: Written) -> None:
    """What is ignored with a reason is left out, in the commits too."""
    commit = repository.commit("feat: one", {"tests/keys/a.py": f"y = '{GITHUB}'\n"})
    section = {"ignore": [{"path": "tests/keys/**", "reason": "made for the tests"}]}
    assert "passed" == run(repository, commit, "", section).state


@pytest.mark.parametrize("name", ["gitleaks", "kingfisher"])
def test_what_engines_reported(name: str) -> None:
    """The report of each real engine is read: rule, file, line and secret."""
    named = parsed(name, (RECORDED / f"{name}.json").read_bytes())
    assert {("files/a.py", 3, "github"), ("files/a.py", 6, "gitlab")} <= {
        (one.file.removeprefix("/src/"), one.hit.line, one.hit.rule.removeprefix("betterleaks.").split("-")[0])
        for one in named
    }
    assert all(one.hit.secret for one in named)


@pytest.mark.parametrize("name", ["gitleaks", "kingfisher"])
@given(cut=st.integers(0, 3000), junk=st.binary(max_size=20))
@settings(max_examples=60, deadline=None)
def test_damaged_reports_are_no_reports(name: str, cut: int, junk: bytes) -> None:
    """A report that is cut, or overwritten somewhere, has the same hits or more, or is none: never silently fewer."""
    whole = (RECORDED / f"{name}.json").read_bytes()
    for damaged in (whole[: min(cut, len(whole.rstrip()) - 1)], whole[:cut] + junk + whole[cut + len(junk) :]):
        try:
            named = parsed(name, damaged)
        except NoReport:
            continue
        assert len(parsed(name, whole)) == len(named)


@pytest.mark.parametrize(
    "report", [b"", b"null", b"{}", b'{"runs": []}', b"[1]", b"[[]]", b"[" * 200_000, b'{"findings": []}', b"\xff"]
)
@pytest.mark.parametrize("name", ["gitleaks", "kingfisher"])
def test_other_reports_are_no_reports(name: str, report: bytes) -> None:
    """Another tool's report, nothing, or nonsense is not «no secret»."""
    with pytest.raises(NoReport):
        parsed(name, report)


ENGINE = """#!{python}
import json, os, sys
words = sys.argv
report = words[words.index("--report-path") + 1]
rows = [{{"File": os.path.join(here, name), "RuleID": "own-rule", "StartLine": number, "Secret": "ACME-77"}}
        for here, _, names in os.walk(words[words.index("--source") + 1]) for name in names
        for number, line in enumerate(open(os.path.join(here, name), errors="replace"), 1) if "ACME-77" in line]
{end}
"""
WRITES = 'open(report, "w").write(json.dumps(rows))'


def engine(folder: Path, end: str = WRITES) -> dict[str, str]:
    """The environment with a `gitleaks` that knows one secret of its own."""
    program = folder / "bin" / "gitleaks"
    program.parent.mkdir()
    program.write_text(ENGINE.format(python=sys.executable, end=end))
    program.chmod(0o755)
    return {"PATH": str(program.parent)}


def test_an_engine_looks_beside_the_own_rules(repository: Written, tmp_path: Path) -> None:
    """What either finds is found, what both find once; in commits on the way too, and under any name."""
    last = repository.commit("feat: zero")
    leak = repository.commit("feat: one", {"old.py": "x = ACME-77\n", "a\nb": "ACME-77\n"})
    repository.commit("fix: out", {"old.py": None})
    files: dict[str, str | bytes | None] = {
        "a.py": f"y = '{GITHUB}' ACME-77\n",
        "b.py": "ok\nACME-77 # penstock: allow it is a model\n",
    }
    outcome = run(repository, repository.commit("feat: two", files), last, env=engine(tmp_path))
    assert ["a.py:1", "a\ufffdb:1", "old.py:1"] == sorted(finding.where for finding in outcome.findings)
    assert [True] == [leak[:12] in f.condition for f in outcome.findings if f.where == "old.py:1"]
    assert "(1 allowed, with gitleaks)" in outcome.sentence
    assert "ACME-77" not in texts(outcome)


@pytest.mark.parametrize(
    "end",
    ["sys.exit(1)", "pass", 'open(report, "w").write("")', "import time; time.sleep(60)", f"{WRITES}; sys.exit(2)"],
)
def test_an_engine_that_did_not_look_is_an_error(end: str, repository: Written, tmp_path: Path) -> None:
    """An engine that fails, writes nothing or does not end is no pass; without it the own rules are enough."""
    commit, env = repository.commit("feat: one", {"a.py": "1\n"}), engine(tmp_path, end)
    assert "errored" == run(repository, commit, "", {"within": "1s"}, env=env).state
    assert "passed" == run(repository, commit, "", {"engine": "own"}, env=env).state


def test_an_engine_that_is_asked_for_must_be_there(repository: Written) -> None:
    """A named engine that is not installed is errored, and the remedy names it."""
    outcome = run(repository, repository.commit("feat: one"), "", {"engine": "kingfisher"})
    assert ("errored", "`kingfisher` is not installed") == (outcome.state, outcome.sentence)


def test_commits_that_are_not_there_are_errors(repository: Written) -> None:
    """A released or last commit that the repository lacks is errored, as is time that is over."""
    commit = repository.commit("feat: one")
    assert "errored" == run(repository, "0" * 40).state
    assert "errored" == run(repository, commit, "0" * 40).state
    assert "errored" == run(repository, commit, "", {"within": "1ms"}).state


def test_many_secrets_are_bounded(repository: Written) -> None:
    """A hundred findings at most, the last of which counts the rest; the evidence stays small."""
    lines = "".join(f"a{n} = '{'gh' + 'p_'}{chars(36)}'\n" for n in range(110))
    outcome = run(repository, repository.commit("feat: one", {"a.py": lines}))
    assert (100, "and 11 more") == (len(outcome.findings), outcome.findings[-1].condition)
    assert (110, True) == (outcome.measured["found"], len(outcome.evidence[0].text) < 256 << 10)


@given(st.text(max_size=300), st.text(max_size=20))
@settings(max_examples=200, deadline=None)
def test_any_text_can_be_scanned(text: str, path: str) -> None:
    """Whatever stands in a file: hits with a line of it, and no exception."""
    assert all(1 <= hit.line <= text.count("\n") + 1 for hit in scan(text, path))
    in_line(text.split("\n"), 1)


@pytest.mark.parametrize(
    "piece", ["a", "token=", "://", "://a:", "password: '", "-----BEGIN PRIVATE KEY-----", "eyJ", "aws_", "x@"]
)
def test_no_text_takes_long(piece: str) -> None:
    """Texts that nearly match, over and over, are scanned in about the time of any other."""
    import time

    began = time.monotonic()
    scan(piece * (200_000 // len(piece)), "a.yml")
    assert 2.0 > time.monotonic() - began


@pytest.mark.parametrize(
    ("section", "said"),
    [
        ({"ignore": [{"path": "**", "reason": "noisy"}]}, "everything is ignored"),
        ({"ignore": [{"path": "a"}]}, "reason"),
        ({"ignore": [{"path": "../a", "reason": "elsewhere"}]}, "leads out of the repository"),
        ({"baseline": "/etc/passwd"}, "leads out of the repository"),
        ({"engine": "trufflehog"}, "'any', 'own', 'gitleaks' or 'kingfisher'"),
        ({"newest": "0"}, "greater than or equal to 1"),
    ],
)
def test_a_section_that_cannot_be_is_refused(section: dict[str, Any], said: str) -> None:
    """What would inspect nothing is refused when the manifest is read."""
    with pytest.raises(ValidationError) as refused:
        LeaksSection.model_validate(section)
    assert said in str(refused.value)


_HEX = "0123456789abcdef"
_WORD = "Kor" + "mor-an_7x2"
_OTHER = [
    (
        "xa" + "pp-1-A" + chars(10, string.ascii_uppercase) + "-" + chars(13, string.digits) + "-" + chars(64, _HEX),
        "slack-token",
    ),
    ("sk-" + "proj-" + chars(120), "openai-key"),
    ("S" + "K" + chars(32, _HEX), "twilio-key"),
    (chars(10, string.digits) + ":AA" + chars(33), "telegram-token"),
    ("discord.com/api/webhooks/" + chars(18, string.digits) + "/" + chars(68), "discord-webhook"),
    (chars(14) + ".atlas" + "v1." + chars(67), "terraform-token"),
    ("dp" + ".pt." + chars(43), "doppler-token"),
    ("lin_" + "api_" + chars(40), "linear-token"),
    ("da" + "pi" + chars(32, _HEX), "databricks-token"),
    ("gl" + "sa_" + chars(32) + "_" + chars(8, _HEX), "grafana-token"),
    ("PM" + "AK-" + chars(24, _HEX) + "-" + chars(34), "postman-token"),
    ("fi" + "gd_" + chars(40), "figma-token"),
    ("ruby" + "gems_" + chars(48, _HEX), "rubygems-token"),
    ("AGE-SECRET" + "-KEY-1" + chars(58, "QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L"), "age-key"),
]


@pytest.mark.parametrize(("secret", "rule"), _OTHER, ids=[rule for _, rule in _OTHER])
def test_tokens_of_other_services(secret: str, rule: str) -> None:
    """Each is known by its own form, whatever the name of the variable."""
    assert [rule] == [hit.rule for hit in scan(f'client = Client("{secret}")\n', "src/a.py")]


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("a.py", 'PASSWORD: str = "{}"'), ("a.ts", 'const dbPassword: string = "{}";'), ("a.go", 'const DBPassword string = "{}"'),
        ("a.php", "define('DB_PASSWORD', '{}');"), ("a.xml", "<password>{}</password>"), ("a.sh", "curl -u admin:{} https://a.io"),
        ("a.sh", "tool --password {} --quiet"), ("a.sh", "sshpass -p '{}' ssh a@b.io"),
        (".netrc", "machine a.io login ana password {}"), ("a.json", '{{"c": "Server=db.a.io;User Id=sa;Password={};"}}'),
    ],
)  # fmt: skip
def test_a_password_is_found_however_it_is_handed_over(path: str, line: str) -> None:
    """With a type beside its name, in an option, an element, or a connection's text."""
    assert [("assigned-secret", _WORD)] == [(hit.rule, hit.secret) for hit in scan(line.format(_WORD), path)]


def test_a_header_that_lets_in_is_a_secret() -> None:
    """Bearer and Basic, whatever asks."""
    for line in (
        f'curl -H "Authorization: Bearer {GITHUB[4:]}" https://a.io',
        f'{{"Authorization": "Basic {chars(30)}=="}}',
    ):
        assert ["assigned-secret"] == [hit.rule for hit in scan(line, "src/a.sh")]
