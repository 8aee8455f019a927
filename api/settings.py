"""Settings, from the environment (`REVIER_…`) or the command line."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """What a deployment may set."""

    model_config = SettingsConfigDict(env_prefix="REVIER_", extra="forbid")

    home: Path = Field(
        default=Path.home() / ".local" / "share" / "revier", description="Folder of releases and fetched data."
    )
    base_url: str = Field(
        default="http://127.0.0.1:8000", description="Address in links when a request's host is not in `hosts`."
    )
    hosts: tuple[str, ...] = Field(
        default=("127.0.0.1", "localhost", "::1"), description="Host names that links may repeat from a request."
    )
    overpass_url: str = Field(default="https://overpass-api.de/api", description="Overpass server for `revier fetch`.")
