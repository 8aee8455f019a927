"""Pages for people: the map, the documentation of the API."""

from __future__ import annotations

from fastapi import APIRouter, Response

from api import responses
from api.deps import CatalogueDep, RoleDep
from layers import styles

router = APIRouter(include_in_schema=False)


@router.get("/map")
def map_page(catalogue: CatalogueDep, role: RoleDep) -> Response:
    """Return the planner's map."""
    return responses.page("map.html", release=catalogue.release, styles=styles.web(), role=role)


@router.get("/docs")
def docs() -> Response:
    """Return Swagger UI, from our own files."""
    return responses.page("docs.html")
