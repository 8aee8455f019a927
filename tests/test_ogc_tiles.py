"""Abstract tests of OGC API - Tiles Part 1 (20-057, annex A): each test is named after its id, /conf/{class}/{test}."""

from __future__ import annotations

from typing import Any

import mapbox_vector_tile
import numpy as np
import pytest
import shapely
from fastapi.testclient import TestClient

from api.routes.tilesets import CONFORMANCE
from layers import tile_matrices
from layers.catalogue import Catalogue
from layers.layer import MERCATOR
from layers.tile_matrices import WEB_MERCATOR_QUAD

RELATIONS = "http://www.opengis.net/def/rel/ogc/1.0"
MVT, PNG = "application/vnd.mapbox-vector-tile", "image/png"
COLLECTION = "/collections/05913000.districts"
CELLS = "/collections/05913000.cells"
RESOURCES = {"dataset": "", "collection": COLLECTION, "map": f"{CELLS}/map"}
EVERY_RESOURCE = pytest.mark.parametrize("resource", RESOURCES.values(), ids=RESOURCES)
TILES = "http://www.opengis.net/spec/ogcapi-tiles-1/1.0/conf"


def get(client: TestClient, path: str) -> Any:
    answer = client.get(path, headers={"Accept": "application/json"})
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/json"
    return answer.json()


def links(body: Any, rel: str) -> list[dict[str, Any]]:
    return [link for link in body["links"] if link["rel"] == rel]


def item(client: TestClient, resource: str) -> dict[str, Any]:
    (found,) = links(get(client, f"{resource}/tiles/WebMercatorQuad"), "item")
    return found


def tile_url(template: str, z: int, row: int, col: int) -> str:
    filled = template.replace("{tileMatrix}", str(z)).replace("{tileRow}", str(row)).replace("{tileCol}", str(col))
    assert "{" not in filled
    return filled


def dortmund(z: int) -> tuple[int, int]:
    """Row and column of the tile at Dortmund's centre."""
    box = tile_matrices.projected(WEB_MERCATOR_QUAD, (7.4653, 51.5136, 7.4653, 51.5136))
    assert box is not None
    side = WEB_MERCATOR_QUAD.side_m / (1 << z)
    return int((WEB_MERCATOR_QUAD.north_m - box[1]) / side), int((box[0] - WEB_MERCATOR_QUAD.west_m) / side)


@pytest.mark.parametrize("uri", CONFORMANCE)
def test_conformance_success(client: TestClient, uri: str) -> None:
    """/conf/{class}/conformance-success of every class that is declared."""
    assert uri.startswith(f"{TILES}/")
    assert uri in get(client, "/conformance")["conformsTo"]


@EVERY_RESOURCE
def test_core_tc_op(client: TestClient, resource: str) -> None:
    """/conf/core/tc-op: tiles with data are at the address that the tileset's template gives."""
    row, col = dortmund(12)
    answer = client.get(tile_url(item(client, resource)["href"], 12, row, col))
    assert answer.status_code == 200
    assert answer.content


@pytest.mark.parametrize(
    ("name", "kind"), [("tileMatrix", "string"), ("tileRow", "integer"), ("tileCol", "integer")], ids=lambda x: x
)
def test_core_tc_tilematrix_tilerow_tilecol_definition(client: TestClient, name: str, kind: str) -> None:
    """/conf/core/tc-tilematrix-definition, tc-tilerow-definition, tc-tilecol-definition: in the API's description."""
    paths = client.get("/api").json()["paths"]
    of_tiles = [path for path in paths if "/tiles/" in path and path.count("{") >= 3]
    assert len(of_tiles) >= 3
    for path in of_tiles:
        (found,) = (p for p in paths[path]["get"]["parameters"] if p["name"] == name)
        assert (found["in"], found["required"], found["schema"]["type"]) == ("path", True, kind), path


@pytest.mark.parametrize("z", [9, 11, 13])
def test_core_tc_success(client: TestClient, catalogue: Catalogue, z: int) -> None:
    """/conf/core/tc-success: status 200, the format asked for, and the features that meet the tile."""
    layer = catalogue.layer("05913000.districts")
    row, col = dortmund(z)
    answer = client.get(tile_url(item(client, COLLECTION)["href"], z, row, col), headers={"Accept": MVT})
    assert (answer.status_code, answer.headers["content-type"]) == (200, MVT)
    found = {f["id"] for f in mapbox_vector_tile.decode(answer.content)["05913000.districts"]["features"]}
    frame = shapely.box(*tile_matrices.bounds(WEB_MERCATOR_QUAD, z, col, row))
    outlines = layer.shapes.to_crs(MERCATOR).to_shapely()
    side = frame.bounds[2] - frame.bounds[0]
    expected = set(np.flatnonzero(shapely.intersects(outlines, frame.buffer(-side / 4096))).tolist())
    assert expected
    assert expected <= found
    assert not shapely.disjoint(outlines[sorted(found)], frame.buffer(side / 32)).any()


