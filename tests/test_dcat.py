"""The catalogue for open-data portals: valid DCAT-AP.de, all pages found, every licence mapped and none guessed."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from functools import cache
from typing import Any

import pytest
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import strategies as st

from api.routes import dcat as routes
from data.figures import Figures
from layers import dcat, licences
from layers.catalogue import Catalogue
from layers.dcat import Place, Publisher
from layers.licences import CLOSED, VOCABULARY, joint

# What DCAT-AP.de 3.0 demands (specification, chapter 4, https://www.dcat-ap.de/def/dcatde/3.0/spec/; GovData's SHACL
# files "dcat-ap-spec-german-additions" and "dcat-ap-de-controlledvocabularies" of 3.0, "dcat-ap-konventionen" of 2.0:
# conventions 1, 11, 12, 30, 31, 32, 35, 36), written as shapes of our own; vocabularies are checked by the start of
# their addresses, since they cannot be fetched here.
SHAPES = """
@prefix sh: <http://www.w3.org/ns/shacl#> .
@prefix dcat: <http://www.w3.org/ns/dcat#> .
@prefix dcatap: <http://data.europa.eu/r5r/> .
@prefix dcatde: <http://dcat-ap.de/def/dcatde/> .
@prefix dct: <http://purl.org/dc/terms/> .
@prefix foaf: <http://xmlns.com/foaf/0.1/> .
@prefix locn: <http://www.w3.org/ns/locn#> .
@prefix geo: <http://www.opengis.net/ont/geosparql#> .
@prefix rdf: <http://www.w3.org/1999/02/22-rdf-syntax-ns#> .
@prefix vcard: <http://www.w3.org/2006/vcard/ns#> .
@prefix xsd: <http://www.w3.org/2001/XMLSchema#> .
@prefix : <urn:shapes#> .

:Catalog a sh:NodeShape ; sh:targetClass dcat:Catalog ;
  sh:property [ sh:path dct:title ; sh:minCount 1 ; sh:nodeKind sh:Literal ] ,
    [ sh:path dct:description ; sh:minCount 1 ; sh:nodeKind sh:Literal ] ,
    [ sh:path dct:publisher ; sh:minCount 1 ; sh:maxCount 1 ; sh:class foaf:Agent ] ,
    [ sh:path foaf:homepage ; sh:maxCount 1 ; sh:nodeKind sh:IRI ] ,
    [ sh:path dct:modified ; sh:maxCount 1 ; sh:datatype xsd:dateTime ] ,
    [ sh:path dct:language ; sh:pattern "^http://publications.europa.eu/resource/authority/language/[A-Z]{3}$" ] ,
    [ sh:path dcat:dataset ; sh:minCount 1 ; sh:class dcat:Dataset ] ,
    [ sh:path dcat:service ; sh:class dcat:DataService ] .

