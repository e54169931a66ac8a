"""Keycloak's admin interface as an administrator reaches it: through the edge, from a management network."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from typing import Any

from tests.lab.stack import Stack

REALM = "admin/realms/agency"


def ask(stack: Stack, method: str, path: str, bearer: str = "", body: object = None) -> Any:  # noqa: ANN401 - as JSON is
    """Send one request and return the answer; no secret is on a command line.

    :param body: a form when it is text, else JSON.
    """
    edge = stack.lab.state.layout.address("host1")
    lines = [
        f'url = "https://id.agency.example/{path}"',
        f'resolve = "id.agency.example:443:{edge}"',
        f'cacert = "{stack.directory / "tls" / "internal-ca.pem"}"',
        f'request = "{method}"',
        "silent\nshow-error\nfail-with-body",
    ]
    if bearer:
        lines.append(f'header = "Authorization: Bearer {bearer}"')
    if isinstance(body, str):
        lines.append(f'data = "{body}"')
    elif body is not None:
        text = json.dumps(body).replace("\\", "\\\\").replace('"', '\\"')
        lines += ['header = "Content-Type: application/json"', f'data = "{text}"']
    done = subprocess.run(
        ["curl", "--config", "-"], input="\n".join(lines), capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, f"{method} {path}: {done.stderr}{done.stdout}"
    return json.loads(done.stdout) if done.stdout.strip() else None


def token(stack: Stack) -> str:
    """Log in as the reconciler's account."""
    secret = stack.secrets["keycloak_reconciler_secret"]
    form = f"grant_type=client_credentials&client_id=collab-reconciler&client_secret={secret}"
    given: str = ask(stack, "POST", "realms/master/protocol/openid-connect/token", body=form)["access_token"]
    return given


def administer(stack: Stack, path: str, change: Callable[[dict[str, Any]], None]) -> None:
    """Change one thing, as an administrator does in the console."""
    bearer = token(stack)
    found = ask(stack, "GET", path, bearer)
    thing = found[0] if isinstance(found, list) else found
    change(thing)
    target = f"{path.partition('?')[0]}/{thing['id']}" if isinstance(found, list) else path
    ask(stack, "PUT", target, bearer, thing)


def forget_second_factor(stack: Stack, name: str) -> None:
    """Let somebody set up a second factor anew."""
    bearer = token(stack)
    for user in ask(stack, "GET", f"{REALM}/users?exact=true&username={name}", bearer):
        path = f"{REALM}/users/{user['id']}/credentials"
        for credential in ask(stack, "GET", path, bearer):
            if credential["type"] == "otp":
                ask(stack, "DELETE", f"{path}/{credential['id']}", bearer)
