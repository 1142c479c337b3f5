"""The pictures of the documentation: real programs on pseudo-terminals, read by a terminal emulator, drawn as SVG.

`make docs` runs the demo in a folder of its own. While v3 is rolled out, real viewers of several sizes watch it; what
stands on their terminals at a telling moment is drawn, once for dark and once for light ground.
"""

from __future__ import annotations

import fcntl
import os
import pty
import select
import struct
import subprocess
import sys
import tempfile
import termios
import time
from dataclasses import dataclass, field
from html import escape
from itertools import groupby
from pathlib import Path

import pyte

from penstock import api
from penstock.cli.view import follow
from penstock.demo.show import show

FOLDER = Path(__file__).parent / "pictures"
README_PICTURE = Path(__file__).parent / "live.svg"
CELL_W, CELL_H, EDGE = 8.4, 18.0, 12.0
FONT = "ui-monospace,'DejaVu Sans Mono',Menlo,Consolas,monospace"
GROUNDS = {
    "dark": {"ground": "#16181d", "default": "#d5d8de", "red": "#ff6b68", "green": "#7bc275", "cyan": "#4fc1d6"},
    "light": {"ground": "#ffffff", "default": "#24292f", "red": "#c0202c", "green": "#1a7f37", "cyan": "#0b7285"},
}
Cell = tuple[str, str, bool, bool]  # character, colour, bold, dim
Picture = list[list[Cell]]


class Emulated(pyte.Screen):
    """pyte's screen, with the dim letters that it does not keep: they take italics' place, which nothing here uses."""

    def select_graphic_rendition(self, *codes: int, **rest: bool) -> None:
        """`2` is dim; a reset ends it."""
        super().select_graphic_rendition(*(3 if code == 2 else code for code in codes), **rest)

    def cells(self) -> Picture:
        """What stands there now."""
        whole = [[self.buffer[y][x] for x in range(self.columns)] for y in range(self.lines)]
        return [[(c.data, c.fg, c.bold, c.italics) for c in line] for line in whole]


@dataclass
class Terminal:
    """A program on a pseudo-terminal of a certain size."""

    words: list[str]
    width: int
    height: int
    env: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.screen = Emulated(self.width, self.height)
        self._stream = pyte.Stream(self.screen)
        self._ours, theirs = pty.openpty()
        fcntl.ioctl(self._ours, termios.TIOCSWINSZ, struct.pack("HHHH", self.height, self.width, 0, 0))
        clean = {n: v for n, v in os.environ.items() if n not in ("NO_COLOR", "GITHUB_ACTIONS", "COLUMNS", "LINES")}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "penstock", *self.words], stdin=subprocess.DEVNULL, stdout=theirs, stderr=theirs,
            env={**clean, "TERM": "xterm-256color", "TZ": "UTC", **self.env}, start_new_session=True,
        )  # fmt: skip
        os.close(theirs)

    def read(self, seconds: float) -> bool:
        """Show what comes within so many seconds; whether the program is still there."""
        while select.select([self._ours], [], [], seconds)[0]:
            try:
                self._stream.feed(os.read(self._ours, 65536).decode(errors="replace"))
            except OSError:
                return False
        return self.process.poll() is None

    def text(self) -> str:
        """The words on the screen."""
        return "\n".join(self.screen.display)

    def close(self) -> None:
        """End the program, if it has not ended."""
        if self.process.poll() is None:
            self.process.terminate()
        self.process.wait()
        os.close(self._ours)


