"""Who asks, under which address: believed from a proxy only where the settings trust it."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping, MutableMapping
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

from api.settings import Settings, is_loopback

Headers = Mapping[bytes, bytes]
Scope = MutableMapping[str, Any]
FORWARDED = (b"x-forwarded-for", b"x-forwarded-host", b"forwarded", b"via", b"x-real-ip")
_HOST = re.compile(r"(?:[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?|\[[0-9A-Fa-f:.]{2,45}\])(?::\d{1,5})?")
_PREFIX = re.compile(r"(?:/[A-Za-z0-9._~-]+)*")
_PAIR = re.compile(r"(\w+)=(?:\"([^\"]*)\"|([^\s;,\"]*))")


class Addresses:
    """Addresses of clients and of this service.

    Parameters
    ----------
    settings
        Trusted proxies, own hosts, address for links.
    """

    def __init__(self, settings: Settings) -> None:
        self.base_url = settings.base_url
        self.hosts = frozenset(settings.hosts)
        self.own = self.hosts | {urlsplit(settings.base_url).hostname or ""}
        networks = tuple(ipaddress.ip_network(n) for n in settings.trusted_proxies)

        @lru_cache(maxsize=4096)
        def trusted(peer: str) -> bool:
            try:
                address = ipaddress.ip_address(peer)
            except ValueError:
                return False
            return any(address in network for network in networks)

        self._trusted = trusted if networks else (lambda _peer: False)

    def client(self, scope: Scope, headers: Headers) -> str:
        """Return the address of the client: of the nearest one that is no trusted proxy."""
        peer = peer_of(scope)
        if not self._trusted(peer):
            return peer
        chain = headers.get(b"x-forwarded-for", b"").decode("latin-1").split(",")
        if b"forwarded" in headers:
            chain = [pair.get("for", "") for pair in _forwarded(headers)]
        for named in reversed(chain):
            found = _without_port(named.strip())
            if found is None:
                break  # what is no address ends what can be believed
            peer = found
            if not self._trusted(found):
                break
        return peer

    def base(self, scope: Scope, headers: Headers) -> str:
        """Return the address for links; a host that nobody vouches for is never repeated."""
        host = headers.get(b"host", b"").decode("latin-1")
        if self._trusted(peer_of(scope)):
            told = self._by_proxy(scope, headers, host)
            if told:
                return told
        if _HOST.fullmatch(host) and name_of(host) in self.hosts:
            return f"{scope['scheme']}://{host}"
        return self.base_url

    def _by_proxy(self, scope: Scope, headers: Headers, host: str) -> str | None:
        last = _forwarded(headers)[-1] if b"forwarded" in headers else {}
        named = last.get("host") or _last(headers, b"x-forwarded-host")
        scheme = last.get("proto") or _last(headers, b"x-forwarded-proto")
        prefix = _last(headers, b"x-forwarded-prefix").rstrip("/")
        if not (named or scheme or prefix):
            return None
        if not named:
            named = host if name_of(host) in self.hosts else urlsplit(self.base_url).netloc
        if not _HOST.fullmatch(named) or not _PREFIX.fullmatch(prefix) or scheme not in {"", "http", "https"}:
            return None
        return f"{scheme or scope['scheme']}://{named}{prefix}"

    def is_ours(self, origin: str, scope: Scope, headers: Headers) -> bool:
        """Whether an `Origin` is this service, or another port of a host of ours."""
        return name_of(origin.partition("://")[2]) in self.own or origin == _origin(self.base(scope, headers))

    def is_foreign(self, scope: Scope, headers: Headers) -> bool:
        """Whether another site's page sent this: a browser says so."""
        origin = headers.get(b"origin")
        if origin is not None:
            return not self.is_ours(origin.decode("latin-1"), scope, headers)
        if headers.get(b"sec-fetch-site", b"none") not in {b"cross-site", b"same-site"}:
            return False
        # a link from elsewhere shows the page to the user, and to nobody else
        return headers.get(b"sec-fetch-mode") != b"navigate" or scope["method"] not in {"GET", "HEAD"}

    def is_at_this_machine(self, scope: Scope, headers: Headers) -> bool:
        """Whether somebody at this machine asks, by no proxy, under a name of ours, and no other site's page."""
        peer = peer_of(scope)
        if peer == "testclient":  # inside this process, where no network is
            return not self.is_foreign(scope, headers)
        if not is_loopback(peer) or any(name in headers for name in FORWARDED):
            return False
        # a foreign name that leads to 127.0.0.1 would let its pages read what the user may
        return name_of(headers.get(b"host", b"").decode("latin-1")) in self.own and not self.is_foreign(scope, headers)


def peer_of(scope: Scope) -> str:
    """Address at the other end of the connection; empty where there is none."""
    client = scope.get("client")
    return client[0] if client else ""


@lru_cache(maxsize=4096)
def name_of(host: str) -> str:
    """Name in `name:port`, in lower case; empty where it is none."""
    if not _HOST.fullmatch(host):
        return ""
    return (host[1 : host.index("]")] if host.startswith("[") else host.partition(":")[0]).lower()


def _origin(address: str) -> str:
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc}"


def _last(headers: Headers, name: bytes) -> str:
    return headers.get(name, b"").decode("latin-1").rpartition(",")[2].strip()


def _forwarded(headers: Headers) -> list[dict[str, str]]:
    """Elements of the header `Forwarded` (RFC 7239), the nearest proxy's last."""
    text = headers[b"forwarded"].decode("latin-1")
    return [{k.lower(): a or b for k, a, b in _PAIR.findall(part)} for part in text.split(",")]


def _without_port(named: str) -> str | None:
    """Address in `1.2.3.4`, `1.2.3.4:5`, `[::1]`, `[::1]:5` or `::1`; None where it is none."""
    bare = named
    if named.startswith("["):
        bare = named[1:].partition("]")[0]
    elif named.count(":") == 1:
        bare = named.partition(":")[0]
    try:
        return str(ipaddress.ip_address(bare))
    except ValueError:
        return None
