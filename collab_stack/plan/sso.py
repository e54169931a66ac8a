"""Names of the login that several parts have to agree on: the realm's reconciler, the applications and the probes.

They are fixed for ever: applications key people and groups on the claims, so a changed name would lose files.
docs/decisions/0001-identity.md says why the identity is a claim of its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collab_stack.plan.context import Context

IDENTITY_CLAIM: Final = "collab_identity"
"""In ID tokens, access tokens and userinfo: the key that never changes for a person. Applications use it as user id."""

GROUPS_CLAIM: Final = "groups"
"""In ID tokens, access tokens and userinfo: list of group names, without a path and without a slash in front."""

USERNAME_CLAIM: Final = "preferred_username"
NAME_CLAIM: Final = "name"
EMAIL_CLAIM: Final = "email"

SCOPES: Final = "openid profile email"
"""What applications ask for. Identity, groups and audience come with every token of a client of ours."""

NEXTCLOUD_CLIENT: Final = "nextcloud"
"""Confidential; its secret is ``keycloak_nextcloud_client_secret``. Also the audience that WebDAV accepts."""

NEXTCLOUD_PROVIDER: Final = "keycloak"
"""Identifier of the provider in user_oidc; part of the back-channel logout URL."""

PROBE_USER: Final = "collab-probe"
"""Account of the probes, kept in the realm itself; its password is ``probe_user_password``."""

PROBE_CLIENT: Final = "collab-probe"
"""Public client with PKCE (S256); only PROBE_USER gets through it. Its tokens have the audience ``nextcloud``."""

PROBE_GROUP: Final = "collab-probes"
"""Group of the probe user; lets it past the rule that only members of user groups log in."""


def issuer(context: Context) -> str:
    """Return the issuer of every token, which is also the base of the realm's endpoints."""
    return f"{context.url('keycloak')}/realms/{context.config.sso.realm}"


def discovery_url(context: Context) -> str:
    """Return the URL of the OpenID Connect discovery document."""
    return f"{issuer(context)}/.well-known/openid-configuration"


def probe_redirect_uri(context: Context) -> str:
    """Return where the probe client's codes are sent. Nothing answers there; a probe reads the redirect itself."""
    return f"{issuer(context)}/{PROBE_CLIENT}/callback"


def nextcloud_redirect_uris(context: Context) -> list[str]:
    """Return where user_oidc takes codes, with and without the front controller in the path."""
    base = context.url("nextcloud")
    return [f"{base}/apps/user_oidc/code", f"{base}/index.php/apps/user_oidc/code"]


def nextcloud_logout_uris(context: Context) -> list[str]:
    """Return where people may be sent after a logout that began in Nextcloud."""
    base = context.url("nextcloud")
    return [f"{base}/", f"{base}/apps/user_oidc/sls", f"{base}/index.php/apps/user_oidc/sls"]


def nextcloud_backchannel_url(context: Context) -> str:
    """Return where Keycloak tells user_oidc that a session has ended."""
    return f"{context.url('nextcloud')}/index.php/apps/user_oidc/backchannel-logout/{NEXTCLOUD_PROVIDER}"
