"""What the typed model says about a key: its type, description, examples, and its neighbours."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


class Place:
    """Where a path through the model leads: the models that may stand there, and the field that led to it."""

    def __init__(self, model: type[BaseModel]) -> None:
        self.annotation: Any = model
        self.field: FieldInfo | None = None

    def step(self, step: str | int) -> None:
        """Go one step further; a step that names an alternative instead of a key narrows the choice."""
        if isinstance(step, int):
            self._into((list, tuple))
            return
        if step == "[key]":
            self._into((dict,), 0)
            return
        for model in models(self.annotation):
            if step in model.model_fields:
                self.field = model.model_fields[step]
                self.annotation = self.field.annotation
                return
        tagged = [model for model in models(self.annotation) if step in _tags(model)]
        if tagged:
            self.annotation = tagged[0]
        else:
            self._into((dict,))

    def _into(self, kinds: tuple[type, ...], argument: int = -1) -> None:
        for part in parts(self.annotation):
            if get_origin(part) in kinds:
                self.annotation = get_args(part)[argument]
                return

    def keys(self) -> tuple[str, ...]:
        """Return the keys that are known here."""
        return tuple(dict.fromkeys(name for model in models(self.annotation) for name in model.model_fields))

    def description(self) -> str:
        """Return what the key is for, on one line."""
        text = self.field.description if self.field is not None else None
        if not text:
            text = next((model.__doc__ for model in models(self.annotation)), None)
        return " ".join((text or "").split())

    def example(self) -> object:
        """Return an example of a value, or None."""
        for info in self._infos():
            if info.examples:
                return info.examples[0]
        return None

    def _infos(self) -> Iterator[FieldInfo]:
        yield from infos(self.annotation)
        if self.field is not None:
            yield self.field
            yield from infos(self.field.annotation)


def place(model: type[BaseModel], path: Sequence[str | int]) -> Place:
    """Return where a path leads."""
    found = Place(model)
    for step in path:
        found.step(step)
    return found


def parts(annotation: Any) -> Iterator[Any]:  # noqa: ANN401 - annotations have no common type
    """Yield the alternatives of an annotation, without ``Annotated`` and ``None``."""
    if get_origin(annotation) is Annotated:
        yield from parts(get_args(annotation)[0])
    elif _is_union(annotation):
        for part in get_args(annotation):
            yield from parts(part)
    elif annotation is not type(None):
        yield annotation


def models(annotation: Any) -> list[type[BaseModel]]:  # noqa: ANN401 - annotations have no common type
    """Return the models among the alternatives of an annotation."""
    return [part for part in parts(annotation) if isinstance(part, type) and issubclass(part, BaseModel)]


def infos(annotation: Any) -> Iterator[FieldInfo]:  # noqa: ANN401 - annotations have no common type
    """Yield the ``Field(…)`` notes anywhere inside an annotation."""
    if get_origin(annotation) is Annotated:
        yield from (note for note in annotation.__metadata__ if isinstance(note, FieldInfo))
    for part in get_args(annotation):
        if get_origin(part) is not None:
            yield from infos(part)


def _is_union(annotation: Any) -> bool:  # noqa: ANN401 - annotations have no common type
    origin = get_origin(annotation)
    return origin is not None and getattr(origin, "__name__", str(origin)).endswith(("Union", "UnionType"))


def _tags(model: type[BaseModel]) -> tuple[str, ...]:
    """Return the values of the fields that tell a model from its alternatives."""
    return tuple(
        value
        for field in model.model_fields.values()
        if get_origin(field.annotation) is Literal
        for value in get_args(field.annotation)
        if len(get_args(field.annotation)) == 1
    )
