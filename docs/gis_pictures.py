"""Make the pictures of gis.md: QGIS 3.22 (Debian) on the service with the built-in data of Dortmund.

`python docs/gis_pictures.py [--home HOME] [NAME ...]`; needs the Debian packages qgis and xvfb. A picture is made by a
script of `SCENES`, run inside QGIS: it works the dialogs as a person would, and saves what the windows show.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image

FOLDER = Path(__file__).parent
PICTURES = FOLDER / "gis"
TOWN, TOKEN = "05913000", "a-token-of-sixteen-letters-or-more"
# addresses in the pictures are those of the text
ADDRESS = "http://127.0.0.1:8000"
# settings of the caller that must not reach QGIS
OTHERS = re.compile("PYTHON|VIRTUAL_ENV|PROJ|GDAL|.*_proxy", re.IGNORECASE)
WIDTH_PX, MOST_BYTES = 1200, 250_000
# a service that needs a token, or one where whoever is at the machine is the planner
SIGNED = {"sign-in"}

# runs inside QGIS (qgis --code); ends by os._exit, for QGIS dies when its layers outlive it
TOOLS = r"""
import json, os, sys, time, traceback, urllib.parse, urllib.request
from qgis.core import *
from qgis.gui import *
from qgis.PyQt.QtCore import QPoint, QSize, Qt, QTimer
from qgis.PyQt.QtGui import QColor, QImage, QPainter
from qgis.PyQt.QtWidgets import *
from qgis.utils import iface

BASE, TOWN, TARGET, TOKEN = (os.environ["PICTURE_" + name] for name in ("BASE", "TOWN", "TARGET", "TOKEN"))
WINDOW = iface.mainWindow()
TILES = BASE + "/collections/{}/tiles/WebMercatorQuad/%7Bz%7D/%7By%7D/%7Bx%7D"

def until(true, seconds=60):
    end = time.monotonic() + seconds
    while not true():
        if time.monotonic() > end:
            raise TimeoutError(true.__code__.co_firstlineno)
        QApplication.processEvents()
        time.sleep(0.02)

def pause(seconds):
    end = time.monotonic() + seconds
    until(lambda: time.monotonic() > end)

def fetched(path, name):
    target = os.path.join(os.path.dirname(TARGET), name)
    urllib.request.urlretrieve(BASE + path, target)
    return target

def features(collection, style="default"):
    source = f"pagingEnabled='true' restrictToRequestBBOX='1' srsname='OGC:CRS84' typename='{collection}'"
    layer = QgsVectorLayer(f"{source} url='{BASE}' version='OGC_API_FEATURES'", collection, "OAPIF")
    assert layer.isValid(), collection
    layer.loadNamedStyle(fetched(f"/collections/{collection}/styles/{style}?f=qml", "style.qml"))
    return layer

def shown(layer, size=(1200, 760), browser=False, layers_px=330):
    WINDOW.resize(*size)
    for dock in WINDOW.findChildren(QDockWidget):
        dock.setVisible(dock.objectName() == "Layers" or (browser and dock.objectName() == "Browser"))
    WINDOW.resizeDocks([WINDOW.findChild(QDockWidget, "Layers")], [layers_px], Qt.Horizontal)
    if layer:
        QgsProject.instance().addMapLayer(layer)
        iface.setActiveLayer(layer)
        iface.layerTreeView().expandAllNodes()
    pause(0.5)

def look(box, crs):
    project = QgsProject.instance()
    move = QgsCoordinateTransform(QgsCoordinateReferenceSystem(crs), project.crs(), project)
    iface.mapCanvas().setExtent(move.transformBoundingBox(QgsRectangle(*box)))

def drawn():
    iface.messageBar().clearWidgets()
    iface.mapCanvas().refresh()
    pause(1.5)
    until(lambda: not iface.mapCanvas().isDrawing(), 120)
    pause(0.5)

def picture(widget):
    return widget.grab().toImage().convertToFormat(QImage.Format_RGB32)

def framed(widget):
    # a dialog as a window manager shows it: its title above, a line around
    inside, bar = picture(widget), 26
    whole = QImage(inside.width() + 2, inside.height() + bar + 1, QImage.Format_RGB32)
    whole.fill(QColor("#3c4650"))
    painter = QPainter(whole)
    painter.setPen(QColor("white"))
    painter.drawText(10, 18, widget.windowTitle())
    painter.drawImage(QPoint(1, bar), inside)
    painter.end()
    return whole

