"""Styles and legends: each value in one class, in the colour of its legend, told apart by everybody."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Sequence
from itertools import combinations, pairwise
from typing import Any

import mapclassify
import numpy as np
import pyarrow as pa
import pytest
import shapely
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree
from numpy.typing import NDArray
from PIL import Image, ImageFont
from playwright.sync_api import Page
from pyproj import CRS

from api.app import create_app
from api.routes import styles as routes
from api.settings import Settings
from geo.shapes import Shapes
from layers import colours, style_figures, style_legend, style_maplibre, style_outlines, style_qml, style_sld, styles
from layers.catalogue import Catalogue
from layers.columns import Column
from layers.drawn import Drawn
from layers.errors import UnknownCollectionError
from layers.layer import Layer
from layers.style_figures import DEFAULT, Entry, Figure
from layers.styles import Classes, Kinds
from tests.test_clients import browser, page  # noqa: F401 - fixtures

UTM = CRS.from_epsg(25832)
DISTRICTS = "/collections/05913000.districts"
TOWNS = "ruhr.municipalities"
# Machado, Oliveira, Fernandes (2009), severity 1, for linear RGB
EYES = {
    "normal": np.eye(3),
    "protanopia": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "deuteranopia": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
}
TO_XYZ = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
)


def layer_of(
    shapes: Sequence[Any] | None = None,
    units: dict[str, str] | None = None,
    name: str = "x.trees",
    **columns: list[Any],
) -> Layer:
    """Layer of squares, or of the given shapes, with columns of their own."""
    n = len(next(iter(columns.values())))
    squares = [shapely.box(4e5 + i, 57e5, 4e5 + i + 1, 57e5 + 1) for i in range(n)]
    layout = tuple(Column(c, (units or {}).get(c, ""), c, f"{c} (de)") for c in columns)
    drawn = Drawn(Shapes.from_shapely(np.array(squares if shapes is None else list(shapes), dtype=object), UTM))
    return Layer(name, "Trees", "", layout, lambda: pa.table(columns), drawn, (), 0, "1")


def texts(figure: Figure) -> list[str]:
    return [entry.en for entry in figure.entries]


def drawn_as(figure: Figure, value: object, over: float | None = None) -> Entry:
    """Entry of a value by the rules of the legend, computed apart from all encodings."""
    missing = figure.missing
    assert missing is not None
    if value is None or (isinstance(figure.divisor, str) and not (over and over > 0)):
        return missing
    if any(entry.value is not None for entry in figure.entries):
        return next((entry for entry in figure.entries if entry.value == value), missing)
    assert isinstance(value, float | int)
    divided = value / over if over else value / (figure.divisor or 1) if not isinstance(figure.divisor, str) else value
    found = [
        entry
        for entry in figure.entries
        if (entry.low is None or divided >= entry.low) and (entry.high is None or divided < entry.high)
    ]
    assert len(found) == 1
    return found[0]


def test_few_values_have_a_class_each_and_none_has_no_data() -> None:
    layer = layer_of(
        year=[2000, 2010, 2010, None],
        constant=[7.0, 7.0, 7.0, None],
        unknown=pa.array([None] * 4, pa.float64()),
        flag=[0, 1, 1, 0],
        sure=[True, False, None, True],
        units={"flag": "0/1"},
    )
    assert texts(style_figures.figure(layer, "year")) == ["2,000", "2,010"]
    year = style_figures.figure(layer, "year")
    assert [(e.low, e.high) for e in year.entries] == [(None, 2005), (2005, None)]
    assert texts(style_figures.figure(layer, "constant")) == ["7"]
    assert texts(style_figures.figure(layer, "unknown")) == []
    assert [(e.en, e.de) for e in style_figures.figure(layer, "flag").entries] == [("no", "nein"), ("yes", "ja")]
    assert [e.value for e in style_figures.figure(layer, "sure").entries] == [False, True]
    assert year.missing is not None
    assert year.missing.de == "Keine Daten"


def test_ties_both_sides_of_zero_and_kinds() -> None:
    layer = layer_of(
        ties=[0.0] * 30 + list(range(10)),
        change=np.linspace(-10, 30, 40).tolist(),
        kind=["a", "b", "", None] * 10,
        twelve=[f"k{i % 12}" for i in range(40)],
        thirteen=[f"k{i % 13}" for i in range(40)],
    )
    ties = style_figures.figure(layer, "ties")
    assert ties.entries[0].high is not None
    assert 0 < ties.entries[0].high <= 2, "most are zero: they are the first class"
    change = style_figures.figure(layer, "change")
    bounds = [entry.low for entry in change.entries[1:]]
    assert bounds == [-b for b in reversed(bounds) if b is not None], "classes mirror each other at zero"
    assert [e.colour for e in change.entries] == list(colours.DIVERGING)
    assert [e.value for e in style_figures.figure(layer, "kind").entries] == ["a", "b"], "nothing is no kind"
    assert len({e.colour for e in style_figures.figure(layer, "twelve").entries}) == 12
    assert "thirteen" not in style_figures.ids(layer), "a name is no colour"


def test_totals_of_areas_are_drawn_per_km2_or_say_so() -> None:
    """Two districts of the same density, one ten times as large: they must not look different."""
    area, people = [1.0, 10.0, 2.0, 5.0, 5.0, 7.0, 3.0], [100.0, 1000.0, 50.0, 900.0, 10.0, 40.0, 3000.0]
    layer = layer_of(people=people, area_km2=area, forest_ha=people, units={"area_km2": "km²", "forest_ha": "ha"})
    figure = style_figures.figure(layer, "people")
    assert (figure.divisor, figure.en) == ("area_km2", "people per km²")
    entries = [drawn_as(figure, p, a) for p, a in zip(people, area, strict=True)]
    assert entries[0] is entries[1]
    assert entries[0] is not entries[3]
    assert style_figures.figure(layer, "forest_ha").en == "forest_ha, ha per km²"
    bare = style_figures.figure(layer_of(forest_ha=people, units={"forest_ha": "ha"}), "forest_ha")
    assert (bare.divisor, bare.notes) == (None, (style_figures.TOTALS,))
    # of points it is the figure of each point
    dots = [shapely.Point(4e5, 57e5 + i) for i in range(7)]
    assert style_figures.figure(layer_of(dots, people=people), "people").notes == ()


def test_defaults_are_what_the_map_draws(catalogue: Catalogue) -> None:
    def drawn(name: str) -> tuple[str, str | float | None, tuple[str, ...]]:
        figure = style_figures.figure(catalogue.layer(name))
        return figure.column, figure.divisor, tuple(entry.colour for entry in figure.entries)

    assert drawn("05913000.districts") == ("t_co2e_households_per_head", None, styles.EMISSIONS.colours)
    assert drawn("05913000.low_income") == ("low_income_probability", None, styles.LOW_INCOME.colours)
    assert drawn("05913000.districts.climate_plan") == ("t_co2e_saved_2045", "area_km2", styles.MEASURE.colours)
    assert drawn("ruhr.stock.climate_plan") == ("t_co2e_saved_2045", 0.04, styles.MEASURE.colours)
    assert drawn("05913000.benefits.climate_plan")[0] == "bill_saving_eur_a_per_head"
    assert drawn("05913000.priority.climate_plan")[0] == "benefit_type"
    assert style_figures.figure(layer_of(n=[1, 2]), DEFAULT).column == "", "of a user's own file the map draws nothing"


def test_defaults_compute_no_scenario(catalogue: Catalogue) -> None:
    """A project file of all layers must not wait for every scenario."""

    def never() -> pa.Table:
        raise AssertionError

    layer = catalogue.layer("05913000.districts.climate_plan")
    blind = Layer(
        *(layer.id, layer.title, layer.description, layer.columns, never, layer.drawn),
        *(layer.source_ids, layer.min_zoom, layer.version, layer.base),
    )
    assert style_figures.figure(blind).column == "t_co2e_saved_2045"


@given(st.lists(st.none() | st.floats(-1e6, 1e6).map(lambda x: float(np.float32(x))), min_size=1, max_size=40))
def test_maplibre_draws_each_feature_once_and_as_the_legend_says(values: list[float | None]) -> None:
    layer = layer_of(v=pa.array(values, pa.float64()))
    figure = style_figures.figure(layer, "v")
    document = style_maplibre.style(layer, figure, "http://x/{z}/{y}/{x}", "", "en")
    assert len({one["id"] for one in document["layers"]}) == len(document["layers"])
    for value in values:
        properties = {} if value is None else {"v": value}
        painted = [one for one in document["layers"] if "filter" not in one or holds(one["filter"], properties)]
        assert [one["id"] for one in painted] == [drawn_as(figure, value).en]


def holds(expression: Any, properties: dict[str, Any]) -> Any:
    """Evaluate what is used here of MapLibre's expressions."""
    if not isinstance(expression, list):
        return expression
    name, *arguments = expression
    if name == "has":
        return arguments[0] in properties
    if name == "get":
        return properties.get(arguments[0])
    if name in {"all", "any"}:
        # in order and no further than needed: what comes after may not be known
        return {"all": all, "any": any}[name](holds(one, properties) for one in arguments)
    done = [holds(one, properties) for one in arguments]
    calls: dict[str, Any] = {
        "!": lambda a: not a,
        "==": lambda a, b: a == b,
        "!=": lambda a, b: a != b,
        ">=": lambda a, b: a >= b,
        "<=": lambda a, b: a <= b,
        "<": lambda a, b: a < b,
        ">": lambda a, b: a > b,
        "/": lambda a, b: a / b,
    }
    return calls[name](*done)


