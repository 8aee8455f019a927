"""Answers: JSON for machines, pages for people, with the headers that both need."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
from fastapi import Response
from jinja2 import Environment, FileSystemLoader, StrictUndefined

GEOJSON = "application/geo+json"
SCHEMA = "application/schema+json"
# link relations that OGC API registered
OGC = "http://www.opengis.net/def/rel/ogc/1.0"
PAGES = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"), autoescape=True, undefined=StrictUndefined
)


def json(body: Any, etag: str | None = None, *, media_type: str = "application/json") -> Response:  # noqa: ANN401
    """Answer with JSON; `body` may be bytes that are JSON already."""
    content = body if isinstance(body, bytes) else orjson.dumps(body)
    return Response(content, media_type=media_type, headers=_headers(etag))


def page(template: str, etag: str | None = None, **values: object) -> Response:
    """Answer with a page for people."""
    html = PAGES.get_template(template).render(**values)
    return Response(html, media_type="text/html; charset=utf-8", headers=_headers(etag))


def tile(content: bytes, etag: str) -> Response:
    """Answer with a vector tile; nothing there is 204."""
    status = 200 if content else 204
    return Response(content, status, media_type="application/vnd.mapbox-vector-tile", headers=_headers(etag))


def link(href: str, rel: str, media_type: str, title: str) -> dict[str, str]:
    """Make one OGC API link."""
    return {"href": href, "rel": rel, "type": media_type, "title": title}


def _headers(etag: str | None) -> dict[str, str]:
    # no-cache means: keep it, but ask with the ETag whether it is still true
    return {"Vary": "Accept"} | ({"ETag": etag, "Cache-Control": "no-cache"} if etag else {"Cache-Control": "no-store"})
