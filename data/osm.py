"""Green and blue areas of a place from OpenStreetMap, asked of an Overpass server through osmnx.

osmnx drops what it cannot build without a word, keeps half an answer when the server gave up, waits for ever on a
busy server, and is steered by module globals. This module counts every element that was sent, refuses every answer
that is not whole, gives up with a reason, and leaves the globals as they were.
"""

from __future__ import annotations

import hashlib
import io
import json
import math
import os
import re
import shutil
import socket
import tempfile
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import osmnx
import pandas as pd
import requests
import shapely
from osmnx._errors import InsufficientResponseError
from pyproj import CRS
from shapely.errors import GEOSException

from data.errors import FetchError
from geo.errors import CRSMismatchError, InputError, Problem

LICENCE = "ODbL-1.0"
ATTRIBUTION = "© OpenStreetMap contributors, ODbL 1.0, https://www.openstreetmap.org/copyright"
DEFAULT_OVERPASS_URL = "https://overpass-api.de/api"

# The order of the keys decides `kind` where an element has several: what a place is for (leisure) before what the
# ground is used for (landuse) before what grows there (natural). `leisure=pitch` is left out: many pitches are
# artificial turf or ash and locked by a club; a grass pitch in a park is part of the park's own outline.
GREEN_TAGS: dict[str, list[str]] = {
    "leisure": ["park", "garden", "playground", "nature_reserve"],
    "landuse": ["forest", "grass", "meadow", "recreation_ground", "allotments", "cemetery", "village_green"],
    "natural": ["wood", "scrub", "heath", "grassland"],
}
BLUE_TAGS: dict[str, list[str]] = {
    "natural": ["water"],
    "waterway": ["riverbank", "dock"],
    "landuse": ["reservoir", "basin"],
}

# Open to everybody unless `access` says otherwise. Forest and unused open country may be entered by law in Germany
# (BWaldG § 14, BNatSchG § 59); cemeteries are open by day and free of charge, so they count. Not public unless
# `access` says so: allotments (let plots behind a gate), gardens (mostly private), grass (verges, front lawns),
# meadow (farmed), and docks, reservoirs and basins (fenced works). An entrance fee does not make a park private.
PUBLIC_KINDS = frozenset(
    {"park", "playground", "nature_reserve", "forest", "recreation_ground", "cemetery", "village_green"}
    | {"wood", "scrub", "heath", "grassland", "water", "riverbank"}
)
OPEN_ACCESS = frozenset({"yes", "public", "permissive", "designated"})
CLOSED_ACCESS = frozenset(
    {"private", "no", "customers", "members", "residents", "permit", "military", "agricultural", "forestry", "delivery"}
)

COLUMNS = ("osm_id", "kind", "name", "public", "area_m2", "geometry")
CACHE_MAX_AGE = timedelta(days=7)  # long enough to resume a fetch, short enough that a yearly update is one
MAX_REQUEST_KM2 = 500.0  # a large city in one request; a region in parts that a public server still answers
QUERY_MARGIN_M = 150.0  # the query outline is rounded (fewer vertices: faster on the server), the exact clip is ours

_LAYERS = {"green": GREEN_TAGS, "blue": BLUE_TAGS}
_LOCK = threading.RLock()  # osmnx settings are one per process: two fetches at once would mix endpoints and caches
_SAMPLE = 5
_RECORD = "query.json"

_Geometries = npt.NDArray[np.object_]
_Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Fetched:
    """Green and blue areas of one place, and how they came about.

    Attributes
    ----------
    green, blue
        One row per OSM element, sorted by element type and number, in the CRS of the boundary and clipped to it; valid
        Polygon or MultiPolygon. `osm_id` ("way/123"), `kind` (the tag value, see `GREEN_TAGS`, `BLUE_TAGS`), `name`
        (None = not named), `public` (bool, see `PUBLIC_KINDS`), `area_m2` (m2, after the clip). Areas of OSM overlap
        (grass in a park): dissolve before summing.
    query
        `tags`, `endpoint` (without credentials), `fetched_at` (ISO, UTC: when the oldest answer used was received),
        `osm_base` (state of the OSM data as the server gave it; None = not given), `osmnx` (version), `licence`,
        `attribution`.
    report
        What was received, dropped, repaired and kept; the counts add up per layer.
    """

    green: gpd.GeoDataFrame
    blue: gpd.GeoDataFrame
    query: dict[str, Any]
    report: list[str]


