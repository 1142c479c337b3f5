"""The README's picture: the live view of a real release, drawn by rich from the records of `penstock demo`.

`make docs` runs the demo in a folder of its own, and draws v3 as it stood when the verdict was reached.
"""

from __future__ import annotations

import io
import re
import tempfile
from pathlib import Path

from rich.console import Console

from penstock import api
from penstock.cli.view import follow
from penstock.demo.show import show
from penstock.records import events, releases
from penstock.render.live import screen

PICTURE = Path(__file__).parent / "live.svg"
WIDTH, HEIGHT = 100, 30


def main() -> None:
    """Run the demo, take the picture."""
    folder = Path(tempfile.mkdtemp(prefix="penstock-picture-"))
    taken: list[str] = []

    def look(desk: api.Desk, number: int) -> int:
        code = follow(desk, number, plain=True, as_json=False, on_interrupt="abort")
        row = releases.get(desk.store, number)
        assert row is not None
        told = events.after(desk.store, number, limit=5000)
        verdict = next((n for n, e in enumerate(told) if e["key"].endswith(":abort")), None)
        if verdict is not None:
            at = told[verdict]["at"]
            row |= {"state": "rolling_out", "ended_at": None}
            row["facts"]["weight_permille"] = 100
            console = Console(width=WIDTH, height=HEIGHT, record=True, file=io.StringIO(), force_terminal=True)
            console.print(screen(row, told[: verdict + 1], at, width=WIDTH, height=HEIGHT))
            taken.append(console.export_svg(title="penstock release v3 --to production"))
        return code

    show(folder, look, print)
    # The picture stands alone: no font is fetched from anywhere.
    PICTURE.write_text(re.sub(r"@font-face \{.*?\}\s*", "", taken[0], flags=re.DOTALL))


if __name__ == "__main__":
    main()
