"""The realm of the role `sso` on a real Keycloak: applied, left alone, altered by hand, interrupted, logged in to."""

from __future__ import annotations

import re
import secrets
from typing import TYPE_CHECKING, Any

import pytest
import requests

from collab_stack.catalogue import contract
from collab_stack.catalogue.contract.keycloak import is_build_option
from collab_stack.lab.machines import read_exec
from tests.lab.sso_bench.bench import NEXTCLOUD, REALM, SECRETS, VAULT, Answer, Bench
from tests.lab.sso_bench.drift import DRIFT, Drift
from tests.lab.sso_bench.interrupted import Account, Killed, Wanted, mend, predict, reconcile, temporary_administrators
from tests.lab.sso_bench.login import Browser, claims

if TYPE_CHECKING:
    from collections.abc import Iterator

ANNA = "0b7b3a52-6c1e-4f0e-9a53-4b4d0f0a1001"
PERSON = "uid=anna,ou=people,dc=agency,dc=example"


class First:
    """What the module's first runs said, in their order."""

    def __init__(self, bench: Bench) -> None:
        self.predicted = bench.run("--check")
        self.applied = bench.run()
        self.again = bench.run()


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """Keycloak, empty."""
    made = Bench(tmp_path_factory.mktemp("sso"))
    yield made
    made.close()


@pytest.fixture(scope="module")
def first(bench: Bench) -> First:
    """The realm has been applied."""
    return First(bench)


def objects(answer: Answer) -> list[Any]:
    """Return what differs, by object and property."""
    return sorted((item["object"], item["action"], item["differs"]) for item in answer.result["objects"])


class TestFirstRun:
    """From an empty Keycloak."""

    def test_everything_is_predicted_and_made(self, first: First) -> None:
        assert first.predicted.ok, first.predicted.output
        assert first.applied.ok, first.applied.output
        assert objects(first.predicted) == objects(first.applied)
        assert len(objects(first.applied)) > 20

    def test_a_second_run_changes_nothing_and_asks_little(self, first: First) -> None:
        assert first.again.ok, first.again.output
        assert first.again.actions == []
        assert first.again.result["requests"] <= 15

    def test_no_secret_is_told(self, first: First) -> None:
        told = first.predicted.output + first.applied.output + str(first.applied.result)
        assert not [value for value in [*SECRETS.values(), NEXTCLOUD["secret"], *VAULT.values()] if value in told]

    @pytest.mark.usefixtures("first")
    def test_no_temporary_administrator_is_left(self, bench: Bench) -> None:
        assert temporary_administrators(bench.api()) == ([], [])

    @pytest.mark.usefixtures("first")
    def test_the_reconciler_may_manage_this_realm_only(self, bench: Bench) -> None:
        api = bench.api()
        for method, path, body in (
            ("PUT", "/master", {"displayName": "mine"}),
            ("POST", "", {"realm": "another"}),
            ("POST", "/master/users", {"username": "mine"}),
        ):
            with pytest.raises(Exception, match=" 403 "):
                api.call(method, path, body)


@pytest.mark.usefixtures("first")
class TestDrift:
    """What is altered by hand is found exactly, and mended."""

    @pytest.mark.parametrize("drift", DRIFT, ids=lambda drift: drift.name)
    def test_altered_by_hand(self, bench: Bench, first: First, drift: Drift) -> None:
        wanted = Wanted(**first.applied.wanted)
        drift.alter(bench.api())
        predicted = predict(bench, wanted)
        mended = mend(bench, wanted)  # before anything is asserted, so that the next test starts from a realm in order
        assert predicted == drift.expected
        assert mended == drift.expected

    def test_afterwards_nothing_is_left_to_do(self, bench: Bench) -> None:
        assert bench.run("--check").actions == []

    def test_an_undeclared_client_of_ours_goes_and_a_foreign_one_stays(self, bench: Bench) -> None:
        api = bench.api()
        api.call("POST", f"/{REALM}/clients", {"clientId": "foreign", "publicClient": True})
        gone = bench.run(sso_nextcloud={})
        assert "client nextcloud: exists: yes -> no" in gone.actions
        assert [item["clientId"] for item in api.get(f"/{REALM}/clients", clientId="foreign")] == ["foreign"]
        back = bench.run()
        assert "client nextcloud: exists: no -> yes" in back.actions
        api.call("DELETE", f"/{REALM}/clients/{api.get(f'/{REALM}/clients', clientId='foreign')[0]['id']}")

    def test_the_directory_is_removed_only_by_its_name(self, bench: Bench) -> None:
        kept = bench.run("--check", sso_directory={})
        assert not [action for action in kept.actions if action.startswith("directory")]
        assert "sso_remove_directory=directory" in kept.output
        gone = bench.run(sso_directory={}, sso_remove_directory="directory")
        assert "directory directory: exists: yes -> no" in gone.actions
        assert bench.run().ok

    def test_a_directory_that_refuses_is_named_before_anything_changes(self, bench: Bench) -> None:
        directory = bench.variables()["sso_directory"]
        for wrong, told in (
            ({"url": "ldaps://nobody.bench"}, "cannot connect to the directory ldaps://nobody.bench"),
            ({"bind_dn": "cn=nobody,dc=agency,dc=example"}, "refuses the account cn=nobody"),
        ):
            answer = bench.run(sso_directory=directory | wrong)
            assert not answer.ok
            assert told in answer.result["msg"]
            assert bench.run("--check").actions == []


