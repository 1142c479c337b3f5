"""What reading promises for any text at all."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from penstock.errors import ManifestError
from penstock.manifest import Kinds, read, render_problems
from penstock.manifest.parse import BYTES_MAX, DEPTH_MAX, NODES_MAX

HEAD = "penstock: 1\nservice: shop\n"
RUN = "run: uvicorn shop:app --port $PORT\n"
PRODUCTION = "environments:\n  production:\n    target: {is: local, port: 8080}\n"
FOLDER = Path(__file__).parent
GOOD = [path.read_text().partition("\n----------\n")[0] for path in sorted(FOLDER.glob("good/*.yaml"))]
CHARACTERS = "{}[]:,#&*!|>'\"%@`- \n\t?~$0aé\u2028\x00.x\ud800"


def survives(text: str, kinds: Kinds) -> None:
    """Reading gives a manifest or a ManifestError, never anything else; and the error can be shown."""
    error = refusal(text, kinds)
    if error is not None:
        assert error.problems
        assert all(p.line >= 1 and p.column >= 1 and p.what and p.why and p.instead for p in error.problems)
        assert all(len(line) <= 100 for line in render_problems(error).split("\n"))


def refusal(text: str, kinds: Kinds) -> ManifestError | None:
    """Why a text is refused; None when it is read."""
    try:
        read(text, kinds=kinds)
    except ManifestError as error:
        return error
    return None


@given(st.text() | st.text(alphabet=CHARACTERS))
@example("")
@example("a: !<\n")
@example("? [\n")
@example("%TAG ! x\n---\na\n")
def test_any_text_is_read_or_refused(kinds: Kinds, text: str) -> None:
    """Reading raises nothing but ManifestError, whatever the text."""
    survives(text, kinds)


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None, max_examples=200)
@given(st.data())
def test_a_damaged_manifest_is_read_or_refused(kinds: Kinds, data: st.DataObject) -> None:
    """Reading raises nothing but ManifestError for a good manifest in which something was changed."""
    text = data.draw(st.sampled_from(GOOD))
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(text)))
        end = min(len(text), start + data.draw(st.integers(0, 8)))
        text = text[:start] + data.draw(st.text(alphabet=CHARACTERS, max_size=3)) + text[end:]
    survives(text, kinds)


@given(st.text(alphabet=st.characters(exclude_categories=("Cc", "Cs", "Cf", "Zl", "Zp"), exclude_characters="$\ufeff")))
def test_a_quoted_text_stays_as_it_is(kinds: Kinds, text: str) -> None:
    """What stands between single quotes is the variable's value, character for character."""
    quoted = "'" + text.replace("'", "''") + "'"
    found = read(f"{HEAD}{RUN}env: {{A: {quoted}}}\n{PRODUCTION}", kinds=kinds)

    assert text == found.environments["production"].env["A"]


def code_of(text: str, kinds: Kinds) -> str:
    """The code of the first problem of a text."""
    with pytest.raises(ManifestError) as raised:
        read(text, kinds=kinds)
    return raised.value.problems[0].code


def test_a_file_over_the_limit_is_refused_unread(kinds: Kinds) -> None:
    """One byte more than the limit is refused, whatever it says; the limit itself is read."""
    text = HEAD + RUN + PRODUCTION
    full = text + "#" * (BYTES_MAX - len(text))

    assert "shop" == read(full, kinds=kinds).service
    assert "too-large" == code_of(full + "#", kinds)


def test_a_multibyte_file_is_measured_in_bytes(kinds: Kinds) -> None:
    """The limit is on bytes: half as many characters of two bytes each are too many."""
    assert "too-large" == code_of("#" + "é" * (BYTES_MAX // 2), kinds)


@pytest.mark.parametrize("opening", ["[", "{a: ", "- ", "? "])
def test_nesting_has_a_limit(opening: str, kinds: Kinds) -> None:
    """A file that is nested too deeply is refused by name."""
    assert "too-deep" == code_of(opening * (DEPTH_MAX + 40), kinds)


def test_the_number_of_values_has_a_limit(kinds: Kinds) -> None:
    """A file with too many values is refused by name."""
    assert "too-much" == code_of("a: [" + "b," * (NODES_MAX + 1) + "]", kinds)


def test_bytes_that_are_no_utf8_are_refused(kinds: Kinds) -> None:
    """Text that was decoded from something else than UTF-8 is refused at its place."""
    text = (HEAD.encode() + b"run: caf\xe9\n").decode("utf-8", "surrogateescape")

    assert "not-utf8" == code_of(text, kinds)


def test_windows_line_ends_and_a_byte_order_mark_are_read(kinds: Kinds) -> None:
    """An editor's line ends and mark change nothing."""
    text = HEAD + RUN + PRODUCTION

    assert read(text, kinds=kinds) == read("\ufeff" + text.replace("\n", "\r\n"), kinds=kinds)


def test_a_secret_in_the_manifest_is_not_repeated(kinds: Kinds) -> None:
    """Where a value stands in place of a reference, nothing that is shown holds it."""
    text = f"{HEAD}{RUN}secrets: {{A: hunter2, B: vault:x}}\n{PRODUCTION}"
    with pytest.raises(ManifestError) as raised:
        read(text, kinds=kinds)

    assert "hunter2" not in render_problems(raised.value) + str(raised.value)


def test_a_kind_that_is_not_registered_is_refused_by_name() -> None:
    """Without a registry there is no target, and the manifest says so."""
    with pytest.raises(ManifestError) as raised:
        read(HEAD + RUN + PRODUCTION)

    assert ["unknown-kind"] == [problem.code for problem in raised.value.problems]
