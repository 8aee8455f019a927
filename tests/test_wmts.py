"""WMTS 1.0.0: GDAL and OWSLib list and draw every raster; mistakes are exception reports; text is never markup."""

from __future__ import annotations

import shutil
import subprocess
import urllib.request
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient
from lxml import etree

from layers import grids, rasters, wmts
from layers.catalogue import Catalogue
from layers.tile_matrices import WEB_MERCATOR_QUAD, bounds
from layers.wmts import Figure, RasterLayer, Service

NS = {
    "w": "http://www.opengis.net/wmts/1.0",
    "o": "http://www.opengis.net/ows/1.1",
    "x": "http://www.w3.org/1999/xlink",
}
HREF = f"{{{NS['x']}}}href"
CELLS = "05913000.cells"
TILE = {
    "service": "WMTS",
    "request": "GetTile",
    "version": "1.0.0",
    "layer": CELLS,
    "style": "people",
    "format": "image/png",
    "tilematrixset": "WebMercatorQuad",
    "tilematrix": "12",
    "tilerow": "1361",
    "tilecol": "2132",
}


def parsed(content: bytes) -> Any:
    return etree.fromstring(content, etree.XMLParser(resolve_entities=False, no_network=True))


def test_capabilities_list_all_that_can_be_drawn_and_nothing_else(client: TestClient, catalogue: Catalogue) -> None:
    answer = client.get("/wmts?SERVICE=wmts&Request=GetCapabilities&PLACE=05913000")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/xml")
    found = {
        layer.findtext("o:Identifier", namespaces=NS): layer.xpath("w:Style/o:Identifier/text()", namespaces=NS)
        for layer in parsed(answer.content).iterfind("w:Contents/w:Layer", NS)
    }
    own = [catalogue.layer(name) for name in catalogue.ids() if name.startswith("05913000.")]
    assert set(found) == {layer.id for layer in own if grids.is_gridded(layer)}
    for layer in own:
        if layer.id in found:
            assert sorted(found[layer.id]) == sorted(column.name for column in rasters.drawable(layer))
            assert found[layer.id][0] == rasters.default_column(layer), "the first style is the default"
    assert "unit_id" not in found[CELLS]
    assert client.get("/wmts/1.0.0/WMTSCapabilities.xml?place=05913000").content == answer.content
    again = client.get("/wmts/1.0.0/WMTSCapabilities.xml?place=05913000", headers={"If-None-Match": "*"})
    assert again.status_code == 304


def test_every_style_of_a_layer_is_drawn(client: TestClient) -> None:
    """What is listed and then refused is a broken layer in QGIS; units of the region's stock share pixels."""
    root = parsed(client.get("/wmts/1.0.0/WMTSCapabilities.xml?place=ruhr").content)
    for layer in root.iterfind("w:Contents/w:Layer", NS):
        name = layer.findtext("o:Identifier", namespaces=NS)
        if name not in {"ruhr.stock", "ruhr.heat"}:
            continue  # the others take half a minute to compute
        template = layer.find("w:ResourceURL", NS).get("template")
        for style in layer.xpath("w:Style/o:Identifier/text()", namespaces=NS):
            url = template
            for part, value in (("Style", style), ("TileMatrixSet", "WebMercatorQuad"), ("TileMatrix", 8)):
                url = url.replace(f"{{{part}}}", str(value))
            answer = client.get(url.replace("{TileRow}", "85").replace("{TileCol}", "133"))
            assert (answer.status_code, answer.headers["content-type"]) == (200, "image/png"), f"{name} {style}"


