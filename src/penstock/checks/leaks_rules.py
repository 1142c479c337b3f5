"""What a secret looks like: a few rules that are always there. Pure."""

from __future__ import annotations

import bisect
import math
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Hit:
    """A secret in a text: which rule knows it, on which line. The secret itself is never shown."""

    rule: str
    line: int
    secret: str


@dataclass(frozen=True)
class Rule:
    """`marks`: one of these texts is there, or the pattern is not asked. The secret is group 1, or all of it."""

    name: str
    marks: tuple[str, ...]
    pattern: re.Pattern[str]
    entropy: float = 3.0


def _rule(name: str, marks: str, pattern: str, entropy: float = 3.0) -> Rule:
    return Rule(name, tuple(marks.split()), re.compile(pattern), entropy)


_END = r"(?![A-Za-z0-9_])"
_START = r"(?<![A-Za-z0-9_])"
RULES = (
    _rule("aws-access-key", "AKIA ASIA ABIA ACCA", rf"{_START}((?:AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{{16}}){_END}"),
    _rule("aws-secret-key", "aws AWS Aws", r"(?i)aws_?[a-z_.-]{0,20}(?:secret|sk)[a-z_.-]{0,20}[\"']?\s{0,3}[:=]>?\s{0,3}[\"']?"
          r"([A-Za-z0-9/+]{40})(?![A-Za-z0-9/+=])", 4.0),
    _rule("github-token", "ghp_ gho_ ghu_ ghs_ ghr_", rf"{_START}(gh[pousr]_[A-Za-z0-9]{{36,255}}){_END}"),
    _rule("github-token", "github_pat_", rf"{_START}(github_pat_[A-Za-z0-9]{{22}}_[A-Za-z0-9]{{59}}){_END}"),
    _rule("gitlab-token", "glpat- gldt- glptt- glrt- glft- glsoat- glcbt- glagent-",
          rf"{_START}(gl(?:pat|dt|ptt|rt|ft|soat|cbt|agent)-[A-Za-z0-9_-]{{20,64}}){_END}"),
    _rule("slack-token", "xox", rf"{_START}(xox[abeoprs]-(?:[A-Z0-9]{{6,14}}-){{1,3}}[A-Za-z0-9]{{16,64}}){_END}"),
    _rule("slack-webhook", "hooks.slack.com",
          r"hooks\.slack\.com/(?:services|workflows)/(T[A-Z0-9]{6,12}/[AB][A-Z0-9]{6,12}/[A-Za-z0-9/]{16,60})"),
    _rule("stripe-key", "k_live_ whsec_", rf"{_START}((?:[sr]k_live_|whsec_)[A-Za-z0-9+/]{{20,110}}){_END}"),
    _rule("google-api-key", "AIza", rf"{_START}(AIza[A-Za-z0-9_-]{{35}})(?![A-Za-z0-9_-])"),
    _rule("google-client-secret", "GOCSPX-", r"(GOCSPX-[A-Za-z0-9_-]{28})(?![A-Za-z0-9_-])"),
    _rule("azure-storage-key", "AccountKey=", r"AccountKey=([A-Za-z0-9+/]{86}==)", 4.0),
    _rule("azure-client-secret", "Q~", r"(?<![A-Za-z0-9_~.-])([A-Za-z0-9_~.-]{3}[0-9]Q~[A-Za-z0-9_~.-]{31,34})(?![A-Za-z0-9_~.-])"),
    _rule("npm-token", "npm_", rf"{_START}(npm_[A-Za-z0-9]{{36}}){_END}"),
    _rule("npm-token", "_authToken", r"_authToken\s{0,3}=\s{0,3}[\"']?([A-Za-z0-9_.=/+-]{20,200})"),
    _rule("pypi-token", "pypi-AgE", r"(pypi-AgE[A-Za-z0-9_-]{50,400})"),
    _rule("openai-key", "T3BlbkFJ", r"(sk-[A-Za-z0-9_-]{16,100}T3BlbkFJ[A-Za-z0-9_-]{16,100})"),
    _rule("anthropic-key", "sk-ant-", r"(sk-ant-[a-z]{3,8}[0-9]{2}-[A-Za-z0-9_-]{80,120})"),
    _rule("sendgrid-key", "SG.", rf"{_START}(SG\.[A-Za-z0-9_-]{{22}}\.[A-Za-z0-9_-]{{43}}){_END}"),
    _rule("digitalocean-token", "_v1_", rf"{_START}(do[opr]_v1_[a-f0-9]{{64}}){_END}"),
    _rule("docker-token", "dckr_pat_", r"(dckr_pat_[A-Za-z0-9_-]{27})"),
    _rule("huggingface-token", "hf_", rf"{_START}(hf_[A-Za-z]{{34}}){_END}", 3.5),
    _rule("shopify-token", "shp", rf"{_START}(shp(?:at|ca|pa|ss)_[a-fA-F0-9]{{32}}){_END}"),
    _rule("vault-token", "hvs.", r"(hvs\.[A-Za-z0-9_-]{90,200})"),
    _rule("slack-token", "xapp-", rf"{_START}(xapp-[0-9]-[A-Z0-9]{{8,14}}-[0-9]{{8,16}}-[a-f0-9]{{60,70}}){_END}"),
    _rule("openai-key", "sk-proj- sk-svcacct- sk-admin-", r"(sk-(?:proj|svcacct|admin)-[A-Za-z0-9_-]{60,200})", 4.0),
    _rule("twilio-key", "SK", rf"{_START}(SK[0-9a-f]{{32}}){_END}", 3.3),
    _rule("mailgun-key", "key-", rf"{_START}(key-[0-9a-f]{{32}}){_END}", 3.3),
    _rule("telegram-token", ":AA", r"(?<![0-9A-Za-z])([0-9]{8,10}:AA[A-Za-z0-9_-]{33})(?![A-Za-z0-9_-])", 4.0),
    _rule("discord-webhook", "/api/webhooks/",
          r"discord(?:app)?\.com/api/webhooks/([0-9]{17,20}/[A-Za-z0-9_-]{60,80})"),
    _rule("teams-webhook", "/webhookb2/",
          r"\.webhook\.office\.com/webhookb2/([\w@-]{36,80}/IncomingWebhook/[0-9a-f]{32}/[\w-]{36})"),
    _rule("terraform-token", ".atlasv1.", rf"{_START}([A-Za-z0-9]{{14}}\.atlasv1\.[A-Za-z0-9_-]{{60,70}})", 4.0),
    _rule("atlassian-token", "ATATT3", r"(ATATT3[A-Za-z0-9_=-]{100,200})", 4.0),
    _rule("cloudflare-key", "v1.0-", rf"{_START}(v1\.0-[a-f0-9]{{24}}-[a-f0-9]{{146}}){_END}"),
    _rule("sentry-token", "sntrys_", r"(sntrys_eyJ[A-Za-z0-9+/=_-]{60,300})", 4.0),
    _rule("mapbox-token", "sk.eyJ", r"(sk\.eyJ[A-Za-z0-9_-]{40,200}\.[A-Za-z0-9_-]{20,30})", 4.0),
    _rule("airtable-token", "pat", rf"{_START}(pat[A-Za-z0-9]{{14}}\.[a-f0-9]{{64}}){_END}", 4.0),
    _rule("age-key", "AGE-SECRET-KEY-1", r"(AGE-SECRET-KEY-1[QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L]{58})"),
    _rule("private-key", "PuTTY-User-Key-File",
          r"PuTTY-User-Key-File-[23]:[^\0]{10,3000}?Private-Lines: [0-9]+\r?\n([A-Za-z0-9+/=]{40,64})"),
    _rule("jwk", '"kty"', r'"kty"\s*:\s*"(?:EC|RSA|OKP)"[^{}]{0,4000}?"d"\s*:\s*"([A-Za-z0-9_-]{40,1400})"', 4.0),
    *(_rule(f"{name}-token", mark, rf"{_START}({re.escape(mark)}{body}){_END}", 3.3) for name, mark, body in (
        ("doppler", "dp.pt.", r"[A-Za-z0-9]{40,44}"), ("linear", "lin_api_", r"[A-Za-z0-9]{40}"),
        ("notion", "ntn_", r"[A-Za-z0-9]{40,50}"),
        ("databricks", "dapi", r"[a-f0-9]{32}(?:-[0-9])?"), ("new-relic", "NRAK-", r"[A-Z0-9]{27}"),
        ("grafana", "glsa_", r"[A-Za-z0-9]{32}_[A-Fa-f0-9]{8}"), ("pulumi", "pul-", r"[a-f0-9]{40}"),
        ("planetscale", "pscale_tkn_", r"[\w.=-]{32,64}"), ("planetscale", "pscale_pw_", r"[\w.=-]{32,64}"),
        ("heroku", "HRKU-AA", r"[A-Za-z0-9_-]{50,60}"), ("postman", "PMAK-", r"[a-f0-9]{24}-[A-Za-z0-9]{34}"),
        ("square", "sq0csp-", r"[A-Za-z0-9_-]{43}"), ("figma", "figd_", r"[A-Za-z0-9_-]{38,46}"),
        ("groq", "gsk_", r"[A-Za-z0-9]{52}"),
        ("supabase", "sbp_", r"[a-f0-9]{40}"), ("rubygems", "rubygems_", r"[a-f0-9]{48}"), ("fly", "fo1_", r"[A-Za-z0-9_-]{43}"),
        ("contentful", "CFPAT-", r"[A-Za-z0-9_-]{43}"), ("netlify", "nfp_", r"[A-Za-z0-9]{36,40}"),
        ("sonar", "squ_", r"[a-f0-9]{40}"), ("sonar", "sqp_", r"[a-f0-9]{40}"),
        ("bedrock", "ABSK", r"[A-Za-z0-9+/]{100,140}={0,2}"),
    )),
    _rule("jwt", "eyJ", r"(?<![A-Za-z0-9_-])(eyJ[A-Za-z0-9_-]{10,2000}\.eyJ[A-Za-z0-9_-]{10,4000}\.[A-Za-z0-9_-]{20,1000})", 4.0),
)  # fmt: skip
"""What services give out: each has a form of its own, so that these hardly ever mistake one thing for another."""

