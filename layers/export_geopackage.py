"""What QGIS looks for in a GeoPackage beside the data: styles, and words about the layer with its licences."""

from __future__ import annotations

import errno
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from lxml import etree
from lxml.builder import E

from layers import style_figures, style_qml, style_sld
from layers.export_arrow import Selection
from layers.export_gdal import has_room
from layers.layer import Layer
from layers.style_figures import Figure, Language

# the table as QGIS makes it, in its order
_STYLES = """CREATE TABLE layer_styles (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, f_table_catalog TEXT, f_table_schema TEXT, f_table_name TEXT,
    f_geometry_column TEXT, styleName TEXT, styleQML TEXT, styleSLD TEXT, useAsDefault BOOLEAN, description TEXT,
    owner TEXT, ui TEXT, update_time DATETIME)"""
_STYLE = (
    "INSERT INTO layer_styles (f_table_catalog, f_table_schema, f_table_name, f_geometry_column, styleName, styleQML, "
    "styleSLD, useAsDefault, description, owner, update_time) VALUES ('', '', ?, ?, ?, ?, ?, ?, ?, '', ?)"
)
_CONTENTS = (
    "INSERT INTO gpkg_contents (table_name, data_type, identifier, description, last_change) "
    "VALUES ('layer_styles', 'attributes', 'layer_styles', 'Styles for QGIS', ?)"
)
_METADATA = (
    "INSERT INTO gpkg_metadata (md_scope, md_standard_uri, mime_type, metadata) VALUES ('dataset', ?, 'text/xml', ?)"
)
_REFERENCE = (
    "INSERT INTO gpkg_metadata_reference (reference_scope, table_name, timestamp, md_file_id) VALUES ('table', ?, ?, ?)"
)
QGIS_METADATA = "http://mrcc.com/qgis.dtd"


def complete(
    path: Path,
    selection: Selection,
    columns: tuple[str, str, Mapping[str, str]],
    about: Mapping[str, str],
    language: Language,
    date: str,
) -> None:
    """Add styles and metadata to a GeoPackage with one layer.

    Parameters
    ----------
    path
        File of `layers.export_vector.write`.
    selection
        What it holds.
    columns
        What that returned: names of the geometry column and of the id, and of the attributes in the file.
    about
        ``title``, ``description``, ``licences``.
    language
        Of the style that is used when the layer is opened; that in the other language stands beside it.
    date
        RFC 3339.

    Raises
    ------
    OSError
        No room (`errno.ENOSPC`).
    """
    geometry, _, names = columns
    layer = _renamed(selection, names)
    try:
        _add(path, selection.layer, layer, geometry, about, language, date)
    except sqlite3.OperationalError as error:
        if has_room(path):
            raise
        raise OSError(errno.ENOSPC, f"no room to write a file: {error}") from error


def _add(
    path: Path, whole: Layer, layer: Layer, geometry: str, about: Mapping[str, str], language: Language, date: str
) -> None:
    with closing(sqlite3.connect(path)) as db, db:
        if geometry and style_figures.kinds_of(layer):
            db.execute(_STYLES)
            db.execute(_CONTENTS, (date,))
            figure = _figure(whole, layer)
            for one in ("en", "de"):
                db.execute(_STYLE, (layer.id, geometry, *_style(layer, figure, one, one == language), date))
        found = db.execute(_METADATA, (QGIS_METADATA, _qmd(layer, about))).lastrowid
        db.execute(_REFERENCE, (layer.id, date, found))


def _renamed(selection: Selection, names: Mapping[str, str]) -> Layer:
    """Layer as it is in the file."""
    part = selection.part()
    if all(old == new for old, new in names.items()):
        return part
    columns = tuple(replace(c, name=names[c.name]) for c in part.columns)
    table = part.table.select(list(names)).rename_columns(list(names.values()))
    return replace(part, columns=columns, values=lambda: table, base=None)


def _figure(whole: Layer, layer: Layer) -> Figure:
    """What the whole layer is drawn by, so that classes do not change with a filter; else what the file has for it."""
    found = style_figures.figure(whole)
    needed = {found.column, found.divisor} - {"", None}
    named = {name for name in needed if isinstance(name, str)}
    return found if named <= {c.name for c in layer.columns} else style_figures.figure(layer)


def _style(layer: Layer, figure: Figure, language: str, is_default: bool) -> tuple[str | bool, ...]:  # noqa: FBT001
    spoken: Language = "de" if language == "de" else "en"
    title = figure.title(spoken)
    qml, sld = style_qml.qml(layer, figure, spoken), style_sld.sld(layer, figure, spoken)
    return f"{title} ({spoken})", qml.decode(), sld.decode(), is_default, title


def _qmd(layer: Layer, about: Mapping[str, str]) -> str:
    """Metadata as QGIS shows them."""
    licences = [E.license(text) for text in about["licences"].split("; ") if text]
    document = E.qgis(
        *(E.identifier(layer.id), E.type("dataset"), E.title(about["title"]), E.abstract(about["description"])),
        *licences,
        version="3.22.16-Białowieża",
    )
    return bytes(etree.tostring(document, encoding="UTF-8")).decode()