def test_a_share_of_nobody_is_no_data_and_not_the_highest_class() -> None:
    layer = layer_of(t_co2e_2045=[1.0, 2.0, None], people=[10.0, 0.0, 4.0])
    figure = style_figures.figure(layer, "t_co2e_2045")
    assert figure.divisor == "people"
    document = style_maplibre.style(layer, figure, "", "", "en")
    rows: list[dict[str, Any]] = [
        {"t_co2e_2045": 1.0, "people": 10.0},
        {"t_co2e_2045": 2.0, "people": 0.0},
        {"people": 4.0},
    ]
    found = [[one["id"] for one in document["layers"] if holds(one["filter"], row)] for row in rows]
    assert found == [["< 0.2"], ["No data"], ["No data"]]


def test_points_lines_and_areas_in_one_layer_are_all_drawn() -> None:
    shapes = [
        shapely.Point(4e5, 57e5),
        shapely.LineString([(4e5, 57e5), (5e5, 57e5)]),
        shapely.box(4e5, 57e5, 5e5, 58e5),
    ]
    layer = layer_of([*shapes, None], n=[1, 2, 3, 4])
    assert style_figures.kinds_of(layer) == ("point", "line", "polygon")
    figure = style_figures.figure(layer, "n")
    document = style_maplibre.style(layer, figure, "", "", "de")
    assert [one["type"] for one in document["layers"]] == ["fill"] * 5 + ["line"] * 5 + ["circle"] * 5
    assert ["==", ["geometry-type"], "LineString"] in document["layers"][5]["filter"]
    assert {
        s.tag
        for s in etree.fromstring(style_sld.sld(layer, figure, "de")).iter("{*}PointSymbolizer", "{*}LineSymbolizer")
    }
    assert b"geometry_type($geometry) = 'Line' AND" in style_qml.qml(layer, figure, "de")
    nowhere = layer_of([None, None], n=[1, 2])
    assert style_figures.ids(nowhere) == {}
    assert routes.links(nowhere, "http://x") == []
    with pytest.raises(UnknownCollectionError, match=r"no geometry"):
        style_figures.figure(nowhere)


