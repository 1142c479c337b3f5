"""Bad manifests: a file each, the text above the line, below it what a person is told, word for word."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from penstock.errors import ManifestError
from penstock.manifest import Kinds, read, render_problems
from penstock.manifest.metrics import MetricsSource

FOLDER = Path(__file__).parent / "bad"
LINE = "\n----------\n"

TABLE: dict[str, list[tuple[str, int, int, str]]] = {
    "kinds": [
        ("shape", 3, 9, "python"),
        ("shape", 6, 26, "one of: command or http"),
        ("shape", 6, 61, "one of: command or http"),
        ("missing-key", 8, 16, "target: {is: local, ...}"),
        ("shape", 8, 54, "all_at_once"),
        ("missing-key", 9, 13, "target: {is: local, ...}"),
        ("shape", 9, 39, "keys and values below it, or in {...}"),
    ],
    "alias-bomb": [
        ("twice", 3, 1, "shop: {run: ...} below `units`"),
        ("anchor", 6, 13, "the value itself, or quotes around it where the & belongs to it"),
        ("anchor", 7, 10, "the value itself, or quotes around it where the & belongs to it"),
        ("shape", 7, 10, "secrets: {TOKEN: file:/etc/shop/token}"),
        ("alias", 7, 14, '"*a"'),
        ("alias", 7, 18, '"*a"'),
        ("shape", 8, 8, "units: {web: {run: ...}}"),
        ("alias", 8, 9, '"*b"'),
        ("alias", 8, 13, '"*b"'),
    ],
    "branches": [
        ("name", 8, 3, "eu-preview"),
        ("name", 10, 3, "a-name-that-leaves-no-ro"),
        ("missing-key", 14, 25, 'branches: ["feature/*"] beside `target`, or no `expires`'),
        ("value", 17, 31, "ports: 20000-20099, or neither of the two"),
        ("value", 20, 32, "port: 8080, or `expires` beside it"),
        ("value", 23, 32, "20000-20099"),
        ("range", 23, 54, "more than 0"),
        ("missing-key", 25, 5, "port: 8080"),
        ("value", 27, 15, "main, or none for any branch"),
        ("value", 30, 16, "`?` for one letter, or a glob for each of several names"),
        ("unknown-environment", 33, 13, "an environment that is no template"),
    ],
    "check-without-command": [
        ("missing-key", 6, 5, "tests: a command in one line"),
        ("missing-key", 7, 5, "run: and the words of a command"),
        ("value", 8, 18, "the words of a command"),
        ("shape", 9, 15, "licences: a command in one line"),
        ("missing-key", 11, 5, "home: a command in one line"),
    ],
    "conflict": [
        ("conflict", 4, 1, "one of the two sides, or both together, without the lines of <<<<<<<, ======= and >>>>>>>"),
    ],
    "durations": [
        ("value", 4, 7, "30s, 30m or 30h"),
        ("value", 5, 13, "30s, 5m or 1h30m"),
        ("value", 6, 18, "30s, 5m or 1h30m"),
        ("value", 7, 17, "1s, 1m or 1h"),
        ("value", 7, 28, "30s, 5m or 1h30m"),
        ("value", 8, 25, "30s, 5m or 1h30m"),
        ("value", 8, 43, "30s, 5m or 1h30m"),
    ],
    "verdict": [
        ("shape", 8, 16, "latency: {p99: {at_most: 500ms}}"),
        ("shape", 9, 15, "errors: {at_most: 5%}"),
        ("shape", 10, 18, "undecided: {hold: 2h}"),
        (
            "shape",
            11,
            16,
            f"metrics: {MetricsSource.specimen}",
        ),
        ("shape", 12, 16, "traffic: {get: [/], rps: 5}"),
        ("shape", 13, 18, "throttles: {at_most: 5}"),
        ("shape", 14, 17, "duration: {average: {at_most: 5s}}"),
        ("shape", 15, 16, "fail_if: errors * stable.requests > 3 * stable.errors * requests && errors > 10"),
        ("unknown-key", 16, 7, "orders: {is: rate, query: orders_total, at_least_of_stable: 0.8x}"),
        ("shape", 17, 28, "payments: {is: rate, query: orders_total, at_least_of_stable: 0.8x}"),
        ("shape", 21, 22, "p99: {against_stable: 1.2x}"),
        ("value", 21, 43, "500ms"),
        ("value", 21, 71, "1.1x + 5ms"),
        ("value", 22, 25, "at_most: 20%, or 0.2%"),
        ("value", 23, 25, "at_most: 100MB, or 100%"),
        ("value", 24, 31, "5s, 5m or 5h"),
        ("value", 25, 30, "at_most: 800"),
        ("value", 26, 37, "2s, or 2ms"),
        ("shape", 27, 34, "headers: {a-name: what it is}"),
        ("unknown-key", 28, 7, "a-name: {is: rate, query: orders_total, at_least_of_stable: 0.8x}"),
        ("value", 32, 24, "1%"),
        ("value", 33, 25, "at_most: 5%, or 5 per 5m"),
        ("value", 34, 25, "at_most: 100%, or less"),
        ("value", 35, 23, "at_least: 200%, or 2%"),
        ("value", 36, 37, "1.3x"),
        ("value", 37, 46, "0.8x"),
        ("value", 41, 32, "1.5x + 0.05pp"),
        ("value", 42, 25, "512MiB"),
    ],
    "conditions": [
        ("condition", 8, 30, "requests"),
        ("condition", 12, 53, "p99_ms"),
        ("condition", 16, 16, "requests"),
        ("condition", 20, 16, "requests"),
        ("condition", 26, 26, "errors / requests > 0.05"),
        ("condition", 27, 38, "errors * stable.requests > 3 * stable.errors * requests && errors > 10"),
        ("condition", 31, 33, "errors * stable.requests > 3 * stable.errors * requests && errors > 10"),
        ("condition", 32, 29, "errors * stable.requests > 3 * stable.errors * requests && errors > 10"),
    ],
    "later": [
        ("missing-key", 8, 5, "ask: Lessons written down?"),
        ("value", 9, 18, "Lessons written down?"),
        ("unknown-group", 10, 36, "dev"),
        ("unknown-group", 11, 35, "one of: dev or sec"),
        ("range", 12, 32, "more than 0s"),
        ("value", 13, 32, "30s, 5m or 1h30m"),
        ("unknown-word", 14, 41, "rolled_back"),
        ("value", 15, 49, "rolled_back"),
        ("missing-key", 16, 27, "{paths: [auth/**]}"),
        ("unknown-key", 17, 15, "one of: ask, by, due, unless or when"),
        ("shape", 18, 11, "keys and values below it, or in {...}"),
        ("unknown-key", 19, 27, "when"),
        ("name", 20, 5, "name"),
        ("unknown-group", 25, 48, "one of: sec"),
        ("shape", 27, 24, "later: {review: {ask: Lessons written down?}}"),
        ("unknown-key", 27, 34, "later"),
    ],
    "like-circle": [
        ("like-circle", 6, 13, "one environment without `like`"),
        ("like-circle", 9, 17, "one environment without `like`"),
    ],
    "list-at-the-top": [
        ("shape", 1, 1, "penstock: 1"),
    ],
    "norway": [
        ("not-yet", 4, 29, "none, or leave the key out: a unit takes traffic"),
        ("value", 5, 19, "false"),
        ("value", 7, 61, "true"),
        ("value", 9, 22, "30s, 5m or 1h30m"),
    ],
    "weights": [
        ("value", 5, 80, "[5% for 30m, 25% for 30m, 50% for 30m]"),
        ("value", 6, 95, "5% or 0.1%"),
        ("value", 7, 96, "a share between 0.1% and 99.9%, and a time above 0s"),
    ],
    "alias-glob": [
        ("alias", 4, 19, '"**/*.sql"'),
    ],
    "alias": [
        ("anchor", 4, 13, "the value itself, or quotes around it where the & belongs to it"),
        ("alias", 4, 38, '"*base"'),
    ],
    "braces": [
        ("braces", 3, 30, "$PORT, or `sh:` where a shell is meant"),
        ("braces", 4, 19, "$ZONE, or `sh:` where a shell is meant"),
    ],
    "bracket": [
        ("bracket", 5, 13, "`}` at its end, and quotes around a text that holds one of , : # { } [ ]"),
    ],
    "colon-braces": [
        ("colon", 6, 31, "the whole value in quotes"),
    ],
    "colon": [
        ("colon", 6, 23, 'note: "echo warning: careful"'),
    ],
    "comma-key": [
        ("comma", 6, 34, '{run: "the whole command, in quotes"}'),
    ],
    "comma": [
        ("comma", 4, 48, '{run: "gunicorn shop:app --bind 0.0.0.0, unix:/run/shop"}'),
    ],
    "comment-in-command": [
        ("comment-in-command", 3, 6, 'run: "the whole command, in quotes", or two spaces before the #'),
    ],
    "control-character": [
        ("control-character", 3, 22, "the line without it"),
    ],
    "directive": [
        ("directive", 1, 1, "the file without it"),
    ],
    "documents": [
        ("several-documents", 7, 1, "a file of its own for each manifest"),
    ],
    "duplicate-key": [
        ("duplicate-key", 6, 3, "one of the two"),
    ],
    "empty-value": [
        ("empty-value", 4, 1, "health: and a value; `{}` for an empty map; or no line at all"),
    ],
    "empty": [
        ("empty", 1, 1, "penstock: 1"),
    ],
    "environments": [
        ("name", 5, 3, "production"),
        ("missing-key", 5, 16, "port: 8080"),
        ("like-circle", 6, 13, "one environment without `like`"),
        ("unknown-environment", 8, 13, "one of: Production, a, b, c or d"),
        (
            "not-here",
            8,
            19,
            "units: {web: {run: ...}}, where `web` is the unit, or the service when there is one",
        ),
        ("nothing-to-remove", 9, 13, '"none" in quotes, where the text is meant'),
    ],
    "groups": [
        ("name", 5, 3, "dev"),
        ("missing-key", 6, 3, "{people: [ana, bo], reach: slack:releases}"),
        ("missing-key", 7, 3, "{people: [ana, bo], reach: slack:releases}"),
        ("value", 8, 18, "slack:releases, mail:ana@example.com or pagerduty:PABC123"),
        ("value", 9, 28, "slack:releases, mail:ana@example.com or pagerduty:PABC123"),
        ("value", 10, 17, "mail:ana@example.com"),
        ("value", 11, 19, "[ana, bo]"),
        ("shape", 12, 17, "[one, two]"),
        ("unknown-key", 13, 10, "people"),
        ("shape", 14, 9, "keys and values below it, or in {...}"),
        ("nothing-to-remove", 18, 14, "one of: Dev, mail, many, names, nobody, none-of-them, one, text, typo or words"),
        ("shape", 21, 13, "groups: {dev: {people: [ana, bo]}}"),
    ],
    "increments": [
        ("value", 4, 48, "30s, 30m or 30h"),
        ("value", 4, 59, "5% for 30m, or 5% up to 30m"),
        ("value", 4, 64, "a share between 0.1% and 99.9%, and a time above 0s"),
        ("value", 4, 77, "0.1%"),
    ],
    "indent": [
        ("colon", 6, 10, "the value in quotes, or the line in its place"),
    ],
    "like-none": [
        ("shape", 7, 12, "staging: {} where nothing differs"),
    ],
    "merge-key": [
        ("merge-key", 5, 3, "the keys themselves; an environment may start from another with `like:`"),
    ],
    "missing": [
        ("missing-key", 1, 1, "service: and a name"),
        ("format", 1, 11, "penstock: 1, or a newer Penstock"),
        ("missing-key", 3, 3, "run: and the words of a command"),
        ("missing-key", 3, 3, "target: {is: local, port: 8080}"),
    ],
    "nearest": [
        ("unknown-key", 4, 1, "health"),
        ("unknown-word", 5, 10, "rolling"),
        ("unknown-key", 6, 20, "at_most"),
        ("unknown-word", 6, 52, "roll_back"),
        ("unknown-key", 9, 25, "port"),
    ],
    "not-yet": [
        ("not-yet", 4, 1, "the manifest without it"),
        ("not-yet", 5, 1, "the manifest without it"),
        ("not-yet", 6, 1, "all_at_once, rolling or canary"),
        ("not-yet", 7, 16, "file:/a/path, or env:A_VARIABLE of whoever gives the order"),
        ("not-yet", 10, 20, "a command that does the same, as in `run: ...`"),
        ("not-yet", 11, 29, "the manifest without it"),
        ("not-yet", 12, 25, "the manifest without it"),
        ("not-yet", 13, 44, "the manifest without it"),
        ("not-yet", 15, 12, "the manifest without it"),
        ("not-yet", 16, 15, "the manifest without it"),
        ("not-yet", 19, 5, "the manifest without it"),
        ("not-yet", 20, 18, "one of: command or local"),
    ],
    "ports": [
        ("value", 8, 35, "{web: 8080, api: 8081}"),
        ("value", 9, 29, "api: 8080"),
        ("value", 9, 29, "the other units only"),
        ("value", 9, 60, "a unit's name"),
    ],
    "quote-after": [
        ("quote", 3, 16, "run: '\"uvicorn\" shop:app --port $PORT'"),
    ],
    "quote-command": [
        ("quote", 3, 6, "the same command with its quote closed"),
    ],
    "quote-open": [
        ("quote", 3, 6, "a second ' at the end of the value"),
    ],
    "reserved": [
        ("reserved", 3, 6, '"@python -m shop"'),
    ],
    "rolling": [
        ("value", 4, 50, "is: canary"),
        ("value", 5, 54, "promote_at: 1.5x + 0pp, or more"),
    ],
    "secrets": [
        ("reserved-name", 4, 17, "another name"),
        ("name", 4, 27, "_9LIVES"),
        ("twice", 5, 11, "one of the two"),
        ("secret-value", 5, 18, "file:/a/path, or env:A_VARIABLE of whoever gives the order"),
        ("value", 5, 48, "file:/etc/shop/token"),
        ("unknown-secret", 6, 32, "DSN"),
    ],
    "shapes": [
        ("words", 3, 6, 'one word each, as in [npm, run, build]; several commands as {sh: "... && ..."}'),
        ("shape", 4, 9, "health: {get: /health}"),
        ("shape", 5, 6, "env: {LOG_LEVEL: info}"),
        ("value", 6, 1, "the same words without $ENVIRONMENT; what differs belongs in `env` or `secrets`"),
        ("shape", 7, 15, "all_at_once"),
        ("shape", 8, 18, "[one, two]"),
        ("shape", 9, 32, "1.5x + 0.05pp"),
    ],
    "shell": [
        ("shell", 3, 6, "{sh: ...} with the whole line in quotes, where a shell is meant"),
    ],
    "tab": [
        ("tab", 5, 1, "spaces"),
    ],
    "tag": [
        ("tag", 4, 14, '"!!bool" where it is text, or the value alone'),
        ("tag", 4, 32, '"!important"'),
    ],
    "units": [
        ("twice", 3, 1, "shop: {run: ...} below `units`"),
        ("not-yet", 5, 28, "none, or leave the key out: a unit takes traffic"),
        ("unknown-secret", 6, 26, "an entry in `secrets`"),
        ("name", 7, 3, "jobs"),
    ],
    "values": [
        ("value", 4, 15, "/health"),
        ("value", 4, 30, "1s, 1m or 1h"),
        ("value", 4, 50, "a number such as 3"),
        ("value", 4, 63, "true"),
        ("range", 4, 83, "at least 1"),
        ("value", 5, 7, "24s, 24m or 24h"),
        ("range", 6, 13, "at least 5s"),
        ("value", 7, 18, "3660d, or less"),
        ("value", 10, 31, "8080"),
        ("value", 10, 49, "a number such as 3"),
        ("range", 10, 71, "at least 2"),
        ("value", 10, 80, "127.0.0.1, or an address of this machine"),
    ],
    "windows": [
        ("unknown-word", 7, 15, "tue"),
        ("value", 7, 21, "mon-fri"),
        ("value", 7, 42, "10:00-15:00, or 22:00-02:00 across midnight"),
        ("value", 8, 15, "00:00-24:00, where a whole day is meant"),
        ("shape", 9, 7, "keys and values below it, or in {...}"),
        ("unknown-key", 11, 5, "weekdays"),
        ("value", 12, 13, "04-10..04-16"),
        ("value", 12, 29, "2026-12-24, or 12-24"),
        ("value", 12, 41, "2026-12-20..2027-01-05 for once, 12-20..01-05 for each year"),
        ("value", 12, 60, "2026-12-01..2026-12-20"),
        ("value", 12, 84, "12-20..01-05"),
        ("value", 13, 16, "ES, DE or US"),
        ("value", 13, 23, "the two letters of another country, or `dates`"),
        ("value", 13, 49, "BY"),
        ("unknown-key", 13, 69, "region"),
        ("value", 14, 16, "2d"),
        ("value", 15, 15, "a path from the repository's root, such as release/freezes.ics"),
        ("value", 16, 13, "Europe/Madrid"),
        ("unknown-word", 17, 12, "block or wait"),
        ("unknown-word", 18, 14, "roll_back"),
        ("value", 21, 29, "a window, or no `open` at all"),
        ("value", 21, 43, "Europe/Madrid"),
        ("unknown-key", 22, 37, "hours"),
        ("value", 23, 33, "10:00-15:00, or 22:00-02:00 across midnight"),
        ("value", 23, 57, "UTC, or Europe/Madrid"),
        ("shape", 24, 20, "keys and values below it, or in {...}"),
        ("missing-key", 25, 20, "{days: [tue, thu], hours: 10:00-15:00}"),
    ],
}


def refused(path: Path, kinds: Kinds) -> ManifestError:
    """The error that the text of a file leads to."""
    with pytest.raises(ManifestError) as raised:
        read(path.read_text().partition(LINE)[0] + "\n", kinds=kinds)
    return raised.value


def test_every_file_is_in_the_table() -> None:
    """A bad manifest without a line in the table, or the other way round, is forgotten."""
    assert sorted(TABLE) == sorted(path.stem for path in FOLDER.glob("*.yaml"))


@pytest.mark.parametrize("name", sorted(TABLE))
def test_each_problem_has_its_code_its_place_and_its_remedy(name: str, kinds: Kinds) -> None:
    """All problems of a file are found at once, each at its line and column, with what to write instead."""
    error = refused(FOLDER / f"{name}.yaml", kinds)

    assert TABLE[name] == [(p.code, p.line, p.column, p.instead) for p in error.problems]


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.yaml")), ids=lambda p: p.stem)
def test_the_words_are_as_written_down(path: Path, kinds: Kinds) -> None:
    """What a person reads is exactly what lies beside the text (UPDATE_GOLDEN=1 rewrites it)."""
    text, _, expected = path.read_text().partition(LINE)
    told = render_problems(refused(path, kinds))
    if os.environ.get("UPDATE_GOLDEN"):
        path.write_text(text.rstrip("\n") + LINE + told)
        expected = told

    assert expected == told


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.yaml")), ids=lambda p: p.stem)
def test_every_problem_says_five_things_in_a_hundred_columns(path: Path, kinds: Kinds) -> None:
    """A problem has code, place, what, why and remedy; no line is longer than 100 columns."""
    error = refused(path, kinds)

    assert all(p.code and p.line and p.column and p.what and p.why and p.instead for p in error.problems)
    assert 100 >= max(map(len, render_problems(error).split("\n")))
