"""Settings, from the environment (`REVIER_…`) or the command line."""

from __future__ import annotations

import ipaddress
import json
import re
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

LEAST_TOKEN = 16
_RATE = re.compile(r"auto|off|[1-9]\d{0,8}/(second|minute|hour)")


def _listed(given: object) -> object:
    """Take a JSON list, or words with commas or spaces between them."""
    if not isinstance(given, str):
        return given
    return json.loads(given) if given.lstrip().startswith("[") else tuple(re.split(r"[\s,]+", given.strip())) or ()


def _token(given: SecretStr) -> SecretStr:
    text = given.get_secret_value()
    if len(text) < LEAST_TOKEN or not text.isascii() or not text.isprintable() or " " in text:
        what = f"a token needs {LEAST_TOKEN} ASCII characters or more, no blanks: `openssl rand -hex 24` makes one"
        raise ValueError(what)
    return given


def _network(given: str) -> str:
    return str(ipaddress.ip_network(given, strict=False))


def _rate(given: str) -> str:
    if not _RATE.fullmatch(given):
        what = "is none of off, auto, 100/second, 3000/minute, 50000/hour"
        raise ValueError(what)
    return given


def _address(given: str) -> str:
    if not re.fullmatch(r"https?://[^\s/?#@\\]+(/[^\s?#\\]*)?", given):
        what = "is no address such as https://revier.example.org"
        raise ValueError(what)
    return given.rstrip("/")


def _words(default: tuple[str, ...], description: str) -> Any:  # noqa: ANN401 - a field of any type
    return Field(default=default, description=f"{description} A JSON list, or words with commas between them.")


class Settings(BaseSettings):
    """What a deployment may set."""

    model_config = SettingsConfigDict(env_prefix="REVIER_", extra="forbid", hide_input_in_errors=True)

    home: Path = Field(
        default=Path.home() / ".local" / "share" / "revier", description="Folder of releases and fetched data."
    )
    host: str = Field(default="127.0.0.1", description="Address that `revier serve` listens on; 0.0.0.0 for all.")
    port: int = Field(default=8000, ge=1, le=65535, description="Port that `revier serve` listens on.")
    workers: int = Field(default=1, ge=1, le=64, description="Processes of `revier serve`.")
    base_url: Annotated[str, AfterValidator(_address)] = Field(
        default="http://127.0.0.1:8000",
        description="Address in links when a request's host is not in `hosts` and no trusted proxy names another.",
    )
    hosts: Annotated[tuple[str, ...], NoDecode, BeforeValidator(_listed)] = _words(
        ("127.0.0.1", "localhost", "::1"), "Host names that links may repeat from a request."
    )
    trusted_proxies: Annotated[
        tuple[Annotated[str, AfterValidator(_network)], ...], NoDecode, BeforeValidator(_listed)
    ] = _words((), "Networks of proxies whose X-Forwarded-… and Forwarded headers are believed, such as 10.0.0.0/8.")
    planner_tokens: Annotated[
        tuple[Annotated[SecretStr, AfterValidator(_token)], ...], NoDecode, BeforeValidator(_listed)
    ] = _words(
        (),
        "Secrets that sign a planner in (Bearer, or the password of Basic). Without any, whoever uses a service that "
        "listens on this machine alone is the planner, and everybody else is the public.",
    )
    access_log: Literal["auto", "json", "console", "off"] = Field(
        default="auto",
        description="A line for each request on stdout; auto: json unless it listens on this machine alone.",
    )
    rate_limit: Annotated[str, AfterValidator(_rate)] = Field(
        default="auto",
        description="Requests of one client in each worker, such as 3000/minute; a POST counts as 50. auto: that, but "
        "off where the service listens on this machine alone.",
    )
    max_body_mb: float = Field(default=10.0, gt=0, le=1024, description="Largest request body, in MiB.")
    request_s: float = Field(
        default=120.0, gt=0, description="Seconds until an answer must have begun; then it is 503."
    )
    body_s: float = Field(default=30.0, gt=0, description="Seconds in which a request must have been sent.")
    max_connections: int = Field(default=1000, ge=1, description="Connections of one worker; above, the answer is 503.")
    downloads_mb: float = Field(
        default=4096.0, gt=0, description="Disk for files that were downloaded, in MiB; the oldest are dropped."
    )
    publisher_name: str = Field(default="Revier", description="Who publishes the layers, in the catalogue /dcat.")
    publisher_homepage: str = Field(default="", description="Page of the publisher; the service's own when empty.")
    publisher_email: str = Field(default="", description="Address for questions about the data, in /dcat.")
    contributor_id: str = Field(
        default="", description="URI of the contributorID that GovData gave to the publisher (DCAT-AP.de)."
    )
    tile_cache_mb: float = Field(
        default=128.0, ge=0, description="Memory for vector tiles that one worker keeps, in MiB; 0 keeps none."
    )
    overpass_url: str = Field(default="https://overpass-api.de/api", description="Overpass server for `revier fetch`.")

    @property
    def is_local(self) -> bool:
        """Whether the service listens on this machine alone."""
        return is_loopback(self.host)


@lru_cache(maxsize=4096)
def is_loopback(host: str) -> bool:
    """Whether an address or name is this machine's own."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def page() -> str:
    """Describe all settings, as Markdown (`docs/settings.md`)."""
    lines = ["# Settings\n", "| variable | default | meaning |", "|---|---|---|"]
    for name, field in Settings.model_fields.items():
        default = "~/.local/share/revier" if name == "home" else _shown(field.default)
        lines.append(f"| `REVIER_{name.upper()}` | {f'`{default}`' if default else ''} | {field.description} |")
    return "\n".join(lines) + "\n"


def _shown(default: object) -> str:
    return ", ".join(map(str, default)) if isinstance(default, tuple) else str(default)
