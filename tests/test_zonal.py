"""Raster statistics in polygons: the same as cutting every cell with shapely, for any polygon and any grid."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from pyproj import CRS

from geo import zonal as engine
from geo import zonal_kernels as kernels
from geo.columns import Polygons
from geo.errors import CRSMismatchError, InputError
from geo.zonal import Raster, Zonal, zonal

UTM = CRS.from_epsg(25832)
Shapes = NDArray[np.object_]
Floats = NDArray[np.float64]
QUANTILES = (0.0, 0.1, 0.5, 0.9, 1.0)


def columns(shapes: Sequence[shapely.Geometry] | Shapes, crs: CRS = UTM) -> Polygons:
    return Polygons.from_shapely(np.asarray(shapes, dtype=object), crs)


def made(values: Any, west: float = 0, north: float | None = None, dx: float = 10, dy: float = 10) -> Raster:
    """Grid with its south-west corner at the origin unless told otherwise."""
    array = np.asarray(values)
    return Raster(array, UTM, west, len(array) * dy if north is None else north, dx, dy)


def shares(shape: shapely.Geometry, raster: Raster) -> Floats:
    """Covered share of every cell: each cell cut out of the polygon by shapely."""
    rows, cells = raster.values.shape
    west = raster.west_m + raster.dx_m * np.arange(cells)
    north = raster.north_m - raster.dy_m * np.arange(rows)
    x, y = np.meshgrid(west, north)
    boxes = shapely.box(x, y - raster.dy_m, x + raster.dx_m, y)
    return np.asarray(shapely.area(shapely.intersection(boxes, shape)) / (raster.dx_m * raster.dy_m))


def quantile(values: Floats, weights: Floats, q: float) -> float:
    """The definition, word for word."""
    order = np.argsort(values, kind="stable")
    v, w = values[order], weights[order]
    n = len(v)
    place = [k * w[k] + (n - 1) * w[:k].sum() for k in range(n)]
    at = q * (n - 1) * w.sum()
    for k, (left, right) in enumerate(pairwise(place)):
        if left <= at < right:
            return float(v[k] + (at - left) / (right - left) * (v[k + 1] - v[k]))
    return float(v[-1])


def assert_same(found: Zonal, shapes: Shapes, raster: Raster) -> None:
    cell = raster.dx_m * raster.dy_m
    for i, shape in enumerate(shapes):
        share, area = shares(shape, raster), shapely.area(shape)
        known = ~np.isnan(raster.values)
        # GEOS knows an edge to about 1e-15 of its coordinates: what that makes of an area along the outline
        rounding = 1e-9 * area + 1e-14 * shapely.length(shape) * np.abs(shapely.bounds(shape)).max()
        assert found.covered_m2[i] == pytest.approx(share[known].sum() * cell, abs=rounding)
        assert found.covered_m2[i] + found.missing_m2[i] == pytest.approx(area, rel=1e-12)
        assert found.missing_m2[i] >= 0
        if share[known].sum() * cell <= 1e-8 * area:
            if found.covered_m2[i] == 0:
                assert np.isnan([found.total[i], found.mean[i]]).all()
            continue
        values, weights = raster.values[known].astype(float), share[known]
        largest = np.abs(values[weights > 0]).max()
        assert found.total[i] == pytest.approx((values * weights).sum(), abs=rounding / cell * largest)
        mean = (values * weights).sum() / weights.sum()
        assert found.mean[i] == pytest.approx(mean, abs=rounding / (weights.sum() * cell) * largest * 2)
        if found.minimum is None or found.maximum is None or found.quantiles is None:
            continue
        # which cells count is a matter of rounding where a polygon only just touches one
        trace = 1e-9 * min(1, area / cell)
        if ((weights > trace / 100) & (weights < trace * 100)).any():
            continue
        counts = weights > trace
        assert (found.minimum[i], found.maximum[i]) == (values[counts].min(), values[counts].max())
        expected = [quantile(values[counts], weights[counts], q) for q in QUANTILES]
        np.testing.assert_allclose(found.quantiles[i], expected, rtol=1e-6, atol=1e-6 * largest)


def every_way(shapes: Shapes, raster: Raster, monkeypatch: pytest.MonkeyPatch) -> list[Zonal]:
    """Cell by cell at once, in bands of rows, and by row sums in strips."""
    source = columns(shapes)
    whole = zonal(source, raster, extremes=True, quantiles=QUANTILES)
    with monkeypatch.context() as small:
        # windows that do not fit at once; as many rows in a strip as there are columns in the raster
        small.setattr(kernels, "SCRATCH", 8)
        small.setattr(engine, "STRIP_CELLS", 3 * raster.values.shape[1])
        banded = zonal(source, raster, extremes=True, quantiles=QUANTILES)
        many = shapely.box(raster.west_m, raster.north_m - 1e4, raster.west_m + 1e4, raster.north_m)
        sums = zonal(columns([*shapes, many, many]), raster)
    return [
        whole,
        banded,
        Zonal(*(column[:-2] for column in (sums.covered_m2, sums.missing_m2, sums.total, sums.mean))),
    ]


# coordinates on a lattice of the grid's lines and half lines meet its edges and corners, others never do
LATTICE = st.integers(-6, 22).map(lambda v: 5.0 * v)
FREE = st.floats(-30, 110, allow_nan=False)


@st.composite
def rectangles(draw: st.DrawFn, number: st.SearchStrategy[float]) -> shapely.Polygon:
    x0, x1 = sorted((draw(number), draw(number)))
    y0, y1 = sorted((draw(number), draw(number)))
    return shapely.Polygon.from_bounds(x0, y0, x1 + draw(st.sampled_from([1e-3, 0.5, 5.0])), y1 + 5)


@st.composite
def stars(draw: st.DrawFn) -> shapely.Polygon:
    """Concave, any number of corners, any direction of the ring, any size."""
    corners = draw(st.integers(3, 14))
    cx, cy = draw(FREE), draw(FREE)
    size = draw(st.sampled_from([0.01, 1.0, 10.0, 60.0]))
    radius = size * np.array([draw(st.floats(0.05, 1)) for _ in range(corners)])
    angle = np.linspace(0, 2 * np.pi, corners, endpoint=False) * (1 if draw(st.booleans()) else -1)
    return shapely.Polygon(np.column_stack([cx + radius * np.cos(angle), cy + radius * np.sin(angle)]))


@st.composite
def polygons(draw: st.DrawFn) -> shapely.Geometry:
    kind = draw(st.sampled_from(["lattice", "free", "star", "sliver", "hole", "parts"]))
    if kind == "lattice":
        return draw(rectangles(LATTICE))
    if kind == "free":
        return draw(rectangles(FREE))
    if kind == "star":
        return draw(stars())
    if kind == "sliver":
        x, y = draw(FREE), draw(FREE)
        return shapely.Polygon([(x, y), (x + draw(FREE), y + 90), (x + 1e-4, y + draw(st.floats(0, 80)))])
    first, second = draw(stars() | rectangles(LATTICE)), draw(stars() | rectangles(LATTICE))
    return shapely.difference(first, second) if kind == "hole" else shapely.union(first, second)


@st.composite
def rasters(draw: st.DrawFn) -> Raster:
    rows, cells = draw(st.integers(1, 9)), draw(st.integers(1, 9))
    rng = np.random.default_rng(draw(st.integers(0, 1000)))
    values: NDArray[Any] = rng.normal(10, 5, (rows, cells))
    kind = draw(st.sampled_from(["float64", "float32", "int16", "int64", "nodata", "all nodata"]))
    if kind.endswith("nodata"):
        values[rng.random((rows, cells)) < (2 if kind == "all nodata" else 0.3)] = np.nan
    else:
        values = (values * 100).astype(kind) if kind.startswith("int") else values.astype(kind)
    dx, dy = draw(st.sampled_from([(10, 10), (10, 5), (7.3, 12.1), (100, 100)]))
    return made(values, draw(st.sampled_from([0.0, -20.0])), dx=dx, dy=dy)


def usable(shapes: list[shapely.Geometry]) -> Shapes:
    every = np.array(shapes, dtype=object)
    polygonal = np.isin(shapely.get_type_id(every), (3, 6)) & ~shapely.is_empty(every)
    return every[polygonal & shapely.is_valid(every) & (shapely.area(every) > 0)]


@given(st.lists(polygons(), min_size=1, max_size=5), rasters())
def test_statistics_agree_with_cells_cut_by_shapely(shapes: list[shapely.Geometry], raster: Raster) -> None:
    every = usable(shapes)
    if len(every):
        with pytest.MonkeyPatch.context() as patch:
            for found in every_way(every, raster, patch):
                assert_same(found, every, raster)


NINE = np.arange(1.0, 10).reshape(3, 3)


def test_three_by_three_by_hand() -> None:
    """The example at the head of `geo.zonal`, with and without data in the middle."""
    square = columns([shapely.box(5, 15, 15, 25)])
    found = zonal(square, made(NINE), extremes=True, quantiles=(0.5,))
    assert (found.mean[0], found.total[0], found.covered_m2[0], found.missing_m2[0]) == (3, 3, 100, 0)
    assert found.minimum is not None
    assert found.maximum is not None
    assert found.quantiles is not None
    assert (found.minimum[0], found.maximum[0], found.quantiles[0, 0]) == (1, 5, 3)
    holed = NINE.copy()
    holed[1, 1] = np.nan
    found = zonal(square, made(holed))
    assert found.mean[0] == pytest.approx(7 / 3)
    assert (found.total[0], found.covered_m2[0], found.missing_m2[0]) == (1.75, 75, 25)


def test_edge_of_the_raster_holes_and_parts_by_hand() -> None:
    """Half beyond the north-west corner; a frame around the middle cell; two cells apart; beyond; nothing at all."""
    flat = shapely.Polygon([(1, 1), (2, 2), (3, 3)])
    frame = shapely.box(0, 0, 30, 30).difference(shapely.box(10, 10, 20, 20))
    apart = shapely.MultiPolygon([shapely.box(0, 20, 10, 30), shapely.box(20, 0, 30, 10)])
    found = zonal(columns([shapely.box(-10, 20, 10, 30), frame, apart, shapely.box(30, 0, 40, 30), flat]), made(NINE))
    assert found.mean[:3].tolist() == [1, 5, 5]
    assert found.total[:3].tolist() == [1, 40, 10]
    assert found.covered_m2.tolist() == [100, 800, 200, 0, 0]
    assert found.missing_m2.tolist() == [100, 0, 0, 300, 0]
    assert np.isnan(found.mean[3:]).all()
    assert np.isnan(found.total[3:]).all()


def test_missing_is_never_zero() -> None:
    """A polygon over nodata has no sum, minimum or median; with one cell of data it has that cell's."""
    values = np.full((2, 2), np.nan)
    square = columns([shapely.box(1, 1, 19, 19)])
    nothing = zonal(square, made(values), extremes=True, quantiles=(0.5,))
    for column in (nothing.total, nothing.mean, nothing.minimum, nothing.maximum, nothing.quantiles):
        assert column is not None
        assert np.isnan(column).all()
    assert (nothing.covered_m2[0], nothing.missing_m2[0]) == (0, 324)
    values[0, 0] = -4
    one = zonal(square, made(values))
    assert (one.mean[0], one.covered_m2[0], one.missing_m2[0]) == pytest.approx((-4, 81, 243))


