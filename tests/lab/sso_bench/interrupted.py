"""The reconciler without Ansible around it: quick, and able to end after any request."""

from __future__ import annotations

import subprocess
from typing import Any

from ansible.module_utils.collab import keycloak_realm
from ansible.module_utils.collab.keycloak_api import Api
from ansible.module_utils.collab.keycloak_bootstrap import Account, bootstrap, temporary_administrators, usable
from ansible.module_utils.collab.keycloak_realm import Wanted
from ansible.module_utils.collab.keycloak_state import Session, Step

from tests.lab.sso_bench.bench import Bench

__all__ = ["Account", "Killed", "Wanted", "mend", "predict", "reconcile", "temporary_administrators"]


class Killed(BaseException):
    """Stands for SIGKILL: nothing handles it."""


def mortal(bench: Bench, requests: int) -> Api:
    """Return an API that dies after so many requests; Keycloak has done the last one. 0 lets it live."""
    api = Api(bench.url, str(bench.ca_file))
    exchange = api._exchange

    def dying(method: str, path: str, data: bytes | None, headers: dict[str, str]) -> tuple[int, Any]:
        answer: tuple[int, Any] = exchange(method, path, data, headers)
        if requests and api.requests >= requests:
            raise Killed
        return answer

    api._exchange = dying
    return api


def reconcile(bench: Bench, account: Account, wanted: Wanted, requests: int = 0) -> list[str]:
    """Do what the module does, and return what still differs afterwards.

    :param requests: how many are sent until it is killed; 0 lets it live.
    :raises Killed: then.
    """
    api = mortal(bench, requests)
    if not usable(api, account) or temporary_administrators(api)[0]:
        bootstrap(api, account, _run)
    session = _session(api, wanted)
    keycloak_realm.converge(wanted, session, [], new=False)
    return [step.target for step in keycloak_realm.plan(wanted, session.refresh())]


def predict(bench: Bench, wanted: Wanted) -> list[str]:
    """Return what differs in the realm, in words."""
    return _said(keycloak_realm.plan(wanted, _session(bench.api(), wanted).state))


def mend(bench: Bench, wanted: Wanted) -> list[str]:
    """Make the realm right, and return what was done, in words."""
    done: list[Step] = []
    keycloak_realm.converge(wanted, _session(bench.api(), wanted), done, new=False)
    return _said(done)


def _session(api: Api, wanted: Wanted) -> Session:
    return Session(api, wanted.name, lambda session: keycloak_realm.read(wanted, session))


def _said(steps: list[Step]) -> list[str]:
    actions: list[str] = keycloak_realm.report(steps)["actions"]
    return actions


def _run(argv: list[str], environ_update: dict[str, str], **_: object) -> tuple[int, str, str]:
    """Run a command as AnsibleModule.run_command does."""
    environment = environ_update | {"PATH": "/usr/bin:/bin:/usr/sbin:/sbin"}
    done = subprocess.run(argv, env=environment, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout, done.stderr
