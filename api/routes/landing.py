"""Landing page, conformance, sources, health."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response

from api import __version__, responses
from api.deps import BaseUrl, CatalogueDep, ETag, WantsHtml
from api.responses import link

router = APIRouter()

OPENAPI = "application/vnd.oai.openapi+json;version=3.1"
CONFORMANCE = (
    "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/core",
    "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/geojson",
    "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/html",
)


@router.get("/", summary="Landing page", tags=["Capabilities"])
def landing(catalogue: CatalogueDep, base: BaseUrl, html: WantsHtml, etag: ETag) -> Response:
    """Entry for GIS tools (JSON) and people (HTML)."""
    body: dict[str, Any] = {
        "title": "Revier",
        "description": "Where a city's emissions are, where its climate measures land, and whom they benefit.",
        "links": [
            link(f"{base}/", "self", "application/json", "This page"),
            link(f"{base}/?f=html", "alternate", "text/html", "This page for people"),
            link(f"{base}/api", "service-desc", OPENAPI, "OpenAPI"),
            link(f"{base}/docs", "service-doc", "text/html", "Documentation of the API"),
            link(f"{base}/conformance", "conformance", "application/json", "Conformance classes"),
            link(f"{base}/collections", "data", "application/json", "Collections"),
            link(f"{base}/places", "related", "application/json", "Places"),
            link(f"{base}/measures", "related", "application/json", "Measures, every figure with its source"),
            link(f"{base}/map", "related", "text/html", "Map"),
        ],
    }
    if html:
        groups = _groups(catalogue)
        return responses.page(
            "landing.html", etag, body=body, groups=groups, release=catalogue.release, version=__version__
        )
    return responses.json(body, etag)


@router.get("/api", summary="OpenAPI description", tags=["Capabilities"])
def api(request: Request) -> Response:
    """Return this description."""
    return responses.json(request.app.openapi(), media_type=OPENAPI)


@router.get("/conformance", summary="Conformance classes", tags=["Capabilities"])
def conformance(html: WantsHtml, etag: ETag) -> Response:
    """Conformance classes of OGC API that are implemented."""
    if html:
        return responses.page("conformance.html", etag, classes=CONFORMANCE)
    return responses.json({"conformsTo": CONFORMANCE}, etag)


@router.get("/sources", summary="Sources and licences", tags=["Capabilities"])
def sources(catalogue: CatalogueDep, html: WantsHtml, etag: ETag) -> Response:
    """Every source of the served release with licence and attribution, factors and how sure they are."""
    manifest = catalogue.release.manifest
    if html:
        return responses.page("sources.html", etag, manifest=manifest)
    keys = ("id", "method_version", "sources", "factors", "measures", "prices", "point_sources")
    return responses.json({key: manifest[key] for key in keys}, etag)


@router.get("/healthz", summary="Alive", tags=["Capabilities"])
def healthz() -> Response:
    """Whether the process answers."""
    return responses.json({"status": "ok", "version": __version__})


def _groups(catalogue: CatalogueDep) -> list[dict[str, Any]]:
    """Collections by place, for the page."""
    groups = []
    for key, entry in catalogue.release.places.items():
        ids = [c for c in catalogue.ids() if c.split(".")[0] == key]
        groups.append({"key": key, "name": entry["name"], "kind": entry["kind"], "ids": ids, "entry": entry})
    return sorted(groups, key=lambda g: (g["kind"] != "region", g["entry"].get("districts") is None, g["name"]))