@EVERY_RESOURCE
def test_core_tc_error(client: TestClient, resource: str) -> None:
    """/conf/core/tc-error: out of range is 404 or 400, within the limits and empty is 204 or a blank picture."""
    body = get(client, f"{resource}/tiles/WebMercatorQuad")
    template = links(body, "item")[0]["href"]
    for z, row, col in ((3, 8, 0), (3, 0, 8), (99, 0, 0), (3, -1, 0)):
        assert client.get(tile_url(template, z, row, col)).status_code in {400, 404}
    limits = body.get("tileMatrixSetLimits", [])
    for one in limits:
        z = int(one["tileMatrix"])
        for row, col in (
            (one["minTileRow"] - 1, one["minTileCol"]),
            (one["maxTileRow"] + 1, one["minTileCol"]),
            (one["maxTileRow"], one["minTileCol"] - 1),
            (one["maxTileRow"], one["maxTileCol"] + 1),
        ):
            assert client.get(tile_url(template, z, row, col)).status_code in {400, 404}
        corner = client.get(tile_url(template, z, one["minTileRow"], one["minTileCol"]))
        assert corner.status_code in {200, 204}
        assert bool(corner.content) == (corner.status_code == 200)
    if not limits:
        blank = client.get(tile_url(template, 10, 0, 0))
        assert (blank.status_code, blank.headers["content-type"]) == (200, PNG)


@EVERY_RESOURCE
def test_tileset_description(client: TestClient, resource: str) -> None:
    """/conf/tileset/description: metadata, the set in the register, a template with type and `templated`."""
    body = get(client, f"{resource}/tiles/WebMercatorQuad")
    is_map = resource.endswith("/map")
    assert body["dataType"] == ("map" if is_map else "vector")
    assert body["crs"] == "http://www.opengis.net/def/crs/EPSG/0/3857"
    assert body["tileMatrixSetURI"] == "http://www.opengis.net/def/tilematrixset/OGC/1.0/WebMercatorQuad"
    (scheme,) = links(body, f"{RELATIONS}/tiling-scheme")
    definition = get(client, scheme["href"])
    assert definition["id"] == "WebMercatorQuad"
    assert definition["crs"] == body["crs"]
    assert len(definition["tileMatrices"]) == 25
    (template,) = links(body, "item")
    assert template["templated"] is True
    assert template["type"] == (PNG if is_map else MVT)
    for name in ("{tileMatrix}", "{tileRow}", "{tileCol}"):
        assert name in template["href"]
    assert body["layers"]
    for layer in body["layers"]:
        assert {"id", "dataType", "links"} <= set(layer)
        assert client.get(links(layer, f"{RELATIONS}/geodata")[0]["href"]).status_code == 200
        if not is_map:
            kinds = {p["type"] for p in layer["propertiesSchema"]["properties"].values()}
            assert kinds <= {"string", "number", "integer", "boolean"}
    for one in body.get("tileMatrixSetLimits", []):
        width = definition["tileMatrices"][int(one["tileMatrix"])]["matrixWidth"]
        assert 0 <= one["minTileRow"] <= one["maxTileRow"] < width
        assert 0 <= one["minTileCol"] <= one["maxTileCol"] < width
    for link in body["links"]:
        if not link.get("templated"):
            answer = client.get(link["href"])
            assert answer.headers["content-type"].split(";")[0] == link["type"]


@EVERY_RESOURCE
def test_tilesets_list_tileset_links(client: TestClient, resource: str) -> None:
    """/conf/tilesets-list/tileset-links: `…/tiles` lists tilesets, each with data type, CRS, set, and links."""
    body = get(client, f"{resource}/tiles")
    assert body["tilesets"]
    for one in body["tilesets"]:
        (full,) = links(one, "self")
        (scheme,) = links(one, f"{RELATIONS}/tiling-scheme")
        name = get(client, scheme["href"])["id"]
        assert one["tileMatrixSetURI"].endswith(f"/{name}")
        assert full["href"].split("?")[0].endswith(f"{resource}/tiles/{name}")
        described = get(client, full["href"])
        for key in ("dataType", "crs", "tileMatrixSetURI"):
            assert one[key] == described[key]