def test_equal_weights_give_numpys_quantiles() -> None:
    values = np.random.default_rng(4).normal(size=(6, 7))
    found = zonal(columns([shapely.box(0, 0, 70, 60)]), made(values), quantiles=QUANTILES)
    assert found.quantiles is not None
    np.testing.assert_allclose(found.quantiles[0], np.quantile(values, QUANTILES), rtol=1e-12)


def test_a_cell_that_only_rounding_touches_does_not_count() -> None:
    """A footprint that ends a nanometre inside the next cell does not get that cell's value as its maximum."""
    found = zonal(columns([shapely.box(10, 10, 20 + 1e-9, 20)]), made(NINE), extremes=True)
    assert found.minimum is not None
    assert found.maximum is not None
    assert (found.minimum[0], found.maximum[0]) == (5, 5)


@pytest.mark.parametrize("nodata", [False, True])
def test_long_rows_lose_no_digits(nodata: bool) -> None:  # noqa: FBT001
    """One cell of 1e14 in the west must not blur ones in the east, whichever way the sums are made."""
    values = np.ones((4, 6000))
    values[:, 5] = 1e14
    if nodata:
        values[:, 9] = np.nan
    # enough wide windows for the row sums to pay
    boxes = [shapely.box(20_000.3 + i, 3.7, 40_000.9 + i, 36.1) for i in range(12)]
    found = zonal(columns(boxes), made(values))
    np.testing.assert_allclose(found.mean, 1, rtol=1e-12)
    np.testing.assert_allclose(found.covered_m2, shapely.area(boxes), rtol=1e-12)
    assert (found.missing_m2 == 0).all()