def save(below, above=None, right=False, margin=14):
    # a dialog lies over a lower corner: to the left nothing but the empty end of the list of layers is hidden
    if above:
        painter = QPainter(below)
        x = below.width() - above.width() - margin if right else margin
        painter.drawImage(x, below.height() - above.height() - margin, above)
        painter.end()
    assert below.save(TARGET)

def in_dialog(action, work):
    # the dialog of an action is modal: work on it from its own event loop
    failed = []
    def inside():
        dialog = QApplication.activeModalWidget()
        try:
            work(dialog)
        except BaseException as error:
            failed.append(error)
        for other in reversed(QApplication.topLevelWidgets()):
            if isinstance(other, QDialog) and other.isVisible():
                other.reject()
    QTimer.singleShot(1200, inside)
    if isinstance(action, QAbstractButton):
        action.click()
    else:
        (action if isinstance(action, QAction) else WINDOW.findChild(QAction, action)).trigger()
    if failed:
        raise failed[0]

def page_of(manager):
    return manager.findChild(QStackedWidget, "mOptionsStackedWidget").currentWidget()
"""

SCENES = {
    "connection": r"""
kept = []
def work(manager):
    manager.resize(706, 628)
    for splitter in manager.findChildren(QSplitter):
        splitter.setSizes([50, 656])
    page = page_of(manager)
    page.findChild(QPushButton, "btnConnect").click()
    tree = page.findChild(QTreeView, "treeView")
    until(lambda: tree.model().rowCount() > 5)
    for column, width in enumerate((330, 240, 60)):
        tree.setColumnWidth(column, width)
    tree.setCurrentIndex(tree.model().index(12, 0))
    pause(1)
    kept.append(framed(manager))

wanted = QgsNewHttpConnection(WINDOW, QgsNewHttpConnection.ConnectionTypes(QgsNewHttpConnection.ConnectionWfs),
                              "qgis/connections-wfs/")
wanted.findChild(QLineEdit, "txtName").setText("Revier")
wanted.findChild(QLineEdit, "txtUrl").setText(BASE)
versions = wanted.findChild(QComboBox, "cmbVersion")
versions.setCurrentIndex(versions.findText("OGC API - Features"))
wanted.findChild(QLineEdit, "txtPageSize").setText("10000")
wanted.resize(460, 560)
wanted.show()
pause(1)
kept.append(framed(wanted))
wanted.accept()
in_dialog("mActionAddWfsLayer", work)
connection, manager = kept
both = QImage(1200, max(manager.height(), connection.height()), QImage.Format_RGB32)
both.fill(QColor("white"))
painter = QPainter(both)
painter.drawImage(connection.width() + 4, 0, manager)
painter.drawImage(0, 0, connection)
painter.end()
save(both)
""",
    "features": r"""
layer = features(TOWN + ".low_income")
shown(layer, (1200, 900))
QgsProject.instance().setCrs(QgsCoordinateReferenceSystem("EPSG:25832"))
layer.setSubsetString("people > 100 AND low_income_probability >= 0.5")
look((7.15, 51.43, 7.61, 51.58), "EPSG:4326")
drawn()
builder = QgsQueryBuilder(layer, WINDOW)
builder.resize(560, 470)
builder.show()
pause(1)
save(picture(WINDOW), framed(builder))
""",
    "tiles": r"""
kept = []
def on_connection(dialog):
    dialog.findChild(QLineEdit, "mEditName").setText("Dortmund, emissions")
    typed = urllib.parse.unquote(TILES.format(TOWN + ".stock"))
    dialog.findChild(QLineEdit, "mEditUrl").setText(typed)
    dialog.findChild(QLineEdit, "mEditStyleUrl").setText(f"{BASE}/collections/{TOWN}.stock/styles/default")
    dialog.findChild(QSpinBox, "mSpinZMax").setValue(20)
    dialog.resize(640, 330)
    pause(0.5)
    kept.append(framed(dialog))

def work(manager):
    menu = next(one.menu() for one in page_of(manager).findChildren(QWidget) if hasattr(one, "menu") and one.menu())
    in_dialog(next(one for one in menu.actions() if "Generic" in one.text()), on_connection)