@dataclass(frozen=True)
class _Server:
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
        where = f"OpenStreetMap, {layer} areas, from {self.name}"
        return FetchError(
            Problem(where, what, f"{remedy} Nothing was written; a new run asks only for what is missing.")
        )


@dataclass
class _Answers:
    """What the server sent for one layer, counted before osmnx drops anything."""

    tags: dict[str, list[str]]
    sent: Counter[str] = field(default_factory=Counter)
    received: list[datetime] = field(default_factory=list)
    osm_base: list[str] = field(default_factory=list)

    def add(self, payload: dict[str, Any], received: datetime) -> None:
        self.received.append(received)
        base = payload.get("osm3s", {}).get("timestamp_osm_base")
        if base:
            self.osm_base.append(str(base))
        for element in payload["elements"]:
            found = element.get("tags", {})
            if any(found.get(key) in values for key, values in self.tags.items()):
                self.sent[f"{element['type']}/{element['id']}"] += 1


@dataclass
class _Tally:
    """The report of one layer: what happened to which rows."""

    layer: str
    lines: list[str] = field(default_factory=list)

    def note(self, text: str) -> None:
        self.lines.append(f"{self.layer}: {text}")

    def some(self, osm_ids: list[str], text: str) -> None:
        if osm_ids:
            rest = ", …" if len(osm_ids) > _SAMPLE else ""
            self.note(f"{len(osm_ids)} {text} ({', '.join(osm_ids[:_SAMPLE])}{rest})")

    def keep(self, frame: gpd.GeoDataFrame, kept: _Mask, why_not: str) -> gpd.GeoDataFrame:
        self.some(frame["osm_id"][~kept].tolist(), f"dropped: {why_not}")
        return frame[kept]


def fetch_green_blue(
    boundary: gpd.GeoDataFrame,
    *,
    overpass_url: str = DEFAULT_OVERPASS_URL,
    cache_dir: Path,
    timeout_s: float = 180,
) -> Fetched:
    """Fetch the green and blue areas inside a boundary.

    Complete answers are kept in `cache_dir` for `CACHE_MAX_AGE`, so that an interrupted fetch goes on where it
    stopped and a second one asks nothing; delete the folder to ask anew.

    Parameters
    ----------
    boundary
        Polygons in a projected CRS in metres; several rows are dissolved.
    overpass_url
        Overpass API without "/interpreter". Any other than the default is taken to be your own: its slots are not
        asked for and not waited for.
    cache_dir
        Folder for answers; made if missing.
    timeout_s
        Seconds to wait for the server to say something; it is told to give up a little earlier.

    Returns
    -------
    Fetched
        A place without such features has an empty layer and a line in the report.

    Raises
    ------
    CRSMismatchError
        The boundary has no CRS, or one that is not in metres.
    InputError
        `timeout_s` is not a positive number.
    FetchError
        The boundary is empty; the server was not reached, refused, took too long, gave up half-way or sent something
        unreadable; the cache cannot be written.
    """
    if not (math.isfinite(timeout_s) and timeout_s > 0):
        raise InputError(Problem("timeout_s", f"{timeout_s} is not a waiting time", "Give seconds above 0."))
    area, crs = _area(boundary)
    outline = _outline(area, crs)
    server = _Server(overpass_url.rstrip("/"), timeout_s, cache_dir)
    layers: dict[str, gpd.GeoDataFrame] = {}
    report: list[str] = []
    all_answers: list[_Answers] = []
    for layer, tags in _LAYERS.items():
        raw, answers = _download(layer, tags, outline, server)
        layers[layer], lines = _clean(_Tally(layer), raw, answers, area, crs)
        report += lines
        all_answers.append(answers)
    both = _Tally("green and blue")
    both.some(sorted(set(layers["green"]["osm_id"]) & set(layers["blue"]["osm_id"])), "in both layers: kept in both")
    return Fetched(layers["green"], layers["blue"], _query(server, all_answers), report + both.lines)


