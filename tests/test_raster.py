"""Rasters from files: what is read is what lies there, and what cannot be read is refused in words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import rasterio
import shapely
from pyproj import CRS, Transformer
from rasterio.transform import Affine

from data.raster import Method, read
from geo.columns import Polygons
from geo.errors import CRSMismatchError, InputError
from geo.zonal import zonal

UTM, LAEA = CRS.from_epsg(25832), CRS.from_epsg(3035)
NORTH_UP = Affine(10, 0, 390_000, 0, -10, 5_700_000)


def write(path: Path, values: Any, *, mask: Any = None, names: tuple[str, ...] = (), **profile: Any) -> Path:
    bands = np.atleast_3d(values) if np.ndim(values) == 2 else np.moveaxis(values, 0, -1)
    given = {"crs": "EPSG:25832", "transform": NORTH_UP, "nodata": None, **profile}
    scale, offset = given.pop("scale", None), given.pop("offset", None)
    height, width, count = bands.shape
    with rasterio.open(
        path, "w", driver="GTiff", dtype=bands.dtype, count=count, height=height, width=width, **given
    ) as file:
        file.write(np.moveaxis(bands, -1, 0))
        if mask is not None:
            file.write_mask(mask)
        if scale is not None:
            file.scales, file.offsets = [scale] * count, [offset] * count
        for number, name in enumerate(names, 1):
            file.set_band_description(number, name)
    return path


NUMBERS = np.arange(12, dtype=np.int16).reshape(3, 4)


def test_values_and_place_are_those_of_the_file(tmp_path: Path) -> None:
    raster = read(write(tmp_path / "a.tif", NUMBERS))
    assert raster.values.tolist() == NUMBERS.tolist()
    assert raster.bounds == (390_000, 5_699_970, 390_040, 5_700_000)
    assert raster.crs == UTM
    assert raster.source == "a.tif, band 1"


def test_nodata_mask_scale_and_offset(tmp_path: Path) -> None:
    plain = read(write(tmp_path / "nodata.tif", NUMBERS, nodata=5, scale=0.1, offset=2.0))
    assert np.isnan(plain.values[1, 1])
    assert np.isnan(plain.values).sum() == 1
    assert plain.values[2, 3] == pytest.approx(3.1, rel=1e-12)
    mask = np.full((3, 4), 255, np.uint8)
    mask[0] = 0
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True):
        masked = read(write(tmp_path / "mask.tif", NUMBERS, mask=mask))
    assert np.isnan(masked.values[0]).all()
    assert masked.values[1:].tolist() == NUMBERS[1:].tolist()


def test_bounds_give_whole_cells_and_end_with_the_file(tmp_path: Path) -> None:
    path = write(tmp_path / "a.tif", NUMBERS)
    part = read(path, bounds=(390_012, 5_699_985, 390_030, 5_699_999))
    assert part.bounds == (390_010, 5_699_980, 390_030, 5_700_000)
    assert part.values.tolist() == [[1, 2], [5, 6]]
    beyond = read(path, bounds=(389_000, 5_699_000, 390_010, 5_699_980))
    assert beyond.values.tolist() == [[8]]


def test_a_file_with_its_first_row_in_the_south_is_turned_over(tmp_path: Path) -> None:
    path = write(tmp_path / "a.tif", NUMBERS, transform=Affine(10, 0, 390_000, 0, 10, 5_699_970))
    assert read(path).values.tolist() == NUMBERS[::-1].tolist()
    assert read(path).north_m == 5_700_000
    assert read(path, bounds=(390_000, 5_699_970, 390_040, 5_699_980)).values.tolist() == [NUMBERS[0].tolist()]


def test_a_band_is_found_by_name(tmp_path: Path) -> None:
    path = write(tmp_path / "a.tif", np.stack([NUMBERS, NUMBERS + 100]), names=("old", "new"))
    assert read(path, band="new").values[0, 0] == 100
    assert read(path, band=2).source == "a.tif, band new"
    with pytest.raises(InputError, match=r"has no band 'newer'\. Bands: old, new"):
        read(path, band="newer")
    with pytest.raises(InputError, match="has no band 3"):
        read(path, band=3)
    twice = write(tmp_path / "b.tif", np.stack([NUMBERS, NUMBERS]), names=("old", "old"))
    with pytest.raises(InputError, match="has several bands 'old'"):
        read(twice, band="old")


def test_another_crs_is_warped_as_named_and_recorded(tmp_path: Path) -> None:
    """A plane stays a plane: bilinear values are those of the plane at the cells' centres in the file's CRS."""
    rows, columns = np.mgrid[0:60, 0:60]
    corner = Transformer.from_crs(UTM, LAEA, always_xy=True).transform(390_000, 5_700_000)
    grid = Affine(10, 0, round(corner[0]), 0, -10, round(corner[1]) + 300)
    path = write(tmp_path / "a.tif", (2.0 * columns + 3.0 * rows), crs="EPSG:3035", transform=grid)
    with pytest.raises(InputError, match="no resampling is named"):
        read(path, crs=UTM)
    warped = read(path, crs=UTM, resampling="bilinear", bounds=(390_100, 5_699_900, 390_300, 5_700_050))
    assert warped.crs == UTM
    assert warped.source.startswith("a.tif, band 1, warped from ETRS89-extended / LAEA Europe")
    assert warped.source.endswith("(bilinear)")
    y, x = np.mgrid[0 : warped.values.shape[0], 0 : warped.values.shape[1]] + 0.5
    centre_x, centre_y = warped.west_m + x * warped.dx_m, warped.north_m - y * warped.dy_m
    u, v = Transformer.from_crs(UTM, LAEA, always_xy=True).transform(centre_x, centre_y)
    expected = 2 * ((u - grid.c) / 10 - 0.5) + 3 * ((grid.f - v) / 10 - 0.5)
    np.testing.assert_allclose(warped.values, expected, atol=0.02)
    west, south, east, north = warped.bounds
    assert west <= 390_100 < west + warped.dx_m
    assert south <= 5_699_900 < south + warped.dy_m
    assert east - warped.dx_m < 390_300 <= east
    assert north - warped.dy_m < 5_700_050 <= north


def test_missing_cells_stay_missing_in_a_warp(tmp_path: Path) -> None:
    values = np.full((40, 40), 7, np.int16)
    values[:, 20:] = -1
    grid = Affine(100, 0, 4_133_900, 0, -100, 3_168_100)
    path = write(tmp_path / "a.tif", values, nodata=-1, crs="EPSG:3035", transform=grid)
    # an average takes any cell that a target cell meets, so it spreads by up to half a cell along the rim
    methods: tuple[tuple[Method, float], ...] = (("nearest", 0.01), ("bilinear", 0.03), ("average", 0.12))
    for method, more in methods:
        warped = read(path, crs=UTM, resampling=method)
        known = warped.values[~np.isnan(warped.values)]
        assert set(np.unique(known).tolist()) == {7.0}
        assert known.size * warped.dx_m * warped.dy_m == pytest.approx(40 * 20 * 1e4, rel=more)


def test_only_the_part_that_is_needed_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A whole read of this sparse file would be 400 million cells."""
    path = tmp_path / "wide.tif"
    profile = {"crs": "EPSG:3035", "transform": Affine(10, 0, 4_000_000, 0, -10, 3_200_000), "tiled": True}
    with rasterio.open(
        path, "w", driver="GTiff", dtype="uint8", count=1, height=20_000, width=20_000, sparse_ok=True, **profile
    ):
        pass
    asked = []
    real = rasterio.io.DatasetReader.read

    def counted(self: Any, *args: Any, **kwargs: Any) -> Any:
        asked.append(kwargs["window"])
        return real(self, *args, **kwargs)

    monkeypatch.setattr(rasterio.io.DatasetReader, "read", counted)
    x, y = Transformer.from_crs(LAEA, UTM, always_xy=True).transform(4_100_000, 3_100_000)
    assert read(path, crs=UTM, resampling="nearest", bounds=(x, y, x + 1000, y + 1000)).values.shape == (101, 101)
    assert sum(window.width * window.height for window in asked) < 150 * 150


