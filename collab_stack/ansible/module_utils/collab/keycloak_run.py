# GNU General Public License v3.0 or later (see LICENSE)
"""One call of the module ``keycloak_realm``: the account, the prediction or the work, the warnings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.collab import keycloak_realm
from ansible.module_utils.collab.keycloak_api import Api, KeycloakError, UnreachableError
from ansible.module_utils.collab.keycloak_bootstrap import PREFIX, Account, bootstrap, temporary_administrators, usable
from ansible.module_utils.collab.keycloak_compare import Difference
from ansible.module_utils.collab.keycloak_realm import Wanted
from ansible.module_utils.collab.keycloak_state import Session, Step

OPTIONS = (
    "settings", "texts", "profile_attributes", "required_actions", "roles", "groups", "client_scopes", "clients",
    "built_in_clients", "flows", "directory", "remove_directory", "users",
)  # fmt: skip


class Run:
    """One call of the module."""

    def __init__(self, module: AnsibleModule) -> None:
        params = module.params
        self.module = module
        self.wanted = Wanted(name=params["realm"], **{key: params[key] for key in OPTIONS})
        self.account = Account(
            params["realm"],
            params["client_id"],
            params["client_secret"],
            params["bootstrap_secret"],
            params["bootstrap_command"],
        )
        self.done: list[Step] = []
        self.api: Api | None = None

    def predict(self) -> None:
        """Say what a run would do."""
        if not Path(self.module.params["installed_path"]).exists():
            self._predict_new()
            return
        try:
            api = self._connect(0 if self.module.params["starting"] else self.module.params["timeout"])
            ready = usable(api, self.account)
            exists = api.exists(self.wanted.name)
        except UnreachableError as error:
            if not self.module.params["starting"]:
                raise
            self.module.warn(f"{error}; what would change in realm {self.wanted.name} is known once Keycloak runs")
            return
        if not exists:
            self._predict_new()
            return
        if not ready:
            self.done.append(self._account_step())
            self.module.warn(f"what would change in realm {self.wanted.name} is known once the account works again")
            return
        self.done += self._leftovers(api)
        session = self._session(api)
        self.done += keycloak_realm.plan(self.wanted, session.state)
        self._warn(session)

    def make(self) -> None:
        """Make it so."""
        api = self._connect(self.module.params["timeout"])
        new = not api.exists(self.wanted.name)
        if not usable(api, self.account):
            bootstrap(api, self.account, self.module.run_command)
            self.done.append(self._account_step())
        else:
            leftovers = self._leftovers(api)
            if leftovers:
                bootstrap(api, self.account, self.module.run_command)
            self.done += leftovers
        session = self._session(api)
        keycloak_realm.converge(self.wanted, session, self.done, new=new)
        self._warn(session)

    def result(self) -> dict[str, Any]:
        """Return what the module reports."""
        return {**keycloak_realm.report(self.done), "requests": self.api.requests if self.api else 0}

    def _connect(self, patience: float) -> Api:
        if not Path(self.module.params["ca_file"]).exists():
            raise KeycloakError(f"there is no CA at {self.module.params['ca_file']}; the role tls puts it there")
        self.api = Api(self.module.params["url"], self.module.params["ca_file"], patience)
        return self.api

    def _session(self, api: Api) -> Session:
        return Session(api, self.wanted.name, lambda session: keycloak_realm.read(self.wanted, session))

    def _predict_new(self) -> None:
        state = keycloak_realm.nothing_yet()
        self.done += [self._account_step(), *keycloak_realm.plan(self.wanted, state, new=True)]

    def _account_step(self) -> Step:
        difference = Difference("login", "refused", "works")
        return Step(f"service account {self.account.client_id}", "create", (difference,), lambda _: None)

    def _leftovers(self, api: Api) -> list[Step]:
        """Return a step for each temporary administrator of ours that a killed run left, and warn about others."""
        clients, users = temporary_administrators(api)
        steps = []
        for name in [*(client["clientId"] for client in clients), *users]:
            if name.startswith(PREFIX):
                found = (Difference("exists", "yes", "no"),)
                steps.append(Step(f"temporary administrator {name}", "remove", found, lambda _: None))
            else:
                self.module.warn(f"{name} is a temporary administrator of Keycloak; remove it when its work is done")
        return steps

    def _warn(self, session: Session) -> None:
        for text in keycloak_realm.watch(self.wanted, session):
            self.module.warn(text)
