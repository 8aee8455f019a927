"""The catalogue that open-data portals harvest (DCAT-AP.de): JSON-LD, Turtle or RDF/XML, page by page."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Literal

import orjson
from fastapi import APIRouter, Depends, Query, Request, Response

from api import deps, responses
from api.deps import BaseUrl, CatalogueDep
from api.errors import QueryError
from data.schema import SCENARIOS
from geo.errors import Problem
from layers import dcat
from layers.catalogue import Catalogue
from layers.dcat import Entry, Place, Publisher
from layers.once import Once

router = APIRouter(tags=["Catalogue"])

Form = Literal["jsonld", "ttl", "rdf"]
TYPES: dict[Form, str] = {"jsonld": "application/ld+json", "ttl": "text/turtle", "rdf": "application/rdf+xml"}
PAGE = 100
# years that scenarios run over
SCENARIO_YEARS = (2025, 2045)
_DESCRIBED: dict[int | str, dict[str, Any]] = {200: {"content": {media_type: {} for media_type in TYPES.values()}}}
# pages in Turtle and RDF/XML as they were written, the last ones
MAX_KEPT = 16
_KEPT: Once[tuple[str, ...], bytes] = Once(MAX_KEPT)


def form(
    request: Request, f: Annotated[Form | None, Query(description="Answer as jsonld, ttl or rdf.")] = None
) -> Form:
    """What the catalogue is answered as, by `f` or by the Accept header."""
    if f is not None:
        return f
    accept = request.headers.get("accept", "")
    named = [(accept.find(media_type), name) for name, media_type in TYPES.items() if media_type in accept]
    return min(named)[1] if named else "jsonld"


def etag(request: Request, form: Annotated[Form, Depends(form)]) -> str:
    """Strong ETag; what was negotiated has that of the same form asked for by `f`."""
    kept = [part for part in request.url.query.split("&") if part and not part.startswith("f=")]
    scope = {**request.scope, "query_string": "&".join([*kept, f"f={form}"]).encode()}
    return deps.etag(Request(scope), html=False)


def publisher(request: Request) -> Publisher:
    """Who publishes, from the settings; what they leave open is said to be so."""
    settings = request.app.state.served.settings
    return Publisher(
        settings.publisher_name,
        settings.publisher_homepage or f"{deps.base_url(request)}/",
        settings.publisher_email,
        settings.contributor_id,
    )


@router.get("/dcat", summary="Catalogue for open-data portals", response_class=Response, responses=_DESCRIBED)
def catalogue(
    catalogue: CatalogueDep,
    base: BaseUrl,
    publisher: Annotated[Publisher, Depends(publisher)],
    form: Annotated[Form, Depends(form)],
    tag: Annotated[str, Depends(etag)],
    page: Annotated[int, Query(ge=1, le=100_000, description="Page, from 1.")] = 1,
) -> Response:
    """All datasets as DCAT-AP.de 3.0; follow `hydra:next` for the others."""
    groups = datasets(catalogue)
    shown = groups[(page - 1) * PAGE : page * PAGE]
    if page > 1 and not shown:
        what = f"is beyond the last page, {max(-(-len(groups) // PAGE), 1)}"
        raise QueryError(Problem("page", what, "Start with page 1 and follow hydra:next."))
    made = datetime.fromtimestamp((catalogue.release.folder / "manifest.json").stat().st_mtime, UTC)
    body = orjson.dumps(
        dcat.catalogue(
            [entry(catalogue, *one) for one in shown], publisher, base, made, page=page, size=PAGE, total=len(groups)
        )
    )
    content = body if form == "jsonld" else converted(body, form, tag)
    return responses.json(content, tag, media_type=TYPES[form])


def datasets(catalogue: Catalogue) -> list[tuple[str, str, list[str]]]:
    """Id, theme and collections of each dataset: one collection, or those of the standard scenarios of a place."""
    groups: dict[str, tuple[str, list[str]]] = {}
    for name in catalogue.ids():
        place, _, rest = name.partition(".")
        theme, _, scenario = rest.partition(".")
        if place not in catalogue.release.places:
            groups[name] = "", [name]
        # what users compute for themselves is not published
        elif scenario in SCENARIOS:
            groups.setdefault(f"{place}.{dcat.SCENARIOS}", (dcat.SCENARIOS, []))[1].append(name)
        elif not scenario:
            groups[name] = theme, [name]
    return [(name, theme, members) for name, (theme, members) in groups.items()]


def entry(catalogue: Catalogue, name: str, theme: str, members: list[str]) -> Entry:
    """Describe one dataset."""
    sources = catalogue.sources
    layers = tuple(catalogue.layer(member) for member in members)
    used = [sources[i] for i in dict.fromkeys(i for layer in layers for i in layer.source_ids) if i in sources]
    credit = "; ".join(dict.fromkeys(s["attribution"] for s in used))
    key = name.partition(".")[0]
    years = SCENARIO_YEARS if theme == dcat.SCENARIOS else _years(catalogue, key, theme)
    return Entry(name, theme, _place(catalogue, key), layers, tuple(s["licence"] for s in used), credit, years)


def _place(catalogue: Catalogue, key: str) -> Place | None:
    entry = catalogue.release.places.get(key)
    if entry is None:
        return None
    keys = entry.get("members", [key])
    german = [k for k in keys if len(k) == 8 and k.isdigit() and catalogue.release.places[k].get("country") == "DE"]
    return Place(entry["name"], tuple(german))


def _years(catalogue: Catalogue, key: str, theme: str) -> tuple[int, int] | None:
    """Years of the balances behind a layer of emissions."""
    places = catalogue.release.places
    if key not in places or theme not in {"municipalities", "districts", "stock", "cells"}:
        return None
    years = [
        int(year)
        for member in places[key].get("members", [key])
        if (year := (places[member].get("inventory") or {}).get("year"))
    ]
    return (min(years), max(years)) if years else None


def converted(body: bytes, form: Form, tag: str) -> bytes:
    """Turtle or RDF/XML of a page; slow, so written once."""

    def written() -> bytes:
        from rdflib import Graph  # noqa: PLC0415 - slow to import

        graph = Graph()
        graph.parse(data=body, format="json-ld")
        return graph.serialize(format="turtle" if form == "ttl" else "pretty-xml", encoding="utf-8")

    return _KEPT.made((tag, form), written)
