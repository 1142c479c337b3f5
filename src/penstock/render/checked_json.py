"""What `penstock check` found, as one JSON document: its schema is `SCHEMA`, and format 1 only ever grows."""

from __future__ import annotations

import json
from typing import Any

from penstock.render.checked import Checked, plain

FORMAT = 1
_TEXT, _NUMBER, _FLAG = {"type": "string"}, {"type": "number"}, {"type": "boolean"}
_FINDING = {"type": "object", "properties": dict.fromkeys(("condition", "effect", "remedy", "where", "severity"), _TEXT),
            "required": ["condition"]}  # fmt: skip
_TEXTS = {"type": "object", "additionalProperties": _TEXT}
_LINE: dict[str, Any] = {
    "type": "object",
    "properties": {
        "name": _TEXT, "moment": {"enum": ["revision", "before", "candidate", "promoted"]}, "kind": _TEXT,
        "state": {"enum": ["passed", "failed", "errored", "undecided", "waived", "skipped"]}, "sentence": _TEXT,
        "seconds": _NUMBER, "stops": _FLAG, "blocks": _FLAG, "pace": _TEXT, "pace_s": _NUMBER, "late": _FLAG,
        "again": {"type": "integer"}, "waiver": _TEXTS, "elsewhere": {"type": "integer"}, "evidence": _TEXTS,
        "findings": {"type": "array", "items": _FINDING},
    },
}  # fmt: skip
_LINE["required"] = sorted(_LINE["properties"])
_PAIR = {"type": "object", "properties": {"name": _TEXT, "says": _TEXT}, "required": ["name", "says"]}
SCHEMA: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "penstock check --format json",
    "type": "object",
    "properties": {
        "format": {"const": FORMAT}, "service": _TEXT, "environment": _TEXT, "moments": {"type": "array", "items": _TEXT},
        "commit": _TEXT, "tree": _TEXT, "base": _TEXT, "run": {"type": "integer"}, "at": _NUMBER, "seconds": _NUMBER,
        "sentence": _TEXT, "stops": {"type": "array", "items": _TEXT}, "lines": {"type": "array", "items": _LINE},
        "open": {"type": "array", "items": _PAIR}, "left_out": {"type": "array", "items": _PAIR},
        "notes": {"type": "array", "items": _TEXT},
    },
}  # fmt: skip
SCHEMA["required"] = sorted(SCHEMA["properties"])


def document(checked: Checked) -> str:
    """All of it: every line, every finding."""
    told = {
        "format": FORMAT, "service": checked.service, "environment": checked.environment,
        "moments": list(checked.moments), "commit": checked.commit, "tree": checked.tree, "base": checked.base,
        "run": checked.run, "at": checked.at, "seconds": round(checked.seconds, 3), "sentence": checked.sentence,
        "stops": [one.name for one in checked.stops], "lines": [plain(one) for one in checked.lines],
        "open": [{"name": name, "says": said} for name, said in checked.open],
        "left_out": [{"name": name, "says": said} for name, said in checked.left_out], "notes": list(checked.notes),
    }  # fmt: skip
    return json.dumps(told, indent=1, ensure_ascii=False)
