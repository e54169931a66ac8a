"""The base of all settings, and the kinds of text that occur in several of them."""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

Network = IPv4Network | IPv6Network


class Settings(BaseModel):
    """Refuses unknown keys and silent conversions; every field has a description, which becomes documentation."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=False, use_attribute_docstrings=True)


def _domain(text: str) -> str:
    if "://" in text or "/" in text:
        raise ValueError("give the bare name, without a scheme such as https:// and without a path")
    if text != text.lower():
        raise ValueError(f"write it in lower case: {text.lower()}")
    if text.endswith("."):
        raise ValueError("leave out the final dot")
    return text


DomainName = Annotated[
    str,
    Field(
        max_length=253,
        pattern=r"^([A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z][A-Za-z0-9-]{0,61}[A-Za-z0-9]\.?(?:$|[/:])|://",
        examples=["agency.example"],
    ),
    AfterValidator(_domain),
]
"""A fully qualified name in lower case. The pattern lets a scheme or a final dot pass, whose own messages say more."""

HostAddress = Annotated[str, Field(min_length=1, max_length=253, pattern=r"^[A-Za-z0-9]([A-Za-z0-9.:-]*[A-Za-z0-9])?$")]
"""An IP address or a host name."""

Port = Annotated[int, Field(ge=1, le=65535)]

AbsolutePath = Annotated[str, Field(pattern=r"^/[A-Za-z0-9._/-]*[A-Za-z0-9._-]$", max_length=200)]
"""A path on a host. The characters are those that need no quoting in a unit file, a container option or a shell."""

GroupName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9 ._-]{0,62}$")]
"""A group of people in the directory."""