_KEY = re.compile(r"-----BEGIN (?:[A-Z0-9]{1,12} ){0,3}PRIVATE KEY(?: BLOCK)?-----")
_KEY_BODY = re.compile(r"[A-Za-z0-9+/=]{40,}")
_URL = re.compile(
    r"\b[a-zA-Z][a-zA-Z0-9+.-]{1,20}://([^\s:/@\"'<>`]{0,80}):([^\s/@\"'<>`]{3,200})@([^\s/\"'<>`:,)]{1,200})"
)
_ASSIGNED = re.compile(
    r"(?i)(pass(?:word|wd|phrase)|pwd|secret|token|api[_-]?key|access[_-]?key|private[_-]?key|auth[_-]?key|credential)s?"
    r"([\w-]{0,30})[\"'\]]{0,2}"
    r"(?:\s?: ?[A-Za-z][\w.\[\]| ]{1,20}(?==|\s=)|\s[Ss]tring(?=\s=))?"  # the type of a variable, before or behind it
    r"\s{0,5}(?::=|=>|[=:])\s{0,5}(?:([\"'`])([^\"'`\s]{6,200})\3|([^\s\"'`,;#(){}\[\]]{6,200})(?=\s|$))"
)
_HANDED = re.compile(
    r"""(?ix) authorization["']?\s*[:=,]\s*["']?(?:bearer|basic|token)\s+([A-Za-z0-9_.~+/=-]{16,400})
    | \bcurl\b[^\n|;]{0,200}?\s(?:-u|--user)[\s=]*["']?[^\s:"'$]{1,80}:([^\s"'$]{6,200})
    | \ssshpass\s+-p\s*["']?([^\s"'$]{6,200}) | ^sshpass\s+-p\s*["']?([^\s"'$]{6,200})
    | \s--?(?:db-?)?(?:password|passwd|token|api-?key|secret)[\s=]+["']?([^\s"'$<{(\[-][^\s"'$]{5,200})
    | <(?:password|passphrase|secret|token|apikey)>([^<>\s$]{6,200})</
    | \bmachine\s+\S+\s+login\s+\S+\s+password\s+(\S{6,200})
    | (?:^|;)\s*(?:password|pwd)=([^;"'\s$]{6,200});
    | \bdefine\(\s*["'][^"'\n]{0,40}(?:password|secret|token|api_?key|salt)["']\s*,\s*["']([^"'\s]{6,200})["']""",
    re.MULTILINE,
)
_HANDED_MARKS = (
    "authorization", "curl ", "sshpass ", "-password", "-passwd", "-token", "-secret", "-api", "-db", "<pass", "<secret>",
    "<token>", "<apikey>", "machine ", "password=", "pwd=", "define(",
)  # fmt: skip
"""A secret that is handed over: in a header, an option, an element, or a part of a connection's text."""
_BARE = re.compile(
    r"(?:^|/)(?:\.env[^/]*|[^/]*\.(?:env|properties|ini|cfg|conf|ya?ml|sh)|Dockerfile[^/]*|\.npmrc|\.pypirc)$"
)
_NOT_SECRET = re.compile(  # what a name ends in that only speaks of a secret
    r"(?i)[_-]?(?:ids?|names?|ur[il]s?|endpoint|path|file(?:name)?|headers?|field|types?|prefix|suffix|hash(?:ed)?|digest|length|len"
    r"|size|ttl|age|days|expir\w*|timeout|arn|ref|version|label|title|placeholder|hint|error|message|column|env|var|class"
    r"|regex|pattern|policy|format|params?|count|limit|help|text|description|store|manager|provider|issuer|audience|scope"
    r"|algorithm|algo|method|mode|strategy|required|enabled|rotation|key_?id|izer|hashers?|sha[0-9]*|md5|checksum|fingerprint|cookie(?:_?name)?|validators?|s?_?from|ref|index)$"
)
_HARMLESS = re.compile(r"(?i)(?<![a-z])(?:hash(?:ed)?|public|encrypted|sealed|csrf|next|num|max|min|no|is|has)[_-]?$")
_PLACEHOLDER = re.compile(
    r"(?i)example|change_?-?me|placeholder|dummy|your[_-]?|xxx|redacted|insert|replace|sample|fake|mock|test|foo|bar(?:$|[^a-z])"
    r"|^todo|undefined|null|none|true|false|default|secret|passw|hunter2|letmein|qwerty|123456|abcdef|hello|demo|admin|root"
    r"|postgres|mysql|localhost|not[_-]?(?:a|set|used)|\*\*\*|\.\.\.|…|^<|>$|\$\{|\{\{|\}\}|^\$|^%|%\(|^@|^!|^&|process\.env|os\.environ|getenv"
)
_TOKEN_PLACEHOLDER = re.compile(r"(?i)example|x{6}|0{8}|1234567890|abcdefghij|placeholder|your_|redacted|\*{3}|\.{3}")
_REFERENCE = re.compile(r"^(?:[a-z][a-z0-9+.-]*:|[./~]|arn:|[A-Za-z_][\w]*(?:\.[A-Za-z_]\w*)+\b)")
_TESTS = re.compile(
    r"(?i)(?:^|/)(?:tests?|testing|specs?|__tests__|testdata|fixtures?|examples?|e2e|mocks?|__mocks__|samples?|docs?)(?:/|$)"
    r"|(?:^|/)(?:test_[^/]*|conftest\.py|[^/]*[_.-](?:test|tests|spec)\.[a-z]+)$"
    r"|\.(?:md|rst|adoc|example|sample|template|dist)$"
)
_LOCKS = re.compile(
    r"(?i)(?:^|/)(?:package-lock\.json|npm-shrinkwrap\.json|\.secrets\.baseline|[^/]*\.lock|pnpm-lock\.ya?ml|[^/]*lock\.json"
    r"|[^/]*\.(?:min\.(?:js|css)|map|svg|ipynb|snap|sum))$"
)
_LONG_LINE = 2000
_LOCAL = re.compile(
    r"(?i)^(?:localhost|127\.|\[?::1|host\.docker|.*\.(?:local|test|invalid|example|localhost)$|.*example\.)"
)


