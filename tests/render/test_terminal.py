"""The live view on a real pseudo-terminal, read by a terminal emulator; what it sends, counted."""

from __future__ import annotations

import fcntl
import io
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pyte
import pytest

from penstock import api
from penstock.cli import view
from penstock.cli.live import Canvas
from penstock.records.store import Store
from penstock.render.live import screen
from penstock.render.picture import Screen, text_of
from tests.render.paper import WHY, Paper, canary, promoted

SGR = re.compile(r"\x1b\[[0-9;]*m")
DEADLINE_S = 40.0


class Terminal:
    """A pseudo-terminal with a viewer on it; everything sent is kept, and shown on an emulated screen."""

    def __init__(self, words: list[str], env: dict[str, str], width: int = 80, height: int = 24) -> None:
        self.ours, theirs = pty.openpty()
        self.screen = pyte.Screen(width, height)
        self._stream = pyte.Stream(self.screen)
        self.sent = ""
        self.resize(width, height)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "penstock", *words], stdin=theirs, stdout=theirs, stderr=theirs, env=env,
            start_new_session=True,
        )  # fmt: skip
        os.close(theirs)

    def resize(self, width: int, height: int) -> None:
        fcntl.ioctl(self.ours, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))
        self.screen.resize(height, width)

    def read(self, seconds: float) -> str:
        """What comes within so many seconds."""
        end, came = time.monotonic() + seconds, ""
        while (left := end - time.monotonic()) > 0:
            poll = select.poll()  # not `select`, which knows no descriptor above 1023
            poll.register(self.ours, select.POLLIN)
            if not poll.poll(left * 1000):
                break
            try:
                came += os.read(self.ours, 65536).decode()
            except OSError:  # the other side is closed
                break
        self.sent += came
        self._stream.feed(came)
        return came

    def until(self, is_so: Callable[[], bool]) -> None:
        deadline = time.monotonic() + DEADLINE_S
        while not is_so():
            assert time.monotonic() < deadline, "\n".join(self.shown)
            self.read(0.1)

    @property
    def shown(self) -> list[str]:
        return [text.rstrip() for text in self.screen.display]

    def shows(self, words: str) -> bool:
        return any(words in text for text in self.shown)

    def end(self) -> int:
        """The viewer's exit code, once it has ended by itself."""
        self.until(lambda: self.process.poll() is not None)
        self.read(0.2)
        return int(self.process.returncode)

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self.ours)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[api.Desk]:
    """Records on paper, and the worker's lock held, so that nobody walks what stands there."""
    desk = api.open_desk(tmp_path / "state")
    with desk.state.worker_lock.open("a+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield desk
    desk.store.close()


@pytest.fixture
def look(desk: api.Desk) -> Iterator[Callable[..., Terminal]]:
    """Opens a viewer on a terminal of its own."""
    opened: list[Terminal] = []

    def open_one(*words: str, width: int = 80, height: int = 24, **env: str) -> Terminal:
        clean = {n: v for n, v in os.environ.items() if n not in ("NO_COLOR", "GITHUB_ACTIONS", "COLUMNS", "LINES")}
        known = {"PENSTOCK_STATE": str(desk.state.root), "TERM": "xterm-256color", "PYTHONUTF8": "1"}
        opened.append(Terminal([*(words or ("watch", "7"))], {**clean, **known, **env}, width, height))
        return opened[-1]

    yield open_one
    for terminal in opened:
        with suppress(OSError):
            terminal.close()


def test_a_view_that_is_resized_is_whole(desk: api.Desk, look: Callable[..., Terminal]) -> None:
    """Larger, smaller and back in the middle of a release: the picture fits, nothing of the old one is left."""
    paper = canary().write(desk.store)
    terminal = look()
    terminal.until(lambda: terminal.shows("12 to 1 of the 100 to 1"))
    assert "watched 32 of 60 s" in "\n".join(terminal.shown)
    for width, height in ((120, 40), (60, 16), (80, 24)):
        terminal.resize(width, height)
        terminal.until(lambda: terminal.shows("Ctrl-C leaves") and terminal.shows("release 7 of shop"))
        terminal.read(1.0)
        heads = [text for text in terminal.shown if text.startswith("release 7 of shop to production")]
        assert 1 == len(heads)
        assert 1 == sum("penstock abort" in text or "Ctrl-C leaves" in text for text in terminal.shown)
    paper.end(60, "rolled_back", WHY, "verdict").write(desk.store)
    assert 4 == terminal.end()


def test_two_viewers_and_a_late_one_see_the_same(desk: api.Desk, look: Callable[..., Terminal]) -> None:
    """Whoever looks, and since when: the same lines, but for the clock; each ends with the release's exit code."""
    paper = Paper(may_leave_early=True).canary().write(desk.store)
    viewers = [look(), look()]
    for terminal in viewers:
        terminal.until(lambda terminal=terminal: terminal.shows("traffic"))
    paper.watch(20, 52, (0, 0, 0, 0, 1)).evidence(12.4, 1.0).write(desk.store)
    viewers.append(look())
    for terminal in viewers:
        terminal.until(lambda terminal=terminal: terminal.shows("12 to 1 of the 100 to 1"))
    shown = [[text for text in t.shown if "until" not in text and "release 7 of" not in text] for t in viewers]
    assert shown[0] == shown[1] == shown[2]
    promoted().end(206, "released", "it serves").write(desk.store)
    assert [0, 0, 0] == [terminal.end() for terminal in viewers]


def test_ctrl_c_leaves_and_says_how_to_return(desk: api.Desk, look: Callable[..., Terminal]) -> None:
    """Ctrl-C and SIGTERM: the terminal is put right, exit code 6, and the two commands that matter."""
    canary().write(desk.store)
    for sent in (signal.SIGINT, signal.SIGTERM):
        terminal = look()
        terminal.until(lambda terminal=terminal: terminal.shows("traffic"))
        terminal.process.send_signal(sent)
        assert 6 == terminal.end()
        assert terminal.sent.rfind("\x1b[?25h") > terminal.sent.rfind("\x1b[?25l")
        assert terminal.sent.rfind("\x1b[?1049l") > terminal.sent.rfind("\x1b[?1049h")
        assert "penstock watch 7" in terminal.sent
        assert "penstock abort --release 7" in terminal.sent


def test_ctrl_z_gives_the_screen_back_and_fg_takes_it_again(desk: api.Desk, look: Callable[..., Terminal]) -> None:
    """Stopped, the terminal is the shell's; continued, the whole picture is drawn anew."""
    canary().write(desk.store)
    terminal = look()
    terminal.until(lambda: terminal.shows("traffic"))
    state = Path(f"/proc/{terminal.process.pid}/stat")
    terminal.process.send_signal(signal.SIGTSTP)
    terminal.until(lambda: state.read_text().split(") ")[1].startswith("T"))
    assert terminal.sent.endswith("\x1b[?1049l")
    terminal.screen.reset()
    terminal.process.send_signal(signal.SIGCONT)
    terminal.until(lambda: terminal.shows("release 7 of shop") and terminal.shows("Ctrl-C leaves"))
    assert terminal.shows("12 to 1 of the 100 to 1")


@pytest.mark.parametrize("words", [("watch", "7"), ("status",), ("history", "--service", "shop"), ("events", "7")])
def test_no_colour_where_none_is_wanted(words: tuple[str, ...], desk: api.Desk, look: Callable[..., Terminal]) -> None:
    """NO_COLOR: not one SGR code, on a terminal that knows them; without it there are some."""
    rolled = canary().go_back(54, WHY).end(60, "rolled_back", WHY, "verdict").write(desk.store)
    del rolled
    with desk.store.write() as db:
        db.execute("INSERT INTO environments (service, environment, stable) VALUES ('shop', 'production', 'x')")
    plain, coloured = look(*words, NO_COLOR="1"), look(*words)
    assert plain.end() == coloured.end()
    assert [] == SGR.findall(plain.sent)
    assert SGR.findall(coloured.sent)


def test_a_terminal_that_cannot_is_not_asked_to(desk: api.Desk, look: Callable[..., Terminal]) -> None:
    """TERM=dumb gets lines without a single escape; a console without Unicode gets ASCII."""
    canary().end(60, "rolled_back", WHY, "verdict").write(desk.store)
    dumb, poor = look(TERM="dumb"), look(PYTHONUTF8="0", PYTHONIOENCODING="ascii", PYTHONCOERCECLOCALE="0", LC_ALL="C")
    assert (4, 4) == (dumb.end(), poor.end())
    assert "\x1b" not in dumb.sent
    assert poor.sent.isascii()


def test_a_slow_line_gets_little(desk: api.Desk) -> None:
    """A minute in which all figures change each second: at most 8 KB in any second at 80x24, and 2 KB on average."""
    out = io.StringIO()
    canvas = Canvas(out, colour=True)
    paper, sent = Paper().canary(), []
    for second in range(22, 82):
        paper.looks.clear()
        seen = paper.watch(20, second, (0, 1, 0)).evidence(1.2 ** (second - 20), 1.1 ** (second - 20)).seen(second + 1)
        before = len(out.getvalue().encode())
        canvas.paint(screen(seen, Screen(80, 24)), (80, 24))
        sent.append(len(out.getvalue().encode()) - before)
    print(f"bytes a second: most {max(sent)}, mean {sum(sent) / len(sent):.0f}")
    assert max(sent) <= 8192
    assert sum(sent) / len(sent) <= 2048


def test_nothing_is_sent_while_nothing_changes(desk: api.Desk, look: Callable[..., Terminal]) -> None:
    """The same picture is sent once; a release that waits in line sends nothing for seconds on a real terminal."""
    out = io.StringIO()
    canvas = Canvas(out, colour=True)
    lines = screen(canary().seen(53), Screen(80, 24))
    assert canvas.paint(lines, (80, 24)) > 0
    assert 0 == canvas.paint(screen(canary().seen(53), Screen(80, 24)), (80, 24))
    assert canvas.paint(lines, (81, 24)) > 0
    canary().write(desk.store)
    terminal = look()
    terminal.until(lambda: terminal.shows("traffic"))
    terminal.read(1.5)
    quiet = max(1.0, 50 - time.time() % 60)  # ages are by the minute here: they turn once in it
    assert min(len(terminal.read(min(1.5, quiet))) for _ in range(3)) < 200


def test_the_emulated_screen_is_the_picture(desk: api.Desk) -> None:
    """What the canvas sends, changed bit by bit, is on the screen what the picture says, whole."""
    emulated = pyte.Screen(80, 24)
    stream, out = pyte.Stream(emulated), io.StringIO()
    canvas = Canvas(out, colour=True)
    for seen in (Paper().seen(1), Paper().draw().seen(16), canary().seen(53), canary().seen(54), promoted().seen(204)):
        lines = screen(seen, Screen(80, 24))
        out.seek(0)
        out.truncate()
        canvas.paint(lines, (80, 24))
        stream.feed(out.getvalue())
        drawn = [text_of(spans).rstrip() for spans in lines]
        assert drawn + [""] * (24 - len(drawn)) == [text.rstrip() for text in emulated.display]


def test_a_log_hears_at_once_what_was_ordered_and_each_minute_what_is_waited_for(
    desk: api.Desk, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The order is the first line, before any worker; then silence is broken by what is waited for; then the end."""
    monkeypatch.setattr(view, "HEARTBEAT_S", 0.3)
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)
    paper = Paper().write(desk.store)

    def end() -> None:
        store = Store(desk.state.records)
        paper.end(30, "aborted", "ana aborted it", "person").write(store)
        store.close()

    timer = threading.Timer(1.5, end)
    timer.start()
    code = view.follow(desk, 7, plain=True, as_json=False, on_interrupt="leave")
    timer.join()
    first, second, *more = capsys.readouterr().out.splitlines()
    assert 3 == code
    assert "10:42:00Z ordered release 7 of shop to production is ordered by ana" == first
    assert second.endswith("Z still   waiting for a worker")
    assert more[0].endswith("Z still   waits for a worker to take it up")
    assert "aborted: ana aborted it" in more[-1]
