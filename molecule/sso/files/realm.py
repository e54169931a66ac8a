"""Change something of the realm as an administrator does; runs on Keycloak's host.

usage: realm.py SECRET PATH KEY VALUE, the path below /admin/realms/agency and the value in JSON
"""

from __future__ import annotations

import json
import ssl
import sys
import urllib.parse
import urllib.request
from typing import Any

KEYCLOAK = "https://keycloak.collab.internal:8443"
TRUSTED = ssl.create_default_context(cafile="/etc/collab/tls/ca.pem")


def call(method: str, path: str, headers: dict[str, str], body: bytes | None = None) -> Any:  # noqa: ANN401 - whatever JSON it is
    """Return what Keycloak answers."""
    request = urllib.request.Request(KEYCLOAK + path, body, headers, method=method)
    with urllib.request.urlopen(request, context=TRUSTED, timeout=30) as answer:
        text = answer.read()
    return json.loads(text) if text else None


def main() -> None:
    """Do what the command line says."""
    secret, path, key, value = sys.argv[1:]
    form = {"grant_type": "client_credentials", "client_id": "collab-reconciler", "client_secret": secret}
    login = urllib.parse.urlencode(form).encode()
    token = call("POST", "/realms/master/protocol/openid-connect/token", {}, login)["access_token"]
    bearer = {"Authorization": f"Bearer {token}"}
    found = call("GET", f"/admin/realms/agency{path}", bearer)
    if isinstance(found, list):
        (found,) = found
        path = f"{path.partition('?')[0]}/{found['id']}"
    found[key] = json.loads(value)
    changed = json.dumps(found).encode()
    call("PUT", f"/admin/realms/agency{path}", {**bearer, "Content-Type": "application/json"}, changed)


if __name__ == "__main__":
    main()
