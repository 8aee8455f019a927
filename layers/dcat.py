"""The catalogue for open-data portals: DCAT-AP.de 3.0 as JSON-LD, which GovData and the portals of the states harvest.

A dataset for each place and theme, since that is what people look for there, and one for all scenarios of a place,
whose layers are its distributions. Specification: https://www.dcat-ap.de/def/dcatde/3.0/spec/, conventions of 2.0.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import quote

from layers import licences
from layers.layer import Layer

AUTHORITY = "http://publications.europa.eu/resource/authority"
MEDIA = "https://www.iana.org/assignments/media-types"
POLITICAL = "http://dcat-ap.de/def/politicalGeocoding"
CONTEXT = {
    "adms": "http://www.w3.org/ns/adms#",
    "dcat": "http://www.w3.org/ns/dcat#",
    "dcatap": "http://data.europa.eu/r5r/",
    "dcatde": "http://dcat-ap.de/def/dcatde/",
    "dct": "http://purl.org/dc/terms/",
    "foaf": "http://xmlns.com/foaf/0.1/",
    "geo": "http://www.opengis.net/ont/geosparql#",
    "hydra": "http://www.w3.org/ns/hydra/core#",
    "locn": "http://www.w3.org/ns/locn#",
    "vcard": "http://www.w3.org/2006/vcard/ns#",
    "xsd": "http://www.w3.org/2001/XMLSchema#",
}
SCENARIOS = "scenarios"
# data that the service goes on to make anew whenever its sources change
IRREGULAR = f"{AUTHORITY}/frequency/IRREG"

Node = dict[str, Any]


@dataclass(frozen=True)
class Publisher:
    """Who publishes the catalogue.

    Attributes
    ----------
    name
        Of the authority, as it is to be named.
    homepage
        Its website.
    email
        Who answers questions; empty where only the website is given.
    contributor_id
        Id that GovData has given to the portal, such as ``"transparenzportalHamburg"``; empty where it has none yet:
        then the catalogue can be read, but GovData takes it by way of another portal only.
    kind
        Last part of http://purl.org/adms/publishertype.
    """

    name: str
    homepage: str
    email: str = ""
    contributor_id: str = ""
    kind: str = "LocalAuthority"


@dataclass(frozen=True)
class Place:
    """A municipality or region.

    Attributes
    ----------
    name
        For people.
    keys
        Municipal keys (AGS, eight digits) of it or of its members; none outside Germany.
    """

    name: str
    keys: tuple[str, ...] = ()


@dataclass(frozen=True)
class Entry:
    """One dataset of the catalogue.

    Attributes
    ----------
    id
        Of the collection, or ``{place}.scenarios``.
    theme
        ``"stock"``, ``"heat"``, …; `SCENARIOS` for all scenarios of a place; empty for a published file.
    place
        None for a published file.
    layers
        Collections that it is offered as.
    licences
        Of all sources.
    attribution
        How the sources want to be named.
    years
        First and last year that the figures are about; None where that is not known.
    """

    id: str
    theme: str
    place: Place | None
    layers: tuple[Layer, ...]
    licences: tuple[str, ...]
    attribution: str
    years: tuple[int, int] | None = None


@dataclass(frozen=True)
class _Theme:
    de: str
    en: str
    about: str
    categories: tuple[str, ...]
    keywords: tuple[str, ...] = field(default=())


_MODELLED_DE = "Modelliert: aus amtlichen Zahlen und Annahmen berechnet, keine Messung einzelner Gebäude."
_THEMES = {
    "municipalities": _Theme(
        "Treibhausgasbilanz, Gebäude und Sozialindex der Gemeinden",
        "Greenhouse gas balance, buildings and social index of municipalities",
        "Veröffentlichte Zahlen je Gemeinde, dazu berechnete Emissionen nach Sektoren.",
        ("ENVI", "ENER", "REGI"),
        ("Gemeinden", "Treibhausgasbilanz"),
    ),
    "districts": _Theme(
        "Emissionen und Gebäudebestand nach Stadtbezirken",
        "Emissions and building stock by district",
        "Emissionen nach Sektoren, auf Bezirke verteilt, mit Spannweite.",
        ("ENVI", "ENER", "REGI"),
        ("Stadtbezirke", "Treibhausgasbilanz"),
    ),
    "stock": _Theme(
        "Gebäudebestand, Wärmebedarf und Emissionen",
        "Building stock, heat demand and emissions",
        "Wohngebäude oder Zensuszellen mit Wärmebedarf, Energieträgern und Emissionen.",
        ("ENER", "ENVI"),
        ("Gebäudebestand", "Wärmebedarf", "Wärmeplanung"),
    ),
    "cells": _Theme(
        "Gebäudebestand und Emissionen auf dem 200-m-Gitter",
        "Building stock and emissions on a grid of 200 m",
        "Summen des Gebäudebestands auf dem INSPIRE-Gitter.",
        ("ENER", "ENVI"),
        ("Zensusgitter", "Gebäudebestand"),
    ),
    "low_income": _Theme(
        "Einkommensschwache Gebiete",
        "Low-income areas",
        "Wo nach mehreren Definitionen einkommensschwache Haushalte wohnen, und wie sicher das ist.",
        ("SOCI", "REGI"),
        ("Sozialindex", "Umweltgerechtigkeit"),
    ),
    "priority": _Theme(
        "Vorrangige Gebiete für Grün und Kühlung",
        "Priority areas for green and cooling",
        "Bedarf neben öffentlichem Grün und kühler Nachtluft.",
        ("ENVI", "SOCI"),
        ("Umweltgerechtigkeit", "Hitze"),
    ),
    "heat": _Theme(
        "Sommerhitze", "Summer heat", "Erwärmung der Luft an heißen Tagen und in Nächten.", ("ENVI", "HEAL"), ("Hitze",)
    ),
    "green": _Theme("Grünflächen", "Green areas", "Grünflächen oder ihr Anteil.", ("ENVI",), ("Grünflächen",)),
    "blue": _Theme("Gewässer", "Water", "Gewässer oder ihr Anteil.", ("ENVI",), ("Gewässer",)),
    SCENARIOS: _Theme(
        "Klimaszenarien: Maßnahmen, Emissionen, Nutzen",
        "Climate scenarios: measures, emissions, benefits",
        "Wo Maßnahmen umgesetzt werden, welche Emissionen bleiben und wem sie nützen, je Szenario und Raumebene.",
        ("ENER", "ENVI", "SOCI"),
        ("Szenarien", "Klimaschutz", "Wärmeplanung"),
    ),
}
_OTHER = _Theme("", "", "", ("REGI",))
_KEYWORDS = ("Klimaschutz", "Geodaten")


def catalogue(
    entries: Sequence[Entry], publisher: Publisher, base: str, made: datetime, *, page: int, size: int, total: int
) -> Node:
    """Write one page of the catalogue.

    Parameters
    ----------
    entries
        Datasets of this page.
    publisher
        Who publishes them.
    base
        The service's address.
    made
        When the release was made.
    page, size, total
        Page from 1, datasets on a full page and on all of them.

    Returns
    -------
    dict
        JSON-LD with a `dcat:Catalog`, its datasets, and `hydra` links to the pages around it.
    """
    home = f"{base}/dcat"
    agent = _agent(publisher, base)
    body: Node = {
        "@id": home,
        "@type": "dcat:Catalog",
        "dct:title": [
            _text("Klima- und Gerechtigkeitsdaten (Revier)", "de"),
            _text("Climate and equity data (Revier)", "en"),
        ],
        "dct:description": _text("Emissionen, Gebäude, Maßnahmen, Hitze und soziale Lage als Kartenebenen.", "de"),
        "dct:publisher": agent,
        "foaf:homepage": {"@id": f"{base}/"},
        "dct:language": [{"@id": f"{AUTHORITY}/language/DEU"}, {"@id": f"{AUTHORITY}/language/ENG"}],
        "dct:modified": _time(made),
        "dcat:themeTaxonomy": {"@id": f"{AUTHORITY}/data-theme"},
        "dcat:service": [_service(base, publisher)],
        "dcat:dataset": [_dataset(entry, publisher, base, made) for entry in entries],
    }
    return {"@context": CONTEXT, "@graph": [body, _page(total, home, page, size)]}


def _dataset(entry: Entry, publisher: Publisher, base: str, made: datetime) -> Node:
    theme = _THEMES.get(entry.theme.partition("-")[0], _OTHER)
    licence = licences.joint(entry.licences)
    body: Node = {
        "@id": f"{base}/dcat#{quote(entry.id)}",
        "@type": "dcat:Dataset",
        "dct:identifier": entry.id,
        "dct:title": _titles(entry, theme),
        "dct:description": _descriptions(entry, theme),
        "dct:publisher": {"@id": _agent_id(base)},
        "dcat:contactPoint": _contact(publisher),
        "dcat:theme": [{"@id": f"{AUTHORITY}/data-theme/{code}"} for code in theme.categories],
        "dcat:keyword": [_text(word, "de") for word in dict.fromkeys((*theme.keywords, *_KEYWORDS))],
        "dct:accrualPeriodicity": {"@id": IRREGULAR},
        "dct:accessRights": {"@id": f"{AUTHORITY}/access-right/PUBLIC"},
        "dct:modified": _time(made),
        "dcat:landingPage": {"@id": f"{base}/collections/{quote(entry.layers[0].id)}?f=html"},
        "dcat:distribution": [one for layer in entry.layers for one in _distributions(entry, layer, licence, base)],
    }
    if publisher.contributor_id:
        body["dcatde:contributorID"] = {"@id": f"http://dcat-ap.de/def/contributors/{quote(publisher.contributor_id)}"}
    spatial = _spatial(entry)
    if spatial:
        body["dct:spatial"] = spatial
    if entry.place is not None and entry.place.keys:
        body["dcatde:politicalGeocodingLevelURI"] = {"@id": f"{POLITICAL}/Level/municipality"}
        body["dcatde:politicalGeocodingURI"] = _municipalities(entry.place)
    if entry.years is not None:
        first, last = entry.years
        body["dct:temporal"] = {
            "@type": "dct:PeriodOfTime",
            "dcat:startDate": _typed(f"{first}-01-01", "date"),
            "dcat:endDate": _typed(f"{last}-12-31", "date"),
        }
    return body


def _titles(entry: Entry, theme: _Theme) -> list[Node]:
    if not theme.de or entry.place is None:
        return [_text(entry.layers[0].title, "en")]
    return [_text(f"{theme.de}: {entry.place.name}", "de"), _text(f"{theme.en}: {entry.place.name}", "en")]


def _descriptions(entry: Entry, theme: _Theme) -> list[Node]:
    layers = entry.layers
    english = f"{layers[0].title}. {layers[0].description}".strip()
    found = [_text(english if len(layers) == 1 else f"{len(layers)} layers, among them: {english}", "en")]
    if theme.about:
        modelled = any(column.how == "modelled" for layer in layers for column in layer.columns)
        found.insert(0, _text(f"{theme.about} {_MODELLED_DE}" if modelled else theme.about, "de"))
    return found


def _distributions(entry: Entry, layer: Layer, licence: str, base: str) -> list[Node]:
    """Ways to get a layer: the API, tiles, files; of a scenario the API and one file, or there would be hundreds."""
    url = f"{base}/collections/{quote(layer.id)}"
    ways = [
        ("items", f"{url}/items", "", "OGC API Features", "GEOJSON", "application/geo+json"),
        ("gpkg", "", f"{url}/download?f=gpkg", "GeoPackage", "GPKG", "application/geopackage+sqlite3"),
    ]
    if entry.theme != SCENARIOS:
        ways += [
            ("tiles", f"{url}/tiles", "", "Vector tiles (OGC API Tiles)", "", "application/vnd.mapbox-vector-tile"),
            ("fgb", "", f"{url}/download?f=fgb", "FlatGeobuf", "", ""),
            ("parquet", "", f"{url}/download?f=parquet", "GeoParquet", "PARQUET", "application/vnd.apache.parquet"),
            ("geojson", "", f"{url}/download?f=geojson", "GeoJSON", "GEOJSON", "application/geo+json"),
            ("csv", "", f"{url}/download?f=csv", "CSV", "CSV", "text/csv"),
        ]
    found = []
    for name, access, download, title, file_type, media_type in ways:
        body: Node = {
            "@id": f"{url}#{name}",
            "@type": "dcat:Distribution",
            "dct:title": _text(f"{layer.title}: {title}" if len(entry.layers) > 1 else title, "en"),
            "dcat:accessURL": {"@id": access or download},
            "dct:license": {"@id": licence},
            "dcatap:availability": {"@id": f"{AUTHORITY}/planned-availability/AVAILABLE"},
        }
        if entry.attribution:
            body["dcatde:licenseAttributionByText"] = _text(entry.attribution, "de")
        if download:
            body["dcat:downloadURL"] = {"@id": download}
        if name in {"items", "tiles"}:
            body["dcat:accessService"] = {"@id": _service_id(base)}
        if file_type:
            body["dct:format"] = {"@id": f"{AUTHORITY}/file-type/{file_type}"}
        if media_type:
            body["dcat:mediaType"] = {"@id": f"{MEDIA}/{media_type}"}
        found.append(body)
    return found


def _spatial(entry: Entry) -> list[Node]:
    """Municipal keys and the box in longitude and latitude, WGS 84."""
    found = _municipalities(entry.place) if entry.place is not None else []
    boxes = [layer.extent for layer in entry.layers if layer.extent is not None]
    if boxes:
        west, south, east, north = zip(*boxes, strict=True)
        w, s, e, n = (f"{value:.6f}" for value in (min(west), min(south), max(east), max(north)))
        # a WKT literal without CRS is CRS84: longitude first
        ring = f"POLYGON(({w} {s},{e} {s},{e} {n},{w} {n},{w} {s}))"
        literal = {"@value": ring, "@type": "geo:wktLiteral"}
        found = [*found, {"@type": "dct:Location", "dcat:bbox": literal, "locn:geometry": literal}]
    return found


def _municipalities(place: Place) -> list[Node]:
    return [{"@id": f"{POLITICAL}/municipalityKey/{key}"} for key in place.keys]


def _agent(publisher: Publisher, base: str) -> Node:
    body: Node = {
        "@id": _agent_id(base),
        "@type": "foaf:Agent",
        "foaf:name": publisher.name,
        "dct:type": {"@id": f"http://purl.org/adms/publishertype/{publisher.kind}"},
    }
    if publisher.homepage:
        body["foaf:homepage"] = {"@id": publisher.homepage}
    return body


def _contact(publisher: Publisher) -> Node:
    body: Node = {"@type": "vcard:Organization", "vcard:fn": publisher.name}
    if publisher.email:
        body["vcard:hasEmail"] = {"@id": f"mailto:{publisher.email}"}
    if publisher.homepage or not publisher.email:
        body["vcard:hasURL"] = {"@id": publisher.homepage}
    # a kind of vcard is what is asked for; an organisation is one
    body["@type"] = ["vcard:Kind", "vcard:Organization"]
    return body


def _service(base: str, publisher: Publisher) -> Node:
    return {
        "@id": _service_id(base),
        "@type": "dcat:DataService",
        "dct:title": _text("Revier: OGC API Features, Tiles", "en"),
        "dct:publisher": {"@id": _agent_id(base)},
        "dcat:contactPoint": _contact(publisher),
        "dcat:endpointURL": {"@id": f"{base}/"},
        "dcat:endpointDescription": {"@id": f"{base}/api"},
    }


def _page(total: int, home: str, page: int, size: int) -> Node:
    """Links to other pages, by the names of hydra now and of its drafts, which harvesters of CKAN read."""
    last = max(-(-total // size), 1)
    body: Node = {
        "@id": _at(home, page),
        "@type": ["hydra:PartialCollectionView", "hydra:PagedCollection"],
        "hydra:totalItems": total,
        "hydra:itemsPerPage": size,
    }
    targets = {"first": 1, "last": last, "previous": page - 1, "next": page + 1}
    for name, number in targets.items():
        if 1 <= number <= last:
            body[f"hydra:{name}"] = {"@id": _at(home, number)}
            # drafts of hydra had literals here
            body[f"hydra:{name}Page"] = _at(home, number)
    return body


def _at(home: str, page: int) -> str:
    return f"{home}?page={page}"


def _agent_id(base: str) -> str:
    return f"{base}/dcat#publisher"


def _service_id(base: str) -> str:
    return f"{base}/dcat#service"


def _text(text: str, language: str) -> Node:
    return {"@value": text, "@language": language}


def _time(moment: datetime) -> Node:
    return _typed(moment.isoformat(timespec="seconds"), "dateTime")


def _typed(text: str, kind: str) -> Node:
    return {"@value": text, "@type": f"xsd:{kind}"}
