"""People and machines get in and out of the stand-in as with user_oidc 8.10.1."""

from __future__ import annotations

import json
import tarfile
import time

import pytest
import requests

from collab_stack.lab import applications
from collab_stack.lab.machines import read_exec
from tests.lab.nextcloud_standin.bench import Bench, Browser
from tests.lab.nextcloud_standin.provider import EVENT


def app_archive() -> bytes:
    """Return user_oidc as the lab's mirror serves it."""
    found = [one for one in applications.archives() if one.component == "user_oidc" and one.version == "8.10.1"]
    content = applications.archive_bytes(found[0], "standins")
    assert content is not None
    return content


class TestLogin:
    """OIDC in a browser, Bearer and app passwords on WebDAV, and the ways out."""

    @pytest.fixture(scope="class", autouse=True)
    @staticmethod
    def _installed(bench: Bench) -> None:
        bench.install()
        folder = bench.ca_file.parent / "user_oidc.tar.gz"
        folder.write_bytes(app_archive())
        with tarfile.open(folder) as tar:
            found = {f"custom_apps/{one.name}": tar.extractfile(one) for one in tar}
            bench.in_volume("true", {name: file.read() for name, file in found.items() if file is not None})
        bench.occ("app:enable", "user_oidc")
        assert bench.nextcloud is not None
        bench.put("secret", "client-secret\n")
        bench.occ(
            "user_oidc:provider", "bench", "--clientid=nextcloud", "--clientsecret-file=/var/www/html/secret",
            f"--discoveryuri={bench.provider.issuer}/.well-known/openid-configuration", "--unique-uid=0",
            "--mapping-uid=preferred_username", "--check-bearer=1", "--bearer-provisioning=1", "--send-id-token-hint=1",
            "--group-provisioning=1", "--group-whitelist-regex=^files-",
        )  # fmt: skip
        bench.occ("config:app:set", "--type=string", "--value=0", "user_oidc", "allow_multiple_user_backends")

    @staticmethod
    def _trust(bench: Bench) -> None:
        bench.occ("config:system:set", "allow_local_remote_servers", "--type=boolean", "--value=true")
        bench.occ("security:certificates:import", "/pki/ca.pem")

    @staticmethod
    def _log_in(bench: Bench, browser: Browser, **claims: object) -> requests.Response:
        first = browser.send_to("/login")
        assert first.headers["Location"] == "https://files.bench.example/apps/user_oidc/login/1"
        away = browser.send_to(first.headers["Location"])
        assert away.status_code == 303, away.text
        return browser.send_to(bench.provider.log_in(away.headers["Location"], **claims))

    def test_without_the_imported_authority_the_login_is_a_404(self, bench: Bench) -> None:
        refused = bench.browser().send_to("/apps/user_oidc/login/1")
        assert (refused.status_code, "Could not reach the OpenID Connect provider" in refused.text) == (404, True)
        bench.occ("config:system:set", "allow_local_remote_servers", "--type=boolean", "--value=true")
        assert bench.browser().send_to("/apps/user_oidc/login/1").status_code == 404
        bench.occ("security:certificates:import", "/pki/ca.pem")
        assert bench.browser().send_to("/apps/user_oidc/login/1").status_code == 303

    def test_a_private_address_needs_the_setting(self, bench: Bench) -> None:
        self._trust(bench)
        bench.occ("config:system:set", "allow_local_remote_servers", "--type=boolean", "--value=false")
        bench.occ("memcache:distributed:clear")
        try:
            assert bench.browser().send_to("/apps/user_oidc/login/1").status_code == 404
        finally:
            self._trust(bench)

    def test_the_person_lands_on_her_files(self, bench: Bench) -> None:
        self._trust(bench)
        browser = bench.browser()
        claims = {
            "sub": "1",
            "sid": "s1",
            "preferred_username": "astrid",
            "name": "Astrid Ek",
            "email": "a@bench.example",
        }
        done = self._log_in(bench, browser, **claims, groups=["files-users", "admin"])
        assert (done.status_code, done.headers["Location"]) == (303, "https://files.bench.example/apps/files/")
        page = browser.send_to("/apps/files/")
        assert "Astrid Ek" in page.text
        assert "/apps/user_oidc/sls" in page.text
        info = json.loads(bench.occ("user:info", "astrid", "--output=json").out)
        assert (info["backend"], info["groups"], info["email"]) == ("user_oidc", ["files-users"], "a@bench.example")
        sessions = bench.services.exec_run([
            "valkey-cli", "--tls", "--cacert", "/pki/ca.pem", "-p", "6380", "-h", "services.bench", "--no-auth-warning",
            "--user", "nextcloud", "--pass", "cache-password", "keys", "PHPREDIS_SESSION:*",
        ])  # fmt: skip
        assert b"PHPREDIS_SESSION:" in sessions.output
        out = browser.send_to("/apps/user_oidc/sls")
        assert out.headers["Location"].startswith(f"{bench.provider.issuer}/logout?post_logout_redirect_uri=")
        assert "id_token_hint=" in out.headers["Location"]
        assert browser.send_to("/apps/files/").status_code == 401
        page = browser.send_to("/apps/files/", headers={"Accept": "text/html"})
        assert (page.status_code, page.headers["Location"]) == (303, "/login?redirect_url=/apps/files/")

    def test_a_back_channel_logout_ends_the_session(self, bench: Bench) -> None:
        self._trust(bench)
        browser = bench.browser()
        self._log_in(bench, browser, sub="2", sid="s2", preferred_username="bo", name="Bo")
        assert browser.send_to("/apps/files/").status_code == 200
        told = {"aud": "nextcloud", "sub": "2", "sid": "s2", "jti": "x", "events": {EVENT: {}}}
        path = "/apps/user_oidc/backchannel-logout/bench"
        mistakes: tuple[dict[str, object], ...] = ({"aud": "other"}, {"nonce": "n"}, {"events": {}})
        for wrong in mistakes:
            token = bench.provider.token(**{**told, **wrong})
            assert bench.browser().send_to(path, "POST", data={"logout_token": token}).status_code == 400
        token = bench.provider.token(**told)
        assert bench.browser().send_to(path, "POST", data={"logout_token": token}).status_code == 200
        assert browser.send_to("/apps/files/").status_code == 401
        assert bench.browser().send_to(path, "POST", data={"logout_token": token}).status_code == 400

    def test_a_forged_state_and_a_wrong_audience(self, bench: Bench) -> None:
        self._trust(bench)
        assert bench.browser().send_to("/apps/user_oidc/code?state=forged&code=1").status_code == 403
        refused = self._log_in(bench, bench.browser(), sub="3", preferred_username="eve", aud="another")
        assert (refused.status_code, "audience" in refused.text) == (403, True)

    def test_without_a_whitelist_a_login_takes_the_admin_group_away(self, bench: Bench) -> None:
        self._trust(bench)
        self._log_in(bench, bench.browser(), sub="4", preferred_username="carl", groups=["files-users"])
        bench.occ("group:adduser", "admin", "carl")
        self._log_in(bench, bench.browser(), sub="4", preferred_username="carl", groups=["files-users"])
        assert "admin" in json.loads(bench.occ("user:info", "carl", "--output=json").out)["groups"]
        bench.occ("user_oidc:provider", "bench", "--clientid=nextcloud", "--group-whitelist-regex=")
        self._log_in(bench, bench.browser(), sub="4", preferred_username="carl", groups=["files-users"])
        assert json.loads(bench.occ("user:info", "carl", "--output=json").out)["groups"] == ["files-users"]
        bench.occ("user_oidc:provider", "bench", "--clientid=nextcloud", "--group-whitelist-regex=^files-")

    def test_only_a_secret_file_changes_nothing(self, bench: Bench) -> None:
        before = self._stored_secret(bench)
        bench.put("secret2", "another")
        shown = bench.occ("user_oidc:provider", "bench", "--clientsecret-file=/var/www/html/secret2")
        assert "nextcloud" in shown.out
        assert self._stored_secret(bench) == before
        bench.occ("user_oidc:provider", "bench", "--clientid=nextcloud", "--clientsecret-file=/var/www/html/secret")
        assert self._stored_secret(bench) != before

    @staticmethod
    def _stored_secret(bench: Bench) -> str:
        sql = "SELECT client_secret FROM oc_user_oidc_providers"
        _, stored = read_exec(*bench.services.exec_run(["psql", "-qAtc", sql, "nextcloud"], user="postgres"))
        return stored

    @pytest.mark.parametrize(
        ("audience", "accepted"),
        [("nextcloud", True), (["account", "nextcloud"], True), ("account", False), (None, True)],
    )
    def test_a_bearer_token_on_webdav(self, bench: Bench, audience: object, *, accepted: bool) -> None:
        """A token without any audience is let in: upstream's hole, which a probe has to find."""
        self._trust(bench)
        token = bench.provider.token(aud=audience, sub="5", preferred_username="service-account-probe")
        path = "/remote.php/dav/files/service-account-probe/hello.txt"
        header = {"Authorization": f"Bearer {token}"}
        put = bench.browser().send_to(path, "PUT", data=b"hello", headers=header)
        assert put.status_code == (201 if accepted else 401)
        if accepted:
            got = bench.browser().send_to(path, headers=header)
            assert (got.status_code, got.content) == (200, b"hello")
            listing = bench.browser().send_to(path, "PROPFIND", headers={**header, "Depth": "0"})
            assert (listing.status_code, "<d:getcontentlength>5<" in listing.text) == (207, True)
            assert bench.browser().send_to(path, "DELETE", headers=header).status_code == 204

    def test_a_tampered_or_expired_token(self, bench: Bench) -> None:
        self._trust(bench)
        good = bench.provider.token(aud="nextcloud", preferred_username="astrid")
        head, _, signature = good.split(".")
        other = bench.provider.token(aud="nextcloud", preferred_username="breakglass").split(".")[1]
        expired = bench.provider.token(aud="nextcloud", preferred_username="astrid", exp=int(time.time()) - 1)
        elsewhere = bench.provider.token(aud="nextcloud", preferred_username="astrid", iss="https://other.example")
        for token in (f"{head}.{other}.{signature}", expired, elsewhere, "nonsense"):
            answer = bench.browser().send_to(
                "/remote.php/dav/files/astrid/", "PROPFIND", headers={"Authorization": f"Bearer {token}"}
            )
            assert answer.status_code == 401
            assert answer.headers["WWW-Authenticate"].startswith("Basic")

    def test_a_bearer_client_must_not_keep_cookies(self, bench: Bench) -> None:
        self._trust(bench)
        browser = bench.browser()
        header = {"Authorization": f"Bearer {bench.provider.token(aud='nextcloud', preferred_username='astrid')}"}
        path = "/remote.php/dav/files/astrid/"
        assert browser.send_to(path, "PROPFIND", headers=header).status_code == 207
        assert browser.send_to(path, "PROPFIND", headers=header).status_code == 401

    def test_an_app_password(self, bench: Bench) -> None:
        token = bench.execute(
            ["php", "/var/www/html/occ", "user:auth-tokens:add", "breakglass", "--password-from-env"], NC_PASS="any"
        ).out.split()[-1]
        assert len(token) == 72
        bench.occ("config:system:set", "token_auth_enforced", "--type=boolean", "--value=true")
        path = "/remote.php/dav/files/breakglass/"
        assert bench.browser().send_to(path, "PROPFIND", auth=("breakglass", token)).status_code == 207
        assert bench.browser().send_to(path, "PROPFIND", auth=("breakglass", "BreakGlass-2026")).status_code == 401
        path = "/ocs/v2.php/cloud/user?format=json"
        assert bench.browser().send_to(path, auth=("breakglass", token)).status_code == 412
        answer = bench.browser().send_to(path, auth=("breakglass", token), headers={"OCS-APIRequest": "true"})
        assert answer.json()["ocs"]["data"]["groups"] == ["admin"]

    def test_the_break_glass_account_logs_in_directly(self, bench: Bench) -> None:
        browser = bench.browser()
        form = browser.send_to("/login?direct=1")
        token = form.text.split('name="requesttoken" value="')[1].split('"')[0]
        entered = {"user": "breakglass", "password": "BreakGlass-2026", "requesttoken": token}
        done = browser.send_to("/index.php/login", "POST", data=entered)
        assert done.headers["Location"] == "https://files.bench.example/apps/files/"
        assert "breakglass" in browser.send_to("/apps/files/").text
        browser.send_to("/logout")
        assert browser.send_to("/apps/files/").status_code == 401
