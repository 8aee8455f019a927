"""The catalogue of measures, every figure with its source and how sure it is."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Response

from api import responses
from api.deps import BaseUrl, CatalogueDep, ETag, WantsHtml
from api.responses import link
from geo.errors import Problem
from layers.errors import UnknownCollectionError
from layers.planning import RULE_COLUMNS

router = APIRouter(prefix="/measures", tags=["Measures"])


@router.get("", summary="All measures")
def measures(catalogue: CatalogueDep, base: BaseUrl, html: WantsHtml, etag: ETag) -> Response:
    """All measures with their figures, and what a rule of a placement may name."""
    listed = [_with_sources(catalogue, m, base) for m in catalogue.release.manifest["measures"]]
    if html:
        return responses.page("measures.html", etag, measures=listed)
    rules = [{"name": c.name, "kind": c.kind, "choices": c.choices, "title": c.en} for c in RULE_COLUMNS]
    return responses.json({"measures": listed, "rule_columns": rules}, etag)


@router.get("/{measure}", summary="One measure")
def measure(measure: str, catalogue: CatalogueDep, base: BaseUrl, etag: ETag) -> Response:
    """Return one measure with its figures."""
    return responses.json(_with_sources(catalogue, _find(catalogue, measure), base), etag)


@router.get("/{measure}/figures/{figure}", summary="One figure of a measure")
def figure(measure: str, figure: str, catalogue: CatalogueDep, base: BaseUrl, etag: ETag) -> Response:
    """One figure with its range, its source with licence, and how sure it is."""
    found = _with_sources(catalogue, _find(catalogue, measure), base)["figures"]
    if figure not in found:
        raise UnknownCollectionError(
            Problem(f"figure '{figure[:60]}'", f"is none of {measure}", f"There are {', '.join(found)}.")
        )
    return responses.json({"measure": measure, "figure": figure, **found[figure]}, etag)


def _find(catalogue: CatalogueDep, name: str) -> dict[str, Any]:
    for one in catalogue.release.manifest["measures"]:
        if one["measure"] == name:
            found: dict[str, Any] = one
            return found
    raise UnknownCollectionError(Problem(f"measure '{name[:60]}'", "does not exist", "See /measures for all of them."))


def _with_sources(catalogue: CatalogueDep, one: dict[str, Any], base: str) -> dict[str, Any]:
    """Put the whole source in the place of its id."""
    known = {s["source_id"]: s for s in catalogue.release.manifest["sources"]}
    figures = {name: {**f, "source": known[f["source_id"]]} for name, f in one["figures"].items()}
    url = f"{base}/measures/{one['measure']}"
    return {**one, "figures": figures, "links": [link(url, "self", "application/json", one["name_en"])]}