def write_fetched(fetched: Fetched, folder: Path) -> None:
    """Write green.parquet, blue.parquet and query.json; the old files stay until all new ones are whole.

    Parameters
    ----------
    fetched
        Layers, query and report.
    folder
        Made if missing. query.json comes last and holds the hashes of the other two, so that a crash between the
        renames is found on reading.

    Raises
    ------
    FetchError
        The folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # inside the folder: os.replace is atomic only within one file system
        with tempfile.TemporaryDirectory(dir=folder, prefix=".osm-") as made:
            hashes: dict[str, str] = {}
            for layer in _LAYERS:
                path = Path(made, f"{layer}.parquet")
                getattr(fetched, layer).to_parquet(path, index=False)
                hashes[path.name] = hashlib.sha256(path.read_bytes()).hexdigest()
            record = {"query": fetched.query, "report": fetched.report, "sha256": hashes}
            text = json.dumps(record, ensure_ascii=False, indent=2) + "\n"
            Path(made, _RECORD).write_text(text, encoding="utf-8")
            for name in (*hashes, _RECORD):
                os.replace(Path(made, name), folder / name)  # noqa: PTH105 - the call whose atomicity is promised
    except OSError as error:
        what = f"cannot be written ({error})"
        raise FetchError(Problem(str(folder), what, "Check free space and permissions, then fetch again.")) from error


def read_fetched(folder: Path) -> Fetched | None:
    """Read what `write_fetched` wrote.

    Parameters
    ----------
    folder
        Folder with green.parquet, blue.parquet and query.json.

    Returns
    -------
    Fetched or None
        None when nothing was fetched (no query.json).

    Raises
    ------
    FetchError
        A file is missing, damaged, or from another fetch than query.json.
    """
    try:
        record = json.loads((folder / _RECORD).read_text(encoding="utf-8"))
        layers: dict[str, gpd.GeoDataFrame] = {}
        for layer in _LAYERS:
            name = f"{layer}.parquet"
            content = (folder / name).read_bytes()  # read once: what is hashed is what is parsed
            if hashlib.sha256(content).hexdigest() != record["sha256"][name]:
                raise _unreadable(folder, f"{name} is not the file that {_RECORD} describes")
            layers[layer] = _typed(gpd.read_parquet(io.BytesIO(content)))
        return Fetched(layers["green"], layers["blue"], record["query"], record["report"])
    except FetchError:
        raise
    except FileNotFoundError as error:
        if not (folder / _RECORD).exists():
            return None
        raise _unreadable(folder, f"a file is missing ({error.filename})") from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise _unreadable(folder, f"cannot be read ({error!r})") from error


def _unreadable(folder: Path, what: str) -> FetchError:
    return FetchError(Problem(str(folder), what, "Fetch the place again."))


def _area(boundary: gpd.GeoDataFrame) -> tuple[shapely.Geometry, CRS]:
    """Dissolve the boundary to one valid (multi)polygon; refuse what cannot be measured in metres."""
    empty = FetchError(Problem("boundary", "holds no polygon", "Give the outline of the place."))
    if boundary.active_geometry_name is None or boundary.empty:
        raise empty
    crs = boundary.crs
    if crs is None:
        raise CRSMismatchError(Problem("boundary", "has no CRS", "Set the one it is in, for example EPSG:25832."))
    if not crs.is_projected or any(axis.unit_conversion_factor != 1 for axis in crs.axis_info[:2]):
        what = f"is in {crs.name}, which is not a projected CRS in metres"
        raise CRSMismatchError(Problem("boundary", what, "Reproject it, for example to EPSG:25832."))
    rows = boundary.geometry.to_numpy()
    area = _polygonal(np.array([shapely.union_all(_polygonal(shapely.force_2d(rows[~shapely.is_missing(rows)])))]))[0]
    if area.area == 0:
        raise empty
    return area, crs


def _outline(area: shapely.Geometry, crs: CRS) -> shapely.Polygon | shapely.MultiPolygon:
    """Round the area outwards and give it in degrees (EPSG:4326), as Overpass wants it."""
    rounded = shapely.simplify(shapely.buffer(area, QUERY_MARGIN_M), QUERY_MARGIN_M / 2)
    degrees = gpd.GeoSeries([rounded], crs=crs).to_crs("EPSG:4326").to_numpy()
    outline: shapely.Polygon | shapely.MultiPolygon = _polygonal(degrees)[0]
    return outline


def _polygonal(geometries: _Geometries) -> _Geometries:
    """Make valid and keep what has an area; what has none becomes an empty polygon."""
    valid: _Geometries = shapely.make_valid(geometries)
    mixed = ~np.isin(shapely.get_type_id(valid), (shapely.GeometryType.POLYGON, shapely.GeometryType.MULTIPOLYGON))
    for position in np.flatnonzero(mixed):
        parts = shapely.get_parts(shapely.get_parts(valid[position]))  # twice: a collection may hold a MultiPolygon
        areas = parts[shapely.get_type_id(parts) == shapely.GeometryType.POLYGON]
        valid[position] = shapely.union_all(areas) if len(areas) else shapely.Polygon()
    return valid


@contextmanager
def _osmnx_settings(**wanted: object) -> Iterator[None]:
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


def _download(
    layer: str, tags: dict[str, list[str]], outline: shapely.Polygon | shapely.MultiPolygon, server: _Server
) -> tuple[gpd.GeoDataFrame | None, _Answers]:
    """Let osmnx ask the server; None when there is no such feature."""
    # a folder per question: what lies in it is exactly what this layer is made from
    question = json.dumps([server.url, tags, outline.wkt, server.timeout_s, MAX_REQUEST_KM2, osmnx.__version__])
    folder = server.cache_dir / f"osm-{layer}-{hashlib.sha256(question.encode()).hexdigest()[:16]}"
    answers = _Answers(tags)
    try:
        _take_cached(folder, answers)
        check = _checker(layer, server, answers)
        with _osmnx_settings(
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
            return osmnx.features.features_from_polygon(outline, {**tags}), answers
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
        what = f"the answer cannot be built into areas ({error!r}) and was thrown away"
        raise server.failure(layer, what, "Run again; if it fails again, use another server.") from error


def _take_cached(folder: Path, answers: _Answers) -> None:
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


def _checker(layer: str, server: _Server, answers: _Answers) -> Callable[..., None]:
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


def _bare(text: str, server: _Server) -> str:
    return text.replace(server.url, server.name)


def _clean(
    tally: _Tally, raw: gpd.GeoDataFrame | None, answers: _Answers, area: shapely.Geometry, crs: CRS
) -> tuple[gpd.GeoDataFrame, list[str]]:
    """Turn what osmnx built into a layer, and account for every element that was sent."""
    received = answers.sent.total()
    tally.note(f"{received} received" if received else "0 received: OpenStreetMap has no such features here")
    repeated = [osm_id for osm_id, times in answers.sent.items() for _ in range(times - 1)]
    tally.some(repeated, "dropped: sent again in another answer, kept once")
    frame = _attributes(raw, answers.tags)
    built = set(frame["osm_id"])
    unbuilt = [osm_id for osm_id in answers.sent if osm_id not in built]
    relations = [osm_id for osm_id in unbuilt if osm_id.startswith("relation/")]
    tally.some(relations, "dropped: no outline could be built (members missing, no multipolygon), or far outside")
    tally.some(
        [osm_id for osm_id in unbuilt if not osm_id.startswith("relation/")], "dropped: far outside, or nodes missing"
    )
    dimension = shapely.get_dimensions(frame.geometry.to_numpy())
    frame = tally.keep(frame, dimension != 0, "a point has no area")
    dimension = dimension[dimension != 0]
    frame = tally.keep(frame, dimension == 2, "a line has no area (open way, or an outline that collapses)")
    frame = _clip(tally, frame.to_crs(crs), area)
    twins = pd.Series(shapely.to_wkb(shapely.normalize(frame.geometry.to_numpy())), dtype=object).duplicated()
    tally.some(frame["osm_id"][twins.to_numpy()].tolist(), "with the same outline as another: kept, dissolve to sum")
    frame["area_m2"] = frame.geometry.area
    tally.note(f"{len(frame)} kept")
    return _typed(frame), tally.lines


def _attributes(raw: gpd.GeoDataFrame | None, tags: dict[str, list[str]]) -> gpd.GeoDataFrame:
    """Choose kind, name and publicness; one row per OSM element."""
    if raw is None:
        empty = {column: pd.Series(dtype=object) for column in ("osm_id", "kind", "name", "public")}
        return gpd.GeoDataFrame(empty, geometry=gpd.GeoSeries([], crs="EPSG:4326"))
    raw = raw[~raw.index.duplicated()]
    osm_id = [f"{element}/{number}" for element, number in raw.index]
    raw = raw.reset_index(drop=True)
    kind = pd.Series(None, index=raw.index, dtype=object)
    for key, values in tags.items():
        if key in raw:
            kind = kind.where(kind.notna(), raw[key].where(raw[key].isin(values)))
    access = raw["access"] if "access" in raw else pd.Series(None, index=raw.index, dtype=object)
    public = (kind.isin(PUBLIC_KINDS) & ~access.isin(CLOSED_ACCESS)) | access.isin(OPEN_ACCESS)
    columns = {"osm_id": osm_id, "kind": kind, "name": raw.get("name"), "public": public}
    return gpd.GeoDataFrame(columns, index=raw.index, geometry=raw.geometry)


def _clip(tally: _Tally, frame: gpd.GeoDataFrame, area: shapely.Geometry) -> gpd.GeoDataFrame:
    """Make valid in the target CRS and cut at the boundary."""
    projected = frame.geometry.to_numpy()
    whole = shapely.is_valid(projected) & (shapely.get_type_id(projected) != shapely.GeometryType.GEOMETRYCOLLECTION)
    tally.some(frame["osm_id"][~whole].tolist(), "repaired: invalid outline, its areas kept")
    geometry = _polygonal(projected)
    sound = shapely.area(geometry) > 0
    frame, geometry = tally.keep(frame, sound, "invalid beyond repair"), geometry[sound]

    shapely.prepare(area)
    inside = shapely.covers(area, geometry)
    crossing = ~inside & shapely.intersects(area, geometry)  # the costly cut is for these alone
    geometry[crossing] = _polygonal(shapely.intersection(geometry[crossing], area))
    left = inside | (crossing & (shapely.area(geometry) > 0))
    tally.some(frame["osm_id"][left & crossing].tolist(), "cut at the boundary")
    frame = tally.keep(frame.set_geometry(gpd.GeoSeries(geometry, index=frame.index, crs=frame.crs)), left, "outside")
    return frame.reset_index(drop=True)


def _typed(frame: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Give a layer its columns and types: plain strings, None for no name, also when there are no rows."""
    frame = frame[list(COLUMNS)].astype({"osm_id": object, "kind": object, "public": bool, "area_m2": float})
    name = frame["name"].astype(object)
    return frame.assign(name=name.where(name.notna(), None))


def _query(server: _Server, answers: list[_Answers]) -> dict[str, Any]:
    """Say what was asked of whom and when, for the provenance of everything built on it."""
    received = min(moment for layer in answers for moment in layer.received)
    return {
        "tags": deepcopy(_LAYERS),
        "endpoint": server.name,
        "fetched_at": received.isoformat(timespec="seconds"),
        "osm_base": min((base for layer in answers for base in layer.osm_base), default=None),
        "osmnx": osmnx.__version__,
        "licence": LICENCE,
        "attribution": ATTRIBUTION,
    }
