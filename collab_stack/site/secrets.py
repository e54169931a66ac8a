"""secrets.yml: an ansible-vault file whose plaintext is ``collab_secrets: {name: value, …}``."""

from __future__ import annotations

import json
import re
import secrets as random
import string
from typing import TYPE_CHECKING, Final

from collab_stack.site import atomic, vault
from collab_stack.site.document import parse
from collab_stack.site.findings import Finding, SiteError
from collab_stack.site.screen import MARKS, has_expression
from collab_stack.site.source import read_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from collab_stack.site.document import Node

FILE: Final = "secrets.yml"
ROOT: Final = "collab_secrets"
CA_KEY: Final = "internal_ca_key"

LENGTH: Final = 32
"""Characters of a generated secret: 190 bits out of 62 letters and digits."""

_HEADER: Final = """\
# The site's secrets. `collab-stack secrets edit` opens them, and so does `ansible-vault edit`.
# `collab-stack secrets set NAME` and `add-missing` write this text anew: comments of your own are not kept.
"""
_NAME: Final = re.compile(r"^[a-z][a-z0-9_]{0,99}$")
_CONTROL: Final = re.compile(r"[\x00-\x09\x0b-\x1f\x7f]")
_ALPHABET: Final = string.ascii_letters + string.digits
_SUPPLIED: Final = frozenset({"directory_bind_password", "mail_password", "nextcloud_s3_secret"})
_EDIT: Final = "run `collab-stack secrets edit`"


def is_name(name: str) -> bool:
    """Say whether a secret may be called so."""
    return _NAME.match(name) is not None


def is_supplied(name: str) -> bool:
    """Say whether a person has to supply the secret, because another system decides it."""
    return name in _SUPPLIED or name.endswith("become_password")


def generate(name: str) -> str:
    """Return a new random value: letters and digits only, because upstream's templates insert it unescaped."""
    if name == CA_KEY:
        raise ValueError("the internal CA's key is made with its certificate, by collab_stack.site.authority")
    return "".join(random.choice(_ALPHABET) for _ in range(LENGTH))


def read(directory: Path, password: bytes | None) -> tuple[dict[str, str] | None, list[Finding]]:
    """Return the secrets, or None and what stands against reading them.

    :param password: the vault password; None checks only that the file is encrypted.
    """
    text = read_text(directory, FILE)
    if isinstance(text, Finding):
        return None, [text]
    if not vault.is_vault(text):
        return None, [not_encrypted()]
    if password is None:
        return None, []
    try:
        plain = vault.decrypt(text, password).decode("utf-8")
    except vault.WrongPasswordError:
        return None, [Finding(FILE, 1, "", "the vault password does not fit", "give the right --vault-password-file")]
    except (vault.NotVaultError, UnicodeDecodeError) as error:
        return None, [Finding(FILE, 1, "", f"this is a damaged vault file: {error}", "restore it from version control")]
    return parse_plain(plain)


def not_encrypted() -> Finding:
    """Return the finding for a secrets.yml in clear."""
    mend = f"run `ansible-vault encrypt {FILE}`, and change every secret in it: they may have been seen"
    return Finding(FILE, 1, "", "the secrets are not encrypted", mend)


def load(directory: Path, password: bytes) -> dict[str, str]:
    """Return the secrets.

    :raises SiteError: when they cannot be read, with the findings.
    """
    values, findings = read(directory, password)
    if values is None:
        raise SiteError(findings)
    return values


def parse_plain(text: str) -> tuple[dict[str, str] | None, list[Finding]]:
    """Return the secrets of a decrypted text; lines in findings are those of the decrypted text."""
    if not text.strip():
        return None, [Finding(FILE, 1, ROOT, "the decrypted file is empty", _EDIT)]
    tab = text.find("\t")
    if tab >= 0:
        return None, [Finding(FILE, text.count("\n", 0, tab) + 1, "", "the line holds a tab", f"{_EDIT}; use spaces")]
    tree, findings = parse(text, FILE, private=True)
    if tree is None:
        return None, findings
    findings += _check(tree)
    if findings:
        return None, findings
    return dict(tree.plain()[ROOT]), []


def _check(tree: Node) -> Iterator[Finding]:
    members = tree.value if isinstance(tree.value, dict) else {}
    root = members.get(ROOT)
    for key, node in members.items():
        if key != ROOT:
            yield Finding(FILE, node.line, "", f"nothing but `{ROOT}` belongs at the top", _EDIT)
    if root is None or not isinstance(root.value, dict):
        yield Finding(
            FILE, root.line if root else 1, ROOT, f"`{ROOT}:` with one `name: value` per line is needed", _EDIT
        )
        return
    for name, node in root.value.items():
        problem = _problem(name, node)
        if problem:
            yield Finding(FILE, node.line, f"{ROOT}.{name}" if _NAME.match(name) else ROOT, problem, _EDIT)


def _problem(name: str, node: Node) -> str | None:
    """Say what is wrong with a secret, without repeating it."""
    if not _NAME.match(name):
        return "a name has small letters, digits and `_` only, and begins with a letter"
    if not isinstance(node.value, str):
        return "the value is not text: put it in quotes"
    return unfit(node.value)


def unfit(value: str) -> str | None:
    """Say why a text cannot be a secret, without repeating it."""
    if not value:
        return "the value is empty"
    if _CONTROL.search(value):
        return "the value holds a control character"
    if "\n" in value and not value.startswith("-----BEGIN "):
        return "the value has several lines; only a key in PEM may"
    if has_expression(value):
        return f"the value holds one of {', '.join(MARKS)}, which Ansible would evaluate: use another password"
    return None


def render(values: Mapping[str, str]) -> str:
    """Return the text to encrypt."""
    lines = [f"{_HEADER}{ROOT}:" if values else f"{_HEADER}{ROOT}: {{}}"]
    for name in sorted(values):
        value = values[name]
        if "\n" in value:
            lines += [f"  {name}: |", *(f"    {line}" for line in value.rstrip("\n").split("\n"))]
        else:
            lines.append(f"  {name}: {json.dumps(value, ensure_ascii=False)}")
    return "\n".join(lines) + "\n"


def write(directory: Path, values: Mapping[str, str], password: bytes, label: str | None) -> None:
    """Encrypt and write the secrets; a kill leaves the old file or the new one."""
    write_text(directory, render(values), password, label)


def write_text(directory: Path, text: str, password: bytes, label: str | None) -> None:
    """Encrypt and write an edited text as it is, comments included.

    :raises SiteError: when it is not valid; then nothing was written.
    """
    values, findings = parse_plain(text)
    if values is None:
        raise SiteError(findings)
    atomic.write(directory / FILE, vault.encrypt(text.encode(), password, label), 0o600)


def missing(values: Iterable[str], needed: Iterable[str], tree_lines: Mapping[str, tuple[str, int]]) -> list[Finding]:
    """Return a finding for each secret that the site needs and secrets.yml does not have.

    :param tree_lines: name -> (file, line) where the site refers to it, as far as known.
    """
    found = []
    for name in sorted(set(needed) - set(values)):
        file, line = tree_lines.get(name, (FILE, 1))
        mend = (
            f"run `collab-stack secrets set {name}`" if is_supplied(name) else "run `collab-stack secrets add-missing`"
        )
        found.append(Finding(file, line, f"{ROOT}.{name}", f"the secret `{name}` is missing in {FILE}", mend))
    return found