@pytest.mark.usefixtures("first")
class TestLogin:
    """Who gets in, and what the applications are told."""

    def test_a_member_is_told_by_identity_and_declared_groups(self, bench: Bench) -> None:
        outcome = Browser(bench).login("anna", "anna-password")
        assert outcome.page == "", outcome.text
        for token in (outcome.access, outcome.identity):
            assert token["collab_identity"] == ANNA
            assert token["groups"] == ["staff"]
            assert (token["given_name"], token["family_name"]) == ("Anna", "Lind")
        assert outcome.access["aud"] == "nextcloud"
        assert "realm_access" not in outcome.access

    @pytest.mark.parametrize(("language", "told"), [("sv", "Ditt konto får inte"), ("da", "Din konto har ikke")])
    def test_who_is_in_no_group_is_refused_in_their_language(self, bench: Bench, language: str, told: str) -> None:
        outcome = Browser(bench).login("cia", "cia-password", ui_locales=language)
        assert outcome.page == "login-error"
        assert told in outcome.text

    def test_an_administrator_sets_up_a_second_factor(self, bench: Bench) -> None:
        assert Browser(bench).login("bo", "bo-password").page == "login-login-config-totp"

    def test_the_probe_gets_in_and_nobody_else_through_its_client(self, bench: Bench) -> None:
        browser = Browser(bench)
        outcome = browser.login("collab-probe", SECRETS["sso_probe_password"], "collab-probe")
        assert (outcome.access["aud"], outcome.access["collab_identity"]) == ("nextcloud", "collab-probe")
        assert browser.login("", "", "collab-probe").page == ""  # the cookie is enough
        assert Browser(bench).login("anna", "anna-password", "collab-probe").page == "login-error"

    def test_a_password_is_taken_by_no_client(self, bench: Bench) -> None:
        form = {"grant_type": "password", "client_id": "admin-cli", "username": "anna", "password": "anna-password"}
        url = f"{bench.url}/realms/{REALM}/protocol/openid-connect/token"
        answer = requests.post(url, data=form, verify=str(bench.ca_file), timeout=60)
        assert answer.status_code in (400, 401), answer.text
        api = bench.api()
        for client_id in ("admin-cli", "by-hand"):
            body = {"clientId": client_id, "publicClient": True, "directAccessGrantsEnabled": True}
            found = api.get(f"/{REALM}/clients", clientId=client_id)
            path = f"/{REALM}/clients" + (f"/{found[0]['id']}" if found else "")
            api.call("PUT" if found else "POST", path, body)
            answer = requests.post(url, data=form | {"client_id": client_id}, verify=str(bench.ca_file), timeout=60)
            assert answer.status_code in (400, 401), answer.text
            assert "access_token" not in answer.text
        api.call("DELETE", f"/{REALM}/clients/{api.get(f'/{REALM}/clients', clientId='by-hand')[0]['id']}")
        assert bench.run().ok

    def test_a_client_made_by_hand_gets_no_token_without_an_audience(self, bench: Bench) -> None:
        api = bench.api()
        made = api.call("POST", f"/{REALM}/clients", {
            "clientId": "machine", "secret": "machine-secret", "serviceAccountsEnabled": True, "publicClient": False,
        })  # fmt: skip
        form = {"grant_type": "client_credentials", "client_id": "machine", "client_secret": "machine-secret"}
        url = f"{bench.url}/realms/{REALM}/protocol/openid-connect/token"
        answer = requests.post(url, data=form, verify=str(bench.ca_file), timeout=60)
        audience = claims(answer.json()["access_token"])["aud"]
        assert "collab-no-application" in audience
        assert "nextcloud" not in audience
        api.call("DELETE", f"/{REALM}/clients/{made}")

    def test_without_groups_everybody_gets_in(self, bench: Bench) -> None:
        assert bench.run(sso_user_groups=[]).ok
        assert Browser(bench).login("cia", "cia-password").page == ""
        closed = bench.run()
        assert "flow collab browser: members only: DISABLED -> CONDITIONAL" in closed.actions
        assert Browser(bench).login("cia", "cia-password").page == "login-error"

    def test_the_identity_survives_a_new_name_and_an_absence(self, bench: Bench) -> None:
        before = Browser(bench).login("anna", "anna-password").identity
        renamed = PERSON.replace("anna", "anna.berg")
        bench.ldap("ldapmodrdn", "-r", PERSON, "uid=anna.berg")
        members = "dn: cn=staff,ou=groups,dc=agency,dc=example\nchangetype: modify\nreplace: member\nmember: {}\n"
        bench.ldap("ldapmodify", change=members.format(renamed))
        clear_cache(bench)
        after = Browser(bench).login("anna.berg", "anna-password").identity
        assert after["collab_identity"] == before["collab_identity"] == ANNA
        bench.ldap("ldapmodrdn", "-r", renamed, "uid=anna")
        bench.ldap("ldapmodify", change=members.format(PERSON))
        clear_cache(bench)
        assert Browser(bench).login("anna", "anna-password").identity["sub"] == before["sub"]
        api = bench.api()
        person = api.get(f"/{REALM}/users", username="anna", exact="true")
        api.call("DELETE", f"/{REALM}/users/{person[0]['id']}")
        back = Browser(bench).login("anna", "anna-password").identity
        assert back["sub"] != before["sub"]
        assert back["collab_identity"] == ANNA


