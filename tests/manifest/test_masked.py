"""What is shown of a line of the manifest hides what sounds like a secret."""

from __future__ import annotations

import pytest

from penstock.errors import ManifestError
from penstock.manifest import Kinds, read, render_problems
from penstock.manifest.masked import masked


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("bearer: hunter2secret", "bearer: ***"),
        ("metrics: {is: json, bearer: hunter2 secret, step: 1s}", "metrics: {is: json, bearer: ***, step: 1s}"),
        ('  API_TOKEN: "a, b} \\" c"  # why', "  API_TOKEN: ***  # why"),
        ("headers: {Authorization: Bearer abc}", "headers: {Authorization: ***}"),
        ("{db_password: 'it''s', token: x}", "{db_password: ***, token: ***}"),
        ("url: http://ana:pw@host/path", "url: http://***@host/path"),
        ("bearer: $TOKEN", "bearer: $TOKEN"),
        ("headers: {Authorization: Bearer $TOKEN}", "headers: {Authorization: Bearer $TOKEN}"),
        ("SMOKE_TOKEN: env:SHOP_SMOKE_TOKEN", "SMOKE_TOKEN: env:SHOP_SMOKE_TOKEN"),
        ("secrets: {TOKEN: file:/etc/shop/token}", "secrets: {TOKEN: file:/etc/shop/token}"),
        ("sees: [SMOKE_TOKEN, PASSWORD]", "sees: [SMOKE_TOKEN, PASSWORD]"),
        ("secrets:", "secrets:"),
        ("run: serve --token:x", "run: serve --token:x"),
    ],
)
def test_what_is_hidden(line: str, shown: str) -> None:
    """The value of a key that sounds like a secret's is hidden; a reference to one, and all else, is shown."""
    assert shown == masked(line, 0)[0]


def test_the_caret_stays_where_it_was() -> None:
    """A place behind what is hidden moves with the text, one in it is where it begins, one before it stays."""
    line = "{a: 1, token: hunter2secret, step: 1}"
    assert (shown := masked(line, 0)[0]).index("step") == masked(line, line.index("step"))[1]
    assert shown.index("***") == masked(line, line.index("hunter2"))[1] == masked(line, line.index("secret"))[1]
    assert 4 == masked(line, 4)[1]


def test_a_token_is_never_echoed(kinds: Kinds) -> None:
    """The refusal of a token in the manifest does not hold the token."""
    text = (
        "penstock: 1\nservice: shop\nrun: ./shop\nenvironments:\n  production:\n    target: {is: local, port: 8080}\n"
        "    verdict:\n      metrics: {is: json, url: 127.0.0.1:9000/readings, bearer: hunter2secret}\n"
    )
    with pytest.raises(ManifestError) as refused:
        read(text, kinds=kinds)
    told = render_problems(refused.value)
    assert "bearer: ***}" in told
    assert "hunter2" not in told
    assert "write: http://127.0.0.1:9000/readings" in told
