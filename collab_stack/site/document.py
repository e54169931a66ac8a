"""YAML as a tree that knows its lines, built from parser events within fixed bounds.

No tag is ever acted on, no alias followed, nothing constructed but text, numbers, truth values, lists and mappings.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import yaml

from collab_stack.site.findings import Finding
from collab_stack.site.scalars import Ambiguous, resolve

if TYPE_CHECKING:
    from collections.abc import Iterator

DEEPEST: Final = 20
"""Levels; site.yml needs seven."""
MOST_NODES: Final = 20000

_LOADER: Final[Any] = getattr(yaml, "CLoader", yaml.Loader)  # only its parser is used, never its constructor

Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Node:
    """A value and the line that an editor shows for it: the line of its key, where it has one."""

    line: int
    value: str | int | float | bool | list[Node] | dict[str, Node] | None
    written: str = ""
    """A scalar as it stands in the file."""

    def plain(self) -> Any:  # noqa: ANN401 - data of any shape is the point
        """Return plain data without lines."""
        if isinstance(self.value, dict):
            return {key: node.plain() for key, node in self.value.items()}
        if isinstance(self.value, list):
            return [node.plain() for node in self.value]
        return self.value

    def member(self, step: str | int) -> Node | None:
        """Return the value below a key or an index, or None."""
        if isinstance(self.value, dict):
            return self.value.get(step) if isinstance(step, str) else None
        if isinstance(self.value, list) and isinstance(step, int) and 0 <= step < len(self.value):
            return self.value[step]
        return None

    def at(self, path: Path) -> tuple[Node, Path]:
        """Return the deepest node on a path that exists, and the part of the path that leads to it.

        Steps that are not in the document are left out, so a path may hold names of alternatives between the keys.
        """
        node, taken = self, []
        for step in path:
            member = node.member(step)
            if member is not None:
                node = member
                taken.append(step)
        return node, tuple(taken)

    def line_of(self, key: str) -> int:
        """Return the line of a dotted key, or of the nearest thing above it that exists."""
        node, rest = self, key.split(".")
        while rest:
            # A key may itself have dots, as a host's full name has: the longest one that is there is meant.
            for length in range(len(rest), 0, -1):
                member = node.member(".".join(rest[:length]))
                if member is not None:
                    node, rest = member, rest[length:]
                    break
            else:
                break
        return node.line

    def walk(self, path: Path = ()) -> Iterator[tuple[Path, Node]]:
        """Yield every node with its path, from the outside in."""
        yield path, self
        if isinstance(self.value, dict):
            for key, node in self.value.items():
                yield from node.walk((*path, key))
        elif isinstance(self.value, list):
            for index, node in enumerate(self.value):
                yield from node.walk((*path, index))


def dotted(path: Path) -> str:
    """Return a path as people write it: ``networks.in_house[0]``."""
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else str(step)
    return text


def parse(text: str, file: str, *, private: bool = False) -> tuple[Node | None, list[Finding]]:
    """Return the tree of a file's text and what is wrong with it; no tree when it cannot be read at all.

    :param private: the values are secrets: no finding repeats one.
    """
    reader = _Reader(text, file, private)
    try:
        return reader.document(), reader.findings
    except _Unreadable as error:
        return None, [*reader.findings, error.finding]


class _Unreadable(Exception):  # noqa: N818 - carries a finding to the one place that catches it
    def __init__(self, finding: Finding) -> None:
        self.finding = finding


class _Reader:
    """Takes the parser's events one by one and stops at the first that a site file must not have."""

    def __init__(self, text: str, file: str, private: bool) -> None:
        self.file = file
        self.private = private
        self.findings: list[Finding] = []
        self.count = 0
        self.events = iter(yaml.parse(text, Loader=_LOADER))

    def document(self) -> Node | None:
        node: Node | None = None
        self.next()  # the start of the stream
        event = self.next()
        if isinstance(event, yaml.StreamEndEvent):
            raise self.unreadable(
                1, (), "the file holds nothing but comments", "fill it in: see docs/reference/site.md"
            )
        if event.tags or event.version:
            raise self.unreadable(self.line(event), (), "YAML directives (%) are not read", "remove the line")
        node = self.node(self.next(), ())
        self.next()  # the end of the document
        event = self.next()
        if isinstance(event, yaml.DocumentStartEvent):
            raise self.unreadable(
                self.line(event), (), "a second document begins here", "keep one document: remove this `---`"
            )
        return node

    def node(self, event: Any, path: Path, line: int | None = None) -> Node:  # noqa: ANN401 - yaml has no types
        here = self.line(event) if line is None else line
        self.count += 1
        if self.count > MOST_NODES:
            raise self.unreadable(here, path, f"the file holds more than {MOST_NODES} values", "shorten it")
        if len(path) > DEEPEST:
            raise self.unreadable(here, path[:3], f"values are nested more than {DEEPEST} deep", "remove the nesting")
        if isinstance(event, yaml.AliasEvent):
            raise self.unreadable(
                here,
                path,
                f"an alias ({self.shown(str(event.anchor), '*')}) is not followed",
                "write the value itself; text that begins with * goes in quotes",
            )
        if event.anchor:
            raise self.unreadable(
                here, path, f"an anchor ({self.shown(str(event.anchor), '&')}) serves nothing", "remove it"
            )
        if event.tag:
            raise self.unreadable(
                here, path, f"a YAML tag ({self.shown(str(event.tag))}) is not read", "write the plain value"
            )
        if isinstance(event, yaml.ScalarEvent):
            return self.scalar(event, path, here)
        if isinstance(event, yaml.SequenceStartEvent):
            return self.sequence(path, here)
        return self.mapping(path, here)

    def scalar(self, event: Any, path: Path, line: int) -> Node:  # noqa: ANN401 - yaml has no types
        word = str(event.value)
        value = word if event.style else resolve(word)
        if not isinstance(value, Ambiguous):
            return Node(line, value, word)
        if value.reading in ("true", "false"):
            message = f"YAML reads a bare `{self.shown(word)}` as {value.reading}"
            mend = f"write {value.reading}; or, when text is meant, put it in quotes: {_quoted(path, self.shown(word))}"
        else:
            message = f"YAML 1.1 reads a bare `{self.shown(word)}` as {value.reading}"
            mend = f"put it in quotes: {_quoted(path, self.shown(word))}"
        self.findings.append(Finding(self.file, line, dotted(path), message, mend))
        return Node(line, word, word)

    def sequence(self, path: Path, line: int) -> Node:
        items: list[Node] = []
        while not isinstance(event := self.next(), yaml.SequenceEndEvent):
            items.append(self.node(event, (*path, len(items))))
        return Node(line, items)

    def mapping(self, path: Path, line: int) -> Node:
        members: dict[str, Node] = {}
        while not isinstance(event := self.next(), yaml.MappingEndEvent):
            at = self.line(event)
            name = self.key(event, path)
            member = self.node(self.next(), (*path, name), at)
            if name in members:
                first = members[name].line
                self.findings.append(
                    Finding(
                        self.file,
                        at,
                        dotted((*path, name)),
                        f"`{name}` is given twice, first on line {first}",
                        "keep one of the two",
                    )
                )
                continue
            members[name] = member
        return Node(line, members)

    def key(self, event: Any, path: Path) -> str:  # noqa: ANN401 - yaml has no types
        node = self.node(event, (*path, "?"))
        if isinstance(node.value, str):
            return node.value
        raise self.unreadable(
            self.line(event), path, "a key is not text", "write a word, and put it in quotes if need be"
        )

    def next(self) -> Any:  # noqa: ANN401 - yaml has no types
        try:
            return next(self.events)
        except yaml.MarkedYAMLError as error:
            problem = ", ".join(part for part in (error.context, error.problem) if part)
            mark = error.problem_mark or error.context_mark
            if error.context_mark and ("end of stream" in problem or "did not find expected" in problem):
                mark = error.context_mark  # what was never closed, not the end of the file
            line = mark.line + 1 if mark else 1
        except yaml.reader.ReaderError as error:
            problem, line = str(error.reason), 1
        if "nesting depth" in problem:
            raise self.unreadable(line, (), f"values are nested more than {DEEPEST} deep", "remove the nesting")
        raise self.unreadable(line, (), f"this is not YAML: {problem}", "look at the line and at the one before it")

    def shown(self, word: str, mark: str = "") -> str:
        """Return a word as a message may repeat it."""
        if self.private:
            return "…"
        return f"{mark}{word}" if len(word) <= 60 else f"{mark}{word[:57]}..."

    def unreadable(self, line: int, path: Path, message: str, mend: str) -> _Unreadable:
        return _Unreadable(Finding(self.file, line, dotted(path), message, mend))

    @staticmethod
    def line(event: Any) -> int:  # noqa: ANN401 - yaml has no types
        return int(event.start_mark.line) + 1


def _quoted(path: Path, word: str) -> str:
    """Quote a word; a country's code is upper case besides (a bare `no` that meant Norway)."""
    return f'"{word.upper()}"' if path and path[-1] == "country" else f'"{word}"'
