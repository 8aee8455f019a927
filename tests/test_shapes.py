"""Shapes of any kind as columns: what goes in comes out, by GeoJSON, box, tree and relation, as shapely has it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from pyproj import CRS
from shapely.geometry.base import BaseGeometry

from geo.box_tree import BoxTree
from geo.columns import Polygons
from geo.errors import InputError
from geo.meeting import meeting, sides
from geo.shapes import Shapes
from geo.wkb import Wkb
from layers import features
from layers.columns import Column
from layers.drawn import DEGREE, WGS84, Drawn
from layers.export_arrow import binary
from layers.filters import Column as Named
from layers.filters import parse
from layers.layer import Layer, Mapped
from layers.query import Box, Query, select
from layers.relations import Related
from layers.texts import Texts

UTM = CRS.from_epsg(25832)


def array(shapes: Sequence[BaseGeometry | None]) -> np.ndarray:
    out = np.empty(len(shapes), dtype=object)
    out[:] = shapes
    return out


def layer_of(shapes: Sequence[BaseGeometry | None], crs: CRS = WGS84, **columns: list[object]) -> Layer:
    layout = tuple(Column(name, "", name, name) for name in columns)
    table = pa.table(columns or {"n": list(range(len(shapes)))})
    drawn = Drawn(Shapes.from_shapely(array(shapes), crs))
    return Layer("test.layer", "Test", "", layout, lambda: table, drawn, (), 0, "1")


coordinate = st.integers(-170, 170).map(float)
point = st.builds(lambda x, y: shapely.Point(x, y / 2), coordinate, coordinate)
line = st.builds(
    lambda ps: shapely.LineString([(x, y / 2) for x, y in ps]),
    st.lists(st.tuples(coordinate, coordinate), min_size=2, max_size=5, unique=True),
)
area = st.builds(
    lambda x, y, r: shapely.Point(x * 0.9, y * 0.45).buffer(1 + r * 5, quad_segs=2),
    coordinate,
    coordinate,
    st.floats(0, 1),
)
ring = area.map(lambda a: a.difference(a.centroid.buffer(0.5, quad_segs=1)))
many = st.lists(st.one_of(point, line, area, ring), min_size=1, max_size=3).map(shapely.GeometryCollection)
points = st.lists(point, min_size=1, max_size=3).map(shapely.MultiPoint)
anything = st.one_of(st.none(), point, line, area, ring, points, many, st.just(shapely.from_wkt("POLYGON EMPTY")))
rows = st.lists(anything, min_size=0, max_size=8)


def normal(shape: BaseGeometry | None) -> BaseGeometry | None:
    """Return what is kept of a shape: nothing of an empty one, a collection of one part as that part."""
    if shape is None or shape.is_empty:
        return None
    parts = shapely.get_parts(array([shape]))
    return parts[0] if len(parts) == 1 else shape


@given(st.lists(st.tuples(anything, st.sampled_from(["flat", "high", "some"])), max_size=8), st.booleans())
def test_binary_is_what_geos_writes(rows: list[tuple[BaseGeometry | None, str]], is_multi: bool) -> None:  # noqa: FBT001
    """Files hold it: a wrong count or type would make all that follows unreadable."""
    shapes = [one if how == "flat" or one is None else raised(one, how) for one, how in rows]
    found = Shapes.from_shapely(array(shapes), WGS84)
    made = Wkb.of(found, is_multi=is_multi)
    several: dict[str, Any] = {
        "Point": shapely.MultiPoint,
        "LineString": shapely.MultiLineString,
        "Polygon": shapely.MultiPolygon,
    }
    expected = [
        several[one.geom_type]([one]) if is_multi and one is not None and one.geom_type in several else one
        for one in found.to_shapely()
    ]
    mine = [made.content[a:b].tobytes() for a, b in pairwise(made.ends.tolist())]
    assert mine == [b"" if one is None else shapely.to_wkb(one, flavor="iso", byte_order=1) for one in expected]
    kinds = {f"{one.geom_type}{' Z' if one.has_z else ''}" for one in expected if one is not None}
    assert made.names == kinds
    assert pa.array([one is not None for one in expected], pa.bool_()) == binary(made).is_valid()
    assert [one for one in binary(made).to_pylist() if one is not None] == [one for one in mine if one]


def raised(shape: BaseGeometry, how: str) -> BaseGeometry:
    """Give a shape heights, or only every second part of it."""
    if how == "high" or shape.geom_type != "GeometryCollection":
        return shapely.force_3d(shape, 7.5)
    return shapely.GeometryCollection(
        [shapely.force_3d(p, 7.5) if i % 2 else p for i, p in enumerate(shapely.get_parts(shape))]
    )


@given(rows)
def test_any_geometry_comes_back(shapes: list[BaseGeometry | None]) -> None:
    """A published file has points, lines, areas, mixtures and rows without any of them."""
    found = Shapes.from_shapely(array(shapes), WGS84)
    back = found.to_shapely()
    for given_, out in zip(shapes, back, strict=True):
        wanted = normal(given_)
        assert (out is None) == (wanted is None)
        if wanted is not None and out is not None:
            one, two = shapely.get_parts(array([wanted])), shapely.get_parts(array([out]))
            assert shapely.equals_identical(one, two).all()
    np.testing.assert_array_equal(found.bounds, shapely.bounds(back).reshape(-1, 4))
    index = np.arange(len(shapes))[::-1]
    again = found.take(index).to_shapely()
    assert all(
        (a is None and b is None) or shapely.equals_identical(a, b) for a, b in zip(again, back[index], strict=True)
    )


def test_heights_stay_and_their_absence_too() -> None:
    flat, high = shapely.box(0, 0, 1, 1), shapely.from_wkt("POLYGON Z ((0 0 1, 1 0 2, 1 1 3, 0 0 1))")
    found = Shapes.from_shapely(array([flat, high]), WGS84)
    back = found.to_shapely()
    assert not back[0].has_z
    assert back[1].wkt == high.wkt
    body = json.loads(b"[" + features.features(layer_of([flat, high]), np.array([0, 1])) + b"]")
    assert len(body[0]["geometry"]["coordinates"][0][0]) == 2
    assert body[1]["geometry"]["coordinates"][0][1][2] == 2


def test_what_is_no_area_is_no_polygon() -> None:
    with pytest.raises(InputError, match="row 1"):
        Shapes.from_shapely(array([shapely.box(0, 0, 1, 1), shapely.Point(0, 0)]), WGS84).polygons()
    polygons = Polygons.from_shapely(array([shapely.box(0, 0, 1, 1)]), WGS84)
    assert Shapes.of(polygons).polygons().coords is polygons.coords


@given(rows)
def test_geojson_is_what_shapely_says(shapes: list[BaseGeometry | None]) -> None:
    """Against GEOS' own writer; outer rings counterclockwise, seven decimals, null where there is no geometry."""
    layer = layer_of(shapes)
    body = json.loads(b"[" + features.features(layer, np.arange(len(shapes))) + b"]")
    assert [f["id"] for f in body] == list(range(len(shapes)))
    for shape, feature in zip(shapes, body, strict=True):
        wanted = normal(shape)
        if wanted is None:
            assert feature["geometry"] is None
            continue
        found = shapely.geometry.shape(feature["geometry"])
        for one, two in zip(shapely.get_parts(array([wanted])), shapely.get_parts(array([found])), strict=True):
            assert one.geom_type == two.geom_type
            assert shapely.hausdorff_distance(one, two) <= 1e-7
            if two.geom_type == "Polygon":
                assert two.exterior.is_ccw
                assert not any(hole.is_ccw for hole in two.interiors)


