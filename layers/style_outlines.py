"""Outlines of what is drawn: none between cells of a grid, dark around buildings, grey around areas."""

from __future__ import annotations

from layers import grids
from layers.layer import Layer

OUTLINE = "#5b6973"
DARK = "#14212b"


def is_fine(layer: Layer) -> bool:
    """Whether features are cells of a grid, which need no outline."""
    return grids.is_gridded(layer)


def outline(layer: Layer) -> str:
    """Colour of the outline of polygons."""
    buildings = "building_type" in {column.name for column in layer.columns}
    return DARK if buildings else OUTLINE
