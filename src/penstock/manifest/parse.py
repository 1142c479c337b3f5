"""Text to nodes. Only maps, lists and scalars get through; every scalar stays the text that was written."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from penstock.manifest.node import Entry, Map, Node, Place, Scalar, Seq
from penstock.manifest.problems import Problems
from penstock.manifest.syntax import unreadable

BYTES_MAX = 64 * 1024
DEPTH_MAX = 24
NODES_MAX = 10_000

# Beside the control characters: line ends that editors do not show, and marks that turn the direction.
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff\ufffe\uffff]")
_CONFLICT = re.compile(r"^(<{7}|>{7}|\|{7})( .*)?$|^={7}$", re.MULTILINE)
_COLON = re.compile("[ \"']*:")
_COMMENT = re.compile(r"(\s+)#")
_SURROGATE = re.compile("[\ud800-\udfff]")


class _StopError(Exception):
    """The rest of the file cannot be made sense of; the problem is noted."""


def parse(text: str, problems: Problems) -> Map | None:
    """The whole file as a map; None when it is so broken that nothing else can be said about it."""
    text = text.removeprefix("\ufeff").replace("\r\n", "\n")
    if not _readable(text, problems):
        return None
    builder = _Builder(text.split("\n"), problems)
    try:
        root = builder.document(_events(text))
    except _StopError:
        return None
    except RecursionError:
        problems.add("too-deep", Place(1, 1), "the file is nested too deeply", "nobody could read it", "less nesting")
        return None
    except Exception as error:  # the parser is not ours: whatever it raises for a text is that text's problem
        unreadable(error, builder.lines, problems)
        return None
    if not isinstance(root, Map):
        _not_a_map(root, problems)
        return None
    return root


def _events(text: str) -> Iterator[Any]:
    from ruamel.yaml import YAML  # heavy to import, and only needed once a manifest is read

    return iter(YAML(typ="safe", pure=True).parse(text))


def _readable(text: str, problems: Problems) -> bool:
    if len(text.encode("utf-8", "surrogatepass")) > BYTES_MAX:
        problems.add(
            "too-large",
            Place(1, 1),
            "the file is larger than 64 KB, and was not read",
            "a manifest is read by people",
            "the manifest alone; data belongs in files of its own",
        )
        return False
    if found := _SURROGATE.search(text):
        problems.add(
            "not-utf8",
            _at(text, found.start()),
            "this is not UTF-8",
            "a manifest is UTF-8 text",
            "the file, saved as UTF-8",
        )
        return False
    if found := _CONTROL.search(text):
        problems.add(
            "control-character",
            _at(text, found.start()),
            f"here stands the invisible character U+{ord(found[0]):04X}",
            "what cannot be seen cannot be reviewed",
            "the line without it",
        )
        return False
    return not _conflicts(text, problems)


def _conflicts(text: str, problems: Problems) -> bool:
    found = [one for one in _CONFLICT.finditer(text) if one[0].startswith("<")]
    if not found or len(found) * 3 > len(list(_CONFLICT.finditer(text))):
        return False
    for one in found:
        problems.add(
            "conflict",
            _at(text, one.start()),
            "a merge that is not finished left its marks here",
            "git put both sides into the file, one after the other",
            "one of the two sides, or both together, without the lines of <<<<<<<, ======= and >>>>>>>",
        )
    return True


def _at(text: str, offset: int) -> Place:
    return Place(text.count("\n", 0, offset) + 1, offset - (text.rfind("\n", 0, offset) + 1) + 1)


def _not_a_map(root: Node | None, problems: Problems) -> None:
    what = "the file is empty" if root is None else "the file is not a map of keys"
    place = root.place if root else Place(1, 1)
    problems.add("empty" if root is None else "shape", place, what, "a manifest starts with its format", "penstock: 1")


class _Builder:
    """Nodes from the parser's events. Recursion is bounded by DEPTH_MAX."""

    def __init__(self, lines: list[str], problems: Problems) -> None:
        self.lines = lines
        self._problems = problems
        self._nodes = 0

    def document(self, events: Iterator[Any]) -> Node | None:
        root: Node | None = None
        documents = 0
        for event in events:
            name = type(event).__name__
            if name == "DocumentStartEvent":
                documents += 1
                self._start(event, documents)
            elif name not in ("StreamStartEvent", "StreamEndEvent", "DocumentEndEvent"):
                root = self._node(event, events, 0)
        empty = isinstance(root, Scalar) and root.plain and not root.text
        return None if empty else root

    def _start(self, event: Any, documents: int) -> None:
        if event.version or event.tags:
            self._add(
                "directive",
                self._directive(),
                "a YAML directive",
                "the language of this file is fixed",
                "the file without it",
            )
        if documents > 1:
            self._add(
                "several-documents",
                _place(event),
                "a second document starts here",
                "one file is one manifest",
                "a file of its own for each manifest",
            )
            raise _StopError

    def _directive(self) -> Place:
        return Place(next((n for n, line in enumerate(self.lines, 1) if line.startswith("%")), 1), 1)

    def _node(self, event: Any, events: Iterator[Any], depth: int) -> Node:
        self._count(event, depth)
        self._refuse_properties(event)
        name = type(event).__name__
        if name == "MappingStartEvent":
            return self._map(event, events, depth)
        if name == "SequenceStartEvent":
            return self._seq(event, events, depth)
        return self._scalar(event)

    def _count(self, event: Any, depth: int) -> None:
        self._nodes += 1
        if depth > DEPTH_MAX or self._nodes > NODES_MAX:
            deep = depth > DEPTH_MAX
            self._add(
                "too-deep" if deep else "too-much",
                _place(event),
                f"this is too {'deep' if deep else 'much'} for a manifest",
                f"at most {DEPTH_MAX} levels and {NODES_MAX} values are read",
                "a smaller manifest",
            )
            raise _StopError

    def _refuse_properties(self, event: Any) -> None:
        place = _place(event)
        if type(event).__name__ == "AliasEvent":
            word = self._word(place)
            self._add(
                "alias",
                place,
                f"`{word}` is read by YAML as an alias, because it starts with `*`",
                "a manifest says everything where it stands: aliases are not used",
                f'"{word}"',
            )
        elif event.anchor:
            self._add(
                "anchor",
                place,
                f"`&{event.anchor}` is an anchor",
                "a manifest says everything where it stands: anchors are not used",
                "the value itself, or quotes around it where the & belongs to it",
            )
        elif getattr(event, "ctag", None):
            word = self._word(place)
            self._add(
                "tag",
                place,
                f"`{word}` is read by YAML as a tag, because it starts with `!`",
                "the key says what a value is: tags are not used",
                f'"{word}" where it is text, or the value alone',
            )

    def _word(self, place: Place) -> str:
        start = place.column - 1  # a line may be as long as the file: it is never copied to its end
        return re.split(r"[\s,\]}]", self.lines[place.line - 1][start : start + 60], maxsplit=1)[0]

    def _seq(self, event: Any, events: Iterator[Any], depth: int) -> Seq:
        items = []
        for inner in events:
            if type(inner).__name__ == "SequenceEndEvent":
                break
            item = self._node(inner, events, depth + 1)
            if _nothing(item):
                self._add(
                    "empty-value",
                    item.place,
                    "this item is empty",
                    "a list holds values",
                    "a value, or no item",
                )
            items.append(item)
        return Seq(tuple(items), _place(event))

    def _map(self, event: Any, events: Iterator[Any], depth: int) -> Map:
        entries: dict[str, Entry] = {}
        before: Entry | None = None
        for inner in events:
            if type(inner).__name__ == "MappingEndEvent":
                break
            key = self._node(inner, events, depth + 1)
            entry = Entry(self._key(key), self._node(next(events), events, depth + 1))
            if self._usable(entry, entries, before, flow=bool(event.flow_style)):
                entries[entry.key.text] = entry
            before = entry
        return Map(entries, _place(event), bool(event.flow_style))

    def _key(self, key: Node) -> Scalar:
        if isinstance(key, Scalar):
            return key
        self._add(
            "key",
            key.place,
            "this key is not text",
            "every key is a word",
            "a word, or quotes around the value",
        )
        return Scalar(f"?{self._nodes}", key.place)

    def _usable(self, entry: Entry, entries: dict[str, Entry], before: Entry | None, *, flow: bool) -> bool:
        key = entry.key
        if key.text == "<<":
            self._add(
                "merge-key",
                key.place,
                "`<<` is a merge key",
                "a manifest says everything where it stands: merge keys are not used",
                "the keys themselves; an environment may start from another with `like:`",
            )
        elif key.text.startswith("?") or not key.text:
            if not key.text:
                self._add("key", key.place, "this key is empty", "every key is a word", "a key before the colon")
        elif key.text in entries:
            first = entries[key.text].key.place
            self._add(
                "duplicate-key",
                key.place,
                f"`{key.text}` was said already in line {first.line}",
                "of two values one would be lost",
                "one of the two",
            )
        elif _nothing(entry.value):
            self._nothing_after(entry, before, flow=flow)
        else:
            return True
        return False

    def _nothing_after(self, entry: Entry, before: Entry | None, *, flow: bool) -> None:
        key, value = entry.key, before.value if before else None
        if flow and before and isinstance(value, Scalar) and not self._has_colon(key):
            if not value.text:
                return  # one more comma of the same text, which was noted at the first
            quoted = f'{{{before.key.text}: "{value.text}, {key.text}"}}'
            self._add(
                "comma",
                key.place,
                f"the comma before `{key.text}` ended the value of `{before.key.text}`",
                f"inside {{...}} a comma separates keys, so `{before.key.text}` is only `{value.text}`",
                quoted,
            )
        else:
            self._add(
                "empty-value",
                key.place,
                f"`{key.text}` has no value",
                "whether nothing or a default is meant must not be guessed",
                f"{key.text}: and a value; `{{}}` for an empty map; or no line at all",
            )

    def _has_colon(self, key: Scalar) -> bool:
        return bool(_COLON.match(self.lines[key.place.line - 1], key.place.column - 1 + len(key.text)))

    def _scalar(self, event: Any) -> Scalar:
        plain = getattr(event, "style", None) is None
        text = getattr(event, "value", None)
        if text is None:  # an alias, refused already
            text = self._word(_place(event))
        return Scalar(text, _place(event), plain, self._comment_gap(event) if plain else None, _inset(event, text))

    def _comment_gap(self, event: Any) -> int | None:
        mark = event.end_mark
        line = self.lines[mark.line] if mark.line < len(self.lines) else ""
        found = _COMMENT.match(line, mark.column)
        return len(found[1]) if found else None

    def _add(self, code: str, place: Place, what: str, why: str, instead: str) -> None:
        self._problems.add(code, place, what, why, instead)


def _nothing(node: Node) -> bool:
    return isinstance(node, Scalar) and node.plain and not node.text


def _place(event: Any) -> Place:
    return Place(event.start_mark.line + 1, event.start_mark.column + 1)


def _inset(event: Any, text: str) -> int | None:
    """How far behind its start a scalar's text begins; None where it is folded, escaped or a block."""
    quote = 1 if getattr(event, "style", None) in ("'", '"') else 0
    start, end = event.start_mark, event.end_mark
    is_verbatim = start.line == end.line and end.column - start.column == len(text) + 2 * quote
    return quote if is_verbatim and getattr(event, "style", None) in (None, "'", '"') else None
