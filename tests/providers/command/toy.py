"""A toy platform as a user's own commands: `toy.py VERB STATE_FILE`. Its state is one JSON file; it can split."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path


def main() -> int:
    """observe, converge, shift, back: as their names say. It waits while there is a file `held` beside its state."""
    verb, file = sys.argv[1], Path(sys.argv[2])
    state = json.loads(file.read_text()) if file.exists() else {"units": {}}
    note(file, f"{verb} {os.environ['PENSTOCK_REVISION']} {os.environ['PENSTOCK_WEIGHT']}")
    if verb == "observe":
        print(json.dumps({"format": 1, "units": state["units"], "stamp": state.get("stamp")}))
        return 0
    desire = json.load(sys.stdin)
    held = file.with_name("held")
    for _ in range(1200):
        if held.exists():
            time.sleep(0.05)
    if any("broken" in unit["placed"] for unit in desire["units"].values()):
        print("the revision `broken` does not start", file=sys.stderr)
        return 3
    place(file, state, desire)
    note(file, "done")
    return 0


def place(file: Path, state: dict, desire: dict) -> None:
    """Capacity first, then traffic, then what is not wanted goes; each a state of its own."""
    for name, unit in desire["units"].items():
        now = state["units"].setdefault(name, {"placed": {}, "split": {}})
        now["placed"] = {
            **now["placed"],
            **{r: max(n, now["placed"].get(r, 0)) for r, n in unit["placed"].items()},
        }
    write(file, state)
    for name, unit in desire["units"].items():
        state["units"][name]["split"] = unit["split"]
    write(file, state)
    state["units"] = {name: unit for name, unit in desire["units"].items() if unit["placed"]}
    write(file, state | {"stamp": desire["fence"]})


def write(file: Path, state: dict) -> None:
    """Replace the state, and keep it in the history."""
    new = file.with_suffix(f".{os.getpid()}")
    new.write_text(json.dumps(state))
    new.rename(file)
    note(file.with_name("history"), json.dumps(state["units"]))


def note(file: Path, line: str) -> None:
    """One more line in a file beside the state."""
    with file.with_suffix(".log").open("a") as log:
        log.write(line + "\n")


if __name__ == "__main__":
    sys.exit(main())
