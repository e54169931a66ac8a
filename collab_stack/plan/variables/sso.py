"""Variables of the role ``sso``: the realm as the site wants it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from collab_stack.plan import sso

if TYPE_CHECKING:
    from collab_stack.plan.context import Context

_NEXTCLOUD: Final = "nextcloud"


def variables(context: Context, host: str) -> dict[str, object]:  # noqa: ARG001 - every role's function has it
    """Return the role's variables for the host that reconciles the realm."""
    config = context.config
    return {
        "sso_realm": config.sso.realm,
        "sso_organisation": config.organisation.name,
        "sso_contact": config.organisation.contact,
        "sso_language": config.organisation.language,
        "sso_reconciler_secret": context.secret("keycloak_reconciler_secret"),
        "sso_bootstrap_secret": context.secret("keycloak_bootstrap_secret"),
        "sso_identity_claim": sso.IDENTITY_CLAIM,
        "sso_groups_claim": sso.GROUPS_CLAIM,
        "sso_nextcloud_client": sso.NEXTCLOUD_CLIENT,
        "sso_nextcloud": _nextcloud(context),
        "sso_directory": _directory(context),
        **_rules(context),
        **_mail(context),
        **_probe(context),
    }


def _rules(context: Context) -> dict[str, object]:
    rules = context.config.sso
    return {
        "sso_user_groups": list(rules.user_groups),
        "sso_admin_groups": list(rules.admin_groups),
        "sso_mfa_for_admins": rules.mfa_for_admins,
        "sso_password_length": rules.password.length,
        "sso_password_history": rules.password.history,
        "sso_session_idle_minutes": rules.session.idle_minutes,
        "sso_session_max_hours": rules.session.max_hours,
        "sso_lockout_failures": rules.lockout.failures,
        "sso_lockout_wait_seconds": rules.lockout.wait_seconds,
        "sso_lockout_max_wait_seconds": rules.lockout.max_wait_seconds,
        "sso_event_days": rules.event_days,
    }


def _mail(context: Context) -> dict[str, object]:
    mail = context.config.mail
    return {
        "sso_smtp_host": mail.relay,
        "sso_smtp_port": mail.port,
        "sso_smtp_starttls": mail.starttls,
        "sso_smtp_sender": mail.sender,
        "sso_smtp_user": mail.user or "",
    }


def _probe(context: Context) -> dict[str, object]:
    return {
        "sso_probe_user": sso.PROBE_USER,
        "sso_probe_client": sso.PROBE_CLIENT,
        "sso_probe_group": sso.PROBE_GROUP,
        "sso_probe_password": context.secret("probe_user_password"),
        "sso_probe_redirect_uri": sso.probe_redirect_uri(context),
        "sso_probe_mail_domain": context.config.domain,
    }


def _nextcloud(context: Context) -> dict[str, object]:
    """Return the application's client; empty without the application."""
    if not context.hosts(_NEXTCLOUD) and context.external(_NEXTCLOUD) is None:
        return {}
    return {
        "url": context.url(_NEXTCLOUD),
        "secret": context.secret("keycloak_nextcloud_client_secret"),
        "redirect_uris": sso.nextcloud_redirect_uris(context),
        "logout_uris": sso.nextcloud_logout_uris(context),
        "backchannel_url": sso.nextcloud_backchannel_url(context),
    }


def _directory(context: Context) -> dict[str, object]:
    directory = context.config.sso.directory
    if directory is None:
        return {}
    return {
        "url": directory.url,
        "vendor": directory.vendor,
        "bind_dn": directory.bind_dn,
        "users_dn": directory.users_dn,
        "groups_dn": directory.groups_dn,
        "username": directory.username,
        "identity": directory.identity,
        "user_filter": directory.user_filter or "",
        "group_member": directory.group_member,
        "sync_minutes": directory.sync_minutes,
    }
