"""The options that every verb has, defined once."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from collections.abc import Callable

F = TypeVar("F", bound="Callable[..., Any]")


@dataclass(frozen=True)
class Common:
    """What the common options said.

    ``site`` is the site's directory, ``vault_password_file`` the file or executable with the vault password.
    """

    site: Path
    json: bool
    verbosity: int
    yes: bool
    color: bool
    vault_password_file: Path | None


_SITE = click.option(
    "--site",
    type=click.Path(path_type=Path, file_okay=False),
    envvar="COLLAB_SITE",
    default=Path(),
    metavar="DIR",
    help="The site's directory (default: the working directory, or COLLAB_SITE).",
)
_JSON = click.option("--json", "as_json", is_flag=True, help="Print exactly one JSON object on stdout.")
_VERBOSE = click.option("-v", "--verbose", "verbosity", count=True, help="Say more; -vv says most.")
_YES = click.option("--yes", is_flag=True, help="Answer every question with yes.")
_COLOR = click.option("--no-color", is_flag=True, help="No colours (NO_COLOR does the same).")
_VAULT = click.option(
    "--vault-password-file",
    type=click.Path(path_type=Path, dir_okay=False),
    envvar="COLLAB_VAULT_PASSWORD_FILE",
    default=None,
    metavar="FILE",
    help="A file, or an executable that prints it (default: COLLAB_VAULT_PASSWORD_FILE, init's file, the keyring).",
)


def common_options(function: F) -> F:
    """Give a verb the common options, handed to it as one ``Common`` in the parameter ``common``."""

    @wraps(function)
    def wrapper(
        *args: object,
        site: Path,
        as_json: bool,
        verbosity: int,
        yes: bool,
        no_color: bool,
        vault_password_file: Path | None,
        **rest: object,
    ) -> object:
        color = not (no_color or os.environ.get("NO_COLOR"))
        if not color:
            os.environ["NO_COLOR"] = "1"
            click.get_current_context().color = False
        common = Common(site.absolute(), as_json, verbosity, yes, color, vault_password_file)
        return function(*args, common=common, **rest)

    decorated: Any = wrapper
    for option in (_VAULT, _COLOR, _YES, _VERBOSE, _JSON, _SITE):
        decorated = option(decorated)
    result: F = decorated
    return result
