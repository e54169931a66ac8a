# GNU General Public License v3.0 or later (see LICENSE)
"""Wanted against actual, in the form in which Keycloak means the same. Pure.

Keycloak reorders lists that are sets, returns numbers and booleans inside maps as text, drops empty values, and adds
defaults. So only what is wanted is compared, lists without order, scalars by their text, and nothing equals empty.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

Json = Any
"""A value of JSON, in a shape that Keycloak decides."""

NOTHING = "(none)"

_TEXT_SETS = {"passwordPolicy": " and ", "post.logout.redirect.uris": "##"}
"""Texts that are sets: key -> what stands between their members."""

_LONGEST = 200


@dataclass(frozen=True)
class Difference:
    """One property that differs, in words.

    :param aspect: which property, such as ``redirectUris`` or ``attributes.pkce.code.challenge.method``.
    """

    aspect: str
    before: str
    after: str


def differences(wanted: Json, actual: Json, aspect: str = "") -> Iterator[Difference]:
    """Yield what differs. Keys that are not wanted are not looked at; an empty list or text has to be empty."""
    if isinstance(wanted, dict):
        inside = actual if isinstance(actual, dict) else {}
        for key, value in wanted.items():
            yield from differences(value, inside.get(key), f"{aspect}.{key}" if aspect else key)
    elif canonical(wanted, aspect) != canonical(actual, aspect):
        yield Difference(aspect, words(actual), words(wanted))


def canonical(value: Json, aspect: str = "") -> Json:
    """Return a value so that equal ones mean the same to Keycloak; the empty text stands for everything empty."""
    if isinstance(value, dict):
        found = {key: canonical(item, key) for key, item in value.items()}
        return {key: item for key, item in found.items() if item != ""} or ""
    if isinstance(value, list | tuple):
        items = [canonical(item, aspect) for item in value]
        return tuple(sorted((item for item in items if item != ""), key=repr)) or ""
    text = scalar(value)
    separator = next((mark for key, mark in _TEXT_SETS.items() if aspect == key or aspect.endswith("." + key)), "")
    return tuple(sorted(text.replace("(undefined)", "").split(separator))) if separator and text else text


def scalar(value: Json) -> str:
    """Return a number, boolean, text or nothing as Keycloak writes it inside a map."""
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)


def words(value: Json) -> str:
    """Return a value as a person reads it in a plan, in one line."""
    if isinstance(value, dict):
        text = ", ".join(f"{key}={words(value[key])}" for key in sorted(value))
    elif isinstance(value, list | tuple):
        text = ", ".join(sorted(words(item) for item in value))
    else:
        text = " ".join(scalar(value).split())
    return (text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…") or NOTHING


def merged(wanted: Json, actual: Json) -> Json:
    """Return the actual representation with what is wanted put into it; lists are replaced as a whole.

    A PUT without a key resets it (realm attributes, descriptions), so what is sent is always merged.
    """
    if not isinstance(wanted, dict):
        return wanted
    inside = actual if isinstance(actual, dict) else {}
    return {**inside, **{key: merged(value, inside.get(key)) for key, value in wanted.items()}}


def texts(values: dict[str, Any]) -> dict[str, str]:
    """Return a map with all its values as text, as Keycloak's attributes and configurations are."""
    return {key: scalar(value) for key, value in values.items()}


def lists(values: dict[str, Any]) -> dict[str, list[str]]:
    """Return a map with all its values as lists of texts, as components and users have them."""
    return {
        key: [scalar(item) for item in value] if isinstance(value, list | tuple) else [scalar(value)]
        for key, value in values.items()
    }