def test_odd_names_and_values_neither_break_a_style_nor_an_address() -> None:
    odd: dict[str, Any] = {'Höhe/"m"\'': [1, 2, 2, 2], "default": ["<b>", "it's", "\\", "<b>"], "a & b": [1.5] * 4}
    layer = layer_of(**odd)
    assert list(style_figures.ids(layer)) == ["default", 'Höhe_"m"\'', "default_", "a & b"]
    for name in style_figures.ids(layer):
        figure = style_figures.figure(layer, name)
        for language in ("en", "de"):
            etree.fromstring(style_sld.sld(layer, figure, language))
            etree.fromstring(style_qml.qml(layer, figure, language))
            assert b"<b>" not in style_legend.svg(layer, figure, ["<script>"], language)
    assert style_qml.expression(
        style_figures.figure(layer, "default_"), style_figures.figure(layer, "default_").entries[2]
    )
    assert b"'it''s'" in style_qml.qml(layer, style_figures.figure(layer, "default_"), "en")


@given(st.lists(st.floats(0.1, 1e6), min_size=60, max_size=200, unique=True))
def test_classes_are_those_of_mapclassify_but_for_rounding(values: list[float]) -> None:
    """Bounds of two digits; each class holds about what mapclassify's holds."""
    figures = np.array(values)
    ours = colours.quantiles(Column("v", "", "v", "v"), figures).breaks
    theirs = mapclassify.Quantiles(figures, k=6).bins[:-1]
    for bound in ours:
        # mapclassify interpolates between two values, ours is one of them
        below = np.searchsorted(np.sort(figures), [bound * 0.945, bound * 1.055])
        share = below / len(figures)
        assert any(share[0] - 0.02 <= k / 6 <= share[1] + 0.02 for k in range(6)), (bound, theirs)