def test_the_grid_is_googles(client: TestClient) -> None:
    """Scales a little off, and GIS resample or shift every tile."""
    root = parsed(client.get("/wmts?service=WMTS&request=GetCapabilities&place=05913000").content)
    (grid,) = root.iterfind("w:Contents/w:TileMatrixSet", NS)
    assert grid.findtext("w:WellKnownScaleSet", namespaces=NS).endswith("GoogleMapsCompatible")
    assert grid.findtext("o:SupportedCRS", namespaces=NS) == "urn:ogc:def:crs:EPSG::3857"
    matrices = grid.findall("w:TileMatrix", NS)
    assert [one.findtext("o:Identifier", namespaces=NS) for one in matrices] == [str(z) for z in range(19)]
    # 07-057r7, table E.4
    assert float(matrices[0].findtext("w:ScaleDenominator", namespaces=NS)) == pytest.approx(559082264.0287178)
    assert float(matrices[18].findtext("w:ScaleDenominator", namespaces=NS)) == pytest.approx(2132.729583849784)
    corner = [float(v) for v in matrices[5].findtext("w:TopLeftCorner", namespaces=NS).split()]
    assert corner == pytest.approx([-20037508.3427892, 20037508.3427892])


def test_a_tile_by_parameters_is_the_tile_by_address(client: TestClient) -> None:
    by_address = client.get(f"/collections/{CELLS}/map/tiles/WebMercatorQuad/12/1361/2132.png?column=people")
    for names in (str.lower, str.upper, str.title):
        asked = {names(key): value for key, value in TILE.items()} | {"vendor": "passed over"}
        answer = client.get("/wmts", params=asked)
        assert (answer.status_code, answer.headers["content-type"]) == (200, "image/png")
        assert answer.content == by_address.content
    tag = answer.headers["etag"]
    assert client.get("/wmts", params=asked, headers={"If-None-Match": tag}).status_code == 304
    standard = client.get("/wmts", params=TILE | {"style": ""})
    assert standard.content == client.get(f"/collections/{CELLS}/map/tiles/WebMercatorQuad/12/1361/2132.png").content


@pytest.mark.parametrize(
    ("change", "status", "code", "locator"),
    [
        ({"service": None}, 400, "MissingParameterValue", "service"),
        ({"request": None}, 400, "MissingParameterValue", "request"),
        ({"service": "WMS"}, 400, "InvalidParameterValue", "service"),
        ({"request": "GetFeatureInfo"}, 501, "OperationNotSupported", "GetFeatureInfo"),
        ({"version": "2.0.0"}, 400, "InvalidParameterValue", "version"),
        ({"layer": None}, 400, "MissingParameterValue", "layer"),
        ({"layer": "<b>&nowhere"}, 400, "InvalidParameterValue", "layer"),
        ({"layer": "ruhr.municipalities"}, 400, "InvalidParameterValue", "layer"),
        ({"style": "unit_id"}, 400, "InvalidParameterValue", "style"),
        ({"style": None}, 400, "MissingParameterValue", "style"),
        ({"format": "image/jpeg"}, 400, "InvalidParameterValue", "format"),
        ({"tilematrixset": "GoogleMapsCompatible"}, 400, "InvalidParameterValue", "tilematrixset"),
        ({"tilematrix": "19"}, 400, "InvalidParameterValue", "tilematrix"),
        ({"tilematrix": "-1"}, 400, "InvalidParameterValue", "tilematrix"),
        ({"tilerow": "4096"}, 400, "TileOutOfRange", "tilerow"),
        ({"tilecol": "4096"}, 400, "TileOutOfRange", "tilecol"),
        ({"tilecol": "²"}, 400, "InvalidParameterValue", "tilecol"),
        ({"tilecol": "9" * 4000}, 400, "InvalidParameterValue", "tilecol"),
        ({"request": "GetCapabilities", "acceptversions": "2.0.0"}, 400, "VersionNegotiationFailed", "acceptversions"),
        ({"request": "GetCapabilities", "place": "nowhere"}, 404, "InvalidParameterValue", "place"),
    ],
)
def test_mistakes_are_exception_reports(
    client: TestClient, change: dict[str, str | None], status: int, code: str, locator: str
) -> None:
    asked = {key: value for key, value in (TILE | change).items() if value is not None}
    answer = client.get("/wmts", params=asked)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/xml")
    (told,) = parsed(answer.content).iterfind("o:Exception", NS)
    assert (told.get("exceptionCode"), told.get("locator")) == (code, locator)
    assert told.findtext("o:ExceptionText", namespaces=NS)


