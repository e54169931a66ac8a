"""Programs that run on a host with nothing but Debian's python3: sent over ssh, standard library only.

:func:`source` gives their text; nothing here is imported on the controller but by tests.
"""

from __future__ import annotations

from pathlib import Path


def source(name: str) -> str:
    """Return the text of a program of this folder."""
    return Path(__file__).with_name(f"{name}.py").read_text(encoding="utf-8")
