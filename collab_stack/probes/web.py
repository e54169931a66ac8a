"""Requests as people's machines make them: names by the site's resolvers, certificates always verified.

The machine that runs collab-stack may not know the agency's names, and may have a proxy set; neither counts here.
"""

from __future__ import annotations

import socket
import ssl
from concurrent.futures import Future
from contextlib import contextmanager
from http.cookiejar import DefaultCookiePolicy
from threading import Lock, local
from typing import TYPE_CHECKING, Final, Self
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter

from collab_stack.probes.model import ProbeError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from urllib3.connectionpool import HTTPConnectionPool

CONNECT_SECONDS: Final = 3.0
READ_SECONDS: Final = 10.0
"""A healthy stack answers in well under a second; a person gives up at about this."""

Content = dict[str, str] | str | None
"""Query or form fields, or a body."""

AGENT: Final = "collab-stack-probe"


class UnknownNameError(ProbeError, OSError):
    """A name that nobody knows: like any connection that cannot be made."""


def site_resolver(resolvers: Sequence[str]) -> Callable[[str], Sequence[str]]:
    """Return a function that asks the site's resolvers for a name's addresses, IPv4 first.

    :param resolvers: their IP addresses.
    """
    import dns.exception  # noqa: PLC0415 - 0.1 s that only a real run pays
    import dns.resolver  # noqa: PLC0415 - the same

    resolver = dns.resolver.Resolver(configure=False)
    resolver.nameservers = list(resolvers)
    resolver.timeout, resolver.lifetime = 1.0, 3.0

    def resolve(name: str) -> Sequence[str]:
        found: list[str] = []
        for kind in ("A", "AAAA"):
            try:
                found += [str(record) for record in resolver.resolve(f"{name}.", kind)]
            except (dns.resolver.NoAnswer, dns.resolver.NXDOMAIN):
                continue
            except (dns.exception.DNSException, OSError) as error:
                silent = isinstance(error, dns.exception.Timeout)
                what = "do not answer" if silent else f"refuse to say ({type(error).__name__})"
                raise UnknownNameError(
                    f"the resolvers {', '.join(resolvers)} {what}: {name}",
                    "see whether this machine reaches the resolvers of dns.resolvers in site.yml",
                ) from error
        return found

    return resolve


class _Pinned(HTTPAdapter):
    """Connects to one address, and speaks to it under the name of the URL (SNI, Host, certificate)."""

    def __init__(self, address: str, context: ssl.SSLContext) -> None:
        self.address, self.context = address, context
        super().__init__(max_retries=0)

    def cert_verify(self, *_connection_url_verify_cert: object) -> None:
        """Leave all trust to the context: requests would add its own list of CAs to it, at every connection."""

    def get_connection_with_tls_context(
        self, request: requests.PreparedRequest, *_verify_proxies_cert: object, **_options: object
    ) -> HTTPConnectionPool:
        """Return the pool of connections to the address."""
        parts = urlsplit(str(request.url))
        tls = {"ssl_context": self.context, "server_hostname": parts.hostname, "assert_hostname": parts.hostname}
        pool: HTTPConnectionPool = self.poolmanager.connection_from_host(
            self.address, parts.port, parts.scheme, pool_kwargs=tls if parts.scheme == "https" else None
        )
        return pool


