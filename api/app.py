"""The HTTP service."""

from __future__ import annotations

import gc
import logging
import mimetypes
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from fastapi import Depends, FastAPI
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Receive, Scope, Send

from api import __version__, errors, queries
from api.access import Access
from api.addresses import Addresses
from api.deps import strict_query
from api.middleware.compression import Compression
from api.middleware.front import Front
from api.middleware.gate import Gate
from api.middleware.head import Head
from api.middleware.headers import CSP, Headers
from api.middleware.limits import Limits
from api.middleware.log import errors_to_stderr, writer
from api.middleware.metrics import Metrics
from api.middleware.pages import Pages
from api.middleware.tiles import Tiles
from api.routes import (
    collections,
    dcat,
    downloads,
    equity,
    items,
    landing,
    measures,
    pages,
    places,
    rasters,
    service,
    styles,
    tiles,
    tilesets,
    wmts,
)
from api.serving import Served
from api.settings import Settings
from geo.errors import RevierError
from layers import assets
from layers.catalogue import Catalogue
from layers.errors import ReleaseError

__all__ = ["CSP", "create_app"]

log = logging.getLogger("revier")
GIS = (tilesets, tiles, rasters, styles, dcat)
# the first answers go before what only saves time later
WARM_AFTER_S = 1.0

# Debian's and older Pythons' tables do not know modules; browsers refuse them under another type
mimetypes.add_type("text/javascript", ".mjs")


class Service(FastAPI):
    """FastAPI with our parts around all of it, also around its own last resort for errors."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer; FastAPI's own tracing is not asked for, and its question costs a fifth of a tile that is kept."""
        if scope["type"] == "http" and self.middleware_stack is not None:
            scope["app"] = self
            await self.middleware_stack(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)

    def build_middleware_stack(self) -> ASGIApp:
        """Put the parts together, the outermost last."""
        settings: Settings = self.state.served.settings
        app: ASGIApp = Pages(super().build_middleware_stack(), self.state.served, self.state.addresses)
        app = Compression(app)
        app = Head(app)
        app = Tiles(app, self.state.served)
        app = Gate(app, self.state.access)
        app = Limits(app, settings)
        headers = Headers(settings, by_origin=self.state.access.is_open)
        return Front(app, self.state.addresses, headers, self.state.metrics, writer(settings))


def create_app(settings: Settings | None = None) -> FastAPI:
    """Make the service.

    Parameters
    ----------
    settings
        From the environment if omitted.
    """
    chosen = settings or Settings()
    served = Served(chosen, warm=_prepare)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        errors_to_stderr()
        # read now, not in the first request; without a release the service says so when asked
        with suppress(ReleaseError):
            # the engine compiles for half a minute once on a new machine; not in a planner's first request
            timer = threading.Timer(WARM_AFTER_S, _warm, args=(served.catalogue(),))
            timer.daemon = True
            timer.start()
        # what is there now stays: the collector need not look at it again and again
        gc.freeze()
        yield
        app.state.metrics.flush()

    app = Service(
        title="Revier",
        version=__version__,
        summary="Where a city's emissions are, where its climate measures land, and whom they benefit.",
        license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        lifespan=lifespan,
    )
    app.state.served = served
    app.state.addresses = Addresses(chosen)
    app.state.access = Access(chosen, app.state.addresses)
    app.state.metrics = Metrics()
    errors.install(app)
    for module in (landing, collections, *GIS, places, equity, measures, pages, service):
        app.include_router(module.router, dependencies=[Depends(strict_query)])
    # any attribute of a collection is a parameter of its features; WMTS passes over what it does not know
    for module in (items, downloads, wmts):
        app.include_router(module.router)
    app.mount("/static/vendor", StaticFiles(directory=assets.VENDOR, check_dir=False), name="vendor")
    app.mount("/static", StaticFiles(directory=Path(__file__).parent / "static"), name="static")
    return app


def _touch(catalogue: Catalogue) -> None:
    """Read a layer and make a tile of it: what is wrong with a release shows now."""
    from layers.tiles import tile  # noqa: PLC0415 - slow to import

    ids = catalogue.ids()
    if ids:
        tile(catalogue.layer(ids[0]), 0, 0, 0)
    catalogue.prepare()


def _prepare(catalogue: Catalogue) -> None:
    """Make a newer release ready beside the one that is served."""
    _touch(catalogue)
    catalogue.published.check()


def _warm(catalogue: Catalogue) -> None:
    """Read a filter, and compute a scenario of the first place that has buildings."""
    try:
        _touch(catalogue)
        for collection in catalogue.ids()[:1]:
            queries.asked(catalogue.layer(collection), queries.Given(filter="true"))
        for key, entry in catalogue.release.places.items():
            if entry["kind"] == "municipality" and entry["calibration"] is not None:
                catalogue.run(key, "climate_equity")
                break
        catalogue.published.check()
    except (RevierError, OSError):  # whoever asks for it is told
        log.warning("what was to be ready is not", exc_info=True)