:Dataset a sh:NodeShape ; sh:targetClass dcat:Dataset ;
  sh:property [ sh:path dct:title ; sh:minCount 1 ; sh:datatype rdf:langString ; sh:uniqueLang true ] ,
    [ sh:path dct:description ; sh:minCount 1 ; sh:datatype rdf:langString ; sh:uniqueLang true ] ,
    [ sh:path dct:publisher ; sh:minCount 1 ; sh:maxCount 1 ; sh:class foaf:Agent ] ,
    [ sh:path dct:identifier ; sh:minCount 1 ; sh:nodeKind sh:Literal ] ,
    [ sh:path dct:modified ; sh:minCount 1 ; sh:maxCount 1 ; sh:datatype xsd:dateTime ] ,
    [ sh:path dcat:contactPoint ; sh:minCount 1 ; sh:class vcard:Kind ] ,
    [ sh:path dcat:keyword ; sh:minCount 1 ; sh:nodeKind sh:Literal ] ,
    [ sh:path dcat:landingPage ; sh:nodeKind sh:IRI ] ,
    [ sh:path dcat:theme ; sh:minCount 1 ;
      sh:pattern "^http://publications.europa.eu/resource/authority/data-theme/(ENER|ENVI|HEAL|REGI|SOCI)$" ] ,
    [ sh:path dct:accrualPeriodicity ; sh:maxCount 1 ;
      sh:pattern "^http://publications.europa.eu/resource/authority/frequency/[A-Z_]+$" ] ,
    [ sh:path dct:accessRights ; sh:maxCount 1 ;
      sh:pattern "^http://publications.europa.eu/resource/authority/access-right/[A-Z_]+$" ] ,
    [ sh:path dcatde:contributorID ; sh:maxCount 1 ; sh:nodeKind sh:IRI ;
      sh:pattern "^http://dcat-ap.de/def/contributors/[^/]+$" ] ,
    [ sh:path dcatde:politicalGeocodingLevelURI ; sh:nodeKind sh:IRI ;
      sh:pattern "^http://dcat-ap.de/def/politicalGeocoding/Level/municipality$" ] ,
    [ sh:path dcatde:politicalGeocodingURI ; sh:nodeKind sh:IRI ;
      sh:pattern "^http://dcat-ap.de/def/politicalGeocoding/municipalityKey/[0-9]{8}$" ] ,
    [ sh:path dct:temporal ; sh:class dct:PeriodOfTime ] ,
    [ sh:path dct:spatial ; sh:minCount 1 ; sh:nodeKind sh:BlankNodeOrIRI ] ,
    [ sh:path dcat:distribution ; sh:minCount 1 ; sh:class dcat:Distribution ] .

:Distribution a sh:NodeShape ; sh:targetClass dcat:Distribution ;
  sh:property [ sh:path dct:title ; sh:minCount 1 ; sh:nodeKind sh:Literal ] ,
    [ sh:path dcat:accessURL ; sh:minCount 1 ; sh:nodeKind sh:IRI ] ,
    [ sh:path dcat:downloadURL ; sh:nodeKind sh:IRI ] ,
    [ sh:path dct:license ; sh:minCount 1 ; sh:maxCount 1 ; sh:nodeKind sh:IRI ;
      sh:pattern "^http://dcat-ap.de/def/licenses/" ] ,
    [ sh:path dcatde:licenseAttributionByText ; sh:nodeKind sh:Literal ] ,
    [ sh:path dcatap:availability ; sh:maxCount 1 ;
      sh:pattern "^http://publications.europa.eu/resource/authority/planned-availability/[A-Z]+$" ] ,
    [ sh:path dct:format ; sh:maxCount 1 ;
      sh:pattern "^http://publications.europa.eu/resource/authority/file-type/[A-Z_]+$" ] ,
    [ sh:path dcat:mediaType ; sh:maxCount 1 ;
      sh:pattern "^https://www.iana.org/assignments/media-types/[a-z]+/[a-z0-9.+-]+$" ] ,
    [ sh:path dcat:accessService ; sh:class dcat:DataService ] .

:Service a sh:NodeShape ; sh:targetClass dcat:DataService ;
  sh:property [ sh:path dct:title ; sh:minCount 1 ; sh:nodeKind sh:Literal ] ,
    [ sh:path dct:publisher ; sh:minCount 1 ; sh:maxCount 1 ; sh:class foaf:Agent ] ,
    [ sh:path dcat:endpointURL ; sh:minCount 1 ; sh:nodeKind sh:IRI ] .

:Agent a sh:NodeShape ; sh:targetClass foaf:Agent ;
  sh:property [ sh:path foaf:name ; sh:minCount 1 ; sh:nodeKind sh:Literal ] ,
    [ sh:path dct:type ; sh:maxCount 1 ; sh:pattern "^http://purl.org/adms/publishertype/[A-Za-z]+$" ] .

:Kind a sh:NodeShape ; sh:targetClass vcard:Kind ;
  sh:property [ sh:path vcard:fn ; sh:maxCount 1 ; sh:nodeKind sh:Literal ] ,
    [ sh:path vcard:hasEmail ; sh:nodeKind sh:IRI ; sh:pattern "^mailto:" ] ,
    [ sh:path vcard:hasURL ; sh:nodeKind sh:IRI ] ,
    [ sh:path [ sh:alternativePath ( vcard:hasEmail vcard:hasURL ) ] ; sh:minCount 1 ] .

