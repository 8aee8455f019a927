"""Whether two servers say the same: what is asked of them is compared before it is timed."""

from __future__ import annotations

from typing import Any

import numpy as np
import shapely
import shapely.geometry

from api.bench.case import module
from api.bench.serve.data import COLUMNS

# servers write coordinates with seven decimals or more; one unit of a tile at zoom 14 is 0.4 m
DEGREES = 2e-7
UNITS = 1.5
EXTENT = 4096
Features = dict[int, tuple[dict[str, Any], shapely.Geometry]]


def of_page(body: dict[str, Any]) -> Features:
    """Attributes and shapes of a page by id."""
    found: Features = {}
    for one in body["features"]:
        # pygeoapi gives the key as the feature's id alone
        properties = {"id": one.get("id")} | one["properties"]
        values = {name: properties[name] for name in COLUMNS}
        found[int(properties["id"])] = (values, shapely.geometry.shape(one["geometry"]))
    return found


def of_tile(content: bytes) -> Features | None:
    """Attributes and shapes of a tile's only layer by id; None where nothing is installed that reads tiles."""
    reader = module("mapbox_vector_tile")
    if reader is None:
        return None
    layers = reader.decode(content, default_options={"y_coord_down": True}) if content else {}
    found: Features = {}
    for layer in layers.values():
        for one in layer["features"]:
            values = one["properties"]
            found[int(values["id"])] = ({n: values[n] for n in COLUMNS}, shapely.geometry.shape(one["geometry"]))
    return found


def pages(ours: Features, theirs: Features) -> bool:
    """Whether two pages hold the same features with the same attributes and shapes."""
    return ours.keys() == theirs.keys() and _alike(ours, theirs, DEGREES)


def tiles(ours: Features | None, theirs: Features | None) -> bool | None:
    """Whether two tiles show the same; ours may have more in the buffer beside the tile, which tipg leaves empty."""
    if ours is None or theirs is None:
        return None
    beside = [ours[key][1] for key in ours.keys() - theirs.keys()]
    square = shapely.box(UNITS, UNITS, EXTENT - UNITS, EXTENT - UNITS)
    return theirs.keys() <= ours.keys() and not shapely.intersects(beside, square).any() and _alike(ours, theirs, UNITS)


def _alike(ours: Features, theirs: Features, tolerance: float) -> bool:
    keys = sorted(theirs)
    attributes = all(_equal(ours[key][0], theirs[key][0]) for key in keys)
    mine, other = (shapely.bounds([found[key][1] for key in keys]) for found in (ours, theirs))
    return attributes and bool(np.allclose(mine, other, rtol=0, atol=tolerance))


def _equal(ours: dict[str, Any], theirs: dict[str, Any]) -> bool:
    """Compare texts and whole numbers exactly, others to the single precision that tiles may have."""
    for name, value in ours.items():
        other = theirs[name]
        same = np.isclose(value, other, rtol=1e-6) if isinstance(value, float) else value == other
        if not same:
            return False
    return True
