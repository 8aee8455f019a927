"""Vector tiles on the shortest way: found, made and compressed once, without what a page of JSON needs around it."""

from __future__ import annotations

import hashlib
import re
import threading
from collections import OrderedDict
from collections.abc import Iterable
from typing import NamedTuple

from starlette.concurrency import run_in_threadpool

from api import deps
from api.middleware.compression import LEAST, encoder, negotiated, tag_given
from api.middleware.visit import Part, Receive, Scope, Send, visit_of
from api.serving import Served
from layers.layer import Layer
from layers.tile_matrices import SETS, TileMatrixSet

MVT = b"application/vnd.mapbox-vector-tile"
_PATH = re.compile(r"/collections/([^/]+)/tiles/([A-Za-z0-9_]+)/(\d{1,2})/(\d{1,7})/(\d{1,7})", re.ASCII)
# so many features are made at once; more wait for a thread, so that others need not wait for them
QUICK = 3000
# what a kept tile takes beside its bytes
OVERHEAD = 300


class Kept(NamedTuple):
    """A tile as it is sent, and its tag without the name of an encoding."""

    plain_tag: bytes
    content: bytes
    headers: tuple[tuple[bytes, bytes], ...]


# version of the layer, path, encoding
Key = tuple[str, str, str]


class Tiles:
    """Answers requests for vector tiles; hands all others on, and all that is wrong.

    Parameters
    ----------
    app
        The next part.
    served
        Keeps the served release.
    """

    def __init__(self, app: Part, served: Served) -> None:
        self.app, self.served = app, served
        self._kept: OrderedDict[Key, Kept] = OrderedDict()
        self._size, self._room = 0, int(served.settings.tile_cache_mb * 2**20)
        self._lock = threading.Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer with a tile."""
        found = _PATH.fullmatch(scope["path"]) if scope["type"] == "http" and scope["method"] == "GET" else None
        tms = SETS.get(found[2]) if found and not scope["query_string"] else None
        if found is None or tms is None or self.served.id is None:
            await self.app(scope, receive, send)
            return
        visit = visit_of(scope)
        layer = deps.served_for(visit.role, self.served.catalogue()).ready(found[1], "tiles")
        if layer is None:
            await self.app(scope, receive, send)
            return
        encoding = negotiated(visit.headers.get(b"accept-encoding", b"")) or ""
        key = (layer.version, scope["path"], encoding)
        kept = self._get(key)
        z, y, x = int(found[3]), int(found[4]), int(found[5])
        if kept is None and not _has(layer, tms, z, x, y):
            await self.app(scope, receive, send)
            return
        scope["route"] = ROUTE
        given = visit.headers.get(b"if-none-match")
        tag = tag_of(layer, scope["path"]) if kept is None else kept.plain_tag
        if given is not None and (tag[:-1] in given or given.strip() == b"*"):
            await _answer(send, 304, b"", [(b"etag", tag_given(tag, given)), *_KEEP])
            return
        if kept is None:
            kept = _sent(await _made(layer, tms, (z, x, y), encoding), tag, encoding)
            self._put(key, kept)
        await _answer(send, 200 if kept.content else 204, kept.content, kept.headers)

    def _get(self, key: Key) -> Kept | None:
        with self._lock:
            found = self._kept.get(key)
            if found is not None:
                self._kept.move_to_end(key)
            return found

    def _put(self, key: Key, made: Kept) -> None:
        with self._lock:
            if key not in self._kept:
                self._kept[key] = made
                self._size += len(made.content) + OVERHEAD
            while self._size > self._room:
                _, old = self._kept.popitem(last=False)
                self._size -= len(old.content) + OVERHEAD


async def _made(layer: Layer, tms: TileMatrixSet, at: tuple[int, int, int], encoding: str) -> bytes:
    from layers import tiles  # noqa: PLC0415 - slow to import

    rows = tiles.meeting(layer, *at, tms)
    if rows is not None and len(rows) <= QUICK:
        return _packed(tiles.tile(layer, *at, tms, rows), encoding)
    return await run_in_threadpool(lambda: _packed(tiles.tile(layer, *at, tms, rows), encoding))


def _sent(content: bytes, tag: bytes, encoding: str) -> Kept:
    headers, plain = [(b"content-type", MVT), *_KEEP], tag
    if encoding and content and content[:1] != b"\x1a":
        # a tile begins with the field of its layer; what does not is compressed
        tag = tag[:-1] + b"-" + encoding.encode() + b'"'
        headers.append((b"content-encoding", encoding.encode()))
    if content:
        headers.append((b"content-length", b"%d" % len(content)))
    return Kept(plain, content, ((b"etag", tag), *headers))


class _Route:
    """What logs and counters call these requests."""

    path = "/collections/{collectionId}/tiles/{tileMatrixSetId}/{tileMatrix}/{tileRow}/{tileCol}"


ROUTE = _Route()
_KEEP = [(b"cache-control", b"no-cache"), (b"vary", b"Accept-Encoding")]


def _has(layer: Layer, tms: TileMatrixSet, z: int, x: int, y: int) -> bool:
    """Whether the tileset of a layer has a tile."""
    from layers.tilesets import vector_limits  # noqa: PLC0415 - slow to import

    limits = layer.remembered(("limits", tms.id), lambda: {one.zoom: one for one in vector_limits((layer,), tms)})
    return z in limits and limits[z].holds(x, y)


def tag_of(layer: Layer, path: str) -> bytes:
    """Strong ETag of a tile: changes with the data of its layer, whoever asks."""
    return b'"' + hashlib.sha256(f"{layer.version} {path}".encode()).hexdigest()[:24].encode() + b'"'


def _packed(content: bytes, encoding: str) -> bytes:
    return encoder(encoding)(content) if encoding and len(content) >= LEAST else content


async def _answer(send: Send, status: int, body: bytes, headers: Iterable[tuple[bytes, bytes]]) -> None:
    await send({"type": "http.response.start", "status": status, "headers": list(headers)})
    await send({"type": "http.response.body", "body": body})
