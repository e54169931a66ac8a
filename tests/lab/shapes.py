"""The JSON objects that operators script against, as docs/cli.md promises them, in JSON Schema."""

from __future__ import annotations

from typing import Any

TEXT: dict[str, Any] = {"type": "string"}
NUMBER: dict[str, Any] = {"type": "number", "minimum": 0}
COUNT: dict[str, Any] = {"type": "integer", "minimum": 0}
MAYBE_TEXT: dict[str, Any] = {"type": ["string", "null"]}
OK: dict[str, Any] = {"type": "boolean"}


def exactly(**properties: dict[str, Any]) -> dict[str, Any]:
    """Return the shape of an object with these keys and no others."""
    return at_least(**properties) | {"additionalProperties": False}


def at_least(**properties: dict[str, Any]) -> dict[str, Any]:
    """Return the shape of an object with these keys, all required; it may have others."""
    return {"type": "object", "properties": properties, "required": list(properties)}


def several(shape: dict[str, Any]) -> dict[str, Any]:
    """Return the shape of a list."""
    return {"type": "array", "items": shape}


def one_of(*shapes: dict[str, Any]) -> dict[str, Any]:
    """Return the shape of what has one of several."""
    return {"anyOf": list(shapes)}


NOTHING: dict[str, Any] = {"type": "null"}

CHECK = at_least(
    ok=OK,
    findings=several(
        exactly(file=TEXT, line=one_of(COUNT, NOTHING), key=TEXT, severity=TEXT, message=TEXT, mend=TEXT),
    ),
)

PLAN = at_least(
    ok=OK,
    services=several(at_least(name=TEXT, hosts=several(TEXT), url=MAYBE_TEXT, version=MAYBE_TEXT, image=MAYBE_TEXT)),
    flows=several(
        at_least(**{"from": TEXT}, to=TEXT, port=one_of(COUNT, TEXT, NOTHING), protocol=TEXT, reason=TEXT, legal=TEXT)
    ),
    changes=several(at_least(host=TEXT, role=TEXT, object=TEXT, action=TEXT, diff=one_of(TEXT, NOTHING))),
)

PROBE = at_least(
    ok=OK,
    seconds=NUMBER,
    results=several(
        at_least(
            id=TEXT,
            service=TEXT,
            host=MAYBE_TEXT,
            state={"enum": ["pass", "fail", "skip", "waived"]},
            severity=TEXT,
            did=TEXT,
            saw=TEXT,
            mend=MAYBE_TEXT,
            seconds=NUMBER,
        )
    ),
)

DEPLOY = at_least(
    ok=OK,
    seconds=NUMBER,
    hosts={
        "type": "object",
        "minProperties": 1,
        "additionalProperties": exactly(ok=COUNT, changed=COUNT, failed=COUNT, unreachable=COUNT),
    },
    remote_tasks=COUNT,
    failed_task=one_of(NOTHING, exactly(host=TEXT, role=TEXT, task=TEXT, message=TEXT, mend=TEXT)),
    probe=one_of(NOTHING, PROBE),
)

FAILED = at_least(ok={"const": False}, error=exactly(code=TEXT, message=TEXT, mend=TEXT))
