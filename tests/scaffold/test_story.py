"""A script that was never released: `init` writes its manifest, and it is released by that, unchanged."""

from __future__ import annotations

import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from penstock.cli import root
from tests.site import Site

SCRIPT = """\
import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Word(BaseHTTPRequestHandler):
    def do_GET(self):
        found = self.path == "/healthz" or self.path == "/"
        self.send_response(200 if found else 404)
        self.end_headers()
        self.wfile.write(b"WORD")


if __name__ == "__main__":
    ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Word).serve_forever()
"""
TEST = """\
import unittest
from word import Word


class Test(unittest.TestCase):
    def test_it_answers(self):
        self.assertTrue(callable(Word.do_GET))
"""


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """A site with nothing in its repository yet."""
    made = Site(tmp_path)
    yield made
    made.close()


def test_what_init_writes_is_released(site: Site) -> None:
    """First one word is served, then another: twice released, by a manifest that nobody has touched."""
    (site.repository / "word.py").write_text(SCRIPT.replace("WORD", "one"))
    (site.repository / "test_word.py").write_text(TEST)
    (site.repository / "compose.yaml").write_text(f'services:\n  word:\n    ports:\n      - "{site.port}:80"\n')
    done = CliRunner().invoke(root, ["init", str(site.repository), "--name", "app"])
    assert 0 == done.exit_code, done.output
    manifest = (site.repository / "penstock.yaml").read_text()
    for word in ("one", "two"):
        (site.repository / "word.py").write_text(SCRIPT.replace("WORD", word))
        row = site.release(site.commit(manifest, word))
        assert "released" == row["state"], site.story(row["number"])
        with urllib.request.urlopen(site.url) as answer:
            assert word == answer.read().decode()
    assert "rolling" in manifest