in_dialog("mActionAddVectorTileLayer", work)
tiles = f"url={TILES.format(TOWN + '.stock')}&zmin=0&zmax=20"
style = f"styleUrl={BASE}/collections/{TOWN}.stock/styles/default"
layer = QgsVectorTileLayer(f"type=xyz&{style}&{tiles}", "Dortmund, emissions")
layer.loadDefaultStyle()
shown(layer)
look((7.452, 51.5005, 7.478, 51.5115), "EPSG:4326")
drawn()
save(picture(WINDOW), kept[0])
""",
    "rasters": r"""
QgsSettings().setValue("qgis/connections-wms/Revier/url", f"{BASE}/wmts/1.0.0/WMTSCapabilities.xml?place={TOWN}")
kept = []
def work(manager):
    manager.resize(560, 500)
    for splitter in manager.findChildren(QSplitter):
        splitter.setSizes([50, 510])
    page = page_of(manager)
    page.findChild(QPushButton, "btnConnect").click()
    tabs = page.findChild(QTabWidget, "tabServers")
    table = page.findChild(QTableWidget, "lstTilesets")
    until(lambda: table.rowCount() > 3)
    pause(1)
    found = table.findItems(TOWN + ".low_income", Qt.MatchContains)
    table.selectRow(found[0].row())
    table.scrollToItem(found[0], QAbstractItemView.PositionAtTop)
    table.setColumnWidth(0, 155)
    pause(0.5)
    kept.append(framed(manager))

in_dialog("mActionAddWmsLayer", work)
url = urllib.parse.quote(f"{BASE}/wmts/1.0.0/WMTSCapabilities.xml?place={TOWN}", safe="")
layer = QgsRasterLayer(f"crs=EPSG:3857&format=image/png&layers={TOWN}.low_income&styles=low_income_probability&"
                       f"tileMatrixSet=WebMercatorQuad&url={url}", "Low income by WMTS", "wms")
assert layer.isValid()
shown(layer)
look((6.99, 51.41, 7.64, 51.60), "EPSG:4326")
drawn()
save(picture(WINDOW), kept[0])
""",
    "project": r"""
path = fetched(f"/places/{TOWN}/qgis?lang=en", "dortmund.qgz")
QgsProject.instance().read(path)
shown(None, (1200, 800), layers_px=400)
tree = QgsProject.instance().layerTreeRoot()
for group in tree.findGroups():
    group.setExpanded(group.name() != "Raster tiles")
drawn()
save(picture(WINDOW))
""",
    "download": r"""
path = fetched(f"/collections/{TOWN}.cells/download?f=gpkg", "cells.gpkg")
layer = QgsVectorLayer(path, "Stock on cells of 200 m", "ogr")
shown(layer)
look((7.30, 51.41, 7.64, 51.60), "EPSG:4326")
drawn()
table = iface.showAttributeTable(layer)
table.resize(820, 300)
pause(1.5)
save(picture(WINDOW), framed(table), right=True)
""",
    "sign-in": r"""
manager = QgsApplication.authManager()
manager.setMasterPassword("only-for-this-picture", True)
signed = QgsAuthMethodConfig("Basic")
signed.setId("revier1")
signed.setName("Revier, planner")
signed.setConfigMap({"username": "planner", "password": TOKEN})
manager.storeAuthenticationConfig(signed)
url = TILES.format(TOWN + ".stock")
layer = QgsVectorTileLayer(f"type=xyz&authcfg={signed.id()}&url={url}&zmin=0&zmax=20", "Single buildings")
asked = urllib.request.Request(f"{BASE}/collections/{TOWN}.stock/styles/default",
                               headers={"Authorization": f"Bearer {TOKEN}"})
converter = QgsMapBoxGlStyleConverter()
converter.convert(json.load(urllib.request.urlopen(asked)), QgsMapBoxGlStyleConversionContext())
layer.setRenderer(converter.renderer())
shown(layer)
look((7.462, 51.5045, 7.474, 51.5095), "EPSG:4326")
drawn()
select = QgsAuthConfigSelect(WINDOW)
select.setConfigId(signed.id())
kept = []
def work(dialog):
    dialog.resize(520, 330)
    pause(0.5)
    kept.append(framed(dialog))