@dataclass
class Studio:
    """Watches releases from several terminals at once, and keeps a picture of each telling moment."""

    taken: dict[str, Picture] = field(default_factory=dict)

    def look(self, desk: api.Desk, number: int) -> int:
        """Follow a release; the third one is the one that is shown."""
        if number != 3:
            return follow(desk, number, plain=True, as_json=False, on_interrupt="abort")
        watch = ["watch", str(number)]
        viewers = {
            "80x24": Terminal(watch, 80, 24), "120x40": Terminal(watch, 120, 40),
            "80x24-no-color": Terminal(watch, 80, 24, {"NO_COLOR": "1"}),
        }  # fmt: skip
        try:
            self._follow(viewers)
        finally:
            for terminal in viewers.values():
                terminal.close()
        code = follow(desk, number, plain=True, as_json=False, on_interrupt="abort")
        self.taken["history"] = _ran(["history", "--service", "shop"], 100, 7)
        self.taken["plain"] = _ran([*watch, "--plain"], 100, 34)
        return code

    def _follow(self, viewers: dict[str, Terminal]) -> None:
        """Each viewer's last picture with evidence before the verdict, and its last one before the end."""
        alive = [True]
        while any(alive):
            alive = [terminal.read(0.05) for terminal in viewers.values()]
            for name, terminal in viewers.items():
                text = terminal.text()
                if "rolling out" in text and "to 1 of the" in text and "Ctrl-C" in text:
                    self.taken[f"live-{name}"] = terminal.screen.cells()
                if "rolled back" in text and "outcome" in text:
                    self.taken[f"rolled-back-{name}"] = terminal.screen.cells()
            if "status" not in self.taken and "live-80x24" in self.taken:
                self.taken["status"] = _ran(["status"], 100, 6)
            time.sleep(0.05)


def _ran(words: list[str], width: int, height: int) -> Picture:
    """What a program left on its terminal."""
    terminal = Terminal(words, width, height)
    while terminal.read(0.2):
        pass
    terminal.close()
    return terminal.screen.cells()


def svg(picture: Picture, ground: str) -> str:
    """A picture as SVG: a text a run of one style, each as long as its cells; no font is fetched from anywhere."""
    colours = GROUNDS[ground]
    shown = _trimmed(picture)
    width, height = len(picture[0]) * CELL_W + 2 * EDGE, len(shown) * CELL_H + 2 * EDGE
    made = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" width="{width:g}"']
    made[0] += f' font-family="{FONT}" font-size="14" fill="{colours["default"]}" xml:space="preserve">'
    made.append(f'<rect width="100%" height="100%" rx="6" fill="{colours["ground"]}"/>')
    for y, line in enumerate(shown):
        made += _runs(line, EDGE + (y + 0.75) * CELL_H, colours)
    return "\n".join([*made, "</svg>"]) + "\n"


def _runs(line: list[Cell], y: float, colours: dict[str, str]) -> list[str]:
    made, x = [], 0
    for (colour, bold, dim), run in groupby(line, key=lambda cell: cell[1:]):
        text = "".join(cell[0] for cell in run)
        begins, shown = x + len(text) - len(text.lstrip()), text.strip()
        x += len(text)
        if not shown:
            continue
        style = f' fill="{colours[colour]}"' if colour in colours and colour != "default" else ""
        style += ' font-weight="bold"' if bold else ""
        style += ' opacity=".62"' if dim else ""
        made.append(
            f'<text x="{EDGE + begins * CELL_W:g}" y="{y:g}" textLength="{len(shown) * CELL_W:g}"{style}>'
            f"{escape(shown, quote=False)}</text>"
        )
    return made


def _trimmed(picture: Picture) -> Picture:
    """Without the empty lines before and after; the interpreter's path, which says nothing, is its name."""
    full = [n for n, line in enumerate(picture) if any(cell[0].strip() for cell in line)] or [0]
    return [_without(line, str(Path(sys.executable).parent) + "/") for line in picture[full[0] : full[-1] + 1]]


def _without(line: list[Cell], words: str) -> list[Cell]:
    at = "".join(cell[0] for cell in line).find(words)
    return line if at < 0 else [*line[:at], *line[at + len(words) :]]


def main() -> None:
    """Run the demo, take the pictures."""
    studio = Studio()
    with tempfile.TemporaryDirectory(prefix="penstock-picture-", ignore_cleanup_errors=True) as folder:
        show(Path(folder), studio.look, print)
    FOLDER.mkdir(exist_ok=True)
    for name, picture in studio.taken.items():
        for ground in ("dark",) if "no-color" in name else GROUNDS:
            (FOLDER / f"{name}-{ground}.svg").write_text(svg(picture, ground))
    README_PICTURE.write_text(svg(studio.taken["live-120x40"], "dark"))


if __name__ == "__main__":
    main()
