"""Asking an Overpass server through osmnx: politely, once, and with whole answers only.

osmnx drops what it cannot build without a word, keeps half an answer when the server gave up, waits for ever on a
busy server, and is steered by module globals. This module counts every element that was sent, refuses every answer
that is not whole, gives up with a reason, and leaves the globals as they were.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import socket
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import geopandas as gpd
import osmnx
import requests
import shapely
from osmnx._errors import InsufficientResponseError
from shapely.errors import GEOSException

from data.errors import FetchError
from data.osm_tags import LAYER_TAGS, matches
from geo.errors import Problem

DEFAULT_OVERPASS_URL = "https://overpass-api.de/api"
CACHE_MAX_AGE = timedelta(days=7)  # long enough to resume a fetch, short enough that a yearly update is one
MAX_REQUEST_KM2 = 500.0  # a large city in one request; a region in parts that a public server still answers
_LOCK = threading.RLock()  # osmnx settings are one per process: two fetches at once would mix endpoints and caches


@dataclass(frozen=True)
class Server:
    """Where and how to ask."""

    url: str
    timeout_s: float
    cache_dir: Path

    @property
    def name(self) -> str:
        """The address without user and password: it goes into messages and published files."""
        parts = urlsplit(self.url)
        return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))

    def failure(self, layer: str, what: str, remedy: str) -> FetchError:
        """Make the error of a layer that could not be fetched."""
        where = f"OpenStreetMap, {layer}, from {self.name}"
        return FetchError(
            Problem(where, what, f"{remedy} Nothing was written; a new run asks only for what is missing.")
        )


@dataclass
class Answers:
    """What the server sent for one layer, counted before osmnx drops anything."""

    layer: str
    sent: Counter[str] = field(default_factory=Counter)
    received: list[datetime] = field(default_factory=list)
    osm_base: list[str] = field(default_factory=list)

    def add(self, payload: dict[str, Any], received: datetime) -> None:
        """Count the elements of one answer."""
        self.received.append(received)
        base = payload.get("osm3s", {}).get("timestamp_osm_base")
        if base:
            self.osm_base.append(str(base))
        for element in payload["elements"]:
            if matches(self.layer, element.get("tags", {})):
                self.sent[f"{element['type']}/{element['id']}"] += 1


def download(
    layer: str, outline: shapely.Polygon | shapely.MultiPolygon, server: Server
) -> tuple[gpd.GeoDataFrame | None, Answers]:
    """Let osmnx ask the server for one layer.

    Parameters
    ----------
    layer
        Key of `LAYER_TAGS`.
    outline
        Where, in degrees (EPSG:4326).
    server
        Whole answers are kept in its `cache_dir` for `CACHE_MAX_AGE`.

    Returns
    -------
    tuple
        Features as osmnx builds them (EPSG:4326), None when there is none; and what was sent.

    Raises
    ------
    FetchError
        The server was not reached, refused, took too long, gave up half-way or sent something unreadable; the cache
        cannot be written.
    """
    tags: dict[str, bool | str | list[str]] = {**LAYER_TAGS[layer]}
    # a folder per question: what lies in it is exactly what this layer is made from
    question = json.dumps([server.url, tags, outline.wkt, server.timeout_s, MAX_REQUEST_KM2, osmnx.__version__])
    folder = server.cache_dir / f"osm-{layer}-{hashlib.sha256(question.encode()).hexdigest()[:16]}"
    answers = Answers(layer)
    try:
        _take_cached(folder, answers)
        check = _checker(layer, server, answers)
        with osmnx_settings(
            cache_folder=folder,
            cache_only_mode=False,
            default_crs="EPSG:4326",
            doh_url_template=None,  # no third party is asked for the server's address
            http_user_agent=f"Revier (OSMnx {osmnx.__version__})",
            max_query_area_size=MAX_REQUEST_KM2 * 1e6,
            overpass_rate_limit=server.url == DEFAULT_OVERPASS_URL,
            # Overpass wants whole seconds; it gives up first, so that its own reason reaches the user
            overpass_settings=f"[out:json][timeout:{max(1, int(0.9 * server.timeout_s))}]{{maxsize}}",
            overpass_url=server.url,
            requests_kwargs={**osmnx.settings.requests_kwargs, "hooks": {"response": check}},
            requests_timeout=server.timeout_s,
            use_cache=True,
        ):
            return osmnx.features.features_from_polygon(outline, tags), answers
    except FetchError:
        raise
    except InsufficientResponseError:
        return None, answers
    except requests.Timeout as error:
        what = f"no answer within {server.timeout_s:g} s"
        raise server.failure(layer, what, "Try again later or allow more time.") from error
    except requests.RequestException as error:
        what = f"the connection failed ({type(error).__name__}: {_bare(str(error), server)})"
        raise server.failure(layer, what, "Check the address and the network, then run again.") from error
    except OSError as error:
        remedy = "Check free space and permissions, then run again."
        raise server.failure(layer, f"the cache {folder} cannot be used ({error})", remedy) from error
    except (ValueError, KeyError, TypeError, IndexError, AttributeError, GEOSException) as error:
        # well-formed, yet not what osmnx can build from: keep it and every later run would fail on it
        shutil.rmtree(folder, ignore_errors=True)
        what = f"the answer cannot be built into features ({error!r}) and was thrown away"
        raise server.failure(layer, what, "Run again; if it fails again, use another server.") from error


@contextmanager
def osmnx_settings(**wanted: object) -> Iterator[None]:
    """Set osmnx's globals for one download; put them and the name resolution back, come what may."""
    with _LOCK:
        before = {name: getattr(osmnx.settings, name) for name in wanted}
        lookup = socket.getaddrinfo  # osmnx pins the server's address for the whole process
        try:
            for name, value in wanted.items():
                setattr(osmnx.settings, name, value)
            yield
        finally:
            for name, value in before.items():
                setattr(osmnx.settings, name, value)
            socket.getaddrinfo = lookup


