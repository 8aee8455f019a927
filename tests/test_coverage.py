"""Zone index: the same answer as shapely for any polygons, touching, nested, holed, overlapping or apart."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from pyproj import CRS

from geo.columns import Polygons
from geo.coverage import Coverage
from geo.errors import CRSMismatchError, InputError

UTM = CRS.from_epsg(25832)
Shapes = NDArray[np.object_]


def columns(shapes: list[shapely.Geometry] | Shapes, crs: CRS = UTM) -> Polygons:
    return Polygons.from_shapely(np.asarray(shapes, dtype=object), crs)


def twin_areas(sources: Shapes, zones: Shapes) -> NDArray[np.float64]:
    """Every pair, the slow way."""
    return np.asarray(shapely.area(shapely.intersection(sources[:, None], zones[None, :])))


def twin_locate(x: NDArray[np.float64], y: NDArray[np.float64], zones: Shapes) -> NDArray[np.int64]:
    points = np.asarray(shapely.points(x, y), dtype=object)
    inside = shapely.intersects(zones[None, :], points[:, None])
    return np.where(inside.any(axis=1), inside.argmax(axis=1), -1)


def assert_same(sources: Shapes, zones: Shapes, cell_m: float | None = None) -> None:
    found = Coverage(columns(zones), cell_m=cell_m).overlaps(columns(sources))
    dense = np.zeros((len(sources), len(zones)))
    dense[found.source, found.zone] = found.area_m2
    expected = twin_areas(sources, zones)
    tolerance = 1e-9 * shapely.area(sources)[:, None] + 1e-6
    assert (np.abs(dense - expected) <= tolerance).all()
    np.testing.assert_allclose(found.source_area_m2, shapely.area(sources), rtol=1e-9)


# coordinates on a coarse lattice touch, coincide and nest far more often than any map's
LATTICE = st.integers(0, 12).map(lambda v: 3.9e5 + 10.0 * v)
FREE = st.floats(3.9e5, 3.9e5 + 120, allow_nan=False)


@st.composite
def rectangles(draw: st.DrawFn, number: st.SearchStrategy[float]) -> shapely.Polygon:
    x0, x1 = sorted((draw(number), draw(number)))
    y0, y1 = sorted((draw(number), draw(number)))
    return shapely.Polygon.from_bounds(x0, y0 + 5.3e6, x1 + 1, y1 + 1 + 5.3e6)


@st.composite
def stars(draw: st.DrawFn) -> shapely.Polygon:
    """Concave, any number of corners, any direction of the ring."""
    corners = draw(st.integers(3, 14))
    cx, cy = draw(FREE), draw(FREE)
    radius = np.array([draw(st.floats(1, 60)) for _ in range(corners)])
    angle = np.linspace(0, 2 * np.pi, corners, endpoint=False) * (1 if draw(st.booleans()) else -1)
    ring = np.column_stack([cx + radius * np.cos(angle), cy + 5.3e6 + radius * np.sin(angle)])
    return shapely.Polygon(ring)


@st.composite
def polygons(draw: st.DrawFn) -> shapely.Geometry:
    kind = draw(st.sampled_from(["lattice", "free", "star", "hole", "parts"]))
    if kind == "lattice":
        return draw(rectangles(LATTICE))
    if kind == "free":
        return draw(rectangles(FREE))
    if kind == "star":
        return draw(stars())
    first = draw(rectangles(LATTICE))
    second = draw(rectangles(LATTICE))
    if kind == "hole":
        inner = first.centroid.buffer(min(np.sqrt(first.area) / 4, 5), quad_segs=2)
        return first.difference(inner)
    return shapely.union(first, shapely.transform(second, lambda xy: xy + np.array([200, 0])))


def usable(shapes: list[shapely.Geometry]) -> Shapes:
    every = np.array(shapes, dtype=object)
    polygonal = np.isin(shapely.get_type_id(every), (3, 6))
    return every[polygonal & shapely.is_valid(every) & (shapely.area(every) > 1)]


@given(
    st.lists(polygons(), min_size=1, max_size=7),
    st.lists(polygons(), min_size=1, max_size=6),
    st.sampled_from([None, 7.0, 40.0]),
)
def test_areas_agree_with_shapely_for_any_polygons(
    sources: list[shapely.Geometry], zones: list[shapely.Geometry], cell_m: float | None
) -> None:
    a, b = usable(sources), usable(zones)
    if len(a) and len(b):
        assert_same(a, b, cell_m)


@given(
    st.lists(polygons(), min_size=1, max_size=6),
    st.lists(st.tuples(LATTICE | FREE, LATTICE | FREE), min_size=1, max_size=40),
)
def test_points_agree_with_shapely_also_on_corners_and_edges(
    zones: list[shapely.Geometry], points: list[tuple[float, float]]
) -> None:
    b = usable(zones)
    if not len(b):
        return
    x = np.array([p[0] for p in points])
    y = np.array([p[1] + 5.3e6 for p in points])
    assert Coverage(columns(b)).locate(x, y).tolist() == twin_locate(x, y, b).tolist()


def test_unit_squares_by_hand() -> None:
    """Two zones side by side, a square across both and the outside: a quarter, a quarter, half outside."""
    zones = columns([shapely.box(0, 0, 10, 10), shapely.box(10, 0, 20, 10)])
    found = Coverage(zones).overlaps(
        columns([shapely.box(8, 8, 12, 12), shapely.box(1, 1, 2, 2), shapely.box(50, 50, 60, 60)])
    )
    assert list(zip(found.source.tolist(), found.zone.tolist(), found.area_m2.tolist(), strict=True)) == [
        (0, 0, pytest.approx(4)),
        (0, 1, pytest.approx(4)),
        (1, 0, pytest.approx(1)),
    ]
    assert found.covered().tolist() == pytest.approx([0.5, 1, 0])
    assert found.matrix(2).toarray().tolist() == [pytest.approx([0.25, 0.25]), pytest.approx([1, 0]), [0, 0]]
    assert found.totals([8, 5, 100], 3).tolist() == pytest.approx([7, 2, 0])


def test_gaps_and_overlaps_of_zones_are_seen() -> None:
    zones = columns([shapely.box(0, 0, 10, 10), shapely.box(5, 0, 15, 10), shapely.box(16, 0, 20, 10)])
    sources = columns([shapely.box(6, 1, 8, 3), shapely.box(14, 1, 18, 3)])
    assert Coverage(zones).overlaps(sources).covered().tolist() == pytest.approx([2.0, 0.75])


def test_a_hole_is_not_inside_and_an_island_in_it_is() -> None:
    ring = shapely.box(0, 0, 30, 30).difference(shapely.box(10, 10, 20, 20))
    zones = columns([ring, shapely.box(12, 12, 18, 18)])
    index = Coverage(zones, cell_m=1)
    assert index.locate([5, 11, 15, 40], [5, 11, 15, 5]).tolist() == [0, -1, 1, -1]
    found = index.overlaps(columns([shapely.box(0, 0, 30, 30)]))
    assert found.area_m2.tolist() == pytest.approx([800, 36])


def test_a_coverage_of_voronoi_cells_keeps_every_square_metre() -> None:
    rng = np.random.default_rng(7)
    frame = shapely.box(3.9e5, 5.7e6, 3.9e5 + 5000, 5.7e6 + 5000)
    seeds = shapely.MultiPoint(np.column_stack([rng.uniform(3.9e5, 3.95e5, 60), rng.uniform(5.7e6, 5.705e6, 60)]))
    zones = np.array([shapely.intersection(c, frame) for c in shapely.voronoi_polygons(seeds, extend_to=frame).geoms])
    x, y = rng.uniform(3.9e5, 3.9499e5, 3000), rng.uniform(5.7e6, 5.70499e6, 3000)
    sources = shapely.box(x, y, x + rng.uniform(3, 60, 3000), y + rng.uniform(3, 60, 3000))
    sources = np.array([shapely.intersection(s, frame) for s in sources])
    found = Coverage(columns(zones)).overlaps(columns(sources))
    assert found.area_m2.sum() == pytest.approx(shapely.area(sources).sum(), rel=1e-12)
    np.testing.assert_allclose(found.covered(), 1, rtol=1e-9)
    assert_same(sources[:300], zones)


def test_sources_over_many_zones_and_many_edges_lose_none() -> None:
    """More zones than there is room for at first, zones on top of each other, more edges than the kernel takes."""
    zones = np.array(
        [shapely.box(3.7 * i, 3.3 * j, 3.7 * i + 3.7, 3.3 * j + 3.3) for i in range(12) for j in range(12)]
    )
    stacked = np.array([shapely.box(5 + 0.1 * k, 5, 30 - 0.1 * k, 30) for k in range(30)])
    comb = shapely.unary_union([shapely.box(0.02 * k, 8, 0.02 * k + 0.01, 33) for k in range(900)])
    sources = np.array([shapely.box(1, 1, 4, 4), shapely.box(1, 2, 43, 38), shapely.box(9, 9, 9.5, 9.5)])
    for layer in (zones, stacked, np.append(zones, stacked), np.array([comb.union(shapely.box(0, 7, 18, 8))])):
        assert_same(sources, layer)
        assert_same(sources, layer, cell_m=1.0)


def test_order_of_zones_and_sources_does_not_matter() -> None:
    rng = np.random.default_rng(3)
    x, y = rng.uniform(0, 100, 50), rng.uniform(0, 100, 50)
    sources = shapely.box(x, y, x + 7, y + 9)
    zones = np.array([shapely.box(i * 20, j * 25, i * 20 + 20, j * 25 + 25) for i in range(5) for j in range(4)])
    plain = Coverage(columns(zones)).overlaps(columns(sources)).matrix(20).toarray()
    o, p = rng.permutation(50), rng.permutation(20)
    mixed = Coverage(columns(zones[p])).overlaps(columns(sources[o])).matrix(20).toarray()
    np.testing.assert_allclose(mixed, plain[o][:, p], atol=1e-12)


def test_what_cannot_be_computed_is_refused() -> None:
    zones = columns([shapely.box(0, 0, 10, 10)])
    with pytest.raises(CRSMismatchError, match="are in degrees"):
        Coverage(columns([shapely.box(7, 51, 8, 52)], CRS.from_epsg(4326)))
    with pytest.raises(CRSMismatchError, match="another CRS than the zones"):
        Coverage(zones).overlaps(columns([shapely.box(0, 0, 1, 1)], CRS.from_epsg(3035)))
    with pytest.raises(InputError, match=r"source 1: 1 have no area"):
        Coverage(zones).overlaps(columns([shapely.box(0, 0, 1, 1), shapely.Polygon([(0, 0), (1, 1), (2, 2)])]))
    with pytest.raises(InputError, match="missing or infinite"):
        Coverage(zones).locate([np.nan], [1])
    with pytest.raises(InputError, match="expected length 1"):
        Coverage(zones).locate([1], [1, 2])