in_dialog(select.findChild(QToolButton, "btnConfigEdit"), work)
save(picture(WINDOW), kept[0])
""",
}
RUN = r"""
def run():
    try:
        pause(0.5)
        exec(SCENE, globals())
        code = 0
    except BaseException:
        traceback.print_exc()
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
QTimer.singleShot(1000, run)
"""


@contextmanager
def service(home: Path, token: str = "") -> Iterator[None]:
    """Serve a home at the address of the text, for as long as the block runs."""
    port = int(ADDRESS.rpartition(":")[2])
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(("127.0.0.1", port))
    command = [sys.executable, "-m", "api.cli", "serve", "--home", str(home), "--port", str(port)]
    kept = {name: value for name, value in os.environ.items() if not name.startswith("REVIER_")}
    own = {"PYTHONPATH": str(FOLDER.parent)} | ({"REVIER_PLANNER_TOKENS": token} if token else {})
    running = subprocess.Popen(command, cwd=FOLDER.parent, env=kept | own)
    try:
        for _ in range(120):
            if running.poll() is not None:
                message = "the service did not start"
                raise RuntimeError(message)
            try:
                urllib.request.urlopen(f"{ADDRESS}/healthz", timeout=5).close()  # noqa: S310 - our own address
                break
            except OSError:
                time.sleep(0.5)
        yield
    finally:
        running.terminate()
        running.wait(20)


@contextmanager
def display() -> Iterator[str]:
    """Start a screen that nobody sees; its name."""
    read, write = os.pipe()
    command = ["Xvfb", "-displayfd", str(write), "-screen", "0", "1600x1200x24", "-nolisten", "tcp"]
    running = subprocess.Popen(command, pass_fds=[write], stderr=subprocess.DEVNULL)
    os.close(write)
    try:
        with os.fdopen(read) as told:
            yield f":{told.readline().strip()}"
    finally:
        running.terminate()
        running.wait(20)


def take(name: str, screen: str) -> None:
    """Make one picture in a QGIS that has no settings of anybody."""
    with tempfile.TemporaryDirectory() as folder:
        script, raw = Path(folder) / "scene.py", Path(folder) / "raw.png"
        script.write_text(f"{TOOLS}\nSCENE = {SCENES[name]!r}\n{RUN}", encoding="utf-8")
        kept = {name: value for name, value in os.environ.items() if not OTHERS.match(name)}
        asked = {"BASE": ADDRESS, "TOWN": TOWN, "TARGET": str(raw), "TOKEN": TOKEN}
        own = {"DISPLAY": screen, "HOME": folder, "XDG_RUNTIME_DIR": folder, "LC_ALL": "C.UTF-8"}
        command = ["qgis", "--profiles-path", f"{folder}/profile", "--noversioncheck", "--nologo", "--noplugins"]
        command += ["--lang", "en", "--code", str(script)]
        environment = kept | own | {f"PICTURE_{key}": value for key, value in asked.items()}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
        if done.returncode or not raw.exists():
            message = f"{name}: {done.stderr[-3000:]}"
            raise RuntimeError(message)
        shrink(raw, PICTURES / f"{name}.png")


def shrink(source: Path, target: Path) -> None:
    """Write a picture at most so wide and large; few colours are enough for windows."""
    with Image.open(source) as opened:
        image = opened.convert("RGB")
    if image.width > WIDTH_PX:
        image = image.resize((WIDTH_PX, round(image.height * WIDTH_PX / image.width)), Image.Resampling.LANCZOS)
    for colours in (256, 128, 64, 32):
        image.quantize(colours, dither=Image.Dither.NONE).save(target, optimize=True)
        if target.stat().st_size < MOST_BYTES:
            return
    message = f"{target.name} has {target.stat().st_size} bytes"
    raise RuntimeError(message)


def main() -> None:
    """Build Dortmund unless a home is given, serve it, and make the named pictures or all of them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", choices=[[], *SCENES], metavar="NAME", help=f"of {', '.join(SCENES)}")
    parser.add_argument("--home", type=Path, help="a home with Dortmund built; built anew when omitted")
    given = parser.parse_args()
    if shutil.which("qgis") is None or shutil.which("Xvfb") is None:
        parser.error("qgis or Xvfb is missing: apt-get install qgis xvfb")
    PICTURES.mkdir(exist_ok=True)
    names = given.names or list(SCENES)
    with tempfile.TemporaryDirectory() as folder, display() as screen:
        home = given.home or Path(folder)
        if given.home is None:
            command = [sys.executable, "-m", "api.cli", "build", TOWN, "--home", folder]
            subprocess.run(command, cwd=FOLDER.parent, check=True)
        for token, those in (("", set(names) - SIGNED), (TOKEN, set(names) & SIGNED)):
            if those:
                with service(home, token):
                    for name in sorted(those):
                        take(name, screen)
                        print(f"{name}.png {(PICTURES / f'{name}.png').stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
