"""A word to somebody who waits at a terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Timer

import click

SOON_S = 1.0


@contextmanager
def told_what_it_does(what: str, after_s: float = SOON_S) -> Iterator[None]:
    """Say what is being done, on stderr, where it takes longer than a moment and somebody looks."""
    if not sys.stderr.isatty():
        yield
        return
    timer = Timer(after_s, lambda: click.echo(f"{what} …", err=True))
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
