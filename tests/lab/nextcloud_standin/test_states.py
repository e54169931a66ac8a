"""The stand-in in maintenance, while an upgrade is due, and without its database or cache."""

from __future__ import annotations

import json
import time

import pytest
import requests

from tests.lab.nextcloud_standin.bench import Bench


class TestStates:
    """Maintenance, upgrades, outages: what each entry point answers."""

    @pytest.fixture(scope="class", autouse=True)
    @staticmethod
    def _installed(bench: Bench) -> None:
        bench.install()

    def test_running(self, bench: Bench) -> None:
        browser = bench.browser()
        status = browser.send_to("/status.php")
        assert (status.status_code, status.json()["installed"], status.json()["versionstring"]) == (200, True, "34.0.2")
        beat = browser.send_to("/index.php/heartbeat")
        assert (beat.status_code, beat.text) == (200, "")
        assert browser.send_to("/").headers["Location"] == "https://files.bench.example/login"
        assert browser.send_to("/login").status_code == 200

    @pytest.mark.parametrize("path", ["/status.php", "/index.php/heartbeat", "/login"])
    def test_an_untrusted_host(self, bench: Bench, path: str) -> None:
        answer = bench.browser().send_to(path, headers={"Host": "elsewhere.example"})
        assert answer.status_code == 400
        assert ('"code": 15' in answer.text) is (path == "/status.php")

    def test_maintenance(self, bench: Bench) -> None:
        bench.occ("maintenance:mode", "--on")
        browser = bench.browser()
        assert bench.occ("status", "-e", check=False).code == 1
        assert browser.send_to("/status.php").json()["maintenance"] is True
        assert browser.send_to("/index.php/heartbeat").status_code == 200
        page = browser.send_to("/login")
        assert (page.status_code, page.headers["X-Nextcloud-Maintenance-Mode"]) == (503, "1")
        dav = browser.send_to("/remote.php/dav/files/breakglass/", "PROPFIND")
        assert dav.status_code == 503
        assert "X-Nextcloud-Maintenance-Mode" not in dav.headers
        assert browser.send_to("/ocs/v2.php/cloud/capabilities").status_code == 503
        assert bench.execute(["php", "-f", "/var/www/html/cron.php"]).code == 0
        assert bench.occ("config:app:get", "core", "lastcron", check=False).code == 1
        bench.occ("maintenance:mode", "--off")
        assert browser.send_to("/login").status_code == 200

    def test_cron(self, bench: Bench) -> None:
        # Root without capabilities cannot even read config.php: text, exit 0, and no job ran.
        refused = bench.execute(["php", "-f", "/var/www/html/cron.php"], user="0")
        assert (refused.code, "Cannot write into" in refused.out) == (0, True)
        assert bench.occ("config:app:get", "core", "lastcron", check=False).code == 1
        assert bench.execute(["php", "-f", "/var/www/html/cron.php"]).code == 0
        assert time.time() - int(bench.occ("config:app:get", "core", "lastcron").out) < 60

    def test_occ_as_another_uid_prints_text_and_ends_with_0(self, bench: Bench) -> None:
        result = bench.occ("status", "--output=json", user="1000")
        assert result.code == 0
        with pytest.raises(json.JSONDecodeError):
            json.loads(result.out)

    def test_an_interrupted_upgrade(self, bench: Bench) -> None:
        bench.occ("config:system:set", "version", "--value=33.0.9.1")
        browser = bench.browser()
        try:
            assert bench.occ("status", "-e", check=False).code == 2
            assert browser.send_to("/status.php").json()["needsDbUpgrade"] is True
            assert browser.send_to("/index.php/heartbeat").status_code == 200
            for path in ("/login", "/ocs/v2.php/cloud/capabilities", "/remote.php/dav/files/breakglass/"):
                assert browser.send_to(path).status_code == 503
        finally:
            bench.occ("upgrade")
        assert bench.occ("status", "-e").code == 0
        assert json.loads(bench.occ("status", "--output=json").out)["maintenance"] is False

    def test_an_upgrade_in_maintenance_leaves_it_on(self, bench: Bench) -> None:
        bench.occ("config:system:set", "version", "--value=33.0.9.1")
        bench.occ("maintenance:mode", "--on")
        bench.occ("upgrade")
        assert json.loads(bench.occ("status", "--output=json").out)["maintenance"] is True
        assert bench.occ("upgrade", check=False).code == 2
        bench.occ("maintenance:mode", "--off")
        assert bench.occ("upgrade").code == 0

    def test_without_database(self, bench: Bench) -> None:
        bench.services.exec_run(["pg_ctlcluster", "17", "main", "stop", "-m", "fast"])
        try:
            assert bench.browser().send_to("/status.php").status_code == 500
            result = bench.occ("status", "--output=json", check=False)
            assert result.code == 1
            assert "Failed to connect to the database" in result.out
        finally:
            bench.services.exec_run(["pg_ctlcluster", "17", "main", "start"])
        assert bench.browser().send_to("/status.php").status_code == 200

    def test_without_cache_pages_hang_but_the_status_answers(self, bench: Bench) -> None:
        bench.services.kill("SIGSTOP")  # Valkey is the container's first process; the others go on
        try:
            begin = time.monotonic()
            assert bench.browser().send_to("/status.php").status_code == 200
            assert time.monotonic() - begin < 3
            with pytest.raises(requests.exceptions.ReadTimeout):
                bench.browser().send_to("/index.php/heartbeat", timeout=4)
        finally:
            bench.services.kill("SIGCONT")

    def test_checks_follow_the_settings(self, bench: Bench) -> None:
        def severity(name: str) -> str:
            result = bench.occ("setupchecks", "--output=json", check=False)
            assert result.code == 1
            found = {
                key.rsplit("\\", 1)[1]: one for part in json.loads(result.out).values() for key, one in part.items()
            }
            return str(found[name]["severity"]) if name in found else "absent"

        cures = {
            "MaintenanceWindowStart": (
                "warning",
                ["config:system:set", "maintenance_window_start", "--type=integer", "--value=1"],
            ),
            "DatabaseHasMissingIndices": ("warning", ["db:add-missing-indices"]),
            "MimeTypeMigrationAvailable": ("warning", ["maintenance:repair", "--include-expensive"]),
            "DefaultPhoneRegionSet": ("info", ["config:system:set", "default_phone_region", "--value=SE"]),
        }
        for name, (before, cure) in cures.items():
            assert severity(name) == before
            bench.occ(*cure)
            assert severity(name) == "success"
        assert severity("DaemonCheck") == "error"
        bench.occ("app:disable", "app_api")
        assert severity("DaemonCheck") == "absent"
