# GNU General Public License v3.0 or later (see LICENSE)
"""What an instance should be, compared with what it is. Pure: reading and writing is done elsewhere."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from typing import Any

BOOLEAN_OPTIONS = frozenset(
    ("unique-uid", "check-bearer", "bearer-provisioning", "send-id-token-hint", "group-provisioning")
)
"""Switches of ``user_oidc:provider``; given as 0 or 1, read back as booleans."""

SETTING_KEYS = {
    "unique-uid": "uniqueUid",
    "check-bearer": "checkBearer",
    "bearer-provisioning": "bearerProvisioning",
    "send-id-token-hint": "sendIdTokenHint",
    "group-provisioning": "groupProvisioning",
    "group-whitelist-regex": "groupWhitelistRegex",
    "mapping-uid": "mappingUid",
    "mapping-display-name": "mappingDisplayName",
    "mapping-email": "mappingEmail",
    "mapping-groups": "mappingGroups",
    "mapping-quota": "mappingQuota",
}
"""Option of ``user_oidc:provider`` -> name under which the provider's JSON shows it."""


@dataclass(frozen=True)
class Change:
    """One thing that differs.

    :param target: what it is, such as ``system setting loglevel``.
    :param before: the value found; never a secret.
    :param after: the value wanted; never a secret.
    """

    target: str
    before: str
    after: str

    @property
    def action(self) -> str:
        """Return create, change or remove."""
        if not self.before:
            return "create"
        return "change" if self.after else "remove"

    def describe(self) -> dict[str, str]:
        """Return it in the form that ``--diff`` prints."""
        ends = {"before_header": self.target, "after_header": self.target}
        return {
            **ends,
            "before": f"{self.before}\n" if self.before else "",
            "after": f"{self.after}\n" if self.after else "",
        }


@dataclass(frozen=True)
class Settings:
    """Settings that have to be written.

    :param system: for ``config:import``; null deletes.
    :param strings: app -> key -> value, for ``config:import``.
    :param typed: (app, key, value, type) for ``config:app:set``.
    """

    system: dict[str, Any] = field(default_factory=dict)
    strings: dict[str, dict[str, str]] = field(default_factory=dict)
    typed: list[tuple[str, str, str, str]] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)

    def document(self) -> str:
        """Return what ``config:import`` reads; empty when there is nothing for it."""
        parts = {"system": self.system, "apps": self.strings}
        return json.dumps({key: value for key, value in parts.items() if value}) if self.system or self.strings else ""


def settings(wanted_system: dict[str, Any], wanted_apps: list[dict[str, str]], actual: dict[str, Any]) -> Settings:
    """Compare settings.

    :param wanted_apps: items with ``app``, ``key``, ``value``, ``type`` (string, integer, boolean) and ``secret``.
    :param actual: what ``occ config:list --private`` says.
    """
    found = Settings()
    system = actual.get("system", {})
    for key in sorted(wanted_system):
        value = wanted_system[key]
        if value != system.get(key):
            found.system[key] = value
            found.changes.append(Change(f"system setting {key}", _show(system.get(key)), _show(value)))
    for item in wanted_apps:
        app, key, value = item["app"], item["key"], item["value"]
        present = actual.get("apps", {}).get(app, {}).get(key)
        if present is not None and _plain(present) == value:
            continue
        # A key that Nextcloud has typed already refuses another type, and config:import sends strings.
        kind = {bool: "boolean", int: "integer"}.get(type(present), item["type"])
        if kind == "string":
            found.strings.setdefault(app, {})[key] = value
        else:
            found.typed.append((app, key, value, kind))
        found.changes.append(Change(f"setting {key} of app {app}", _show(present), _show(value)))
    return found


def _plain(value: object) -> str:
    """Return a setting as text; a boolean as ``config:app:get`` would print it."""
    if isinstance(value, bool):
        return "1" if value else "0"
    return value if isinstance(value, str) else json.dumps(value)


def _show(value: object) -> str:
    return "" if value is None else value if isinstance(value, str) and value else json.dumps(value, sort_keys=True)


def app_states(
    enable: list[str], disable: list[str], actual: dict[str, Any]
) -> tuple[list[str], list[str], list[Change]]:
    """Return the apps to enable, the apps to disable, and both as changes.

    An app that this release does not have counts as disabled.
    """
    apps = actual.get("apps", {})
    state = {app: str(keys.get("enabled", "no")) for app, keys in apps.items()}
    on = [app for app in enable if state.get(app, "no") == "no"]
    off = [app for app in disable if state.get(app, "no") != "no"]
    changes = [Change(f"app {app}", "disabled", "enabled") for app in on]
    changes += [Change(f"app {app}", "enabled", "disabled") for app in off]
    return on, off, changes


def provider(wanted: dict[str, Any], actual: dict[str, Any] | None, recorded: str) -> list[Change]:
    """Compare the login provider.

    :param wanted: ``identifier``, ``client_id``, ``client_secret``, ``discovery_uri``, ``scope`` and ``options``.
    :param actual: what ``occ user_oidc:provider IDENTIFIER`` says; None when there is none.
    :param recorded: digest of the secret that was last given to Nextcloud, which does not show it.
    """
    target = f"login provider {wanted['identifier']}"
    if actual is None:
        return [Change(target, "", "present")]
    plain = {"clientId": wanted["client_id"], "discoveryEndpoint": wanted["discovery_uri"], "scope": wanted["scope"]}
    found = [
        Change(f"{target}: {key}", _show(actual.get(key)), _show(value))
        for key, value in plain.items()
        if actual.get(key) != value
    ]
    stored = actual.get("settings", {})
    for option, value in sorted(wanted["options"].items()):
        key = SETTING_KEYS[option]
        expected: Any = str(value) == "1" if option in BOOLEAN_OPTIONS else str(value)
        if stored.get(key) != expected:
            found.append(Change(f"{target}: {option}", _show(stored.get(key)), _show(value)))
    if digest(wanted["client_secret"]) != recorded:
        found.append(Change(f"{target}: client secret", "another", "the site's"))
    return found


def provider_arguments(wanted: dict[str, Any], secret_variable: str) -> list[str]:
    """Return the arguments of ``user_oidc:provider`` that make the provider so.

    The client's id is always there: a call with only the secret counts as a question and changes nothing.
    """
    arguments = [
        wanted["identifier"],
        f"--clientid={wanted['client_id']}",
        f"--clientsecret-env={secret_variable}",
        f"--discoveryuri={wanted['discovery_uri']}",
        f"--scope={wanted['scope']}",
    ]
    return arguments + [f"--{option}={value}" for option, value in sorted(wanted["options"].items())]


def digest(secret: str) -> str:
    """Return what is recorded of a generated secret, to see later whether it is still the same one."""
    return hashlib.sha256(secret.encode()).hexdigest()
