"""Make the census cells: 100 m figures of the whole Ruhr, aggregated to 200 m, and people on 1 km."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

AGES = {
    "bld_before_1919": "until_1918",
    "bld_1919_1948": "1919_1948",
    "bld_1949_1978": "1949_1978",
    "bld_1979_1986": "1979_1986",
    "bld_1987_1990": "1987_1990",
    "bld_1991_1995": "1991_1995",
    "bld_1996_2000": "1996_2000",
    "bld_2001_2004": "2001_2004",
    "bld_2005_2008": "2005_2008",
    "bld_2009_later": "2009_later",
}
TYPES = ["sfh_semi", "sfh_terraced", "2fh_detached", "2fh_semi", "2fh_terraced", "mfh_3_6", "mfh_7_12", "mfh_13plus"]
HEATINGS = ["district", "storey", "block", "single_stove", "none"]
CELL_M = 200


def cells_200m(folder: Path) -> pd.DataFrame:
    """Sum the 100 m cells that belong to one municipality inside each 200 m cell.

    The census withholds every count below 3, and two categories are missing from the copy at hand (central heating,
    detached single-family houses). So each breakdown sums to less than the buildings there are. The number of buildings
    of a 100 m cell is taken as the largest of its breakdowns, and what a breakdown lacks of it is its `unknown`.
    `quarters` says which of the four 100 m cells the municipality has (bit 0 south-west, 1 south-east, 2 north-west,
    3 north-east), so that a cell on a municipal border is drawn once only.
    """
    raw = pd.read_parquet(folder / "zensus2011_100m_ruhr.parquet")
    counts = pd.DataFrame({f"age_{name}": raw[column].fillna(0) for column, name in AGES.items()})
    for name in TYPES:
        counts[f"type_{name}"] = raw[f"bld_{name}"].fillna(0)
    counts["type_other"] = raw["bld_other"].fillna(0)
    for name in HEATINGS:
        counts[f"heating_{name}"] = raw[f"bld_heat_{name}"].fillna(0)
    counts = counts.astype(np.int32)
    groups = {kind: counts.filter(like=f"{kind}_").sum(axis=1) for kind in ("age", "type", "heating")}
    counts["n_buildings"] = pd.concat(groups, axis=1).max(axis=1)
    for kind in ("age", "type"):
        counts[f"{kind}_unknown"] = counts["n_buildings"] - groups[kind]
    west, south = raw["x"] - 50, raw["y"] - 50
    counts["x_m"], counts["y_m"] = west // CELL_M * CELL_M, south // CELL_M * CELL_M
    counts["quarters"] = 2 ** (west % CELL_M // 100 + 2 * (south % CELL_M // 100))
    counts["ags"] = raw["ags"]
    table = counts.groupby(["ags", "x_m", "y_m"], sort=True).sum().reset_index()
    # a cell that nobody shares is drawn whole: its other quarters are no other municipality's
    shared = table.duplicated(["x_m", "y_m"], keep=False)
    table.loc[~shared, "quarters"] = 15
    table = table[table["n_buildings"] > 0].reset_index(drop=True)
    small = [c for c in table if c not in ("ags", "x_m", "y_m")]
    return table.astype(dict.fromkeys(small, np.int16) | {"x_m": np.int32, "y_m": np.int32})


def people_1km(folder: Path) -> pd.DataFrame:
    """People by 1 km cell; NaN where the census withholds them. Cells belong to a municipality by their centre."""
    raw = pd.read_parquet(folder / "zensus2011_1km_ruhr.parquet")
    table = pd.DataFrame(
        {
            "ags": raw["ags"].astype(str),
            "x_m": (raw["x"] - 500).astype(np.int32),
            "y_m": (raw["y"] - 500).astype(np.int32),
            "people": raw["population"].astype("float32"),
        }
    )
    return table.sort_values(["y_m", "x_m"]).reset_index(drop=True)