class Web:
    """The way to the public names.

    :param resolve: name -> addresses.
    :param trusted: further CA certificates in PEM, besides the machine's own list.
    """

    def __init__(self, resolve: Callable[[str], Sequence[str]], trusted: Sequence[str]) -> None:
        self._resolve, self._trusted = resolve, "\n".join(trusted)
        self._known: dict[str, Future[Sequence[str]]] = {}
        self._silent: set[tuple[str, int]] = set()
        self._lock = Lock()
        self._own = local()
        self._opened: list[Session] = []
        self.context = self.tls_context()

    def tls_context(self) -> ssl.SSLContext:
        """Return a fresh verifying context: TLS 1.2 or newer, the machine's list of CAs and the site's own."""
        context = ssl.create_default_context()
        if self._trusted:
            context.load_verify_locations(cadata=self._trusted)
        return context

    def addresses(self, name: str) -> Sequence[str]:
        """Return a name's addresses; each name is asked for once.

        :raises UnknownNameError: when it has none, or nobody answers.
        """
        with self._lock:
            mine = name not in self._known
            answer = self._known.setdefault(name, Future())
        if mine:
            try:
                answer.set_result(self._resolve(name))
            except UnknownNameError as error:
                answer.set_exception(error)
        found = answer.result()
        if not found:
            raise UnknownNameError(
                f"the site's resolvers know no address for {name}",
                "create the records that `collab-stack plan --dns` prints",
            )
        return found

    def session(self) -> Session:
        """Return a session with cookies of its own."""
        return Session(self)

    def request(
        self, method: str, url: str, *, headers: Mapping[str, str] | None = None, **content: Content
    ) -> requests.Response:
        """Send a request without cookies (see :meth:`Session.request`); those of one thread share connections."""
        session: Session | None = getattr(self._own, "session", None)
        if session is None:
            session = self._own.session = Session(self, cookies=False)
            self._opened.append(session)
        return session.request(method, url, headers=headers, **content)

    def close(self) -> None:
        """Close the connections."""
        for session in self._opened:
            session.close()

    def connect(self, name: str, port: int, context: ssl.SSLContext) -> ssl.SSLSocket:
        """Return a TLS connection to the first address of a name; the caller closes it."""
        raw = self.socket(name, port)
        try:
            return context.wrap_socket(raw, server_hostname=name)
        except BaseException:
            raw.close()
            raise

    def socket(self, name: str, port: int) -> socket.socket:
        """Return a TCP connection to the first address of a name; the caller closes it."""
        with self.knocking(name, port) as address:
            return socket.create_connection((address, port), timeout=CONNECT_SECONDS)

    @contextmanager
    def knocking(self, name: str, port: int) -> Iterator[str]:
        """Yield the address to connect to, and remember when nobody opens: the next one then need not wait as long.

        :raises TimeoutError: when that was so before.
        """
        address = self.addresses(name)[0]
        if (address, port) in self._silent:
            raise TimeoutError(f"{address}:{port} does not answer")
        try:
            yield address
        except (TimeoutError, requests.ConnectTimeout) as error:
            self._silent.add((address, port))
            raise TimeoutError(f"{address}:{port} does not answer") from error


class Session:
    """A browser's worth of state: cookies and open connections. Redirects are never followed by themselves."""

    def __init__(self, web: Web, *, cookies: bool = True) -> None:
        self._web = web
        self._requests = requests.Session()
        if not cookies:
            self._requests.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        self._requests.trust_env = False  # no proxy, no .netrc
        self._requests.headers["User-Agent"] = AGENT

    def request(
        self, method: str, url: str, *, headers: Mapping[str, str] | None = None, **content: Content
    ) -> requests.Response:
        """Send a request; times out by itself and follows no redirect.

        :param content: ``params`` for the query, ``data`` for the body.
        :raises OSError: when there is no answer or the certificate does not verify.
        :raises UnknownNameError: when the name is not known.
        """
        parts = urlsplit(url)
        prefix = f"{parts.scheme}://{parts.netloc}/"
        port = parts.port or {"http": 80, "https": 443}[parts.scheme]
        with self._web.knocking(parts.hostname or "", port) as address:
            if prefix not in self._requests.adapters:
                self._requests.mount(prefix, _Pinned(address, self._web.context))
            return self._requests.request(
                method,
                url,
                params=content.get("params"),
                data=content.get("data"),
                headers={"Host": parts.netloc} | dict(headers or {}),
                timeout=(CONNECT_SECONDS, READ_SECONDS),
                allow_redirects=False,
            )

    def close(self) -> None:
        """Close the connections."""
        self._requests.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_raised: object) -> None:
        self.close()


def describe(error: Exception) -> str:
    """Return in one line why a request failed, without object addresses and wrappers."""
    found: BaseException = error
    for _ in range(8):
        inner = getattr(found, "reason", None)
        if not isinstance(inner, BaseException):
            inner = found.args[0] if found.args and isinstance(found.args[0], BaseException) else None
        if inner is None:
            break
        found = inner
    if isinstance(error, requests.ReadTimeout):
        return f"no answer within {READ_SECONDS:g} s"
    if isinstance(found, ssl.SSLCertVerificationError):
        return f"the certificate does not verify: {found.verify_message}"
    text = str(found).rpartition("object at 0x")[2].partition(">: ")[2] or str(found)
    return text.strip() or type(found).__name__