def test_row_sums_are_used_for_wide_buffers_only(monkeypatch: pytest.MonkeyPatch) -> None:
    used: list[int] = []
    real = kernels.row_sums

    def counted(*args: Any) -> None:
        used.append(1)
        real(*args)

    monkeypatch.setattr(kernels, "row_sums", counted)
    raster = made(np.random.default_rng(2).random((200, 200)))
    one = shapely.Point(1000, 1000).buffer(700)
    many = [shapely.Point(700 + 10 * i, 1000).buffer(650) for i in range(12)]
    zonal(columns([one]), raster)
    assert not used
    found = zonal(columns([one, *many]), raster)
    assert used
    again = zonal(columns([one, *many]), raster, extremes=True)
    np.testing.assert_allclose(found.total, again.total, rtol=1e-12)
    np.testing.assert_allclose(found.covered_m2, again.covered_m2, rtol=1e-12)


def test_zones_of_a_coverage_share_every_cell_out_once() -> None:
    """Sums over districts without gap or overlap add up to the raster's."""
    rng = np.random.default_rng(7)
    frame = shapely.box(0, 0, 900, 700)
    seeds = shapely.MultiPoint(np.column_stack([rng.uniform(0, 900, 40), rng.uniform(0, 700, 40)]))
    zones = [
        shapely.intersection(cell, frame)
        for cell in shapely.get_parts(shapely.voronoi_polygons(seeds, extend_to=frame))
    ]
    values = rng.lognormal(size=(70, 90))
    assert zonal(columns(zones), made(values)).total.sum() == pytest.approx(values.sum(), rel=1e-12)


