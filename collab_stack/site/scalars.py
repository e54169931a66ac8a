"""What a bare word of YAML means, refusing those that YAML 1.1 and 1.2 read differently."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

Scalar = str | int | float | bool | None

_NULLS: Final = frozenset({"", "~", "null", "Null", "NULL"})
_BOOLS: Final = {word: word.lower() == "true" for word in ("true", "True", "TRUE", "false", "False", "FALSE")}
_YES_NO: Final = re.compile(r"^(yes|no|on|off)$", re.IGNORECASE)
_INTEGER: Final = re.compile(r"^[-+]?(0|[1-9][0-9]{0,30})$")
_FLOAT: Final = re.compile(r"^[-+]?(\.[0-9]{1,30}|[0-9]{1,30}(\.[0-9]{0,30})?)([eE][-+]?[0-9]{1,3})?$")
_ODD_NUMBER: Final = re.compile(
    r"^[-+]?(0[0-7_]+|0o[0-7]+|0x[0-9a-fA-F_]+|0b[01_]+|[0-9][0-9_]*_[0-9_]*|[0-9]+(:[0-5]?[0-9])+(\.[0-9_]*)?)$"
)


@dataclass(frozen=True, slots=True)
class Ambiguous:
    """A bare word that programs read in different ways.

    :param word: as written.
    :param reading: how YAML 1.1 reads it.
    """

    word: str
    reading: str


def resolve(word: str) -> Scalar | Ambiguous:
    """Return the value of a scalar that stands without quotes."""
    if word in _NULLS:
        return None
    if word in _BOOLS:
        return _BOOLS[word]
    if _YES_NO.match(word):
        return Ambiguous(word, "true" if word.lower() in ("yes", "on") else "false")
    return _number(word)


def _number(word: str) -> Scalar | Ambiguous:
    if _INTEGER.match(word):
        return int(word)
    if _ODD_NUMBER.match(word):
        return Ambiguous(word, "a number to another base")
    return float(word) if _FLOAT.match(word) else word