def test_files_that_cannot_be_read_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not exist"):
        read(tmp_path / "none.tif")
    (tmp_path / "text.tif").write_text("no raster")
    with pytest.raises(InputError, match="cannot be read as a raster"):
        read(tmp_path / "text.tif")
    whole = write(tmp_path / "whole.tif", np.random.default_rng(1).random((200, 200)))
    cut = tmp_path / "cut.tif"
    cut.write_bytes(whole.read_bytes()[:150_000])
    with pytest.raises(InputError, match="cannot be read as a raster"):
        read(cut)
    with pytest.raises(CRSMismatchError, match="has no CRS"):
        read(write(tmp_path / "nowhere.tif", NUMBERS, crs=None))
    with pytest.raises(CRSMismatchError, match="is not in metres"):
        read(write(tmp_path / "degrees.tif", NUMBERS, crs="EPSG:4326", transform=Affine(0.1, 0, 7, 0, -0.1, 51)))
    with pytest.raises(InputError, match="turned or mirrored"):
        read(write(tmp_path / "turned.tif", NUMBERS, transform=NORTH_UP * Affine.rotation(20)))
    with pytest.raises(InputError, match="holds complex64"):
        read(write(tmp_path / "complex.tif", NUMBERS.astype(np.complex64)))
    for crs in (None, LAEA):
        with pytest.raises(InputError, match="has no cell in"):
            read(whole, bounds=(4e6, 3e6, 4.1e6, 3.1e6), crs=crs, resampling="nearest")
    with pytest.raises(InputError, match="Give west, south, east, north"):
        read(whole, bounds=(390_010, 5_699_900, 390_000, 5_699_950))


def test_census_cells_add_up_to_the_table(shared_data: Path) -> None:
    """Every 100 m cell inside the square of a 1 km cell counts once, so both files give the same sums by square."""
    folder = shared_data / "ruhr-zensus2011"
    names = gpd.read_file(folder / "zensus2011_1km_dortmund.gpkg")["grid_id"].str
    south, west = (names.extract(rf"{axis}(\d+)")[0].to_numpy(float) * 1000 for axis in "NE")
    boxes = shapely.box(west, south, west + 1000, south + 1000)
    table = pd.read_parquet(folder / "zensus2011_100m_ruhr.parquet")
    for band in ("bld_before_1919", "bld_2009_later", "bld_total_sum_of_age"):
        raster = read(folder / "zensus2011_100m_dortmund.tif", band=band)
        found = zonal(Polygons.from_shapely(boxes, LAEA), raster)
        cells = table[table["ags"] == "05913000"].fillna({band: 0})  # the raster has 0 in a cell with other figures
        expected, counted = np.zeros(len(boxes)), np.zeros(len(boxes))
        for x, y, value in zip(cells["x"], cells["y"], cells[band], strict=True):
            inside = (west < x) & (x < west + 1000) & (south < y) & (y < south + 1000)
            expected += value * inside
            counted += inside
        np.testing.assert_allclose(np.nan_to_num(found.total), expected, rtol=1e-9)
        np.testing.assert_allclose(found.covered_m2, counted * 1e4, rtol=1e-9)
        assert (np.isnan(found.total) == (counted == 0)).all()
