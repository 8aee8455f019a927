"""The HTTP service."""

from __future__ import annotations

import logging
import mimetypes
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from fastapi import Depends, FastAPI, Request, Response
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.gzip import DEFAULT_EXCLUDED_CONTENT_TYPES, GZipMiddleware
from starlette.staticfiles import StaticFiles

from api import __version__, errors
from api.deps import Served, strict_query
from api.routes import collections, equity, landing, measures, pages, places, rasters, tiles
from api.settings import Settings
from geo.errors import RevierError
from layers import assets
from layers.catalogue import Catalogue
from layers.errors import ReleaseError
from layers.tiles import tile

log = logging.getLogger("revier")
CSP = (
    "default-src 'self'; script-src 'self'; worker-src 'self' blob:; style-src 'self'; "
    "img-src 'self' data: blob:; connect-src 'self'; object-src 'none'; base-uri 'none'; frame-ancestors 'none'"
)


# Debian's and older Pythons' tables do not know modules; browsers refuse them under another type
mimetypes.add_type("text/javascript", ".mjs")


def create_app(settings: Settings | None = None) -> FastAPI:
    """Make the service.

    Parameters
    ----------
    settings
        From the environment if omitted.
    """
    served = Served(settings or Settings())

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        # compile and read now, not in the first request; without a release the service says so when asked
        with suppress(ReleaseError):
            catalogue = served.catalogue()
            layer = catalogue.layer(catalogue.ids()[0])
            tile(layer, 0, 0, 0)
            # the engine compiles for half a minute once on a new machine; not in a planner's first request
            threading.Thread(target=_warm, args=(catalogue,), daemon=True).start()
        yield

    app = FastAPI(
        title="Revier",
        version=__version__,
        summary="Where a city's emissions are, where its climate measures land, and whom they benefit.",
        license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
    )
    app.state.served = served
    errors.install(app)
    for module in (landing, collections, tiles, rasters, places, equity, measures, pages):
        app.include_router(module.router, dependencies=[Depends(strict_query)])
    app.mount("/static/vendor", StaticFiles(directory=assets.VENDOR, check_dir=False), name="vendor")
    app.mount("/static", StaticFiles(directory=Path(__file__).parent / "static"), name="static")
    plain = (*DEFAULT_EXCLUDED_CONTENT_TYPES, "image/tiff")
    app.add_middleware(GZipMiddleware, minimum_size=1000, compresslevel=5, exclude_content_types=plain)
    app.add_middleware(CORSMiddleware, allow_origins=["*"], allow_methods=["GET", "HEAD"])
    app.middleware("http")(_secure)
    return app


def _warm(catalogue: Catalogue) -> None:
    """Compute a scenario of the first place that has buildings."""
    for key, entry in catalogue.release.places.items():
        if entry["kind"] == "municipality" and entry["calibration"] is not None:
            try:
                catalogue.run(key, "climate_equity")
            except RevierError:  # whoever asks for it is told
                log.warning("the standard scenario of %s cannot be computed", key, exc_info=True)
            return


async def _secure(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
    response = await call_next(request)
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Referrer-Policy"] = "no-referrer"
    if response.headers.get("content-type", "").startswith("text/html"):
        response.headers["Content-Security-Policy"] = CSP
    return response