def test_real_coordinates_and_exactextract() -> None:
    """Footprints at full UTM coordinates, against the library; its shares are single precision."""
    exactextract = pytest.importorskip("exactextract")
    import geopandas as gpd
    from exactextract.raster import NumPyRasterSource  # type: ignore[import-untyped]

    rng = np.random.default_rng(11)
    values = rng.normal(300, 10, (80, 100))
    values[rng.random(values.shape) < 0.1] = np.nan
    raster = made(values, 390_000, 5_700_800)
    centre = rng.uniform((389_990, 5_699_990), (391_010, 5_700_810), (300, 2))
    shapes = shapely.buffer(shapely.points(centre), rng.uniform(2, 60, 300), quad_segs=3)
    found = zonal(columns(shapes), raster, extremes=True, quantiles=(0.25, 0.5))
    source = NumPyRasterSource(values, 390_000, 5_700_000, 391_000, 5_700_800, nodata=np.nan, srs_wkt=UTM.to_wkt())
    asked = ["mean", "sum", "min", "max", "quantile(q=0.25)", "quantile(q=0.5)"]
    frame = gpd.GeoDataFrame(geometry=shapes, crs=UTM)
    theirs = exactextract.exact_extract(source, frame, asked, output="pandas")
    some = found.covered_m2 > 0
    assert some.sum() > 280
    assert found.quantiles is not None
    ours = (found.mean, found.total, found.minimum, found.maximum, *found.quantiles.T)
    for column, name in zip(ours, theirs.columns, strict=True):
        assert column is not None
        np.testing.assert_allclose(column[some], theirs[name].to_numpy(float)[some], rtol=2e-6, err_msg=name)


def test_what_cannot_be_computed_is_refused() -> None:
    square = columns([shapely.box(0, 0, 10, 10)])
    with pytest.raises(CRSMismatchError, match="the raster in ETRS89 / UTM zone 32N"):
        zonal(columns([shapely.box(0, 0, 1, 1)], CRS.from_epsg(3035)), made(NINE))
    with pytest.raises(InputError, match=r"1\.5 is above 1"):
        zonal(square, made(NINE), quantiles=(1.5,))
    with pytest.raises(InputError, match="below 0"):
        zonal(square, made(NINE), quantiles=(-0.5,))
    for broken in (np.nan, np.inf, 1e308):
        coords = square.coords.copy()
        coords[2, 0] = broken
        shape = Polygons(coords, square.rings, square.parts, square.rows, UTM)
        with pytest.raises(InputError, match=r"row 0: 1 polygon\(s\) have coordinates that are not finite"):
            zonal(shape, made(NINE))
    none = np.zeros(1, np.int64)
    assert zonal(Polygons(np.empty((0, 2)), none, none, none, UTM), made(NINE)).mean.size == 0


def test_a_far_away_polygon_is_beyond_and_nothing_else() -> None:
    found = zonal(columns([shapely.box(1e12, -1e12, 1e12 + 1024, 0), shapely.box(-1e7, -1e7, 1e7, 1e7)]), made(NINE))
    assert found.covered_m2.tolist() == [0, pytest.approx(900)]
    assert found.total[1] == pytest.approx(45)


def test_a_raster_says_what_is_wrong_with_it() -> None:
    with pytest.raises(CRSMismatchError, match="is not in metres"):
        Raster(NINE, CRS.from_epsg(4326), 0, 0, 1, 1)
    with pytest.raises(CRSMismatchError, match="is not in metres"):
        Raster(NINE, CRS.from_epsg(2262), 0, 0, 1, 1)  # New York West, feet
    with pytest.raises(InputError, match=r"(?s)has shape \(0, 3\).*corner \[nan, 0\.0\]"):
        Raster(np.empty((0, 3)), UTM, np.nan, 0, 10, 10)
    with pytest.raises(InputError, match=r"cell \[10\.0, -10\.0\]"):
        Raster(NINE, UTM, 0, 0, 10, -10)
    with pytest.raises(InputError, match=r"values\[1, 1\]: 1 are infinite"):
        made([[1, 2], [3, np.inf]])
    with pytest.raises(InputError, match="has shape"):
        made(np.zeros((2, 2), complex))