def test_titles_of_users_are_text_in_the_xml() -> None:
    """A layer called after a tag, a control character of an old file: the document stays well-formed."""
    title = "</ows:Title><b>&\x00\x0b\ud800é𝄞"
    layer = RasterLayer("a.b", title, title, (7.3, 51.4, 7.6, 51.6), (Figure("c", title),), "http://h/{Style}?a=1&b=2")
    root = parsed(wmts.capabilities(Service("t", title, "http://h/wmts", "http://h/doc", provider=title), [layer]))
    (found,) = root.iterfind("w:Contents/w:Layer", NS)
    assert found.findtext("o:Title", namespaces=NS) == "</ows:Title><b>&é𝄞"
    assert found.find("w:ResourceURL", NS).get("template") == "http://h/{Style}?a=1&b=2"
    assert parsed(wmts.exception("Code", title, title)).find("o:Exception", NS).get("locator") == "</ows:Title><b>&é𝄞"


def test_owslib_reads_it(server: str) -> None:
    from owslib.wmts import WebMapTileService

    found = WebMapTileService(f"{server}/wmts?place=05913000")
    layer = found[CELLS]
    assert layer.title.startswith("Building stock of Dortmund")
    west, south, east, north = layer.boundingBoxWGS84
    assert (7.2 < west < 7.35, 51.3 < south < 51.5, 7.6 < east < 7.7, 51.5 < north < 51.7) == (True,) * 4
    assert [style for style, about in layer.styles.items() if about["isDefault"]] == ["t_co2e_households_per_head"]
    place = {"tilematrixset": "WebMercatorQuad", "tilematrix": "12", "row": 1361, "column": 2132}
    tile = found.gettile(layer=CELLS, style="people", format="image/png", **place).read()
    assert tile.startswith(b"\x89PNG")


@pytest.mark.filterwarnings("ignore:Dataset has no geotransform")  # a tile lies where its address says
@pytest.mark.skipif(shutil.which("gdal_translate") is None, reason="no gdal_translate: apt install gdal-bin")
def test_gdal_lists_and_draws_it(server: str, tmp_path: Path) -> None:
    """A window of one tile as GDAL fetches it has the tile's own pixels: no shift, no resampling."""
    import rasterio

    source = f"WMTS:{server}/wmts/1.0.0/WMTSCapabilities.xml?place=05913000"
    listed = subprocess.run(
        ["gdalinfo", source], check=True, capture_output=True, text=True, timeout=60, cwd=tmp_path
    ).stdout
    assert f"layer={CELLS},style=people" in listed
    assert "layer=05913000.heat" in listed
    west, south, east, north = bounds(WEB_MERCATOR_QUAD, 14, 8532, 5447)
    window = [str(value) for value in (west, north, east, south)]
    made = tmp_path / "window.tif"
    opened = f"{source},layer={CELLS},style=people,tilematrix=14"
    command = ["gdal_translate", "-q", opened, "-projwin", *window, "-outsize", "256", "256", str(made)]
    subprocess.run(command, check=True, capture_output=True, timeout=60, cwd=tmp_path)
    address = f"{server}/collections/{CELLS}/map/tiles/WebMercatorQuad/14/5447/8532.png?column=people"
    with urllib.request.urlopen(address, timeout=30) as answer:
        content = answer.read()
    with rasterio.MemoryFile(content) as memory, memory.open() as tile_file:
        palette = np.array([tile_file.colormap(1).get(i, (0, 0, 0, 0)) for i in range(256)], np.uint8)
        direct = palette[tile_file.read(1)].transpose(2, 0, 1)
    with rasterio.open(made) as window_file:
        pixels = window_file.read()
        assert window_file.crs.to_epsg() == 3857
    shown = pixels[3] > 0
    assert ((direct[3] > 0) == shown).all()
    assert (direct[:, shown] == pixels[:, shown]).all()
    assert len(set(map(tuple, pixels.reshape(4, -1).T.tolist()))) > 2, "the window shows several classes"