def test_answers_in_metres_have_millimetres_and_the_order_that_was_asked() -> None:
    layer = layer_of([shapely.Point(393000.12345, 5708000.5)], UTM)
    body = json.loads(features.features(layer, np.array([0]), crs=UTM, swap=True))
    assert body["geometry"]["coordinates"] == [5708000.5, 393000.123]


box = st.tuples(coordinate, coordinate, st.floats(0, 60), st.floats(0, 60)).map(
    lambda b: (b[0], b[1] / 2, min(b[0] + b[2], 180.0), min(b[1] / 2 + b[3], 90.0))
)


@given(rows, box)
def test_a_box_finds_what_meets_it_and_what_has_no_geometry(
    shapes: list[BaseGeometry | None], where: tuple[float, float, float, float]
) -> None:
    """OGC API Features, abstract test 15: a feature without geometry is in every box."""
    layer = layer_of(shapes)
    found = set(select(layer, Query(Box(*where))).tolist())
    frame = shapely.box(*where)
    for i, shape in enumerate(shapes):
        wanted = normal(shape)
        if wanted is None:
            assert i in found
        # what is served is rounded to a centimetre: what only touches may go either way
        elif shapely.distance(wanted, frame) > 1e-6:
            assert i not in found
        elif shapely.intersects(shapely.make_valid(wanted), frame.buffer(-1e-6)):
            assert i in found


