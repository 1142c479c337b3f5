"""The reference, made from the code: `python docs/make_reference.py` writes it, and a test fails when it is not as made."""

from __future__ import annotations

from pathlib import Path

from penstock.cli.explain import whole
from penstock.core.ending import STATES
from penstock.manifest import pages
from penstock.manifest.keys import Key
from penstock.manifest.manual import Manual
from penstock.manifest.pages import Page

FOLDER = Path(__file__).parent / "reference"
_HEAD = """One file, `penstock.yaml`. `penstock explain` shows all of this in the terminal, `penstock schema` gives it to
editors, and `penstock check` says everything that is wrong with a file. What stands at the top holds for every environment;
an environment says what differs.
"""
_MADE = "<!-- Made by docs/make_reference.py; edit {source} instead. -->\n\n"


def made() -> dict[str, str]:
    """Every page of the reference, by the name of its file."""
    manual = whole()
    return {"manifest.md": manifest(manual), "errors.md": errors(), "states.md": states()}


def manifest(manual: Manual) -> str:
    """Sections with their annotated examples, every key, targets, checks, and words."""
    keys = list(manual.keys().values())
    parts = [
        _MADE.format(source="src/penstock/manifest/*.example.yaml and keys.md") + "# The manifest\n",
        _HEAD,
        _yaml(manual.examples["manifest"]),
        "## Keys\n\nNAME and MOMENT stand for names.\n",
        _table([key for key in keys if "-" not in key.name], manual),
    ]
    parts += ["## Sections, annotated\n"]
    parts += [f"### {name}\n\n{_yaml(text)}" for name, text in manual.examples.items() if _is_section(name)]
    parts += ["## Targets\n"]
    parts += [_target(name, text, keys, manual) for name, text in manual.examples.items() if name.startswith("target-")]
    parts += ["## Checks\n"]
    parts += [_check(name, text, keys, manual) for name, text in manual.checks.items()]
    parts += ["## Words\n", *(_word(page) for page in pages.words().values() if _is_word(page, keys))]
    return "\n".join(parts)


def errors() -> str:
    """A page for every code."""
    head = _MADE.format(source="src/penstock/errors.md") + "# Errors\n\n"
    head += "One part for each code; `penstock explain CODE` shows it. Exit codes are in `penstock --help`.\n"
    return "\n".join([head, *(f"## {page.name}\n\n{_block(page)}" for _, page in sorted(pages.errors().items()))])


def states() -> str:
    """Every state that a release can be in, and the exit codes."""
    head = _MADE.format(source="src/penstock/core/ending.py") + "# States of a release, and exit codes\n\n"
    head += "`penstock release`, `watch`, `rollback`, `restart` and `drill` exit with the code of the state they saw last.\n"
    rows = [f"| `{state}` | {code} | {meaning} |" for state, (code, meaning) in STATES.items()]
    rest = "\nBesides: 1 is a bug of Penstock, 2 a mistake in the command line, the manifest or the repository.\n"
    return "\n".join([head, "| state | exit code | what it means |\n|---|---|---|", *rows, rest])


def _target(name: str, text: str, keys: list[Key], manual: Manual) -> str:
    return f"### {name.removeprefix('target-')}\n\n{_yaml(text)}\n{_table(_of(name, keys), manual)}"


def _of(name: str, keys: list[Key]) -> list[Key]:
    return [key for key in keys if key.name.startswith(f"{name}.")]


def _is_section(name: str) -> bool:
    return name != "manifest" and not name.startswith("target-")


def _is_word(page: Page, keys: list[Key]) -> bool:
    return page.name not in {key.name for key in keys}


def _word(page: Page) -> str:
    return f"### {page.name}\n\n{_block(page)}"


def _block(page: Page) -> str:
    """A page as Markdown: what is indented is a block of code, and `Do:` stands out."""
    parts = []
    for part in page.text.split("\n\n"):
        if part.startswith("    "):
            parts.append("```\n" + "\n".join(line[4:] for line in part.split("\n")) + "\n```")
        else:
            parts.append(part.replace("Do: ", "**Do:** ", 1) if part.startswith("Do: ") else part)
    return "\n\n".join(parts) + "\n"


def _yaml(text: str) -> str:
    return f"```yaml\n{text.rstrip()}\n```\n"


def _check(name: str, text: str, keys: list[Key], manual: Manual) -> str:
    return f"### {name}\n\n{text}\n\n{_table(_of(f'check-{name}', keys), manual)}"


def _table(keys: list[Key], manual: Manual) -> str:
    pages_of = [manual.page_of(key.name) or Page(key.name, "") for key in keys]
    rows = [
        f"| `{key.written}` | {key.form} | {_default(key)} | {_cell(page)} |"
        for key, page in zip(keys, pages_of, strict=True)
    ]
    return "\n".join(["| key | form | default | what it is |", "|---|---|---|---|", *rows, ""])


def _default(key: Key) -> str:
    return f"`{key.default}`" if key.default else "required" if key.needed else ""


def _cell(page: Page) -> str:
    example = f" `{page.example}`" if "\n" not in page.example else ""
    return (page.summary + example).replace("|", "\\|")


def main() -> None:
    """Write every page."""
    for name, text in made().items():
        (FOLDER / name).write_text(text)


if __name__ == "__main__":
    main()
