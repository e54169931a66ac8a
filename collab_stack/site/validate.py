"""From a tree of YAML to a typed model; every error of pydantic's becomes a finding with its line and a mend."""

from __future__ import annotations

import json
from ipaddress import ip_network
from typing import TYPE_CHECKING, Any, Final, TypeVar

from pydantic import BaseModel, ValidationError

from collab_stack.site.describe import place
from collab_stack.site.document import dotted
from collab_stack.site.findings import Finding, nearest, suggestion

if TYPE_CHECKING:
    from collections.abc import Iterable

    from collab_stack.site.document import Node, Path

M = TypeVar("M", bound=BaseModel)

_KINDS: Final = {
    "string_type": "text",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "bool_type": "true or false",
    "list_type": "a list (one `- item` per line)",
    "dict_type": "a group of keys",
    "model_type": "a group of keys",
    "model_attributes_type": "a group of keys",
}


def validate(model: type[M], tree: Node, file: str) -> tuple[M | None, list[Finding]]:
    """Return the typed value, or the findings that stand against it.

    Validation is strict (no text is turned into a number), and runs on JSON, where networks and times are text.
    """
    try:
        return model.model_validate_json(json.dumps(tree.plain()), strict=True), []
    except ValidationError as error:
        return None, _findings(model, tree, file, error.errors(include_url=False))


def _findings(model: type[BaseModel], tree: Node, file: str, details: Iterable[Any]) -> list[Finding]:
    """Group the errors by place, because each alternative of a union reports its own, and word each group once."""
    groups: dict[tuple[str, str], list[Any]] = {}
    for detail in details:
        path = _known_path(tree, detail)
        groups.setdefault((dotted(path), "key" if detail["loc"][-1:] == ("[key]",) else ""), []).append((path, detail))
    mistyped = {_meant(model, *group[0]) for group in groups.values()}
    return [
        _finding(model, tree, file, group)
        for (key, _), group in groups.items()
        if group[0][1]["type"] != "missing" or key not in mistyped
    ]


def _meant(model: type[BaseModel], path: Path, detail: Any) -> str | None:  # noqa: ANN401 - pydantic's ErrorDetails
    """Return the key that an unknown one most likely stands for: it need not be reported as missing too."""
    if detail["type"] != "extra_forbidden":
        return None
    near = nearest(str(path[-1]), place(model, path[:-1]).keys())
    return dotted((*path[:-1], near)) if near else None


def _known_path(tree: Node, detail: Any) -> Path:  # noqa: ANN401 - pydantic's ErrorDetails
    loc = tuple(step for step in detail["loc"] if step != "[key]")
    if detail["type"].startswith("union_tag"):
        loc = (*loc, detail["ctx"]["discriminator"].strip("'"))
    _, taken = tree.at(loc)
    return (*taken, loc[-1]) if detail["type"] == "missing" else taken


def _finding(model: type[BaseModel], tree: Node, file: str, group: list[tuple[Path, Any]]) -> Finding:
    path, detail = group[0]
    node, _ = tree.at(path)
    kinds = list(dict.fromkeys(_KINDS[each["type"]] for _, each in group if each["type"] in _KINDS))
    words = _Words(model, path, detail, node, kinds)
    message, mend = words.say()
    return Finding(file, node.line, dotted(path), message, mend)


class _Words:
    """Finds the words for one error."""

    def __init__(self, model: type[BaseModel], path: Path, detail: Any, node: Node, kinds: list[str]) -> None:  # noqa: ANN401
        self.name = str(path[-1]) if path else "the file"
        loc = detail["loc"]
        self.is_key = loc[-1:] == ("[key]",)
        self.place = place(model, (*loc[:-2], "[key]") if self.is_key else loc)
        self.is_network = any("IPv4Network" in str(step) for step in loc[1:])
        self.parent = place(model, path[:-1])
        self.detail = detail
        self.type = str(detail["type"])
        self.context: dict[str, Any] = detail.get("ctx", {})
        self.node = node
        self.kinds = kinds

    def say(self) -> tuple[str, str]:
        """Return message and mend."""
        if self.type == "extra_forbidden":
            return f"unknown key `{_short(self.name)}`", suggestion(self.name, self.parent.keys())
        if self.type == "missing":
            return f"`{self.name}` is missing", f"add it: {self.right()}"
        if self.kinds:
            return self.kind()
        if self.is_network:
            return f"{self.given()} is not a network", self.network()
        return self.bounds()

    def kind(self) -> tuple[str, str]:
        """Word a value of another type than is needed."""
        wanted = f"{', '.join(self.kinds[:-1])} or {self.kinds[-1]}" if len(self.kinds) > 1 else self.kinds[0]
        if self.node.value is None:
            return "no value is given", f"give {wanted}, or remove the key: {self.right()}"
        return f"{self.given()} is not {wanted}", self.requoted() or self.right()

    def bounds(self) -> tuple[str, str]:
        """Word what is too small, too long, or not of the form that is needed."""
        if self.type in ("literal_error", "union_tag_invalid"):
            return f"{self.given()} is not known here", self.choice()
        if self.type == "value_error":
            text = str(self.context.get("error", self.detail["msg"]))
            if isinstance(self.node.value, dict):
                return text, "change one of the keys that the message names"
            return f"{self.given()} is refused here", text
        if self.type == "string_pattern_mismatch":
            return f"{self.given()} does not have the form that is needed here", self.right()
        if self.type in ("too_short", "string_too_short"):
            return "this is empty" if not self.node.value else "this is too short", self.right()
        text = str(self.detail["msg"]).replace("Input should", "it should").replace("Input", "it")
        return f"{self.given()} is refused: {text}", self.right()

    def given(self) -> str:
        """Return the value as written, short; never one that may be a secret."""
        if self.is_key:
            return f"the key `{_short(self.name)}`"
        if "password" in self.name or "secret" in self.name:
            return "the value"
        if isinstance(self.node.value, dict):
            return "a group of keys"
        return "a list" if isinstance(self.node.value, list) else f"`{_short(self.node.written)}`"

    def right(self) -> str:
        """Return what would be right: the key's description and an example."""
        example = self.place.example()
        shown = f"for example {example if isinstance(example, str) else json.dumps(example)}" if example else ""
        description = self.place.description().rstrip(".")
        return "; ".join(part for part in (description, shown) if part) or "see docs/reference/site.md"

    def requoted(self) -> str | None:
        """Return the mend for a number that stands in quotes, or a text that does not."""
        value = self.node.value
        if "text" in self.kinds and isinstance(value, bool | int | float):
            return f'put it in quotes: "{self.node.written}"'
        if isinstance(value, str):
            if "true or false" in self.kinds and value.lower() in ("true", "false"):
                return f"write it without quotes: {value.lower()}"
            if "a whole number" in self.kinds and value.isascii() and value.isdigit():
                return f"write it without quotes: {value}"
        return None

    def network(self) -> str:
        """Return the network that an address with host bits lies in, or an example."""
        try:
            return f"did you mean {ip_network(self.node.written, strict=False)}?"
        except ValueError:
            return self.right()

    def choice(self) -> str:
        """Return the nearest word that is known, or all of them."""
        expected = str(self.context.get("expected") or self.context.get("expected_tags", ""))
        words = [word.strip(" '") for word in expected.replace(" or ", ", ").split(",")]
        near = nearest(self.node.written, words)
        listed = f"known here: {', '.join(f'`{word}`' for word in words)}"
        return f"did you mean `{near}`? {listed}" if near else listed


def _short(text: str) -> str:
    line = text.replace("\n", " ")
    return line if len(line) <= 60 else f"{line[:57]}..."