def test_a_box_across_the_antimeridian_is_two() -> None:
    layer = layer_of([shapely.Point(179, 0), shapely.Point(-179, 0), shapely.Point(0, 0), shapely.box(-180, 0, 180, 1)])
    assert select(layer, Query(Box(170, -10, -170, 10))).tolist() == [0, 1, 3]


@given(st.integers(0, 2**32), st.integers(0, 400))
def test_the_tree_finds_what_a_look_at_every_box_finds(seed: int, count: int) -> None:
    rng = np.random.default_rng(seed)
    low = rng.uniform(0, 100, (count, 2))
    boxes = np.hstack([low, low + rng.exponential(2, (count, 2))])
    boxes[rng.random(count) < 0.1] = np.nan
    tree = BoxTree.of(boxes)
    corner = rng.uniform(-10, 100, 2)
    where = (*corner.tolist(), *(corner + rng.uniform(0, 80, 2)).tolist())
    rows_, sure = tree.meeting(where)
    meets = (
        (boxes[:, 0] <= where[2]) & (boxes[:, 2] >= where[0]) & (boxes[:, 1] <= where[3]) & (boxes[:, 3] >= where[1])
    )
    assert sorted(rows_.tolist()) == np.flatnonzero(meets).tolist()
    inside = (
        (boxes[:, 0] >= where[0]) & (boxes[:, 2] <= where[2]) & (boxes[:, 1] >= where[1]) & (boxes[:, 3] <= where[3])
    )
    np.testing.assert_array_equal(sure, inside[rows_])


@given(st.integers(0, 2**32))
def test_sides_of_a_polygon_are_certain_where_they_say_so(seed: int) -> None:
    """Only shapes on an edge are looked at by shapely: whoever is called inside or outside must be."""
    rng = np.random.default_rng(seed)
    low = rng.uniform(0, 100, (300, 2))
    boxes = np.hstack([low, low + rng.exponential(1, (300, 2))])
    angle = np.sort(rng.uniform(0, 2 * np.pi, int(rng.integers(3, 40))))
    radius = rng.uniform(5, 60, len(angle))
    star = shapely.make_valid(shapely.Polygon(50 + radius[:, None] * np.column_stack([np.cos(angle), np.sin(angle)])))
    polygon = shapely.make_valid(star.difference(shapely.Point(50, 50).buffer(8)))
    if not isinstance(polygon, shapely.Polygon | shapely.MultiPolygon):
        return
    tree = BoxTree.of(boxes)
    inside, on_edge = sides(tree, polygon)
    outside = np.setdiff1d(np.arange(300), np.concatenate([inside, on_edge]))
    assert len(inside) + len(on_edge) + len(outside) == 300, "each has one side"
    frames = np.asarray(shapely.box(*boxes.T))
    assert shapely.contains_properly(polygon, frames[inside]).all()
    assert not shapely.intersects(polygon, frames[outside]).any()
    assert len(on_edge) >= shapely.intersects(shapely.boundary(polygon), frames).sum()


RELATIONS = ("s_intersects", "s_disjoint", "s_equals", "s_touches", "s_crosses", "s_overlaps", "s_within", "s_contains")


