# GNU General Public License v3.0 or later (see LICENSE)
"""One run over an instance: look, compare, act; in check mode the same without acting."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from ansible.module_utils.collab import atomic
from ansible.module_utils.collab.nextcloud import differences
from ansible.module_utils.collab.nextcloud.apps import OWNER, App, is_current, unpack
from ansible.module_utils.collab.nextcloud.differences import Change
from ansible.module_utils.collab.nextcloud.install import Installation
from ansible.module_utils.collab.nextcloud.occ import LONG_SECONDS, Occ, OccError

_ITSELF = "Nextcloud"
"""The object that a first installation is told as."""

_CLIENT_VARIABLE = "COLLAB_CLIENT_SECRET"

_IMPORT = 'umask 077; f=$(mktemp); trap "rm -f \\"$f\\"" EXIT; cat >"$f"; php "$1" config:import --no-interaction "$f"'
"""config:import reads stdin without waiting for it, so it gets a file, in the container's memory."""


class Instance:
    """A Nextcloud instance and what it should be.

    :param params: the module's parameters.
    """

    def __init__(self, occ: Occ, params: dict[str, Any]) -> None:
        self._occ = occ
        self._params = params
        self._html, self._data = Path(params["html_dir"]), Path(params["data_dir"])
        self._record_path = f"{params['state_dir']}/nextcloud.json"
        self._record = atomic.read_json(self._record_path)
        self._installation = Installation(occ, params, Path(params["state_dir"]) / "nextcloud.installing")
        self._changes: list[Change] = []
        self._check = False

    def missing_archives(self) -> list[str]:
        """Return the checksums of archives that a run needs and that are not on this host yet."""
        return [app.sha512 for app in self._outdated() if not app.archive]

    def converge(self, *, check: bool) -> None:
        """Make the instance what it should be; with ``check`` only find out what that would change.

        :raises OccError, StateError, ArchiveError: when Nextcloud or the host refuses.
        """
        self._check = check
        if not self._occ.running():
            self._absent()
            return
        self._occ.wait()
        self._configuration_file()
        status = self._installation.status()
        fresh = not status["installed"]
        if fresh:
            self._do(Change(_ITSELF, "", f"version {self._params['version']}"), self._installation.install)
            if check:
                return
        else:
            self._existing(status)
        self._app_folders()
        self._certificates()
        actual = self._occ.json("config:list", "--private")
        self._apps(actual)
        self._settings(actual)
        self._provider()
        self._admin(fresh)
        if fresh:
            self._installation.complete()
            self._occ.call("maintenance:repair", "--include-expensive", seconds=LONG_SECONDS)
        self._jobs(actual)

    def _jobs(self, actual: dict[str, Any]) -> None:
        # The first run takes longest; without it, checks call the jobs dead until the timer comes round.
        if "lastcron" not in actual.get("apps", {}).get("core", {}):
            run = ["php", "-f", "/var/www/html/cron.php"]
            self._do(
                Change("background jobs", "never run", "run"), lambda: self._occ.execute(run, seconds=LONG_SECONDS)
            )

    def result(self) -> dict[str, Any]:
        """Return what the module reports.

        An installation is one object: what it consists of, no plan can know before.
        """
        installed = [change for change in self._changes if change.target == _ITSELF]
        told = installed or self._changes
        return {
            "changed": bool(told),
            "objects": [{"object": change.target, "action": change.action} for change in told],
            "diff": [change.describe() for change in told],
        }

    def _do(self, change: Change, act: Callable[..., object], *arguments: object) -> None:
        # Noted before the act, so that a failed run reports what it was at.
        self._changes.append(change)
        if not self._check:
            act(*arguments)

    def _remember(self, key: str, value: object) -> None:
        self._record[key] = value
        atomic.write_json(self._record_path, self._record)

    def _absent(self) -> None:
        if not (self._html / "config" / "config.php").exists() and self._check:
            self._changes.append(Change(_ITSELF, "", f"version {self._params['version']}"))
        elif self._check and self._params["starting"]:
            # The deploy starts it first. What Nextcloud itself keeps cannot be read until then.
            self._configuration_file()
            self._app_folders()
            self._certificates()
        else:
            name = self._params["container"]
            raise OccError(f"the container {name} does not run; read: journalctl -u {name}")

    def _existing(self, status: dict[str, Any]) -> None:
        if not self._check:
            self._installation.settle()
        if status["needsDbUpgrade"]:
            self._do(Change("database of Nextcloud", "older", str(status["versionstring"])), self._installation.upgrade)
        if self._check:
            maintenance = bool(status["maintenance"])
        else:  # an upgrade leaves it on when it found it on
            maintenance = (
                bool(self._installation.status()["maintenance"])
                if status["needsDbUpgrade"]
                else bool(status["maintenance"])
            )
        if maintenance:
            self._do(Change("maintenance mode", "on", "off"), self._occ.call, "maintenance:mode", "--off")
        if status["versionstring"] != self._params["version"]:
            raise OccError(
                f"the image holds Nextcloud {status['versionstring']}, but the site says {self._params['version']}; "
                "run `collab-stack images lock` and deploy again"
            )

    def _configuration_file(self) -> None:
        path = self._html / "config" / str(self._params["config_name"])
        wanted = self._params["config_content"].encode()
        current = path.read_bytes() if path.exists() else None
        if current != wanted:
            before = "" if current is None else "other content (secret, not shown)"
            self._do(
                Change(str(path), before, "the site's content (secret, not shown)"), self._write_config, path, wanted
            )

    @staticmethod
    def _write_config(path: Path, content: bytes) -> None:
        atomic.publish(atomic.stage(str(path), content, OWNER, OWNER, 0o640), str(path))

    def _outdated(self) -> list[App]:
        apps = [App(a["id"], a["sha512"], self._params["archives"].get(a["sha512"], "")) for a in self._params["apps"]]
        recorded = self._record.get("apps", {})
        return [app for app in apps if not is_current(app, self._html / "custom_apps", recorded.get(app.id, {}))]

    def _app_folders(self) -> None:
        for app in self._outdated():
            known = app.id in self._record.get("apps", {})
            self._do(
                Change(f"files of app {app.id}", "others" if known else "", "the locked archive"), self._unpack, app
            )
        if not self._check and self._installation.status()["needsDbUpgrade"]:
            self._installation.upgrade()  # another version of an app closes the whole site until this is done

    def _unpack(self, app: App) -> None:
        tree = unpack(app, self._html / "custom_apps")
        apps = {**self._record.get("apps", {}), app.id: {"sha512": app.sha512, "tree": tree}}
        self._remember("apps", apps)

    def _certificates(self) -> None:
        for item in self._params["certificates"]:
            stored = self._data / "files_external" / "uploads" / item["name"]
            current = stored.read_text() if stored.exists() else ""
            if current.strip() != item["content"].strip():
                path = f"{self._params['certificates_dir']}/{item['name']}"
                change = Change(f"trusted certificate {item['name']}", "another" if current else "", "the site's")
                self._do(change, self._occ.call, "security:certificates:import", path)

    def _apps(self, actual: dict[str, Any]) -> None:
        wanted = [*self._params["enabled_apps"], *(app["id"] for app in self._params["apps"])]
        on, off, changes = differences.app_states(wanted, self._params["disabled_apps"], actual)
        self._changes += changes
        if off and not self._check:
            self._occ.call("app:disable", *off)
        if on and not self._check:
            self._occ.call("app:enable", *on)

    def _settings(self, actual: dict[str, Any]) -> None:
        found = differences.settings(self._params["system"], self._params["app_settings"], actual)
        self._changes += found.changes
        if self._check:
            return
        if document := found.document():
            self._occ.execute(["sh", "-c", _IMPORT, "sh", "/var/www/html/occ"], stdin=document)
        for app, key, value, kind in found.typed:
            self._occ.call("config:app:set", app, key, f"--value={value}", f"--type={kind}")

    def _provider(self) -> None:
        wanted = self._params["provider"]
        changes = differences.provider(wanted, self._read_provider(), self._record.get("client_secret", ""))
        self._changes += changes
        if changes and not self._check:
            arguments = differences.provider_arguments(wanted, _CLIENT_VARIABLE)
            self._occ.call("user_oidc:provider", *arguments, secrets={_CLIENT_VARIABLE: wanted["client_secret"]})
            self._remember("client_secret", differences.digest(wanted["client_secret"]))

    def _read_provider(self) -> dict[str, Any] | None:
        try:
            found: dict[str, Any] = self._occ.json("user_oidc:provider", self._params["provider"]["identifier"])
        except OccError as error:
            # While the app is still to be enabled (check mode), the command does not exist either.
            enabling = any(change.target == "app user_oidc" for change in self._changes)
            if "Provider not found" in str(error) or enabling:
                return None
            raise
        return found

    def _admin(self, fresh: bool) -> None:
        admin = self._params["admin"]
        digest = differences.digest(admin["password"])
        if self._record.get("admin_password") == digest:
            return
        if not fresh:
            change = Change(f"password of {admin['name']}", "another", "the site's")
            secrets = {"OC_PASS": admin["password"]}
            self._do(
                change,
                lambda: self._occ.call("user:resetpassword", admin["name"], "--password-from-env", secrets=secrets),
            )
        if not self._check:
            self._remember("admin_password", digest)