def scan(text: str, path: str) -> list[Hit]:
    """All secrets of a text, one a line and rule at most, in order of lines."""
    ends = [found.start() for found in re.finditer("\n", text)]
    hits: dict[tuple[int, str], Hit] = {}
    for name, at, secret in (
        *_tokens(text),
        *_private_keys(text),
        *_urls(text, path),
        *_assigned(text, path),
        *_handed(text, path),
    ):
        line = bisect.bisect_left(ends, at) + 1
        hits.setdefault((line, secret), Hit(name, line, secret))
    return _one_a_place(sorted(hits.values(), key=lambda hit: hit.line))


def _one_a_place(hits: list[Hit]) -> list[Hit]:
    """What a service's own form says is not said again by a more general rule on the same line."""
    general = ("password-in-url", "assigned-secret")
    own = {(hit.line, hit.secret) for hit in hits if hit.rule not in general}
    return [
        hit
        for hit in hits
        if hit.rule not in general
        or not any(line == hit.line and (secret in hit.secret or hit.secret in secret) for line, secret in own)
    ]


def _tokens(text: str) -> Iterator[tuple[str, int, str]]:
    for rule in RULES:
        if any(mark in text for mark in rule.marks):
            for found in rule.pattern.finditer(text):
                if entropy(found[1]) >= rule.entropy and not _TOKEN_PLACEHOLDER.search(found[1]):
                    yield rule.name, found.start(1), found[1]


