"""Which objects a task changed, read from its result. Pure."""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


@dataclass(frozen=True, slots=True)
class Change:
    """One object that a run changed, or in check mode would change.

    :param object: a path, a unit, a database role, …; the task's name when the task does not say more.
    :param action: ``create``, ``update``, ``remove``, ``restart``, …
    :param diff: unified, without header; empty when the task gave none. Never secret content.
    """

    host: str
    role: str
    object: str
    action: str
    diff: str


def changes(event: Mapping[str, Any]) -> list[Change]:
    """Return what the ``result`` event of one task on one host says that it changed.

    Our own modules list ``objects``; Ansible's modules give diffs; the task's name stands for one that gives neither.
    """
    changed = event["changed"]
    results = [result for result in event["results"] if result.get("changed") or result.get("objects")]
    found = [(name, action, text) for result in results for name, action, text in _objects(result)]
    if not found and changed:
        found = [(_own_name(results) or event["task"], "change", "")]
    # A loop may tell the same object several times.
    return [Change(event["host"], event["role"], *one) for one in dict.fromkeys(found)]


def _objects(result: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    told = result.get("diff") or []
    diffs = [_read(diff) for diff in ([told] if isinstance(told, dict) else told)]
    named = {str(entry["object"]): str(entry["action"]) for entry in result.get("objects", [])}
    for name, action in named.items():
        yield name, action, "\n".join(text for header, _, text in diffs if header == name)
    for header, action, text in diffs:
        if text and header not in named and not named:
            yield header or _own_name([result]) or "packages", action, text


def _own_name(results: list[Mapping[str, Any]]) -> str:
    names = (result.get(key) for result in results for key in ("dest", "path", "name"))
    return next((name for name in names if isinstance(name, str) and name), "")


def _read(diff: Mapping[str, Any]) -> tuple[str, str, str]:
    """Return (header, action, unified text) of one diff; the text is empty when nothing differs."""
    before, after = _text(diff.get("before")), _text(diff.get("after"))
    header = str(diff.get("after_header") or diff.get("before_header") or _path(diff.get("after")) or "")
    header = re.sub(r"^(dynamically generated|.*\.j2$)", "", header.removesuffix(" (content)").strip())
    if prepared := _text(diff.get("prepared")).strip():
        return header, "change", prepared
    if before == after:
        return header, "change", ""
    action = "create" if not before else "update" if after else "remove"
    lines = list(difflib.unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=1))
    return header, action, "\n".join(lines[2:])


def _path(value: object) -> str:
    return str(value.get("path", "")) if isinstance(value, dict) else ""


def _text(value: object) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else str(yaml.safe_dump(value, sort_keys=True, allow_unicode=True))