@given(st.lists(st.one_of(st.none(), point, line, area, ring), max_size=12), st.one_of(point, line, area, ring))
def test_relations_are_those_of_shapely(shapes: list[BaseGeometry | None], other: BaseGeometry) -> None:
    drawn = Drawn(Shapes.from_shapely(array(shapes), WGS84))
    # as served: rounded to a centimetre
    own = Shapes(
        np.asarray(drawn.lonlat * DEGREE),
        drawn.shapes.rings,
        drawn.shapes.parts,
        drawn.shapes.rows,
        drawn.shapes.part_kinds,
        WGS84,
    ).to_shapely()
    for name in RELATIONS:
        relation = getattr(shapely, name.removeprefix("s_"))
        wanted = [-1 if s is None else int(relation(s, other)) for s in own]
        assert Related(drawn).relate(name, other).tolist() == wanted, name


def test_filters_sorting_and_time_together() -> None:
    """One condition must not undo another; ties stay in the order of the file, missing values come last."""
    layer = layer_of(
        [shapely.Point(i, 0) for i in range(6)],
        size=[3.0, None, 1.0, 3.0, 2.0, None],
        kind=["a", "b", "a", None, "b", "a"],
    )
    named = (Named("size", "number"), Named("kind", "text"), Named("geometry", "geometry"))
    assert select(layer, Query(sort=(("size", False),))).tolist() == [2, 4, 0, 3, 1, 5]
    assert select(layer, Query(sort=(("size", True),))).tolist() == [0, 3, 4, 2, 1, 5]
    assert select(layer, Query(sort=(("kind", True), ("size", False)))).tolist() == [4, 1, 2, 0, 5, 3]
    rule = parse("size >= 2 and s_intersects(geometry, BBOX(0,-1,3,1))", named, "filter")
    assert select(layer, Query(filters=(rule,))).tolist() == [0, 3]
    assert select(layer, Query(Box(2, -1, 9, 1), (rule,), (("size", False),))).tolist() == [3]


def test_mapped_columns_say_what_memory_says(tmp_path: Path) -> None:
    """A second worker reads the files of the first: shapes, tree, texts and values are those that were written."""
    shapes = [shapely.Point(7, 51), None, shapely.box(7, 51, 7.1, 51.1), shapely.LineString([(7, 51), (8, 52)])]
    made = layer_of(shapes, name=["ä", None, "", "x"], size=[1.5, None, float("nan"), 4])
    made.drawn.save(tmp_path, outlined=False)
    Texts.save(made.table, tmp_path)
    with pa.OSFile(str(tmp_path / "table.arrow"), "wb") as file, pa.ipc.new_file(file, made.table.schema) as writer:
        writer.write_table(made.table)
    read = Layer(
        made.id,
        "",
        "",
        made.columns,
        Mapped(tmp_path / "table.arrow", tmp_path),
        Drawn.load(tmp_path, WGS84),
        (),
        0,
        "1",
    )
    index = np.array([3, 2, 1, 0])
    assert features.features(read, index) == features.features(made, index)
    assert read.texts is not None
    assert made.texts is None
    assert read.extent == made.extent
    assert select(read, Query(Box(7, 51, 7, 51))).tolist() == select(made, Query(Box(7, 51, 7, 51))).tolist()


def test_meeting_is_exact_at_concave_corners() -> None:
    """An L meets no box in its notch, though their bounding boxes meet."""
    ell = Shapes.from_shapely(array([shapely.Polygon([(0, 0), (4, 0), (4, 1), (1, 1), (1, 4), (0, 4)])]), WGS84)
    one = np.array([0])
    assert not meeting(ell, one, (2, 2, 3, 3), coords=ell.coords, unit=1.0)[0]
    assert meeting(ell, one, (1, 1, 3, 3), coords=ell.coords, unit=1.0)[0], "corners touch"
    assert meeting(ell, one, (0.2, 0.2, 0.4, 0.4), coords=ell.coords, unit=1.0)[0], "wholly inside"
