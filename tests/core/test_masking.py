"""Masking: no secret survives in any spelling, and nothing else is touched."""

from __future__ import annotations

import base64
import html
import json
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from penstock.core.finding import Finding, Outcome
from penstock.core.masking import MASK, concealed, longest_spelling, mask, too_short
from penstock.core.target import Evidence

UNTIMED = settings(deadline=None)  # the machine may be busy
SECRETS = st.text(min_size=4, max_size=40)
TEXTS = st.text(max_size=80)
SPELLINGS = {
    "plain": str,
    "url": lambda value: quote(value, safe=""),
    "url path": lambda value: quote(value, safe="/:@!$&'()*+,;="),
    "url lower case": lambda value: quote(value, safe="").replace("%2F", "%2f"),
    "form": quote_plus,
    "json": lambda value: json.dumps(value)[1:-1],
    "json unicode": lambda value: json.dumps(value, ensure_ascii=False)[1:-1],
    "json with slashes": lambda value: json.dumps(value)[1:-1].replace("/", "\\/"),
    "base64": lambda value: base64.b64encode(value.encode()).decode(),
    "base64 without padding": lambda value: base64.b64encode(value.encode()).decode().rstrip("="),
    "base64 in lines": lambda value: base64.encodebytes(value.encode()).decode().strip(),
    "base64 for URLs": lambda value: base64.urlsafe_b64encode(value.encode()).decode(),
    "hexadecimal": lambda value: value.encode().hex(),
    "HEXADECIMAL": lambda value: value.encode().hex().upper(),
    "hexadecimal with colons": lambda value: value.encode().hex(":"),
    "bytes of C": lambda value: "".join(f"\\x{byte:02x}" for byte in value.encode()),
    "numbers of C": lambda value: ", ".join(f"0x{byte:02x}" for byte in value.encode()),
    "base64 in a URL": lambda value: quote(base64.b64encode(value.encode()).decode(), safe=""),
}


@pytest.mark.parametrize("spelling", SPELLINGS)
@UNTIMED
@given(value=SECRETS, before=TEXTS, after=TEXTS)
@example("pa/ss w=rd?", "", "")
@example("ключ\n\U0001f511", "", "")
@example("****", "*", "*")
@example("0" * 4, "0", "000")
def test_no_spelling_of_a_secret_survives(spelling: str, value: str, before: str, after: str) -> None:
    """A value of four characters or more is in no masked text, however it was spelled."""
    leaked = SPELLINGS[spelling](value)
    masked = mask(before + leaked + after, [value])
    assert leaked not in masked
    assert value not in masked
    assert MASK in masked


GAPS = {"fold": "\n", "indented": "\n    ", "from Windows": " \r\n", "spaced": " ", "columns": "  \t"}


@pytest.mark.parametrize("gap", GAPS)
@pytest.mark.parametrize("spelling", SPELLINGS)
@settings(deadline=None, max_examples=12)
@given(
    value=st.text(min_size=8, max_size=40).filter(lambda value: len("".join(value.split())) >= 8),
    width=st.integers(1, 20),
    before=TEXTS,
)
@example("correct horse battery staple", 10, "is ")
@example("s3cr3t/t0ken=of+the:service", 7, "s3c s3c")
def test_no_spelling_survives_wrapping(gap: str, spelling: str, value: str, width: int, before: str) -> None:
    """A value that is broken into lines or columns, however it was spelled, is masked whole."""
    leaked = SPELLINGS[spelling](value)
    parts = [leaked[at : at + width] for at in range(0, len(leaked), width)]
    masked = mask(f"{before}\n{GAPS[gap].join(parts)}", [value])
    assert MASK in masked
    assert "".join(leaked.split()) not in "".join(masked.split())


@given(st.text("abcdef0123456789", min_size=4, max_size=7), st.integers(1, 3))
def test_a_short_value_is_found_over_lines(value: str, at: int) -> None:
    """A short one is looked for over the ends of lines; words that only stand side by side are left alone."""
    assert "x\n***\ny" == mask(f"x\n{value[:at]}\n{value[at:]}\ny", [value])
    assert "on the stage" == mask("on the stage", ["hest"])


@UNTIMED
@given(st.lists(SECRETS, max_size=4), st.lists(TEXTS, max_size=4))
@example(["***a", "b***"], ["***ab***"])
@example(["abcd", "ab***cd"], ["ababcdcd"])
def test_masking_twice_is_masking_once(values: list[str], texts: list[str]) -> None:
    """A masked text has nothing left to mask, even where secrets look like masks."""
    text = "".join(t + v for t, v in zip(texts, values, strict=False)) + "".join(texts)
    once = mask(text, values)
    assert once == mask(once, values)
    assert [] == [value for value in values if value in once]


