"""Text that would act instead of being read: template expressions, anywhere in a site."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from collab_stack.site.document import dotted
from collab_stack.site.findings import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from collab_stack.site.document import Node, Path

MARKS: Final = ("{{", "{%", "{#")
"""Jinja2's; Ansible would evaluate what follows, on the operator's machine."""


def has_expression(text: str) -> bool:
    """Say whether a text holds the beginning of a template expression."""
    return any(mark in text for mark in MARKS)


def screen(tree: Node, file: str, allowed: frozenset[str] = frozenset()) -> Iterator[Finding]:
    """Yield a finding for each template expression in a key or a value.

    :param allowed: keys whose value may be one; their form is the model's to check.
    """
    for path, node in tree.walk():
        name = path[-1] if path else ""
        if isinstance(name, str) and has_expression(name):
            yield _finding(file, node, path, "a key holds a template expression")
        elif isinstance(node.value, str) and has_expression(node.value) and name not in allowed:
            yield _finding(file, node, path, "template expressions are not evaluated in a site")


def _finding(file: str, node: Node, path: Path, message: str) -> Finding:
    return Finding(
        file, node.line, dotted(path), message, "write the plain value; the braces {{, {% and {# cannot be part of it"
    )
