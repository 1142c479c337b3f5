"""Whether a line of a Procfile is doubted: what it starts may read its port itself."""

from __future__ import annotations

import pytest

from penstock.scaffold.detect_process import detect
from penstock.scaffold.tree import Tree

READS = 'import os\nserve(int(os.environ["PORT"]))\n'


@pytest.mark.parametrize(
    ("line", "path", "text", "is_doubted"),
    [
        ("python3 app.py", "app.py", READS, False),
        ("./serve", "serve", "#!/bin/sh\nexec server --port $PORT\n", False),
        ("python -m shop.web", "shop/web.py", READS, False),
        ("python -m shop", "shop/__main__.py", READS, False),
        ("python3 app.py --port $PORT", "app.py", "", False),
        ("python3 app.py", "app.py", "serve(8000)\n", True),
        ("python3 app.py", "other.py", READS, True),
        ("./server", "app.py", "EXPORTED = 1\n", True),
    ],
)
def test_a_port_that_is_read_is_no_doubt(line: str, path: str, text: str, is_doubted: bool) -> None:
    """Nothing is to be decided where the program that a line names reads PORT."""
    found = detect(Tree("shop", ("Procfile", path), {"Procfile": f"web: {line}\n", path: text}))
    assert is_doubted == bool(found.processes[0].doubt)
