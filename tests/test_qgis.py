"""QGIS itself (3.22 of Debian, headless): a place's project opens whole, and each style draws what the legend says."""

from __future__ import annotations

import json
import os
import subprocess
import urllib.request
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio

from layers import style_figures
from layers.catalogue import Catalogue
from layers.style_figures import Figure

PYTHON = "/usr/bin/python3"
PLACE, TOWNS = "05954004", "ruhr.municipalities"
ON_CI = bool(os.environ.get("CI"))
# ends by os._exit: QGIS dies with 139 when its layers outlive it
HEAD = """
import json, os, sys
from qgis.core import *
from qgis.PyQt.QtCore import QSize
from qgis.PyQt.QtXml import QDomDocument
app = QgsApplication([], False)
app.initQgis()
def done(found):
    print("FOUND" + json.dumps(found))
    sys.stdout.flush()
    os._exit(0)
"""
OPEN = """
path, picture = sys.argv[1:]
project = QgsProject.instance()
read = project.read(path)
nodes = project.layerTreeRoot().findLayers()
layers = [{
    "group": node.parent().name(), "name": node.layer().name(), "valid": node.layer().isValid(),
    "kind": node.layer().providerType() if hasattr(node.layer(), "providerType") else "vectortile",
    "n": node.layer().featureCount() if hasattr(node.layer(), "featureCount") else None,
    "shown": node.isVisible(), "rights": node.layer().metadata().rights(),
    "styles": node.layer().styleManager().styles(), "legend": [
        item.label() for item in node.layer().renderer().legendSymbolItems()
    ] if isinstance(node.layer(), QgsVectorLayer) else [],
    "aliases": [f.alias() for f in node.layer().fields()] if isinstance(node.layer(), QgsVectorLayer) else [],
} for node in nodes]
sketch = QgsMapSettings()
sketch.setLayers([node.layer() for node in nodes if node.isVisible()])
sketch.setOutputSize(QSize(600, 500))
sketch.setDestinationCrs(project.crs())
sketch.setExtent(project.viewSettings().defaultViewExtent())
job = QgsMapRendererParallelJob(sketch)
job.start()
job.waitForFinished()
job.renderedImage().save(picture)
done({"read": read, "crs": project.crs().authid(), "title": project.title(), "layers": layers,
      "errors": [error.message for error in job.errors()]})
"""
RULES = """
base, collection, folder = sys.argv[1:]
uri = f"typename='{collection}' url='{base}' version='OGC_API_FEATURES' srsname='OGC:CRS84' pagingEnabled='true'"
layer = QgsVectorLayer(uri, "towns", "OAPIF")
features = list(layer.getFeatures())
def drawn():
    renderer = layer.renderer().clone()
    context = QgsRenderContext()
    context.expressionContext().appendScope(QgsExpressionContextUtils.layerScope(layer))
    renderer.startRender(context, layer.fields())
    found = {}
    for feature in features:
        context.expressionContext().setFeature(feature)
        rules = renderer.rootRule().rulesForFeature(feature, context)
        found[feature["ags"]] = sorted(rule.label() for rule in rules if rule.symbol())
    renderer.stopRender(context)
    return found
def tiled(style):
    converter, context = QgsMapBoxGlStyleConverter(), QgsMapBoxGlStyleConversionContext()
    converter.convert(style, context)
    found = {feature["ags"]: [] for feature in features}
    renderer = converter.renderer()
    scope = QgsExpressionContext()
    scope.appendScope(QgsExpressionContextUtils.layerScope(layer))
    for one in renderer.styles():
        expression = QgsExpression(one.filterExpression())
        for feature in features:
            scope.setFeature(feature)
            if not one.filterExpression() or expression.evaluate(scope):
                found[feature["ags"]].append(one.styleName())
    return found, converter.warnings()
answers = {}
for name in sorted(os.listdir(folder)):
    path = os.path.join(folder, name)
    if name.endswith("qml"):
        answers[name] = [layer.loadNamedStyle(path)[1], drawn()]
    elif name.endswith("sld"):
        answers[name] = [layer.loadSldStyle(path)[1], drawn()]
    else:
        found, warnings = tiled(json.load(open(path)))
        answers[name] = [not warnings, found]
tiles = QgsVectorTileLayer(f"type=xyz&zmin=0&zmax=16&styleUrl={base}/collections/{collection}/styles/default&url="
                           f"{base}/collections/{collection}/tiles/WebMercatorQuad/%7Bz%7D/%7By%7D/%7Bx%7D", "tiles")
tiles.loadDefaultStyle()
named = [style.styleName() for style in tiles.renderer().styles()]
done({"n": len(features), "answers": answers, "tiles": [tiles.isValid(), named]})
"""


