"""Buildings, streets, land use, green and blue of a place from OpenStreetMap: fetched, kept on disk, read back."""

from __future__ import annotations

import hashlib
import io
import json
import math
import os
import tempfile
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import geopandas as gpd
import osmnx

from data.errors import FetchError
from data.osm_layers import LAYERS, area_of, build, outline, typed, unknown_layers
from data.osm_tags import LAYER_TAGS
from data.overpass import DEFAULT_OVERPASS_URL, Answers, Server, download
from data.report import Report
from geo.errors import InputError, Problem

__all__ = [
    "ATTRIBUTION",
    "DEFAULT_OVERPASS_URL",
    "LAYERS",
    "LICENCE",
    "Fetched",
    "fetch_green_blue",
    "fetch_place",
    "read_fetched",
    "write_fetched",
]

LICENCE = "ODbL-1.0"
ATTRIBUTION = "© OpenStreetMap contributors, ODbL 1.0, https://www.openstreetmap.org/copyright"
_RECORD = "query.json"


@dataclass(frozen=True)
class Fetched:
    """Layers of one place, and how they came about.

    Attributes
    ----------
    green, blue, buildings, streets, landuse
        One row per OSM element, in the CRS of the boundary; see `data.osm_layers.build` for what is cut and
        `data.osm_tags` for the columns. None = was not asked for.
    query
        `tags` (by layer), `endpoint` (without credentials), `fetched_at` (ISO, UTC: when the oldest answer used was
        received), `osm_base` (state of the OSM data as the server gave it; None = not given), `osmnx` (version),
        `licence`, `attribution`.
    report
        For each layer what was received, dropped, repaired and kept; the counts add up.
    """

    green: gpd.GeoDataFrame
    blue: gpd.GeoDataFrame
    query: dict[str, Any]
    report: list[str]
    buildings: gpd.GeoDataFrame = None
    streets: gpd.GeoDataFrame = None
    landuse: gpd.GeoDataFrame = None

    @property
    def layers(self) -> dict[str, gpd.GeoDataFrame]:
        """The layers that were asked for, by name."""
        frames = {layer: getattr(self, layer) for layer in LAYERS}
        return {layer: frame for layer, frame in frames.items() if frame is not None}


def fetch_place(
    boundary: gpd.GeoDataFrame,
    *,
    overpass_url: str = DEFAULT_OVERPASS_URL,
    cache_dir: Path,
    layers: Sequence[str] = LAYERS,
    timeout_s: float = 180,
) -> Fetched:
    """Fetch what lies inside a boundary.

    Complete answers are kept in `cache_dir` for a week, so that an interrupted fetch goes on where it stopped and a
    second one asks nothing; delete the folder to ask anew.

    Parameters
    ----------
    boundary
        Polygons in a projected CRS in metres; several rows are dissolved.
    overpass_url
        Overpass API without "/interpreter". Any other than the default is taken to be your own: its slots are not
        asked for and not waited for.
    cache_dir
        Folder for answers; made if missing.
    layers
        Any of `LAYERS`.
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
        The boundary is empty, `timeout_s` is not a positive number, a layer is not known.
    FetchError
        The server was not reached, refused, took too long, gave up half-way or sent something unreadable; the cache
        cannot be written.
    """
    _check_arguments(layers, timeout_s)
    area, crs = area_of(boundary)
    asked = outline(area, crs)
    server = Server(overpass_url.rstrip("/"), timeout_s, cache_dir)
    report = Report()
    frames: dict[str, gpd.GeoDataFrame] = {}
    answers: list[Answers] = []
    for layer in layers:
        raw, answer = download(layer, asked, server)
        frames[layer] = build(layer, raw, answer.sent, report, layer, area=area, crs=crs)
        answers.append(answer)
    if {"green", "blue"} <= frames.keys():
        both = sorted(set(frames["green"]["osm_id"]) & set(frames["blue"]["osm_id"]))
        report.add("green and blue", "in both layers", both, "kept")
    lines = [line for layer in (*layers, "green and blue") for line in _lines(report, layer)]
    return Fetched(frames.pop("green", None), frames.pop("blue", None), _query(server, answers), lines, **frames)


def fetch_green_blue(
    boundary: gpd.GeoDataFrame,
    *,
    overpass_url: str = DEFAULT_OVERPASS_URL,
    cache_dir: Path,
    timeout_s: float = 180,
) -> Fetched:
    """Fetch the green and blue areas alone; see `fetch_place`."""
    return fetch_place(
        boundary, overpass_url=overpass_url, cache_dir=cache_dir, layers=("green", "blue"), timeout_s=timeout_s
    )


def _check_arguments(layers: Sequence[str], timeout_s: float) -> None:
    problems = unknown_layers(layers)
    if not (math.isfinite(timeout_s) and timeout_s > 0):
        problems.append(Problem("timeout_s", f"{timeout_s} is not a waiting time", "Give seconds above 0."))
    if problems:
        raise InputError(problems)


def _lines(report: Report, layer: str) -> list[str]:
    """Tell the report of one layer, with its counts first."""
    told = [str(line) for line in report.lines if line.where == layer]
    if layer not in report.counted:
        return told
    received, kept = report.counted[layer]
    none = "" if received else ": OpenStreetMap has no such features here"
    return [f"{layer}: {received} received, {kept} kept{none}", *told]


def write_fetched(fetched: Fetched, folder: Path) -> None:
    """Write a GeoParquet file for each layer and query.json; the old files stay until all new ones are whole.

    Parameters
    ----------
    fetched
        Layers, query and report.
    folder
        Made if missing. query.json comes last and holds the hashes of the others, so that a crash between the renames
        is found on reading. A layer that an earlier fetch left here and this one was not asked for is no longer part
        of the record and is not read.

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
            for layer, frame in fetched.layers.items():
                path = Path(made, f"{layer}.parquet")
                frame.to_parquet(path, index=False)
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
        Folder with query.json and the layers that it names.

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
        for layer in LAYERS:
            name = f"{layer}.parquet"
            if name not in record["sha256"]:
                continue
            content = (folder / name).read_bytes()  # read once: what is hashed is what is parsed
            if hashlib.sha256(content).hexdigest() != record["sha256"][name]:
                raise _unreadable(folder, f"{name} is not the file that {_RECORD} describes")
            layers[layer] = typed(layer, gpd.read_parquet(io.BytesIO(content)))
        green, blue = layers.pop("green", None), layers.pop("blue", None)
        return Fetched(green, blue, record["query"], record["report"], **layers)
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


def _query(server: Server, answers: list[Answers]) -> dict[str, Any]:
    """Say what was asked of whom and when, for the provenance of everything built on it."""
    received = min(moment for answer in answers for moment in answer.received)
    return {
        "tags": {answer.layer: deepcopy(LAYER_TAGS[answer.layer]) for answer in answers},
        "endpoint": server.name,
        "fetched_at": received.isoformat(timespec="seconds"),
        "osm_base": min((base for answer in answers for base in answer.osm_base), default=None),
        "osmnx": osmnx.__version__,
        "licence": LICENCE,
        "attribution": ATTRIBUTION,
    }