def test_dataset_tilesets_landingpage(client: TestClient) -> None:
    """/conf/dataset-tilesets/landingpage: the landing page leads to the list."""
    (link,) = links(get(client, "/"), f"{RELATIONS}/tilesets-vector")
    assert get(client, link["href"])["tilesets"]


def test_dataset_tilesets_operation(client: TestClient) -> None:
    """/conf/dataset-tilesets/operation: the dataset's tilesets are at `/tiles`."""
    (link,) = links(get(client, "/"), f"{RELATIONS}/tilesets-vector")
    assert link["href"] == links(get(client, "/"), "self")[0]["href"] + "tiles"


@pytest.mark.parametrize(("url", "rel"), [(COLLECTION, "tilesets-vector"), (CELLS, "tilesets-map")])
def test_geodata_tilesets_desc_links(client: TestClient, url: str, rel: str) -> None:
    """/conf/geodata-tilesets/desc-links: a collection links to its tilesets."""
    (link,) = links(get(client, url), f"{RELATIONS}/{rel}")
    assert get(client, link["href"])["tilesets"]


@pytest.mark.parametrize(("url", "rel", "path"), [(COLLECTION, "vector", "/tiles"), (CELLS, "map", "/map/tiles")])
def test_geodata_tilesets_operation(client: TestClient, url: str, rel: str, path: str) -> None:
    """/conf/geodata-tilesets/operation: they are at the resource's address and `/tiles`."""
    body = get(client, url)
    (link,) = links(body, f"{RELATIONS}/tilesets-{rel}")
    assert link["href"] == links(body, "self")[0]["href"] + path


def test_collections_selection_query_collections(client: TestClient) -> None:
    """/conf/collections-selection/query-collections: the parameter is accepted for lists of one to five."""
    names = [layer["id"] for layer in get(client, "/tiles/WebMercatorQuad")["layers"]]
    row, col = dortmund(9)
    for n in range(1, min(len(names), 5) + 1):
        query = f"collections={','.join(names[:n])}"
        assert len(get(client, f"/tiles/WebMercatorQuad?{query}")["layers"]) == n
        assert client.get(f"/tiles/WebMercatorQuad/9/{row}/{col}?{query}").status_code in {200, 204}


def test_collections_selection_collections_response(client: TestClient) -> None:
    """/conf/collections-selection/collections-response: only those chosen, in the order they are named."""
    row, col = dortmund(9)
    for names in (["05913000.districts", "ruhr.municipalities"], ["ruhr.municipalities", "05913000.districts"]):
        query = f"collections={','.join(names)}"
        body = get(client, f"/tiles/WebMercatorQuad?{query}")
        assert [layer["id"] for layer in body["layers"]] == names
        tile = client.get(tile_url(links(body, "item")[0]["href"], 9, row, col))
        assert list(mapbox_vector_tile.decode(tile.content)) == names


def test_mvt_content(client: TestClient, catalogue: Catalogue) -> None:
    """/conf/mvt/content: one tile, features with type and geometry, 0,0 its upper left corner, linear to its extent."""
    layer = catalogue.layer("05913000.districts")
    row, col = dortmund(10)
    answer = client.get(f"{COLLECTION}/tiles/WebMercatorQuad/10/{row}/{col}")
    content = mapbox_vector_tile.decode(answer.content, default_options={"y_coord_down": True})["05913000.districts"]
    west, south, east, north = tile_matrices.bounds(WEB_MERCATOR_QUAD, 10, col, row)
    outlines = layer.shapes.to_crs(MERCATOR).to_shapely()
    seen = 0
    for feature in content["features"]:
        shape = shapely.geometry.shape(feature["geometry"])
        assert feature["geometry"]["type"] in {"Polygon", "MultiPolygon"}
        outline = outlines[feature["id"]]
        if shapely.contains(shapely.box(west, south, east, north), outline):
            scale = (east - west) / content["extent"]
            box = np.array(shape.bounds)
            placed = west + box[0] * scale, north - box[3] * scale, west + box[2] * scale, north - box[1] * scale
            assert placed == pytest.approx(outline.bounds, abs=2 * scale)
            seen += 1
    assert seen


def test_png_content(client: TestClient) -> None:
    """/conf/png/content: what is called PNG is one picture of the tile's size."""
    row, col = dortmund(12)
    answer = client.get(f"{CELLS}/map/tiles/WebMercatorQuad/12/{row}/{col}.png")
    assert answer.headers["content-type"] == PNG
    assert answer.content.startswith(b"\x89PNG\r\n\x1a\n")
    assert answer.content.count(b"IHDR") == 1
    assert (int.from_bytes(answer.content[16:20]), int.from_bytes(answer.content[20:24])) == (256, 256)
