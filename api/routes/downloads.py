"""Downloads: a collection, or what a filter leaves of it, as one file that is made once and sent by ranges."""

from __future__ import annotations

import asyncio
import re
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Annotated, Literal

import numpy as np
from fastapi import APIRouter, HTTPException, Path, Query, Request, Response
from starlette.concurrency import run_in_threadpool
from starlette.responses import FileResponse
from starlette.types import Receive, Scope, Send

from api import deps, errors
from api.deps import BaseUrl, CatalogueDep
from api.errors import NotModifiedError
from api.middleware.head import BODILESS
from api.responses import link
from api.routes.items import GivenDep, asked
from api.serving import Served
from layers import export, grids, reference_systems
from layers.catalogue import Catalogue
from layers.export import FORMATS, NAMES, Wanted
from layers.export_store import Kept, Store
from layers.export_text import Dialect
from layers.layer import Layer
from layers.public import PublicCatalogue
from layers.query import select
from layers.style_figures import Language, kinds_of

router = APIRouter(tags=["Downloads"])

# files made at a time, and those that may wait for it
MAKERS, WAITING = 2, 30
# shorter than what proxies wait for; the file is made on, and is there when it is asked for again
PATIENCE_S, RETRY_S = 45.0, 10
CROWDED, UNFINISHED = "Too many files are being made.", "The file is being made. Ask again."
_RANGE = re.compile(r"bytes\s*=\s*(?:(\d{1,18})\s*-\s*(\d{0,18})|-\s*(\d{1,18}))\s*", re.ASCII)

Format = Literal["gpkg", "fgb", "parquet", "geojson", "csv", "pmtiles", "tif"]


class Downloads:
    """Makes files in the background, each once.

    Parameters
    ----------
    store
        Where they are kept.
    """

    def __init__(self, store: Store) -> None:
        self.store = store
        self._pool = ThreadPoolExecutor(MAKERS, thread_name_prefix="download")
        self._running: dict[tuple[str, str], Future[Kept]] = {}
        self._lock = threading.Lock()

    def get(self, catalogue: Catalogue, layer: Layer, wanted: Wanted) -> Kept | Future[Kept]:
        """Return a file, or what will be one.

        Raises
        ------
        HTTPException
            503, too many wait already.
        InputError, UnknownCollectionError
            No such file can be made.
        """
        export.checked(layer, wanted)
        key = (wanted.key(layer), wanted.file_format)
        with self._lock:
            found = self._running.get(key) or self.store.find(*key)
            if found is not None:
                return found
            if len(self._running) >= MAKERS + WAITING:
                raise _later(CROWDED)
            make = partial(export.write, catalogue, layer, wanted=wanted)
            made = self._running[key] = self._pool.submit(self.store.get, *key, make)
        made.add_done_callback(lambda _: self._running.pop(key, None))
        return made