@pytest.fixture(scope="module")
def qgis(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Run a script inside QGIS; what it found."""
    known = Path(PYTHON).is_file() and not subprocess.run([PYTHON, "-c", "import qgis.core"], check=False).returncode
    if not known:
        assert not ON_CI, "python3-qgis is missing; .ci/run installs it"
        pytest.skip("python3-qgis is not installed")
    home = tmp_path_factory.mktemp("qgis")

    def run(script: str, *arguments: str) -> Any:
        # a profile of its own, so that no setting or cache of the machine answers
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "VIRTUAL_ENV", "PROJ", "GDAL"))}
        own = {"QT_QPA_PLATFORM": "offscreen", "HOME": str(home), "XDG_RUNTIME_DIR": str(home)}
        command = [PYTHON, "-c", HEAD + script, *arguments]
        done = subprocess.run(command, env=kept | own, capture_output=True, text=True, timeout=240, check=False)
        assert "FOUND" in done.stdout, done.stderr[-2000:]
        return json.loads(done.stdout.rpartition("FOUND")[2])

    return run


def fetch(url: str, path: Path) -> Path:
    with urllib.request.urlopen(url, timeout=120) as answer:
        path.write_bytes(answer.read())
    return path


@pytest.mark.filterwarnings("ignore:Dataset has no geotransform")  # a picture has none
def test_the_project_of_a_place_opens_whole_and_draws(
    server: str, qgis: Any, catalogue: Catalogue, tmp_path: Path
) -> None:
    project = fetch(f"{server}/places/{PLACE}/qgis?lang=de", tmp_path / "place.qgz")
    found = qgis(OPEN, str(project), str(tmp_path / "map.png"))
    assert (found["read"], found["errors"], found["crs"]) == (True, [], "EPSG:25832")
    assert found["title"].endswith("– Revier")
    assert [one["name"] for one in found["layers"] if not one["valid"]] == []
    names = [name for name in catalogue.ids() if name.startswith(f"{PLACE}.")]
    features = [one for one in found["layers"] if one["kind"] == "OAPIF"]
    tiled = [one for one in found["layers"] if one["kind"] == "vectortile"]
    assert len(features) + len(tiled) == len(names)
    assert sorted(one["n"] for one in features) == sorted(
        n for n in (len(catalogue.layer(name)) for name in names) if n <= 20_000
    )
    assert all(one["rights"] for one in found["layers"]), "a layer does not say whose it is"
    groups = {one["group"] for one in found["layers"]}
    assert {"Gebäudebestand", "Klimaplan", "Rasterkacheln"} <= groups
    shown = [one for one in found["layers"] if one["shown"]]
    assert len(shown) == 1
    figure = style_figures.figure(catalogue.layer(names[0]))
    assert shown[0]["legend"][0] == figure.de, "the legend does not say what is drawn"
    assert len(shown[0]["styles"]) > 5
    assert any("Einwohner" in alias for alias in shown[0]["aliases"])
    with rasterio.open(tmp_path / "map.png") as picture:
        pixels = picture.read()[:3].reshape(3, -1).T
    colours = [[int(entry.colour[i : i + 2], 16) for i in (1, 3, 5)] for entry in figure.entries]
    inside = sum(int((pixels == colour).all(axis=1).sum()) for colour in colours)
    assert inside > 5000, "the map is empty"


def test_each_style_draws_each_town_as_its_legend_says(
    server: str, qgis: Any, catalogue: Catalogue, tmp_path: Path
) -> None:
    """QML, SLD and MapLibre style of every attribute, read by QGIS, against the classes computed here."""
    layer = catalogue.layer(TOWNS)
    figures = {str(i): figure for i, figure in enumerate(style_figures.figures(layer))}
    for key, figure in figures.items():
        url = f"{server}/collections/{TOWNS}/styles/{figure.id}"
        # QGIS 3.22 knows no arithmetic in MapLibre styles
        encodings = ["qml", "sld"] if isinstance(figure.divisor, str) else ["qml", "sld", "maplibre"]
        for encoding in encodings:
            fetch(f"{url}?f={encoding}", tmp_path / f"{key}.{encoding}")
    found = qgis(RULES, server, TOWNS, str(tmp_path))
    assert found["n"] == len(layer)
    assert len(found["answers"]) >= 2 * len(figures) > 40
    expected = {key: drawn(catalogue, figure) for key, figure in figures.items()}
    for name, (loaded, labels) in found["answers"].items():
        figure = figures[name.partition(".")[0]]
        assert loaded, (figure.id, name)
        assert labels == expected[name.partition(".")[0]], (figure.id, name)
    default = style_figures.figure(layer)
    assert default.missing is not None
    assert found["tiles"] == [True, [entry.en for entry in (*default.entries, default.missing)]]


def drawn(catalogue: Catalogue, figure: Figure) -> dict[str, list[str]]:
    """Label of each town by the bounds of the classes."""
    layer = catalogue.layer(TOWNS)
    ags = layer.table["ags"].to_pylist()
    missing = "" if figure.missing is None else figure.missing.en
    values = layer.table[figure.column].to_pylist()
    if any(entry.value is not None for entry in figure.entries):
        words = {entry.value: entry.en for entry in figure.entries}
        return {key: [words.get(value, missing)] for key, value in zip(ags, values, strict=True)}
    numbers = layer.column(figure.column)
    if isinstance(figure.divisor, str):
        numbers = numbers / layer.column(figure.divisor)
    bounds = [entry.low for entry in figure.entries[1:]]
    position = np.searchsorted(np.array(bounds, dtype=np.float64), numbers, side="right")
    return {
        key: [missing if np.isnan(number) else figure.entries[at].en]
        for key, number, at in zip(ags, numbers, position, strict=True)
    }