:Period a sh:NodeShape ; sh:targetClass dct:PeriodOfTime ;
  sh:property [ sh:path dcat:startDate ; sh:minCount 1 ; sh:datatype xsd:date ] ,
    [ sh:path dcat:endDate ; sh:minCount 1 ; sh:datatype xsd:date ] .

:Location a sh:NodeShape ; sh:targetClass dct:Location ;
  sh:property [ sh:path dcat:bbox ; sh:minCount 1 ; sh:maxCount 1 ; sh:datatype geo:wktLiteral ] ,
    [ sh:path locn:geometry ; sh:maxCount 1 ; sh:datatype geo:wktLiteral ] .
"""
# rdflib reads JSON-LD with a class that it calls deprecated itself
pytestmark = pytest.mark.filterwarnings("ignore:ConjunctiveGraph is deprecated:DeprecationWarning")
CITY = Publisher("Stadt Dortmund", "https://www.dortmund.de/", "klima@example.org", "openDataDortmund")
BASE = "https://klima.example.org"
MADE = datetime(2026, 11, 22, 18, 0, tzinfo=UTC)


@cache
def shapes() -> Any:
    from rdflib import Graph

    return Graph().parse(data=SHAPES, format="turtle")


def graph_of(body: dict[str, Any]) -> Any:
    from rdflib import Graph

    return Graph().parse(data=json.dumps(body), format="json-ld")


def validated(graph: Any) -> tuple[bool, str]:
    from pyshacl import validate

    conforms, _, text = validate(graph, shacl_graph=shapes(), advanced=False, inference="none")
    return bool(conforms), text


def written(catalogue: Catalogue, *names: str, publisher: Publisher = CITY) -> dict[str, Any]:
    found = [routes.entry(catalogue, *one) for one in routes.datasets(catalogue) if one[0] in names]
    assert len(found) == len(names)
    return dcat.catalogue(found, publisher, BASE, MADE, page=1, size=100, total=len(found))


def datasets(body: dict[str, Any]) -> dict[str, Any]:
    return {one["dct:identifier"]: one for one in body["@graph"][0]["dcat:dataset"]}


DORTMUND = ("districts", "stock", "low_income", "heat", "scenarios")


def test_the_catalogue_is_valid_dcat_ap_de(catalogue: Catalogue) -> None:
    body = written(catalogue, "ruhr.municipalities", *(f"05913000.{theme}" for theme in DORTMUND))
    conforms, text = validated(graph_of(body))
    assert conforms, text


@pytest.mark.parametrize(
    ("of", "lacking", "says"),
    [
        ("dataset", "dct:title", "title"),
        ("dataset", "dct:publisher", "publisher"),
        ("dataset", "dcat:contactPoint", "contactPoint"),
        ("distribution", "dct:license", "license"),
        ("distribution", "dcat:accessURL", "accessURL"),
        ("catalog", "dct:description", "description"),
    ],
)
def test_the_shapes_find_what_is_lacking(catalogue: Catalogue, of: str, lacking: str, says: str) -> None:
    """Shapes that pass everything would prove nothing."""
    body = written(catalogue, "05913000.districts")
    catalog = body["@graph"][0]
    dataset = catalog["dcat:dataset"][0]
    del {"catalog": catalog, "dataset": dataset, "distribution": dataset["dcat:distribution"][0]}[of][lacking]
    conforms, text = validated(graph_of(body))
    assert not conforms
    assert says in text


def test_a_portal_finds_every_dataset_page_by_page(client: TestClient, catalogue: Catalogue) -> None:
    seen: list[str] = []
    url = "/dcat"
    while url:
        answer = client.get(url)
        assert (answer.status_code, answer.headers["content-type"]) == (200, "application/ld+json")
        catalog, page = answer.json()["@graph"]
        seen += [one["dct:identifier"] for one in catalog["dcat:dataset"]]
        assert page["hydra:totalItems"] == len(routes.datasets(catalogue))
        assert ("hydra:next" in page) == ("hydra:nextPage" in page)
        url = page.get("hydra:next", {}).get("@id", "")
    assert len(seen) == len(set(seen)) == page["hydra:totalItems"]
    plain = {name for name in catalogue.ids() if name.count(".") < 2}
    assert plain <= set(seen), "each collection that is no scenario"
    assert "05913000.scenarios" in seen
    assert not any(name.endswith("climate_plan") for name in seen), "scenarios are distributions of one dataset"
    assert client.get("/dcat?page=999").status_code == 400


def test_all_scenarios_of_a_place_are_in_its_dataset(catalogue: Catalogue) -> None:
    dataset = datasets(written(catalogue, "05913000.scenarios"))["05913000.scenarios"]
    urls = " ".join(one["dcat:accessURL"]["@id"] for one in dataset["dcat:distribution"])
    for name in catalogue.ids():
        if name.startswith("05913000.") and name.endswith(("reference", "climate_plan", "climate_equity")):
            assert f"{BASE}/collections/{name}/items" in urls
    assert dataset["dct:temporal"]["dcat:endDate"]["@value"] == "2045-12-31"
    layer = catalogue.layer("05113000.stock.climate_plan")
    written(catalogue, "05113000.scenarios")
    assert "table" not in vars(layer), "no scenario is computed to be listed"


def test_a_dataset_says_where_what_and_that_it_is_modelled(catalogue: Catalogue) -> None:
    dataset = datasets(written(catalogue, "05913000.stock"))["05913000.stock"]
    assert dataset["dcatde:politicalGeocodingURI"] == [
        {"@id": "http://dcat-ap.de/def/politicalGeocoding/municipalityKey/05913000"}
    ]
    assert dataset["dct:spatial"][0] == dataset["dcatde:politicalGeocodingURI"][0], "convention 11"
    assert dataset["dct:spatial"][1]["dcat:bbox"]["@value"].startswith("POLYGON((7.3"), "longitude first"
    german, english = dataset["dct:description"]
    assert "Modelliert" in german["@value"]
    assert "NOT real" in english["@value"]
    assert dataset["dct:title"][0] == {
        "@value": "Gebäudebestand, Wärmebedarf und Emissionen: Dortmund",
        "@language": "de",
    }
    assert dataset["dcatde:contributorID"]["@id"] == "http://dcat-ap.de/def/contributors/openDataDortmund"
    assert dataset["dct:temporal"]["dcat:startDate"]["@value"] == "2018-01-01"
    formats = {one["@id"].rsplit("#", 1)[1]: one for one in dataset["dcat:distribution"]}
    assert set(formats) == {"items", "tiles", "gpkg", "fgb", "parquet", "geojson", "csv"}
    for name, one in formats.items():
        if name not in {"items", "tiles"}:
            assert one["dcat:downloadURL"] == one["dcat:accessURL"], "convention 39"
        assert "Zensus 2011" in one["dcatde:licenseAttributionByText"]["@value"], "convention 35"
    region = datasets(written(catalogue, "ruhr.municipalities"))["ruhr.municipalities"]
    assert len(region["dcatde:politicalGeocodingURI"]) == 53


def test_without_a_contributor_id_none_is_claimed(catalogue: Catalogue) -> None:
    body = written(catalogue, "05913000.districts", publisher=Publisher("Stadt", "https://stadt.example/"))
    assert "dcatde:contributorID" not in datasets(body)["05913000.districts"]
    assert validated(graph_of(body))[0]


def test_places_elsewhere_have_no_german_key(catalogue: Catalogue) -> None:
    entry = routes.entry(catalogue, "05913000.districts", "districts", ["05913000.districts"])
    abroad = dcat.Entry(entry.id, entry.theme, Place("Turku"), entry.layers, entry.licences, entry.attribution)
    body = dcat.catalogue([abroad], CITY, BASE, MADE, page=1, size=10, total=1)
    dataset = datasets(body)[entry.id]
    assert "dcatde:politicalGeocodingURI" not in dataset
    assert len(dataset["dct:spatial"]) == 1
    assert "dct:temporal" not in dataset
    assert validated(graph_of(body))[0]


@pytest.mark.parametrize(("form", "parser"), [("ttl", "turtle"), ("rdf", "xml")])
def test_turtle_and_rdf_xml_hold_the_same(catalogue: Catalogue, form: routes.Form, parser: str) -> None:
    from rdflib import Graph
    from rdflib.compare import isomorphic

    body = written(catalogue, "05913000.districts", "05913000.heat")
    content = routes.converted(json.dumps(body).encode(), form, "a tag of this test")
    assert isomorphic(Graph().parse(data=content, format=parser), graph_of(body))


def test_forms_are_negotiated_with_an_etag_each(client: TestClient) -> None:
    plain = client.get("/dcat?page=4")
    asked = client.get("/dcat?page=4&f=ttl")
    accepted = client.get("/dcat?page=4", headers={"Accept": "text/turtle"})
    assert asked.headers["content-type"].split(";")[0] == "text/turtle"
    assert accepted.content == asked.content
    assert accepted.headers["etag"] == asked.headers["etag"] != plain.headers["etag"]
    again = client.get("/dcat?page=4&f=ttl", headers={"If-None-Match": asked.headers["etag"]})
    assert again.status_code == 304


def test_every_licence_of_the_tables_is_in_the_vocabulary(figures: Figures) -> None:
    """A new source whose licence nobody mapped would close all layers made of it."""
    for licence in sorted(set(figures["sources"]["licence"])):
        assert licences.known(licence), licence


@pytest.mark.parametrize(
    ("stated", "expected"),
    [
        (["dl-de/by-2-0"], "dl-by-de/2.0"),
        (["dl-de/zero-2-0", "published figure"], "dl-zero-de/2.0"),
        (["dl-de/by-2-0", "GeoNutzV", "Apache-2.0"], "dl-by-de/2.0"),
        (["dl-de/by-2-0", "ODbL-1.0", "published figure"], "odbl"),
        (["CC-BY-4.0", "dl-de/zero-2-0"], "cc-by/4.0"),
        (["ODbL-1.0", "CC-BY-SA-4.0"], "other-closed"),
        (["CC-BY-NC-4.0", "ODbL-1.0"], "other-closed"),
        (["dl-de/by-2-0", "not stated"], "other-closed"),
        (["open data, MIT (click_that_hood)"], "other-closed"),
        (["published figure"], "other-closed"),
        ([], "other-closed"),
    ],
)
def test_data_of_several_sources_carry_the_strictest_licence(stated: list[str], expected: str) -> None:
    assert joint(stated) == f"{VOCABULARY}/{expected}"


@given(st.lists(st.sampled_from([*licences.NAMES, "published figure", "who knows"]), max_size=5), st.randoms())
def test_no_order_and_no_further_source_opens_a_licence(stated: list[str], shuffler: Any) -> None:
    found = joint(stated)
    mixed = stated * 2
    shuffler.shuffle(mixed)
    assert joint(mixed) == found
    more = joint([*stated, "CC-BY-NC-4.0"])
    assert more in {CLOSED, f"{VOCABULARY}/cc-by-nc/4.0"}
    if "who knows" in stated:
        assert found == CLOSED


def test_layers_with_openstreetmap_are_odbl(catalogue: Catalogue) -> None:
    """Its licence goes on to what is made of it: a district layer drawn from its schools is not plain dl-de/by."""
    body = datasets(written(catalogue, "05913000.districts", "05954004.stock"))
    found = {
        name: {one["dct:license"]["@id"].removeprefix(f"{VOCABULARY}/") for one in dataset["dcat:distribution"]}
        for name, dataset in body.items()
    }
    assert found == {"05913000.districts": {"odbl"}, "05954004.stock": {"dl-by-de/2.0"}}
