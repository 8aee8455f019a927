"""Styles and legends of collections (after the draft of OGC API Styles), and a QGIS project of a place."""

from __future__ import annotations

from typing import Annotated, Literal
from urllib.parse import quote

from fastapi import APIRouter, Path, Query, Request, Response

from api import deps, responses
from api.deps import BaseUrl, CatalogueDep
from api.errors import NotModifiedError
from api.responses import link
from layers import export, qgis_project, style_figures, style_legend, style_maplibre, style_qml, style_sld
from layers.catalogue import Catalogue
from layers.layer import Layer
from layers.style_figures import Figure, Language

router = APIRouter(tags=["Styles"])

MAPLIBRE, SLD = "application/vnd.mapbox.style+json", "application/vnd.ogc.sld+xml;version=1.1"
# no type is registered; this is the one that other servers of OGC API Styles use
QML = "application/vnd.qgis.qml"
SVG, PNG = "image/svg+xml", "image/png"
ENCODINGS = {"maplibre": MAPLIBRE, "sld": SLD, "qml": QML}
PICTURES = {"svg": SVG, "png": PNG}
LEGEND = "http://www.opengis.net/def/rel/ogc/1.0/legend"
STYLES = "http://www.opengis.net/def/rel/ogc/1.0/styles"

StyleFormat = Annotated[
    Literal["maplibre", "sld", "qml"] | None, Query(description="MapLibre style JSON, SLD 1.1 or QGIS settings (QML).")
]
LegendFormat = Annotated[Literal["svg", "png"] | None, Query(description="Picture as SVG or PNG.")]
Lang = Annotated[Language, Query(description="Language of titles and classes.")]
Scale = Annotated[int, Query(ge=1, le=4, description="Pixels of a PNG for each of the 320 px of its width.")]


def links(layer: Layer, url: str) -> list[dict[str, str]]:
    """Links from a collection at `url` to its styles; none where nothing can be drawn."""
    if not style_figures.kinds_of(layer):
        return []
    default = f"{url}/styles/{style_figures.DEFAULT}"
    return [
        link(f"{url}/styles", STYLES, "application/json", "Styles"),
        *(link(f"{default}?f={f}", "stylesheet", media, f"Style ({f})") for f, media in ENCODINGS.items()),
        link(f"{default}/legend?f=svg", LEGEND, SVG, "Legend"),
        link(f"{default}/legend?f=png", LEGEND, PNG, "Legend"),
    ]


@router.get("/collections/{collectionId}/styles", summary="Styles of a collection")
def styles(
    collection: Annotated[str, Path(alias="collectionId")], request: Request, catalogue: CatalogueDep, base: BaseUrl
) -> Response:
    """One style for each attribute that can be drawn, and `default`, what the planner's map draws first."""
    tag = _tag(request, "json")
    layer = catalogue.layer(collection)
    url = f"{base}/collections/{collection}/styles"
    listed = [_listed(figure, f"{url}/{quote(figure.id, safe='')}") for figure in style_figures.figures(layer)]
    body = {
        "default": style_figures.DEFAULT if listed else None,
        "styles": listed,
        "links": [
            link(url, "self", "application/json", "Styles"),
            link(f"{base}/collections/{collection}", "collection", "application/json", layer.title),
        ],
    }
    return responses.json(body, tag)


@router.get(
    "/collections/{collectionId}/styles/{styleId}",
    summary="Style",
    response_class=Response,
    responses={200: {"content": {media: {} for media in ENCODINGS.values()}}},
)
def style(
    collection: Annotated[str, Path(alias="collectionId")],
    style: Annotated[str, Path(alias="styleId")],
    request: Request,
    catalogue: CatalogueDep,
    base: BaseUrl,
    f: StyleFormat = None,
    lang: Lang = "en",
) -> Response:
    """Style of an attribute: MapLibre style JSON with the tiles of the collection, SLD, or QML."""
    encoding = f or _accepted(request, ENCODINGS, "maplibre")
    tag = _tag(request, encoding)
    layer = catalogue.layer(collection)
    figure = style_figures.figure(layer, style)
    if encoding == "maplibre":
        url = f"{base}/collections/{collection}/tiles/WebMercatorQuad/{{z}}/{{y}}/{{x}}"
        body = style_maplibre.style(layer, figure, url, export.licences(catalogue, layer), lang)
        return responses.json(body, tag, media_type=MAPLIBRE)
    content = style_sld.sld(layer, figure, lang) if encoding == "sld" else style_qml.qml(layer, figure, lang)
    return _file(content, ENCODINGS[encoding], tag, f"{collection}.{style}.{encoding}")


