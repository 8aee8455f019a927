"""Footprints as buildings: storeys, areas, types and uses by hand."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely

from data.figures import Figures
from data.footprints import of_frame
from geo.archetype import (
    EFH,
    GMH,
    MFH,
    RH,
    building_type,
    net_area,
    party_walls,
    reference_area,
    storeys_of_height,
)
from geo.columns import Polygons


def test_storeys_by_height_take_off_the_roof() -> None:
    """9 m to the ridge of a 12 m wide house: 3 m of it is roof, two storeys; flat, it would be three."""
    assert storeys_of_height([9, 9, 2, 12.4, np.nan], [12, 12, 4, 6, 8], [False, True, False, False, True]).tolist()[
        :4
    ] == [2, 3, 1, 4]
    assert np.isnan(storeys_of_height([np.nan], [8], [True])[0])


def test_areas_by_hand() -> None:
    """100 m² on two storeys with an attic: 2.5 x 80 m² living area, a tenth more as reference area (the 1.1 trap)."""
    living = net_area([100.0], [2.0], [True])
    assert living.tolist() == [200.0]
    assert reference_area(living).tolist() == pytest.approx([220.0])


def test_types_by_dwellings_storeys_and_walls() -> None:
    found = building_type([1, 2, 2, 6, 13, 6, 2], [2, 2, 2, 4, 4, 6, 7], [False, False, True, True, False, True, True])
    assert found.tolist() == [EFH, EFH, RH, MFH, GMH, GMH, GMH]


def test_a_party_wall_is_more_than_a_touching_corner() -> None:
    shapes = np.array([shapely.box(x, y, x + 10, y + 10) for x, y in ((0, 0), (10.2, 0), (20.2, 10.1), (50, 0))])
    assert party_walls(shapes).tolist() == [True, True, False, False]


def test_area_of_columns_takes_holes_off() -> None:
    ring = shapely.Point(0, 0).buffer(10).difference(shapely.Point(0, 0).buffer(4))
    two = shapely.MultiPolygon([shapely.box(0, 0, 1, 1), shapely.box(5, 5, 7, 7)])
    shapes = shapely.transform(
        np.array([ring, two, shapely.box(0, 0, 3, 3)]), lambda xy: xy + np.array([390_000, 5_700_000])
    )
    frame = gpd.GeoSeries(shapes, crs=25832)
    assert Polygons.from_shapely(shapes, frame.crs).areas() == pytest.approx(frame.area.to_numpy(), rel=1e-12)


def test_what_a_source_says_is_kept_and_the_rest_is_filled(figures: Figures) -> None:
    n = 6
    shapes = [shapely.box(390_000 + 30 * i, 5_700_000, 390_000 + 30 * i + side, 5_700_000 + 10)
              for i, side in enumerate((10, 10, 20, 2, 25, 25))]  # fmt: skip
    frame = gpd.GeoDataFrame(
        {
            "building_id": [str(i) for i in range(n)],
            "use": ["residential", "residential", "office", "residential", "unknown", "unknown"],
            "building_type": ["EFH", "", "", "", "", ""],
            "storeys": [2.0, 4, 3, np.nan, np.nan, np.nan],
            "height_m": [np.nan, 50, np.nan, np.nan, np.nan, np.nan],
            "roof": ["flat", "", "", "", "", ""],
            "year_built": np.nan,
            "dwellings": [np.nan, 7, np.nan, np.nan, np.nan, np.nan],
            "living_area_m2": [130.0, np.nan, np.nan, np.nan, np.nan, np.nan],
            "carrier": "",
            "data_grade": "B",
        },
        geometry=shapes,
        crs=25832,
    )
    works = gpd.GeoDataFrame({"kind": ["industrial"]}, geometry=[shapes[5].buffer(1)], crs=25832)
    table = of_frame(frame, works, figures, min_heated_m2=25).table
    assert table["use"].tolist() == ["residential", "residential", "office", "unheated", "residential", "industry"]
    assert table["building_type"].tolist() == ["EFH", "MFH", "", "", "MFH", ""]
    assert table["living_area_m2"].tolist() == pytest.approx([130, 360, 0, 0, 700, 0])
    assert table["dwellings"].tolist() == [2, 7, 0, 0, 9, 0]
    # 200 m² x 3 storeys x 0.8 at 110 kWh/m²; the works have one storey and 120 kWh/m²
    assert table["other_heat_kwh_a"].tolist() == pytest.approx([0, 0, 480 * 110, 0, 0, 200 * 120])
    assert isinstance(table, pd.DataFrame)
