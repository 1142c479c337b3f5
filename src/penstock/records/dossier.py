"""What an auditor asks for about one release, in one zip: its lines, its evidence, its reports, and a page to read."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from penstock.errors import UsageError
from penstock.records import audit, audit_key, checks, evidence, heads, releases
from penstock.records.export import KEY
from penstock.records.heads import Head
from penstock.records.packing import Pack, packed
from penstock.records.store import Row, Store
from penstock.state import State


@dataclass(frozen=True)
class Piece:
    """A piece of evidence. `state`: kept (its content is what its digest says), changed, or not kept any more."""

    name: str
    file: str
    digest: str
    size: int
    at: float
    state: str


@dataclass(frozen=True)
class Dossier:
    """All of it, read. `lines`: as they stand in the log, with what they say; `reports`: from the release's folder."""

    release: Row
    checks: list[Row]
    lines: list[tuple[bytes, dict[str, Any]]]
    pieces: list[Piece]
    reports: list[Path]
    head: Head


def pack(
    state: State, store: Store, now: float, who: dict[str, Any], number: int, file: Path | None
) -> tuple[Path, Dossier]:
    """Sign a fresh head, read everything, and write it; returns where, and what was found."""
    from penstock.records.dossier_page import page

    row = releases.get(store, number)
    if row is None:
        raise UsageError("no-release", f"there is no release {number}", next="`penstock history` lists them")
    place = f"{row['service']}/{row['environment']}/{number}"
    head = heads.anchor(state.root, store, now, who, f"evidence of {place}")
    path = file or Path(f"penstock-evidence-{place.replace('/', '-')}.zip")
    with packed(path) as made:
        found = Dossier(
            row, checks.of(store, number),
            list(lines_of(state.audit_log, place, number)), list(_pieces(made, store, state.evidence, number)),
            _reports(state.release(number)), head,
        )  # fmt: skip
        _write(made, state, found)
        made.add("index.html", page(found, dict(made.sums)).encode())
        sums = "".join(f"{digest}  {name}\n" for name, digest in made.sums.items())
        made.add("SHA256SUMS", sums.encode())
    return path, found


def lines_of(log: Path, place: str, number: int) -> Iterator[tuple[bytes, dict[str, Any]]]:
    """The lines of one release: those that name it, and the orders that it answered, in the log's order."""
    answered = {f"{key.removeprefix(f'{number}:')}:given" for _, line in _about(log, place, number)
                if (key := str(line.get("key", ""))).startswith(f"{number}:order:")}  # fmt: skip
    for text, line in _read(log):
        if _names(line, place, number) or line.get("key") in answered:
            yield text, line


def _about(log: Path, place: str, number: int) -> Iterator[tuple[bytes, dict[str, Any]]]:
    return ((text, line) for text, line in _read(log) if _names(line, place, number))


def _names(line: dict[str, Any], place: str, number: int) -> bool:
    said = line.get("release")
    return said == place or (type(said) is int and said == number) or str(line.get("key", "")).startswith(f"{number}:")


def _read(log: Path) -> Iterator[tuple[bytes, dict[str, Any]]]:
    with log.open("rb") as file:
        for text in file:
            line = audit.numbered(text)
            if line is not None and text.endswith(b"\n"):
                yield text, line


def _pieces(made: Pack, store: Store, folder: Path, number: int) -> Iterator[Piece]:
    """Every piece of evidence, packed as it is; one at a time, for each may be large."""
    used: set[str] = set()
    for row in evidence.of(store, number):
        file, state = _file_name(row["name"], used), "not kept"
        if (path := evidence.path_of(folder, row["digest"])).is_file():
            made.add(file, path.read_bytes())
            state = "kept" if made.sums[file] == row["digest"] else "changed"
        yield Piece(row["name"], file, row["digest"], row["size"], row["at"], state)


def _file_name(name: str, used: set[str]) -> str:
    """A name that is safe wherever it is unpacked, and that nothing else has."""
    parts = [re.sub(r"[^\w.@+-]", "_", part).lstrip(".") for part in name.split("/")]
    plain = file = "evidence/" + ("/".join(part[:100] for part in parts if part) or "piece")
    count = 1
    while file.lower() in used:
        count += 1
        file = f"{plain}~{count}"
    used.add(file.lower())
    return file


def _reports(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("report*") if path.is_file() and not path.is_symlink())


def _write(made: Pack, state: State, found: Dossier) -> None:
    made.add("release.json", json.dumps(found.release, indent=1, sort_keys=True, ensure_ascii=False).encode())
    made.add("audit-lines.jsonl", b"".join(text for text, _ in found.lines))
    made.add("head.json", heads.envelope(state.root, found.head))
    made.add(KEY, audit_key.pem(audit_key.public(state.root)))
    for path in found.reports:
        made.add(f"report/{path.name}", path.read_bytes())