class Sent(FileResponse):
    """A file that is sent in larger pieces."""

    chunk_size = 512 * 1024

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the file; for a HEAD it is not read."""
        await super().__call__({**scope, "method": "HEAD"} if scope.get(BODILESS) else scope, receive, send)


def links(layer: Layer, url: str) -> list[dict[str, str]]:
    """Links from a collection at `url` to its files."""
    drawn = bool(kinds_of(layer))
    offered = [f for f in FORMATS if (f != "tif" or grids.is_gridded(layer)) and (f != "pmtiles" or drawn)]
    return [link(f"{url}/download?f={f}", "enclosure", FORMATS[f], f"All of it as {NAMES[f]}") for f in offered]


@router.get(
    "/collections/{collectionId}/download",
    summary="Features as a file",
    response_class=Response,
    responses={
        200: {"content": {media: {"schema": {"type": "string", "format": "binary"}} for media in FORMATS.values()}},
        206: {"description": "The bytes that were asked for"},
        416: {"description": "The file ends before the bytes that were asked for"},
        503: {"description": "The file is still being made: ask again after Retry-After seconds"},
        507: {"description": "There is no room to make the file"},
    },
)
async def download(  # noqa: PLR0913, PLR0917 - one argument for each query parameter
    collection: Annotated[str, Path(alias="collectionId")],
    request: Request,
    catalogue: CatalogueDep,
    base: BaseUrl,
    parameters: GivenDep,
    f: Annotated[
        Format,
        Query(
            description="GeoPackage with styles, FlatGeobuf or GeoParquet in the collection's own CRS, GeoJSON, CSV, "
            "PMTiles, or GeoTIFF of a grid of cells. crs chooses another; coordinates in files are x (east) first."
        ),
    ] = "gpkg",
    column: Annotated[str | None, Query(description="Attribute of a GeoTIFF.")] = None,
    wkt: Annotated[bool, Query(description="CSV: add the geometry as a column WKT.")] = False,  # noqa: FBT002
    dialect: Annotated[
        Dialect, Query(description="CSV: commas and decimal points, or as a German Excel opens it.")
    ] = "rfc4180",
    lang: Annotated[Language, Query(description="Language of the style in a GeoPackage.")] = "en",
    max_zoom: Annotated[
        int | None, Query(ge=0, le=20, description="Last zoom of PMTiles; as deep as outlines are exact when omitted.")
    ] = None,
) -> Response:
    """All features that a filter leaves, in one file with its licences; a broken download goes on with Range."""

    def prepare() -> tuple[Layer, Wanted]:
        layer = _source(catalogue, collection, f)
        wanted = asked(layer, parameters, request)
        rows = select(layer, wanted.query)
        whole = len(rows) == len(layer) and not wanted.query.sort
        crs = None if parameters.crs is None else wanted.reference.crs
        # equal files have equal names for what is in them
        return layer, Wanted(
            f, None if whole else np.array(rows), wanted.names, crs, column, wkt, dialect, lang, max_zoom
        )

    layer, wanted = await run_in_threadpool(prepare)
    found = await run_in_threadpool(_downloads(request).get, catalogue, layer, wanted)
    kept = found if isinstance(found, Kept) else await _patiently(found)
    part = "" if wanted.rows is None else ".selection"
    headers = {
        "ETag": f'"{kept.digest}"',
        # no-cache means: keep it, but ask with the ETag whether it is still true
        "Cache-Control": "no-cache",
        "Link": f'<{base}/collections/{layer.id}>; rel="collection", <{base}/sources?f=html>; rel="license"',
    }
    if f not in {"pmtiles", "tif"}:
        headers["Content-Crs"] = f"<{_uri(layer, wanted)}>"
    return _answer(request, kept, headers, f"{collection}{part}.{f}", FORMATS[f])


def _source(catalogue: Catalogue, collection: str, file_format: str) -> Layer:
    """Layer that a file is made of: the public's cells as a grid again for a raster."""
    if file_format == "tif" and isinstance(catalogue, PublicCatalogue):
        return catalogue.gridded(collection)
    return catalogue.layer(collection)


def _uri(layer: Layer, wanted: Wanted) -> str:
    """Name of the reference system of a file."""
    crs = export.crs_of(layer, wanted)
    known = next((one for one in reference_systems.served(layer) if one.crs == crs), reference_systems.own(layer))
    return known.uri


def _downloads(request: Request) -> Downloads:
    """What makes files, one for each service."""
    state = request.app.state
    if not hasattr(state, "downloads"):
        served: Served = state.served
        room = served.settings.downloads_mb
        state.downloads = Downloads(Store(served.settings.home / "cache" / "downloads", int(room * 2**20)))
    made: Downloads = state.downloads
    return made


async def _patiently(made: Future[Kept]) -> Kept:
    """Wait for a file, but not for ever."""
    waiting = asyncio.wrap_future(made)
    done, _ = await asyncio.wait([waiting], timeout=PATIENCE_S)
    if not done:
        # nobody may be there to be told when it fails
        waiting.add_done_callback(lambda one: one.cancelled() or one.exception())
        raise _later(UNFINISHED)
    return waiting.result()


def _later(detail: str) -> HTTPException:
    return HTTPException(503, detail, headers={"Retry-After": str(RETRY_S)})


def _answer(request: Request, kept: Kept, headers: dict[str, str], name: str, media_type: str) -> Response:
    """Answer with the file, one range of it, or that the client has it.

    Several ranges, and what is no range, are answered with the whole file, as RFC 9110 allows.
    """
    tag = headers["ETag"]
    if deps.holds(request.headers.getlist("if-none-match"), tag):
        raise NotModifiedError(tag)
    wanted = request.headers.getlist("range")
    found = _RANGE.fullmatch(wanted[0]) if len(wanted) == 1 else None
    valid = request.headers.get("if-range", tag) == tag
    if found is None or not valid or (found[1] and found[2] and int(found[2]) < int(found[1])):
        request.scope["headers"] = [(k, v) for k, v in request.scope["headers"] if k != b"range"]
    elif (int(found[1]) >= kept.size) if found[1] else int(found[3]) == 0:
        told = {"Content-Range": f"bytes */{kept.size}", "ETag": tag}
        return errors.problem(416, f"The file has {kept.size} bytes.", headers=told)
    return Sent(kept.path, headers=headers, media_type=media_type, filename=name, stat_result=kept.path.stat())
