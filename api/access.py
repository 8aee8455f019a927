"""Who may see what: a planner, or the public.

A planner shows a token of the settings, as `Bearer` or as the password of `Basic`, so that browsers, GDAL
(`GDAL_HTTP_USERPWD`) and QGIS can sign in. Without tokens, whoever is at the machine is the planner, if the service
listens on that machine alone.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from typing import Literal

from api.addresses import Addresses, Headers, Scope
from api.settings import Settings

Role = Literal["planner", "public"]
CHALLENGE = 'Basic realm="Revier", charset="UTF-8"'


class DeniedError(Exception):
    """A token was shown that is none of ours."""


class Access:
    """Roles of requests.

    Parameters
    ----------
    settings
        Tokens, and where the service listens.
    addresses
        Tells who asks.
    """

    def __init__(self, settings: Settings, addresses: Addresses) -> None:
        self.addresses = addresses
        self.has_tokens = bool(settings.planner_tokens)
        self.is_open = settings.is_local and not self.has_tokens
        self._hashes = [_hash(token.get_secret_value().encode()) for token in settings.planner_tokens]

    def role(self, scope: Scope, headers: Headers) -> Role:
        """Return the role of a request.

        Raises
        ------
        DeniedError
            What it shows is no token of ours.
        """
        if self.is_open and self.addresses.is_at_this_machine(scope, headers):
            return "planner"
        shown = headers.get(b"authorization")
        if shown is None:
            return "public"
        token = _token(shown)
        if token is None or not self._knows(token):
            raise DeniedError
        return "planner"

    def _knows(self, token: bytes) -> bool:
        """Compare with every token, in the same time whether and where one fits."""
        given = _hash(token)
        return sum(hmac.compare_digest(given, one) for one in self._hashes) > 0


def _token(header: bytes) -> bytes | None:
    """Token in an `Authorization` header."""
    scheme, _, value = header.partition(b" ")
    if scheme.lower() == b"bearer":
        return value.strip()
    if scheme.lower() != b"basic":
        return None
    try:
        return base64.b64decode(value.strip(), validate=True).partition(b":")[2]
    except binascii.Error:
        return None


def _hash(token: bytes) -> bytes:
    return hashlib.sha256(token).digest()
