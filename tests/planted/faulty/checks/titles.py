"""Says which pages have no title."""

import json
import pathlib

pages = sorted(pathlib.Path("docs").glob("*.md"))
bare = [page for page in pages if not page.read_text().startswith("# ")]
found = [
    {"condition": f"{page} has no title", "remedy": "# A title", "where": f"{page}:1", "severity": "medium"}
    for page in bare
]
result = {
    "format": 1,
    "state": "failed" if bare else "passed",
    "sentence": f"{len(bare)} of {len(pages)} pages have no title",
    "findings": found,
}
print(json.dumps(result))
