"""The stand-in starts, refuses and installs as the upstream image was seen to."""

from __future__ import annotations

import json
import time

import pytest

from collab_stack.lab.machines import read_exec
from tests.lab.nextcloud_standin.bench import INSTALL, SETTINGS, Bench


class TestRefusals:
    """What upstream refuses, or only fails at later, stops the container at once."""

    @pytest.fixture(autouse=True)
    def _fresh(self, bench: Bench) -> None:
        bench.fresh()

    @pytest.mark.parametrize(
        ("environment", "named"),
        [
            ({"NEXTCLOUD_ADMIN": "x"}, "NEXTCLOUD_ADMIN_USER"),
            ({"POSTGRESS_HOST": "x"}, "POSTGRES_HOST"),
            ({"NC_log_levle": "1"}, "NC_loglevel"),
            ({"NC_trusted_proxies": "10.0.0.1"}, "is a list"),
            ({"SOMETHING_ELSE": "1"}, "SOMETHING_ELSE"),
            ({"MYSQL_HOST": "db"}, "does not play it"),
            ({"OBJECTSTORE_S3_BUCKET": "b"}, "does not play it"),
        ],
    )
    def test_an_unknown_variable(self, bench: Bench, environment: dict[str, str], named: str) -> None:
        code, log = bench.refusal(environment)
        assert code == 1
        assert next(iter(environment)) in log
        assert named in log

    def test_known_variables_start(self, bench: Bench) -> None:
        bench.run({"NC_loglevel": "1", "TZ": "Europe/Stockholm", "PHP_MEMORY_LIMIT": "600M", "PGSSLMODE": "require"})
        bench.wait_for_fpm()
        assert bench.execute(["php", "-r", "echo ini_get('memory_limit');"]).out == "600M"

    def test_a_secret_given_twice(self, bench: Bench) -> None:
        code, log = bench.refusal({"NEXTCLOUD_ADMIN_PASSWORD": "x", "NEXTCLOUD_ADMIN_PASSWORD_FILE": "/x"})
        assert code == 1
        assert "both NEXTCLOUD_ADMIN_PASSWORD and NEXTCLOUD_ADMIN_PASSWORD_FILE are set" in log

    def test_redis_host_needs_a_writable_root(self, bench: Bench) -> None:
        code, _ = bench.refusal({"REDIS_HOST": "services.bench"}, ini=False)
        assert code == 2

    def test_another_uid(self, bench: Bench) -> None:
        code, log = bench.refusal(user="1000:1000")
        assert code == 1
        assert "www-data (33)" in log

    def test_a_volume_of_somebody_else(self, bench: Bench) -> None:
        # An empty volume would take the owner that the image's folder has.
        bench.in_volume("touch /html/kept && chown 0:0 /html")
        code, log = bench.refusal()
        assert code == 2
        assert "not writable by uid 33" in log

    @pytest.mark.parametrize(("volume", "says"), [("99, 0, 0, 1", "downgrading"), ("32, 0, 9, 1", "one major version")])
    def test_another_version_in_the_volume(self, bench: Bench, volume: str, says: str) -> None:
        bench.put("version.php", f"<?php $OC_Version = [{volume}];")
        code, log = bench.refusal()
        assert code == 1
        assert says in log


class TestInstallation:
    """The order of the entrypoint, and what an interruption leaves."""

    def test_a_file_in_config_hides_the_snippets(self, bench: Bench) -> None:
        bench.fresh()
        bench.put("config/zz-own.config.php", SETTINGS)
        bench.run()
        bench.wait_for_fpm()
        assert bench.in_volume("ls /html/config").split() == ["zz-own.config.php"]

    def test_by_environment_as_root(self, bench: Bench) -> None:
        bench.fresh()
        environment = {
            "POSTGRES_DB": "nextcloud",
            "POSTGRES_USER": "nextcloud",
            "POSTGRES_PASSWORD": "database-password",
            "POSTGRES_HOST": "services.bench",
            "NEXTCLOUD_ADMIN_USER": "breakglass",
            "NEXTCLOUD_ADMIN_PASSWORD": "BreakGlass-2026",
            "NEXTCLOUD_TRUSTED_DOMAINS": "files.bench.example other.bench.example",
            # The entrypoint changes user with "su -p": libpq then looks for a client certificate below /root and, where
            # the server offers TLS, stumbles over "Permission denied". Seen with the real server too.
            "HOME": "/tmp",
        }
        bench.run(environment, ini=False, user="0", cap_drop=[], read_only=False, security_opt=[])
        bench.wait_for_fpm()
        domains = json.loads(bench.occ("config:system:get", "trusted_domains", "--output=json").out)
        assert domains == ["localhost", "files.bench.example", "other.bench.example"]
        refused = bench.execute(["php", "-f", "/var/www/html/cron.php"], user="0")
        assert (refused.code, "Owner id of config.php: 33" in refused.out) == (1, True)

    def test_killed_half_way_it_is_never_retried(self, bench: Bench) -> None:
        bench.fresh()
        bench.run()
        bench.wait_for_fpm()
        assert bench.nextcloud is not None
        # The pause of the stand-in's installation lies behind the admin account; the kill falls into it.
        feed = f"printf 'database-password\\nBreakGlass-2026\\n' | php occ {' '.join(INSTALL)}"
        bench.nextcloud.exec_run(["sh", "-c", feed], user="33", detach=True)
        deadline = time.monotonic() + 20
        while self._accounts(bench) == "":
            assert time.monotonic() < deadline
            time.sleep(0.2)
        bench.nextcloud.kill()
        bench.nextcloud.start()
        bench.wait_for_fpm()
        status = bench.occ("status", "--output=json")
        assert json.loads(status.out)["installed"] is False
        again = bench.occ(*INSTALL, stdin="database-password\nBreakGlass-2026\n", check=False)
        assert (again.code, again.out.strip()) == (1, "The Login is already being used")
        bench.empty_database()
        bench.occ(*INSTALL, stdin="database-password\nBreakGlass-2026\n")
        assert json.loads(bench.occ("status", "--output=json").out)["installed"] is True

    @staticmethod
    def _accounts(bench: Bench) -> str:
        asked = ["psql", "-qAtc", "SELECT uid FROM oc_users", "nextcloud"]
        _, output = read_exec(*bench.services.exec_run(asked, user="postgres"))
        return "" if "ERROR" in output else output.strip()

    def test_a_database_of_another_authority_is_refused(self, bench: Bench) -> None:
        bench.fresh()
        bench.run()
        bench.wait_for_fpm()
        wrong = SETTINGS.replace("'rootcert' => '/pki/ca.pem'", "'rootcert' => '/etc/ssl/certs/ca-certificates.crt'")
        bench.put("config/zz-bench.config.php", wrong)
        refused = bench.occ(*INSTALL, stdin="database-password\nBreakGlass-2026\n", check=False)
        assert refused.code == 1
        assert "certificate verify failed" in refused.out