@UNTIMED
@given(st.lists(st.text("abcdef", min_size=4), max_size=3), st.text("ghijk ", max_size=60))
def test_what_is_no_secret_stays(values: list[str], text: str) -> None:
    """A text that holds no secret is not touched."""
    assert text == mask(text, values)


@UNTIMED
@given(SECRETS, st.permutations([*"xyz"]))
def test_the_order_of_secrets_does_not_matter(value: str, ends: list[str]) -> None:
    """A secret that is part of another leaves nothing of it behind, whichever is masked first."""
    longer = [value, *(value + end * 3 for end in ends)]
    assert {MASK} == {mask(longer[-1], longer), mask(longer[-1], longer[::-1])}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("abcdefgh", "***"),  # abcdef and cdefgh overlap: no half of one stays
        ("abcdefabcdef", "***"),
        ("-abcdef-cdefgh-", "-***-***-"),
        ("abcde", "abcde"),
        ("xyzxyzxyz", "***"),  # a secret that overlaps itself
    ],
)
def test_overlapping_secrets_are_one_mask(text: str, expected: str) -> None:
    """Where secrets overlap, all of both is masked."""
    assert expected == mask(text, ["abcdef", "cdefgh", "xyzxyz"])


@pytest.mark.parametrize("user", ["u", "me", "ana", "smoke-test"])
def test_basic_authentication_hides_the_password(user: str) -> None:
    """Base64 of a text with a secret in it tells nothing of it, wherever in the text it stands."""
    coded = base64.b64encode(f"{user}:correct-horse".encode()).decode()
    masked = mask(f"Authorization: Basic {coded}", ["correct-horse"])
    assert MASK in masked
    kept = masked.removeprefix("Authorization: Basic ").split(MASK)[0]
    assert f"{user}:correct"[: len(user) + 2].startswith(base64.b64decode(kept[: len(kept) // 4 * 4]).decode("latin-1"))


def test_spellings_may_be_mixed() -> None:
    """One library quotes this, another that: still the same secret."""
    assert "x=***;" == mask("x=a%2fb c%20d/e+f;", ["a/b c d/e f"])


def test_lines_of_a_secret_are_secrets() -> None:
    """A key of several lines is masked in a log that sets a time before each line."""
    key = "-----BEGIN KEY-----\nMIIEvQ\n  IBADAN\n-----END KEY-----"
    log = "1 -----BEGIN KEY-----\n2 MIIEvQ\n3 IBADAN\n4 -----END KEY-----"
    assert "1 ***\n2 ***\n3 ***\n4 ***" == mask(log, [key])


def test_bytes_that_are_no_text_are_masked() -> None:
    """A secret that is no UTF-8 is masked also where it was decoded with replacement characters."""
    value = b"key\xff\xfe!".decode("utf-8", "surrogateescape")
    assert "*** *** ***" == mask(f"{value} key\ufffd\ufffd! key%FF%FE%21", [value])


def test_short_values_are_left_alone_and_named() -> None:
    """A value under four characters would mask half of any text: it is named; an empty one is none."""
    assert "an abc of it" == mask("an abc of it", ["abc", ""])
    assert ("PIN", "X") == too_short({"X": "1", "PIN": "123", "EMPTY": "", "LONG": "1234"})


@UNTIMED
@given(st.lists(SECRETS, max_size=3), st.sampled_from(sorted(SPELLINGS)))
def test_no_spelling_is_longer_than_said(values: list[str], spelling: str) -> None:
    """`longest_spelling` bounds every spelling, in characters and in bytes."""
    longest = max((len(SPELLINGS[spelling](value).encode()) for value in values), default=0)
    assert longest <= longest_spelling(values)


def test_an_outcome_is_concealed_in_every_text() -> None:
    """Sentence, findings and evidence are masked; the rest stays; a short secret is one finding more."""
    finding = Finding("has s3cret", "s3cret out", "hide s3cret")
    outcome = Outcome("failed", "says s3cret", (finding,), (Evidence("a", "b", "s3cret"),), 2.5)
    hidden = concealed(outcome, {"TOKEN": "s3cret", "PIN": "12"})
    assert ("failed", "says ***", 2.5) == (hidden.state, hidden.sentence, hidden.duration_s)
    assert Finding("has ***", "*** out", "hide ***") == hidden.findings[0]
    assert "the value of `PIN` is too short to be masked" == hidden.findings[1].condition
    assert (Evidence("a", "b", "***"),) == hidden.evidence


def test_a_pattern_in_a_secret_is_text() -> None:
    """What means something in a regular expression means nothing in a secret."""
    assert "aXXXXc *** &lt;" == mask("aXXXXc a.*c(+[ " + html.escape("<"), ["a.*c(+["])
