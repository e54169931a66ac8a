"""TLS of the public names: who signed, for which names, until when, and which protocols are offered."""

from __future__ import annotations

import ssl
import warnings
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from collab_stack.probes.model import Probe, ProbeError, Seen

if TYPE_CHECKING:
    from collections.abc import Iterator

    from collab_stack.probes.target import Target

LEAST_DAYS: Final = 14
"""Certificates of the internal CA are renewed by a deploy below 30 days; half of that is left to notice."""

_RENEW: Final = (
    "run `collab-stack deploy --only tls,edge`; with tls.mode `files`, put the renewed certificate into tls/ first"
)

# X509_V_ERR_… of OpenSSL (x509_vfy.h), where its own words would not tell an operator what to do.
_EXPIRED: Final = 10
_WRONG_NAME: Final = 62


class _OfPublicNames(Probe):
    """Whoever answers under a public name is asked, the agency's own edge too."""

    service = "edge"
    lane = "tls"

    def applies(self, target: Target) -> bool:
        """Say whether people open anything."""
        return bool(target.urls)


class Certificates(_OfPublicNames):
    """The chain leads to a CA that people's machines trust, and the certificate carries the name."""

    id = "tls.certificate"
    severity = "critical"
    did = "opened a TLS connection to the public name and verified chain, name and dates"
    mend = _RENEW

    def run(self, target: Target) -> Iterator[Seen]:
        """Yield one observation per public name."""
        for url in target.urls.values():
            name, port = _end(url)
            did = f"opened a TLS connection to {name}:{port} and verified chain, name and dates"
            try:
                with target.web.connect(name, port, target.web.context) as connection:
                    issuer = _issuer(connection)
                    saw = f"signed by {issuer}, {connection.version()}"
                yield Seen("pass", did, saw, host=name)
            except ssl.SSLCertVerificationError as error:
                yield Seen("fail", did, error.verify_message or str(error), _mend(error, name), host=name)
            except OSError as error:
                yield Seen("fail", did, str(error), f"see whether the edge runs and {name} leads to it", host=name)


class Days(_OfPublicNames):
    """How long the certificates are still valid."""

    id = "tls.days"
    severity = "major"
    did = "read the certificate's end date"
    mend = _RENEW

    def run(self, target: Target) -> Iterator[Seen]:
        """Yield one observation per public name; skip one whose certificate did not verify at all."""
        for url in target.urls.values():
            name, port = _end(url)
            did = f"read the end date of the certificate of {name}:{port}"
            try:
                with target.web.connect(name, port, target.web.context) as connection:
                    end = _end_date(connection)
            except OSError as error:
                yield Seen("skip", did, f"no verified connection: {error}", "see tls.certificate", host=name)
                continue
            days = (end - datetime.now(UTC)).days
            saw = f"{days} days left, until {end.date().isoformat()}"
            if days < LEAST_DAYS:
                yield Seen("fail", did, f"{saw}; at least {LEAST_DAYS} are wanted", _RENEW, host=name)
            else:
                yield Seen("pass", did, saw, host=name)


class Protocols(_OfPublicNames):
    """What is older than TLS 1.2 is refused (RFC 8996)."""

    id = "tls.protocol"
    severity = "major"
    did = "offered nothing newer than TLS 1.1"
    mend = "run `collab-stack deploy --only edge`; look at ssl-min-ver in services.edge.extra.configuration"

    def run(self, target: Target) -> Iterator[Seen]:
        """Yield one observation per public name."""
        for url in target.urls.values():
            name, port = _end(url)
            did = f"offered {name}:{port} nothing newer than TLS 1.1"
            with target.web.socket(name, port) as raw:
                try:
                    with old_context().wrap_socket(raw, server_hostname=name) as connection:
                        yield Seen("fail", did, f"{connection.version()} was accepted", self.mend, host=name)
                except ssl.SSLError as error:
                    if error.reason == "NO_PROTOCOLS_AVAILABLE":
                        saw = "this machine's OpenSSL cannot speak anything that old"
                        yield Seen("skip", did, saw, "run the probe from a machine that can", host=name)
                    else:
                        yield Seen("pass", did, f"refused ({error.reason})", host=name)
                except ConnectionResetError:
                    yield Seen("pass", did, "refused (connection reset)", host=name)


def old_context() -> ssl.SSLContext:
    """Return a context that speaks TLS 1.0 and 1.1 only and verifies nothing: it is used to be refused."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    context.set_ciphers("ALL:@SECLEVEL=0")
    return context


def _end(url: str) -> tuple[str, int]:
    parts = urlsplit(url)
    return parts.hostname or "", parts.port or 443


def _issuer(connection: ssl.SSLSocket) -> str:
    # The names of CAs are pairs in sets in a sequence (ssl.SSLSocket.getpeercert).
    fields = {key: value for part in (connection.getpeercert() or {}).get("issuer", ()) for key, value in part}  # type: ignore[str-unpack]
    return str(fields.get("commonName") or fields.get("organizationName") or "an unnamed CA")


def _end_date(connection: ssl.SSLSocket) -> datetime:
    text = (connection.getpeercert() or {}).get("notAfter")
    if not isinstance(text, str):
        raise ProbeError("the certificate has no end date", _RENEW)
    return datetime.fromtimestamp(ssl.cert_time_to_seconds(text), UTC)


def _mend(error: ssl.SSLCertVerificationError, name: str) -> str:
    if error.verify_code == _EXPIRED:
        return _RENEW
    if error.verify_code == _WRONG_NAME:
        return f"use a certificate that carries {name}"
    return (
        "send the whole chain, leaf first, and give the CA that signed it: tls.ca in site.yml with mode `files`; with "
        "mode `internal` run `collab-stack deploy --only tls,edge`"
    )
