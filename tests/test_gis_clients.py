"""Real GIS clients on the running service: GDAL of Debian, GDAL inside pyogrio, OWSLib, headless QGIS.

Each lists, pages, filters, reprojects and draws; counts equal `numberMatched`.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import textwrap
import urllib.parse
import urllib.request
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pyogrio
import pytest
from owslib.ogcapi.features import Features
from owslib.wmts import WebMapTileService
from pyproj import CRS, Transformer

from tests.test_clients import ON_CI, need

TOWN = "05954004"
# one of each kind that a region has, beside all of a small town
KINDS = ("ruhr.municipalities", "05913000.districts", "05913000.stock", "ruhr.municipalities.reference")
STOCK = f"{TOWN}.stock"
SYSTEM_PYTHON = "/usr/bin/python3"


def run(*arguments: str, seconds: int = 180, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a client that has no proxies, caches or settings of ours."""
    kept = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/tmp"), "LC_ALL": "C.UTF-8"}  # noqa: S108
    done = subprocess.run(
        arguments, check=False, capture_output=True, text=True, timeout=seconds, env={**kept, **environment}
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done


def ask(server: str, path: str, **query: Any) -> Any:
    url = f"{server}{path}?{urllib.parse.urlencode(query)}" if query else f"{server}{path}"
    request = urllib.request.Request(url, headers={"Accept": "application/json"})
    with urllib.request.urlopen(request, timeout=120) as answer:
        return json.load(answer)


def matched(server: str, collection: str, **query: Any) -> int:
    """What the service says how many features there are."""
    found = ask(server, f"/collections/{collection}/items", limit=1, **query)["numberMatched"]
    assert isinstance(found, int)
    return found


@pytest.fixture(scope="module")
def town(server: str) -> list[str]:
    """All collections of a small town."""
    listed = [one["id"] for one in ask(server, "/collections")["collections"]]
    assert len(listed) > 800
    return [name for name in listed if name.startswith(f"{TOWN}.")]


# ------------------------------------------------------------------ GDAL 3.6 of Debian
def test_gdal_lists_counts_and_places_every_collection(server: str, town: list[str]) -> None:
    """Names, counts, extents and types as the service has them."""
    ogrinfo = need("ogrinfo")
    for name in (*town, *KINDS):
        told = run(ogrinfo, "-ro", "-so", f"OAPIF_COLLECTION:{server}/collections/{name}", name).stdout
        assert f"Feature Count: {matched(server, name)}\n" in told, name
        west, south, _, _ = ask(server, f"/collections/{name}")["extent"]["spatial"]["bbox"][0]
        assert f"Extent: ({west:.6f}, {south:.6f})" in told, name
        attributes = ask(server, f"/collections/{name}/schema")["properties"]
        assert (
            len(re.findall(r"^\S+: (?:Real|String|Integer|Integer64|Date|DateTime)\b", told, re.MULTILINE))
            >= len(attributes) - 1
        )


def test_gdal_pushes_a_filter_down(server: str) -> None:
    """What it does not push down, it filters itself, after it has read everything."""
    where = f"dwellings > 10 AND ags = '{TOWN}'"
    done = run(need("ogrinfo"), "-ro", "-so", "-where", where, f"OAPIF:{server}", STOCK, CPL_DEBUG="OAPIF,HTTP")
    asked = [urllib.parse.unquote(line) for line in done.stderr.splitlines() if "Fetch(" in line]
    pages = [line for line in asked if "filter=" in line]
    assert pages
    assert "filter-lang=cql-text" in pages[0]
    assert not [line for line in asked if "/items?" in line and "filter=" not in line and "limit=10)" not in line]
    assert "evaluated on client side" not in done.stderr
    count = matched(server, STOCK, filter=where)
    assert 0 < count < matched(server, STOCK)
    assert f"Feature Count: {count}\n" in done.stdout


def test_gdal_pushes_ilike_down(server: str) -> None:
    """The standard has no `ILIKE`, but GDAL passes it on as it is: refused, a user's filter was an error."""
    where = "data_grade ILIKE 'c%'"
    done = run(need("ogrinfo"), "-ro", "-so", "-where", where, f"OAPIF:{server}", STOCK, CPL_DEBUG="OAPIF,HTTP")
    asked = [urllib.parse.unquote(line) for line in done.stderr.splitlines() if "Fetch(" in line]
    assert [line for line in asked if "ILIKE" in line]
    count = matched(server, STOCK, filter="casei(data_grade) LIKE 'c%'")
    assert count > 0
    assert f"Feature Count: {count}\n" in done.stdout


def test_gdal_pages_filters_by_box_and_reprojects(server: str, tmp_path: Path) -> None:
    """As a user copies a layer to a file of their own."""
    target = tmp_path / "stock.gpkg"
    west, south, east, north = ask(server, f"/collections/{STOCK}")["extent"]["spatial"]["bbox"][0]
    box = [west, south, (west + east) / 2, (south + north) / 2]
    run(
        *(need("ogr2ogr"), str(target), f"OAPIF:{server}", STOCK, "-t_srs", "EPSG:25832", "-oo", "PAGE_SIZE=50"),
        *("-spat", *map(str, box)),
    )
    meta, _, shapes, _ = pyogrio.raw.read(target)
    assert meta["crs"] == "EPSG:25832"
    assert len(shapes) == matched(server, STOCK, bbox=",".join(map(str, box)))
    assert 300_000 < pyogrio.read_info(target)["total_bounds"][0] < 500_000


# ------------------------------------------------------------------ GDAL 3.12 in pyogrio
def test_newer_gdal_reads_every_collection_whole(server: str, town: list[str]) -> None:
    for name in (*town, *KINDS):
        source = f"OAPIF_COLLECTION:{server}/collections/{name}"
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # GDAL: the extent of a layer is longitude, latitude
            _, fids, shapes, columns = pyogrio.raw.read(source)
        assert len(shapes) == matched(server, name), name
        assert len(columns) == len(ask(server, f"/collections/{name}/schema")["properties"]) - 1, name
        assert fids is None or len(fids) == len(shapes)


@pytest.mark.parametrize(
    "where", ["dwellings > 10", "data_grade = 'C' AND people >= 5", "NOT (dwellings < 3 OR people IS NULL)"]
)
def test_newer_gdal_filters_as_the_service_does(server: str, where: str) -> None:
    source = f"OAPIF_COLLECTION:{server}/collections/{STOCK}"
    _, _, shapes, (dwellings,) = pyogrio.raw.read(source, where=where, columns=["dwellings"])
    assert len(shapes) == len(dwellings) == matched(server, STOCK, filter=where) > 0


def test_newer_gdal_filters_by_box_in_the_system_of_the_layer(server: str) -> None:
    """It reads layers in the system that they are kept in, and sends boxes in it."""
    source = f"OAPIF_COLLECTION:{server}/collections/{STOCK}"
    crs = pyogrio.read_info(source)["crs"]
    stored = ask(server, f"/collections/{STOCK}")["storageCrs"]
    assert crs == f"EPSG:{stored.rpartition('/')[2]}"
    west, south, east, north = ask(server, f"/collections/{STOCK}")["extent"]["spatial"]["bbox"][0]
    move = Transformer.from_crs("OGC:CRS84", crs, always_xy=True)
    box = move.transform_bounds(west, south, (west + east) / 2, (south + north) / 2)
    _, _, shapes, _ = pyogrio.raw.read(source, bbox=box)
    is_north_first = CRS.from_user_input(crs).axis_info[0].direction == "north"
    text = ",".join(map(str, (box[1], box[0], box[3], box[2]) if is_north_first else box))
    assert len(shapes) == matched(server, STOCK, bbox=text, **{"bbox-crs": stored}) > 0


# ------------------------------------------------------------------ OWSLib
def test_owslib_reads_the_features(server: str, town: list[str]) -> None:
    service = Features(server)
    assert set(town) <= {one["id"] for one in service.collections()["collections"]}
    assert "/collections/{collectionId}/items" in service.api()["paths"]
    assert any(uri.endswith("features-filter") for uri in service.conformance()["conformsTo"])
    for name in town:
        assert service.collection_items(name, limit=1)["numberMatched"] == matched(server, name)
        assert service.collection_queryables(name)["properties"]
    where = {"filter": "dwellings > 10", "limit": 10_000}
    found = service.collection_items(STOCK, **where)
    assert len(found["features"]) == found["numberMatched"] == matched(server, STOCK, filter="dwellings > 10")
    box = service.collection_items(STOCK, bbox=[7.3, 51.2, 7.5, 51.3])
    assert box["numberMatched"] == matched(server, STOCK, bbox="7.3,51.2,7.5,51.3")
    one = service.collection_item(STOCK, "3")
    assert one["id"] == 3


def test_owslib_draws_tiles_by_wmts(server: str) -> None:
    service = WebMapTileService(f"{server}/wmts?place={TOWN}")
    assert service.contents
    name, layer = next(iter(service.contents.items()))
    west, south, east, north = layer.boundingBoxWGS84
    (matrix_set,) = layer.tilematrixsetlinks
    assert "12" in service.tilematrixsets[matrix_set].tilematrix
    x, y = Transformer.from_crs("OGC:CRS84", 3857).transform((west + east) / 2, (south + north) / 2)
    side, half_world = 40_075_016.68557849 / 2**12, 20_037_508.342789244
    tile = service.gettile(
        layer=name,
        tilematrixset=matrix_set,
        tilematrix="12",
        row=int((half_world - y) / side),
        column=int((x + half_world) / side),
    ).read()
    assert tile[:8] == b"\x89PNG\r\n\x1a\n"
    assert len(tile) > 400, "an empty tile"


# ------------------------------------------------------------------ QGIS 3.22
QGIS = """
    import json, os, sys
    from qgis.core import (QgsApplication, QgsCoordinateReferenceSystem, QgsCoordinateTransform, QgsFeatureRequest,
                           QgsMapRendererParallelJob, QgsMapSettings, QgsProject, QgsRectangle, QgsVectorLayer,
                           QgsVectorTileLayer)
    from qgis.PyQt.QtCore import QSize
    app = QgsApplication([], False)
    app.initQgis()
    server, out = sys.argv[1:3]
    found = {}
    for name in sys.argv[3:]:
        layer = QgsVectorLayer(f"url='{server}' typename='{name}' restrictToRequestBBOX='1'", name, "OAPIF")
        if not layer.isValid():
            found[name] = None
            continue
        ids = {f.id() for f in layer.getFeatures()}
        box = layer.extent()
        half = QgsRectangle(box.xMinimum(), box.yMinimum(), box.center().x(), box.center().y())
        in_half = sum(1 for _ in layer.getFeatures(QgsFeatureRequest().setFilterRect(half)))
        where = QgsFeatureRequest().setFilterExpression("dwellings > 10")
        filtered = sum(1 for _ in layer.getFeatures(where)) if "dwellings" in layer.fields().names() else -1
        settings = QgsMapSettings()
        metric = QgsCoordinateReferenceSystem("EPSG:25832")
        move = QgsCoordinateTransform(layer.crs(), metric, QgsProject.instance())
        settings.setLayers([layer]); settings.setDestinationCrs(metric); settings.setOutputSize(QSize(200, 200))
        settings.setExtent(move.transformBoundingBox(box))
        job = QgsMapRendererParallelJob(settings); job.start(); job.waitForFinished()
        image = job.renderedImage()
        drawn = len({image.pixel(x, y) for x in range(0, 200, 2) for y in range(0, 200, 2)})
        found[name] = {"features": len(ids), "in_half": in_half, "filtered": filtered, "colours": drawn,
                       "half": [half.xMinimum(), half.yMinimum(), half.xMaximum(), half.yMaximum()],
                       "fields": layer.fields().names()}
        del job, settings, layer
    url = f"{server}/collections/{sys.argv[3]}/tiles/WebMercatorQuad/%7Bz%7D/%7By%7D/%7Bx%7D"
    tiles = QgsVectorTileLayer(f"type=xyz&url={url}&zmin=0&zmax=14", "tiles")
    found["tiles"] = tiles.isValid()
    open(out, "w").write(json.dumps(found))
    os._exit(0)
"""


def test_qgis_reads_filters_reprojects_and_draws(server: str, town: list[str], tmp_path: Path) -> None:
    """QGIS pages by the largest page of the API's description; deleted layers outlive its exit, hence `os._exit`."""
    if subprocess.run([SYSTEM_PYTHON, "-c", "import qgis.core"], check=False, capture_output=True).returncode:
        assert not ON_CI, "python3-qgis is missing; .ci/run installs it"
        pytest.skip("python3-qgis is not installed")
    script, out = tmp_path / "read.py", tmp_path / "found.json"
    script.write_text(textwrap.dedent(QGIS), encoding="utf-8")
    plain = [name for name in town if name.count(".") == 1]
    # it reads each three times, by pages: single buildings of a city would take minutes, the newer GDAL reads them
    kinds = [name if name != "05913000.stock" else "05913000.cells" for name in KINDS]
    run(
        *(SYSTEM_PYTHON, str(script), server, str(out), *plain, *kinds),
        seconds=300,
        QT_QPA_PLATFORM="offscreen",
        XDG_RUNTIME_DIR=str(tmp_path),
        XDG_DATA_HOME=str(tmp_path),
    )
    found = json.loads(out.read_text())
    assert found.pop("tiles")
    for name, one in found.items():
        assert one is not None, f"{name} is no layer to QGIS"
        assert one["features"] == matched(server, name), name
        # the box of a feature that only touches may fall to either side of a rounding
        assert abs(one["in_half"] - matched(server, name, bbox=",".join(map(repr, one["half"])))) <= 1, name
        assert one["colours"] >= 2, f"{name} is not drawn"
        names = set(ask(server, f"/collections/{name}/schema")["properties"]) - {"geometry"}
        assert names <= set(one["fields"]), name
        if one["filtered"] >= 0:
            assert one["filtered"] == matched(server, name, filter="dwellings > 10"), name


def test_pages_hold_every_feature_once(server: str) -> None:
    """By `next` links to the end, with a filter and an order."""
    seen: list[int] = []
    query = {"limit": 37, "filter": "people > 3", "sortby": "-people,unit_id"}
    url = f"/collections/{STOCK}/items?{urllib.parse.urlencode(query)}"
    people: list[float] = []
    while url:
        page = ask(server, url.removeprefix(server))
        seen += [one["id"] for one in page["features"]]
        people += [one["properties"]["people"] for one in page["features"]]
        url = next((link["href"] for link in page["links"] if link["rel"] == "next"), "")
    assert len(set(seen)) == len(seen) == matched(server, STOCK, filter="people > 3")
    assert (np.diff(people) <= 0).all()