def _private_keys(text: str) -> Iterator[tuple[str, int, str]]:
    """A key, and not only the words around one: at least a line of it stands there."""
    for found in _KEY.finditer(text):
        body = _KEY_BODY.search(text, found.end(), found.end() + 600)
        if body and "-----" not in text[found.end() : body.start()] and entropy(body[0]) >= 3.5:
            yield "private-key", found.start(), body[0][:64]


def _urls(text: str, path: str) -> Iterator[tuple[str, int, str]]:
    if "://" not in text or "@" not in text:
        return
    for found in _URL.finditer(text):
        user, word, host = found[1], found[2], found[3]
        if _LOCAL.search(host) or word == user or _PLACEHOLDER.search(word) or _is_template(word + host):
            continue
        in_the_open = "." in host and not _TESTS.search(path)
        if entropy(word) >= (2.5 if in_the_open else 3.5):
            yield "password-in-url", found.start(2), word


def _is_template(text: str) -> bool:
    return any(sign in text for sign in ("$", "{", "}", "%s", "<", "*"))


def _assigned(text: str, path: str) -> Iterator[tuple[str, int, str]]:
    if _LOCKS.search(path):
        return
    bare, in_tests = bool(_BARE.search(path)), bool(_TESTS.search(path))
    for found in _ASSIGNED.finditer(text):
        value = found[4] or (found[5] if bare else "")
        if not value or (found[2] and _NOT_SECRET.search(found[2])) or _is_minified(text, found.start()):
            continue
        if _HARMLESS.search(text, max(0, found.start() - 12), found.start()):
            continue
        is_password = found[1].lower().startswith(("pass", "pwd"))
        if _looks_secret(value, is_password=is_password, in_tests=in_tests):
            yield "assigned-secret", found.start(4) if found[4] else found.start(5), value