def lab(colour: str, eye: NDArray[np.float64]) -> NDArray[np.float64]:
    """CIE L*a*b* (D65) of a colour as an eye sees it."""
    coded = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    linear = np.where(coded <= 0.04045, coded / 12.92, ((coded + 0.055) / 1.055) ** 2.4)
    xyz = TO_XYZ @ np.clip(eye @ linear, 0, 1) / np.array([0.95047, 1, 1.08883])
    f = np.where(xyz > 216 / 24389, np.cbrt(xyz), (24389 / 27 * xyz + 16) / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def distance(a: str, b: str, eye: str) -> float:
    return float(np.linalg.norm(lab(a, EYES[eye]) - lab(b, EYES[eye])))


@pytest.mark.parametrize("eye", list(EYES))
def test_everybody_can_tell_classes_apart(eye: str) -> None:
    """A difference of 2.3 is just seen (Mahy 1994): neighbours differ by twice that, kinds by four times."""
    assert distance("#ffffff", "#000000", eye) == pytest.approx(100, abs=0.1)
    scales = [scale.colours for scale in vars(styles).values() if isinstance(scale, Classes)]
    for scale in (*scales, colours.SEQUENTIAL, colours.DIVERGING):
        assert min(distance(a, b, eye) for a, b in pairwise(scale)) > 5, scale
        assert min(distance(styles.NO_DATA, a, eye) for a in scale) > 3, "a class looks like no data"
    kinds = [[kind[1] for kind in scale.kinds] for scale in vars(styles).values() if isinstance(scale, Kinds)]
    for some in (*kinds, *(colours.qualitative(n) for n in range(2, 13))):
        assert min(distance(a, b, eye) for a, b in combinations(some, 2)) > 10, some


def test_lightness_of_a_sequence_only_falls() -> None:
    """Printed in grey, a scale must still have an order."""
    for scale in (styles.EMISSIONS, styles.MEASURE, styles.LOW_INCOME, styles.NIGHT, styles.BENEFIT):
        light = [lab(colour, EYES["normal"])[0] for colour in scale.colours]
        assert light == sorted(light, reverse=True), scale.column
    assert [colours.sequential(n)[0] for n in (1, 2, 6)] == [colours.SEQUENTIAL[0]] * 3


def test_a_legend_tells_title_unit_classes_no_data_and_sources(catalogue: Catalogue) -> None:
    layer = catalogue.layer("05913000.districts")
    figure = style_figures.figure(layer)
    picture = etree.fromstring(style_legend.svg(layer, figure, ["MSB NRW (dl-de/by-2-0)"], "de"))
    told = [text.text or "" for text in picture.iter("{*}text")]
    assert " ".join(told[:2]) == "Emissionen der Haushalte, t CO2e pro Kopf und Jahr"
    assert told[2:9] == ["< 1,6", "1,6 – 2", "2 – 2,2", "2,2 – 2,5", "2,5 – 3,5", "≥ 3,5", "Keine Daten"]
    assert told[9:] == ["Modelliert", "Quellen: MSB NRW (dl-de/by-2-0)"]
    fills = [swatch.get("fill") for swatch in picture.iter("{*}rect")][1:]
    assert fills == [*styles.EMISSIONS.colours, styles.NO_DATA]
    assert picture.get("lang") == "de"
    assert picture.findtext("{*}title") == figure.de


def test_the_picture_has_the_colours_and_nothing_runs_over_its_edge(catalogue: Catalogue) -> None:
    layer = catalogue.layer("05913000.priority.climate_plan")
    figure = style_figures.figure(layer)
    sources = ["Statistische Ämter des Bundes und der Länder (dl-de/by-2-0)"] * 2
    with Image.open(io.BytesIO(style_legend.png(layer, figure, sources, "de", 3))) as image:
        assert image.width == 320 * 3
        pixels = np.asarray(image.convert("RGB"))
    for entry in figure.entries:
        colour = [int(entry.colour[i : i + 2], 16) for i in (1, 3, 5)]
        assert (pixels == colour).all(axis=2).sum() > 1000, entry.de
    assert (pixels[:, -10:] == 255).all(), "a line of text is too long"
    assert ImageFont.truetype("DejaVuSans.ttf", 12).getlength("ä≥²–") > 0


# --- over HTTP, on the region's release


@pytest.fixture(scope="module")
def web(client: TestClient) -> TestClient:
    return client


def test_every_style_of_a_collection_is_listed_and_leads_somewhere(web: TestClient) -> None:
    collection = web.get(DISTRICTS).json()
    assert [one for one in collection["links"] if one["rel"] == "stylesheet"], "nobody finds the styles"
    body = web.get(f"{DISTRICTS}/styles").json()
    assert body["default"] == "default"
    names = [one["id"] for one in body["styles"]]
    assert names[0] == "default"
    assert {"social_index", "people", "t_co2e", "data_grade"} <= set(names)
    assert not {"name", "ags", "district"} & set(names)
    for one in body["styles"][:3]:
        for link in one["links"]:
            answer = web.get(link["href"])
            assert answer.status_code == 200
            assert answer.headers["content-type"].split(";")[0] == link["type"].split(";")[0]


@pytest.mark.parametrize(
    ("accept", "media"),
    [
        ("*/*", routes.MAPLIBRE),
        ("text/html,*/*;q=0.8", routes.MAPLIBRE),
        ("application/vnd.ogc.sld+xml", routes.SLD),
        (routes.QML, routes.QML),
        (f"{routes.MAPLIBRE}, {routes.SLD};q=0.5", routes.MAPLIBRE),
    ],
)
def test_the_accept_header_chooses_the_encoding(web: TestClient, accept: str, media: str) -> None:
    answer = web.get(f"{DISTRICTS}/styles/default", headers={"Accept": accept})
    assert answer.headers["content-type"] == media
    assert "Accept" in answer.headers["vary"]


def test_encodings_have_tags_of_their_own(web: TestClient) -> None:
    """A cache that held the SLD for the JSON would hand out the wrong one."""
    url = f"{DISTRICTS}/styles/default"
    accepts = {"Accept": routes.SLD}, {"Accept": routes.QML}, {"Accept": routes.MAPLIBRE}
    tags = [web.get(url, headers=one).headers["etag"] for one in accepts]
    assert len(set(tags)) == 3
    again = [web.get(url, headers={**one, "If-None-Match": tags[0]}).status_code for one in accepts]
    assert again == [304, 200, 200]


def test_squares_of_low_zooms_are_not_coloured_as_if_they_were_one_building(catalogue: Catalogue) -> None:
    """A square holds the sum of hundreds: by the classes of single units it would always be in the highest."""
    layer = catalogue.layer("ruhr.stock")

    def zooms(name: str) -> list[tuple[int, int]]:
        document = style_maplibre.style(layer, style_figures.figure(layer, name), "", "", "en")
        return [(one.get("minzoom", 0), one.get("maxzoom", 24)) for one in document["layers"]]

    assert layer.min_zoom > 0
    assert zooms("people") == [(0, layer.min_zoom), *[(layer.min_zoom, 24)] * 7], "from afar, where; then how many"
    assert set(zooms("t_co2e_households_per_head")) == {(0, 24)}, "a mean is a mean of squares as well"
    drawn = style_qml.tile_renderer(layer, style_figures.figure(layer, "people"), "en")
    found = [(one.get("min-zoom"), one.get("max-zoom")) for one in drawn.iter("style")]
    assert found[:2] == [("-1", str(layer.min_zoom - 1)), (str(layer.min_zoom), "-1")]


def test_a_style_names_the_tiles_of_its_collection(web: TestClient) -> None:
    style = web.get("/collections/ruhr.municipalities/styles/social_index?lang=de").json()
    assert style["version"] == 8
    source = style["sources"]["collection"]
    assert source["tiles"] == [
        "http://127.0.0.1:8000/collections/ruhr.municipalities/tiles/WebMercatorQuad/{z}/{y}/{x}"
    ]
    assert {one["source-layer"] for one in style["layers"]} == {"ruhr.municipalities"}
    address = source["tiles"][0].format(z=source["minzoom"], y=0, x=0).removeprefix("http://127.0.0.1:8000")
    assert web.get(address).status_code == 200
    assert style["layers"][-1]["id"] == "Keine Daten"


@pytest.mark.parametrize(
    ("path", "status", "what"),
    [
        (f"{DISTRICTS}/styles/nothing", 404, "is not a style of 05913000.districts"),
        ("/collections/nowhere/styles", 404, "does not exist"),
        ("/places/nowhere/qgis", 404, "does not exist"),
        (f"{DISTRICTS}/styles/default?f=css", 400, "maplibre"),
        (f"{DISTRICTS}/styles/default/legend?scale=9", 400, "less than or equal to 4"),
        (f"{DISTRICTS}/styles/default/legend?lang=fr", 400, "'en' or 'de'"),
        (f"{DISTRICTS}/styles/default?colour=red", 400, "is unknown"),
    ],
)
def test_what_is_not_there_is_said(web: TestClient, path: str, status: int, what: str) -> None:
    answer = web.get(path)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert what in answer.text


def test_a_project_holds_every_collection_of_a_place_once(web: TestClient, catalogue: Catalogue) -> None:
    answer = web.get("/places/05954004/qgis?lang=en")
    assert answer.headers["content-disposition"].endswith("05954004.qgz")
    assert web.get("/places/05954004/qgis?lang=en").content == answer.content, "not the same byte for byte"
    with zipfile.ZipFile(io.BytesIO(answer.content)) as file:
        project = etree.fromstring(file.read("05954004.qgs"))
    layers = [one for one in project.iter("maplayer") if one.get("type") != "raster"]
    pages = [one.findtext("resourceMetadata/identifier") for one in layers]
    expected = [name for name in catalogue.ids() if name.startswith("05954004.")]
    assert sorted(str(one).rpartition("/")[2] for one in pages) == sorted(expected)
    assert len(pages) == len(set(pages))
    inside = {node.get("id") for node in project.iter("layer-tree-layer")}
    assert inside == {one.findtext("id") for one in project.iter("maplayer")}, "a layer is in no group"
    for one in project.iter("maplayer"):
        assert one.findtext("resourceMetadata/license"), one.findtext("layername")
        assert one.findtext("resourceMetadata/rights")
    assert project.findtext("projectCrs/spatialrefsys/authid") == "EPSG:25832"
    german = zipfile.ZipFile(io.BytesIO(web.get("/places/05954004/qgis").content)).read("05954004.qgs").decode()
    assert "Einkommensschwache Gebiete" in german
    assert "Scenarios" not in german


def test_cells_have_no_outline_and_buildings_a_dark_one(catalogue: Catalogue) -> None:
    assert style_outlines.is_fine(catalogue.layer("ruhr.stock"))
    assert not style_outlines.is_fine(catalogue.layer("ruhr.municipalities"))
    houses = layer_of(building_type=["EFH", "MFH"])
    assert style_outlines.outline(houses) == style_outlines.DARK


def test_the_routes_are_part_of_the_service() -> None:
    paths = create_app(Settings()).openapi()["paths"]
    assert "/collections/{collectionId}/styles/{styleId}/legend" in paths
    assert "/places/{key}/qgis" in paths


PAGE = """
async ([style, size]) => {
  const { Map } = await import("/static/vendor/maplibre/maplibre-gl.mjs");
  const place = document.createElement("div");
  place.style.width = place.style.height = `${size}px`;
  document.body.replaceChildren(place);
  const map = new Map({ container: place, style, attributionControl: false });
  const errors = [];
  await new Promise((done) => {
    map.on("error", (event) => { errors.push(String(event.error?.message ?? event)); done(); });
    map.once("idle", done);
  });
  const shown = map.queryRenderedFeatures().map((f) => [f.properties.ags, f.layer.id]);
  return { errors, shown };
}
"""


@pytest.mark.parametrize("name", ["default", "population"])
def test_maplibre_itself_draws_a_style_without_a_complaint(
    server: str,
    page: tuple[Page, list[str], list[str]],  # noqa: F811 - the fixture
    catalogue: Catalogue,
    name: str,
) -> None:
    """Its validator, its filters and our tiles: each town in the class that the legend says."""
    tab, errors, _ = page
    tab.goto(f"{server}/docs")
    style = json.loads(
        tab.evaluate("url => fetch(url).then((answer) => answer.text())", f"/collections/{TOWNS}/styles/{name}")
    )
    found = tab.evaluate(PAGE, [style, 500])
    assert found["errors"] == errors == []
    layer = catalogue.layer(TOWNS)
    figure = style_figures.figure(layer, name)
    over = layer.column(str(figure.divisor)) if figure.divisor else np.full(len(layer), np.nan)
    expected = {
        ags: drawn_as(figure, value, None if np.isnan(by) else float(by)).en
        for ags, value, by in zip(
            *(layer.table[one].to_pylist() for one in ("ags", figure.column)), over.tolist(), strict=True
        )
    }
    assert len(found["shown"]) > 40
    assert all(expected[ags] == label for ags, label in found["shown"])