def _take_cached(folder: Path, answers: Answers) -> None:
    """Count cached answers; throw away those that are too old or were cut off while being written."""
    oldest = datetime.now(UTC) - CACHE_MAX_AGE
    for path in sorted(folder.glob("*.json")):
        received = datetime.fromtimestamp(path.stat().st_mtime, UTC)
        try:
            payload = json.loads(path.read_text(encoding="utf-8"))
            whole = _fault(payload) is None
        except ValueError:
            whole = False
        if whole and received >= oldest:
            answers.add(payload, received)
        else:
            path.unlink()


def _fault(payload: object) -> str | None:
    """Say what is wrong with an answer; None when it is whole."""
    if not isinstance(payload, dict):
        return "the answer is not a JSON object"
    if "remark" in payload:  # Overpass sends what it had when it gave up, with status 200
        return f'the server gave up half-way: "{payload["remark"]}"'
    elements = payload.get("elements")
    if not isinstance(elements, list) or not all(isinstance(e, dict) and {"type", "id"} <= e.keys() for e in elements):
        return "the answer holds no list of OSM elements"
    return None


def _checker(layer: str, server: Server, answers: Answers) -> Callable[..., None]:
    """Make the hook that sees each answer before osmnx builds from it, caches it or waits to ask again."""

    def check(response: requests.Response, **_: object) -> None:
        if response.is_redirect or urlsplit(response.url).path.endswith("/status"):
            return
        if not response.ok:
            what = f"the server answered {response.status_code} {response.reason}: {_excerpt(response.text)}"
            raise server.failure(layer, what, _remedy(response.status_code))
        try:
            payload = response.json()
        except requests.JSONDecodeError as error:
            what = f"the answer is not whole JSON ({error}): {_excerpt(response.text)}"
            raise server.failure(layer, what, "Run again; if it fails again, use another server.") from error
        fault = _fault(payload)
        if fault is not None:
            raise server.failure(layer, fault, "Try again later, allow more time or use another server.")
        answers.add(payload, datetime.now(UTC))

    return check


def _remedy(status: int) -> str:
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return "Your share of this server is used up: wait some minutes and run again, or use your own server."
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return "The server is busy or broken: try again later or use another one."
    return "Check the address: it is the part before /interpreter."


def _excerpt(text: str) -> str:
    """Give the first words of an answer without markup: Overpass explains itself in HTML pages."""
    words = " ".join(re.sub(r"<[^>]*>", " ", text).split())
    return words[:200] or "(empty)"


def _bare(text: str, server: Server) -> str:
    return text.replace(server.url, server.name)
