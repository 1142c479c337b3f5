"""What the keeper last wrote about the environment."""

from __future__ import annotations

import os
from typing import Any

from penstock.providers.local.paths import Folder, read_json


def read(folder: str | os.PathLike[str]) -> dict[str, Any] | None:
    """The map of `observed.json`; None before a keeper ever wrote one. Whether it still lives says
    `is_kept`.
    """
    return read_json(Folder.of(folder).observed)
