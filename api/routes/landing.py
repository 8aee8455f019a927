"""Landing page, conformance, sources, health."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response

from api import __version__, openapi, responses
from api.deps import BaseUrl, CatalogueDep, ETag, WantsHtml
from api.responses import OGC, link
from api.routes import items, tilesets
from layers import filters

router = APIRouter()

CONFORMANCE = (*items.CONFORMANCE, *filters.CONFORMANCE, *tilesets.CONFORMANCE)
# what the classes above belong to, for people
STANDARDS = {
    "ogcapi-features-1": "OGC API – Features – Part 1: Core",
    "ogcapi-features-2": "OGC API – Features – Part 2: Coordinate Reference Systems by Reference",
    "ogcapi-features-3": "OGC API – Features – Part 3: Filtering",
    "cql2": "Common Query Language (CQL2)",
    "ogcapi-tiles-1": "OGC API – Tiles – Part 1: Core",
}
DCAT = "application/ld+json"
# of values of a filter, as Part 3 names them
TYPES = {"text": "string", "number": "number", "date": "date", "timestamp": "datetime"}


@router.get("/", summary="Landing page", tags=["Capabilities"])
def landing(catalogue: CatalogueDep, base: BaseUrl, html: WantsHtml, etag: ETag) -> Response:
    """Entry for GIS tools (JSON) and people (HTML)."""
    body: dict[str, Any] = {
        "title": "Revier",
        "description": "Where a city's emissions are, where its climate measures land, and whom they benefit.",
        "links": [
            link(f"{base}/", "self", "application/json", "This page"),
            link(f"{base}/?f=html", "alternate", "text/html", "This page for people"),
            link(f"{base}/api", "service-desc", openapi.MEDIA_TYPE, "OpenAPI"),
            link(f"{base}/docs", "service-doc", "text/html", "Documentation of the API"),
            link(f"{base}/conformance", "conformance", "application/json", "Conformance classes"),
            link(f"{base}/collections", "data", "application/json", "Collections"),
            *tilesets.root_links(base),
            link(f"{base}/functions", f"{OGC}/functions", "application/json", "Functions that filters may call"),
            link(f"{base}/wmts/1.0.0/WMTSCapabilities.xml", "related", "application/xml", "WMTS capabilities"),
            link(f"{base}/dcat", "related", DCAT, "Catalogue for open-data portals (DCAT-AP.de)"),
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
    """Return this description, as OpenAPI 3.0."""
    return responses.json(openapi.described(request.app), media_type=openapi.MEDIA_TYPE)


@router.get("/conformance", summary="Conformance classes", tags=["Capabilities"])
def conformance(html: WantsHtml, etag: ETag) -> Response:
    """Conformance classes of OGC API that are implemented."""
    if html:
        grouped = {title: [uri for uri in CONFORMANCE if f"/spec/{name}/" in uri] for name, title in STANDARDS.items()}
        return responses.page("conformance.html", etag, standards=grouped)
    return responses.json({"conformsTo": CONFORMANCE}, etag)


@router.get("/functions", summary="Functions that filters may call", tags=["Capabilities"])
def functions() -> Response:
    """Functions of CQL2 filters with what they take and give (OGC API Features Part 3)."""
    listed = [
        {
            "name": one.name,
            "description": one.en,
            "returns": [TYPES[one.returns]],
            "arguments": [{"title": " or ".join(one.takes), "type": [TYPES[kind] for kind in one.takes]}],
        }
        for one in filters.FUNCTIONS.values()
    ]
    return responses.json({"functions": listed})


@router.get("/sources", summary="Sources and licences", tags=["Capabilities"])
def sources(catalogue: CatalogueDep, html: WantsHtml, etag: ETag) -> Response:
    """Every source of the served release with licence and attribution, factors and how sure they are."""
    manifest = catalogue.release.manifest | {"sources": list(catalogue.sources.values())}
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