def _handed(text: str, path: str) -> Iterator[tuple[str, int, str]]:
    low = text.lower()
    if _LOCKS.search(path) or not any(mark in low for mark in _HANDED_MARKS):
        return
    in_tests = bool(_TESTS.search(path))
    for found in _HANDED.finditer(text):
        group = found.lastindex or 0
        in_header = group == 1
        if _looks_secret(found[group], is_password=not in_header, in_tests=in_tests) and not _is_minified(
            text, found.start()
        ):
            yield "assigned-secret", found.start(group), found[group]


def _is_minified(text: str, at: int) -> bool:
    start, end = text.rfind("\n", 0, at), text.find("\n", at)
    return (end if end >= 0 else len(text)) - start > _LONG_LINE


def _looks_secret(value: str, *, is_password: bool, in_tests: bool) -> bool:
    """A password has two sorts of characters; anything else is as long and as mixed as what a machine makes."""
    if _PLACEHOLDER.search(value) or _REFERENCE.search(value) or _is_template(value) or _is_uuid(value):
        return False
    digits, letters = any(c.isdigit() for c in value), any(c.isalpha() for c in value)
    if in_tests:
        return digits and letters and len(value) >= 20 and entropy(value) >= 4.0
    if is_password:
        mixed = any(not c.isalnum() and c not in "_-./:" for c in value)
        return letters and (digits or mixed) and entropy(value) >= 2.5
    return digits and letters and len(value) >= 16 and entropy(value) >= 3.3


def _is_uuid(value: str) -> bool:
    return bool(re.fullmatch(r"(?i)[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", value))


def entropy(text: str) -> float:
    """Bits a character."""
    return -sum(n / len(text) * math.log2(n / len(text)) for n in Counter(text).values()) if text else 0.0
