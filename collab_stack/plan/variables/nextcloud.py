"""Variables of the role ``nextcloud``."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from collab_stack.plan import addresses, sso
from collab_stack.plan.definitions import SERVICES
from collab_stack.plan.names import version
from collab_stack.plan.variables.web import edge_sources
from collab_stack.site.model.services import S3Storage

if TYPE_CHECKING:
    from collab_stack.plan.context import Context

SERVICE = "nextcloud"
APPS = ("user_oidc",)
"""Apps that do not come with the server, by their names in the catalogue and in images.lock."""

PROCESS_MB = 100
"""Memory of one PHP process: upstream measured 50 to 100 MB."""

BASE_MB = 384
"""Memory besides the processes: opcache, APCu, cron and occ."""

_IMPLICIT_TLS = 465


def variables(context: Context, host: str) -> dict[str, object]:
    """Return the role's variables for a host of the group ``nextcloud``."""
    config, settings = context.config, context.config.services.nextcloud
    return {
        "nextcloud_image": context.image(SERVICE),
        "nextcloud_version": version(config, context.catalogue, SERVICE),
        "nextcloud_network": context.network(SERVICE).name,
        "nextcloud_listen_address": context.publish_address(SERVICE, host),
        "nextcloud_port": SERVICES[SERVICE].port,
        "nextcloud_data_dir": config.storage.data_dir,
        "nextcloud_memory_mb": settings.memory_mb,
        "nextcloud_processes": processes(settings.memory_mb),
        "nextcloud_upload_limit_mb": settings.upload_limit_mb,
        "nextcloud_hosts": [
            {"address": address, "name": name}
            for address, name in addresses.container_entries(context.flows, context.placement, SERVICE, host)
        ],
        "nextcloud_database": _database(context),
        "nextcloud_cache": _cache(context),
        "nextcloud_admin": {
            "email": config.organisation.contact,
            "password": context.secret("nextcloud_admin_password"),
        },
        "nextcloud_url": context.url(SERVICE),
        "nextcloud_host": context.public_name(SERVICE),
        "nextcloud_trusted_proxies": edge_sources(context, host),
        "nextcloud_management_networks": [str(network) for network in config.networks.management],
        "nextcloud_provider": _provider(context),
        "nextcloud_mail": _mail(context),
        "nextcloud_storage": _storage(context),
        "nextcloud_apps": [{"id": app, "sha512": context.lock.artifacts[app].sha512} for app in _locked(context)],
        **_organisation(context),
        "nextcloud_extra_environment": dict(settings.extra.environment),
        "nextcloud_extra_settings": dict(settings.extra.settings),
    }


def processes(memory_mb: int) -> int:
    """Return how many PHP processes fit into the container's memory; fewer than four make pages wait for each other."""
    return max(4, (memory_mb - BASE_MB) // PROCESS_MB)


def _locked(context: Context) -> list[str]:
    return [app for app in APPS if app in context.lock.artifacts]


def _database(context: Context) -> dict[str, object]:
    external = context.external("postgresql")
    return {
        "host": context.internal_name("postgresql"),
        "port": external.port if external else SERVICES["postgresql"].port,
        "name": SERVICE,
        "user": SERVICE,
        "password": context.secret("postgresql_nextcloud_password"),
    }


def _cache(context: Context) -> dict[str, object]:
    external = context.external("valkey")
    return {
        "host": context.internal_name("valkey"),
        "port": external.port if external else SERVICES["valkey"].port,
        "user": SERVICE,
        "password": context.secret("valkey_nextcloud_password"),
    }


def _provider(context: Context) -> dict[str, object]:
    groups = [*context.config.sso.user_groups, *context.config.sso.admin_groups]
    # Without a whitelist, a login removes the person from every group that is not in the token, local ones too.
    whitelist = "|".join(re.escape(group).replace("\\ ", " ") for group in ["admin", *groups])
    return {
        "identifier": sso.NEXTCLOUD_PROVIDER,
        "client_id": sso.NEXTCLOUD_CLIENT,
        "client_secret": context.secret("keycloak_nextcloud_client_secret"),
        "discovery_uri": sso.discovery_url(context),
        "scope": sso.SCOPES,
        "options": {
            "unique-uid": "0",
            "check-bearer": "1",
            "bearer-provisioning": "1",
            "send-id-token-hint": "1",
            "group-provisioning": "1",
            "group-whitelist-regex": f"/^({whitelist})$/",
            "mapping-uid": sso.IDENTITY_CLAIM,
            "mapping-display-name": sso.NAME_CLAIM,
            "mapping-email": sso.EMAIL_CLAIM,
            "mapping-groups": sso.GROUPS_CLAIM,
        },
    }


def _mail(context: Context) -> dict[str, object]:
    mail = context.config.mail
    local, _, domain = mail.sender.partition("@")
    wanted: dict[str, object] = {
        "host": mail.relay,
        "port": mail.port,
        "tls": "implicit" if mail.port == _IMPLICIT_TLS else "starttls" if mail.starttls else "none",
        "sender_local": local,
        "sender_domain": domain,
    }
    if mail.user:
        wanted |= {"user": mail.user, "password": context.secret("mail_password")}
    return wanted


def _storage(context: Context) -> dict[str, Any]:
    storage = context.config.services.nextcloud.storage
    if not isinstance(storage, S3Storage):
        return {"kind": "local"}
    return {**storage.model_dump(), "secret_key": context.secret("nextcloud_s3_secret")}


def _organisation(context: Context) -> dict[str, object]:
    config = context.config
    organisation, settings = config.organisation, config.services.nextcloud
    return {
        "nextcloud_organisation": organisation.name,
        "nextcloud_language": organisation.language,
        "nextcloud_locale": f"{organisation.language}_{organisation.country}",
        "nextcloud_country": organisation.country,
        "nextcloud_time_zone": config.time.zone,
        "nextcloud_maintenance_hour": utc_hour(config.maintenance.start, config.time.zone),
        "nextcloud_session_hours": config.sso.session.max_hours,
        "nextcloud_default_quota": settings.default_quota,
        "nextcloud_trash_days": settings.trash_days,
        "nextcloud_link_sharing": settings.link_sharing,
        "nextcloud_event_days": config.sso.event_days,
    }


def utc_hour(start: str, zone: str) -> int:
    """Return the UTC hour of a local time of day, by the zone's winter time: Nextcloud knows one hour for all year."""
    hour, minute = map(int, start.split(":"))
    winter = datetime(2026, 1, 15, hour, minute, tzinfo=ZoneInfo(zone))
    return winter.astimezone(UTC).hour