@router.get(
    "/collections/{collectionId}/styles/{styleId}/legend",
    summary="Legend of a style",
    response_class=Response,
    responses={200: {"content": {media: {} for media in PICTURES.values()}}},
)
def legend(
    collection: Annotated[str, Path(alias="collectionId")],
    style: Annotated[str, Path(alias="styleId")],
    request: Request,
    catalogue: CatalogueDep,
    f: LegendFormat = None,
    lang: Lang = "en",
    scale: Scale = 2,
) -> Response:
    """Legend as a picture: title, unit, classes, what is missing, what is modelled, sources."""
    encoding = f or _accepted(request, PICTURES, "svg")
    tag = _tag(request, encoding)
    layer = catalogue.layer(collection)
    figure = style_figures.figure(layer, style)
    named = _sources(catalogue, layer)
    if encoding == "png":
        content = style_legend.png(layer, figure, named, lang, scale)
    else:
        content = style_legend.svg(layer, figure, named, lang)
    return Response(content, media_type=PICTURES[encoding], headers=_headers(tag))


@router.get(
    "/places/{key}/qgis",
    summary="QGIS project of a place",
    response_class=Response,
    responses={200: {"content": {qgis_project.MEDIA_TYPE: {}}}},
)
def qgis(key: str, request: Request, catalogue: CatalogueDep, base: BaseUrl, lang: Lang = "de") -> Response:
    """All collections of a place as a project that opens in QGIS 3.22 and later, grouped and styled."""
    tag = _tag(request, "qgz")
    content = qgis_project.project(catalogue, key, base, lang)
    return _file(content, qgis_project.MEDIA_TYPE, tag, f"{key}.qgz")


def _listed(figure: Figure, url: str) -> dict[str, object]:
    sheets = [link(f"{url}?f={f}", "stylesheet", media, f"Style ({f})") for f, media in ENCODINGS.items()]
    pictures = [link(f"{url}/legend?f={f}", LEGEND, media, "Legend") for f, media in PICTURES.items()]
    return {
        "id": figure.id,
        "title": figure.en,
        "titles": {"en": figure.en, "de": figure.de},
        "attribute": figure.column or None,
        "links": [*sheets, *pictures],
    }


def _sources(catalogue: Catalogue, layer: Layer) -> list[str]:
    """Publishers of a layer's sources with their licences: room for their full attributions is in the collection."""
    known = catalogue.sources
    return [f"{known[i]['publisher']} ({known[i]['licence']})" for i in layer.source_ids if i in known]


def _accepted(request: Request, offered: dict[str, str], otherwise: str) -> str:
    """First offered format that the Accept header names."""
    accept = request.headers.get("accept", "").replace(" ", "")
    named = [(accept.find(media.partition(";")[0]), name) for name, media in offered.items()]
    return min((at, name) for at, name in [*named, (len(accept), otherwise)] if at >= 0)[1]


def _tag(request: Request, encoding: str) -> str:
    """Strong ETag of one encoding; NotModifiedError where the client has it."""
    tag = f'{deps.etag(request, html=False)[:-1]}-{encoding}"'
    if deps.holds(request.headers.getlist("if-none-match"), tag):
        raise NotModifiedError(tag)
    return tag


def _headers(tag: str) -> dict[str, str]:
    # no-cache means: keep it, but ask with the ETag whether it is still true
    return {"ETag": tag, "Cache-Control": "no-cache", "Vary": "Accept"}


def _file(content: bytes, media_type: str, tag: str, name: str) -> Response:
    """Answer with something that is saved under a name."""
    disposition = f"attachment; filename*=UTF-8''{quote(name)}"
    return Response(content, media_type=media_type, headers=_headers(tag) | {"Content-Disposition": disposition})