def clear_cache(bench: Bench) -> None:
    """Let Keycloak forget what it read from the directory."""
    bench.api().call("POST", f"/{REALM}/clear-user-cache")


class TestKilled:
    """Ends after ever more requests, in a realm of its own; each run goes on from where the last one was killed."""

    def test_again_and_again(self, bench: Bench, first: First) -> None:
        name = f"killed-{secrets.token_hex(3)}"
        wanted = Wanted(**{**first.applied.wanted, "name": name, "directory": None})
        keys = (SECRETS["sso_reconciler_secret"], SECRETS["sso_bootstrap_secret"])
        account = Account(name, f"collab-reconciler-{name}", *keys, bench.bootstrap_command())
        kills = 0
        while True:
            try:
                left = reconcile(bench, account, wanted, requests=4 * kills + 1)
            except Killed:
                kills += 1
                continue
            break
        assert left == []
        assert kills > 10
        assert temporary_administrators(bench.api()) == ([], [])


def listed(bench: Bench, command: str) -> tuple[set[str], set[str]]:
    """Return the options that a command of the distribution lists, in their environment form: whole names, prefixes."""
    code, output = read_exec(*bench.keycloak.exec_run(["/opt/keycloak/bin/kc.sh", command, "--help-all"]))
    assert code == 0
    words = re.findall(r"^(?:-\w, )?--([a-z0-9-]+)(<?)", output, re.MULTILINE)
    options = {("KC_" + name.upper().replace("-", "_"), bool(open_end)) for name, open_end in words}
    shell = {"KC_HELP", "KC_HELP_ALL", "KC_OPTIMIZED", "KC_VERBOSE", "KC_IMPORT_REALM"}
    return {name for name, end in options if not end} - shell, {name for name, end in options if end}


class TestContract:
    """The lists in the catalogue are what the real distribution says."""

    def test_every_option_is_in_the_list(self, bench: Bench) -> None:
        names, prefixes = listed(bench, "start")
        known = contract.environment("keycloak")
        assert len(names) > 150
        assert names - set(known.names) == set()
        assert prefixes | {"KC_SPI_"} == set(known.prefixes)
        ours = {name for name in known.names if name.startswith("KC_")} - {"KC_RUN_IN_CONTAINER"}
        assert ours - names == set()

    def test_the_build_fixes_what_we_think(self, bench: Bench) -> None:
        names, prefixes = listed(bench, "build")
        started, _ = listed(bench, "start")
        assert {name for name in started if is_build_option(name)} == names
        assert all(is_build_option(f"{prefix}X") for prefix in prefixes)
