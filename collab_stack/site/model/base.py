"""The base of all settings, and the kinds of text that occur in several of them."""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

Network = IPv4Network | IPv6Network


class Settings(BaseModel):
    """Refuses unknown keys and silent conversions; every field has a description, which becomes documentation."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, str_strip_whitespace=False, use_attribute_docstrings=True, defer_build=True
    )


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

HostAddress = Annotated[
    str,
    Field(
        min_length=1,
        max_length=253,
        pattern=r"^[A-Za-z0-9]([A-Za-z0-9.:-]*[A-Za-z0-9])?$",
        examples=["mail.agency.example", "10.20.0.25"],
    ),
]
"""An IP address or a host name."""

Port = Annotated[int, Field(ge=1, le=65535)]

MailAddress = Annotated[
    str,
    Field(
        max_length=254,
        pattern=r"^[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@([A-Za-z0-9-]+\.)+[A-Za-z0-9-]+$",
        examples=["it@agency.example"],
    ),
]
"""The characters that HTML accepts in a mail field (WHATWG, "valid email address")."""

Line = Annotated[str, Field(min_length=1, max_length=500, pattern=r"^[^\x00-\x1f\x7f-\x9f\u2028\u2029]+$")]
"""Text on one line, without control characters."""

Pem = Annotated[
    str, Field(max_length=100, pattern=r"^tls/[A-Za-z0-9_-][A-Za-z0-9._-]*$", examples=["tls/agency-chain.pem"])
]
"""A PEM file directly below the site's folder tls/."""

AbsolutePath = Annotated[
    str, Field(pattern=r"^/[A-Za-z0-9._/-]*[A-Za-z0-9._-]$", max_length=200, examples=["/srv/collab"])
]
"""A path on a host. The characters are those that need no quoting in a unit file, a container option or a shell."""

GroupName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9 ._-]{0,62}$", examples=["collab-users"])]
"""A group of people in the directory."""
