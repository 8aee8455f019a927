"""Make the census cells: 100 m figures of the whole Ruhr, aggregated to 200 m, and people on 1 km."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from data import census
from data.report import Report
from data.schema import AGES
from data.units import CELL_M

TYPES = ["sfh_semi", "sfh_terraced", "2fh_detached", "2fh_semi", "2fh_terraced", "mfh_3_6", "mfh_7_12", "mfh_13plus"]
HEATINGS = ["district", "storey", "block", "single_stove", "none"]


def cells_200m(folder: Path) -> pd.DataFrame:
    """Sum the 100 m cells that belong to one municipality inside each 200 m cell.

    The census withholds every count below 3, and two categories are missing from the copy at hand (central heating,
    detached single-family houses); `data.census` puts what a breakdown lacks into its `unknown`. `quarters` says which
    of the four 100 m cells the municipality has, so that a cell on a municipal border is drawn once only.
    """
    raw = census.read([folder / "zensus2011_100m_ruhr.parquet"], report=Report(), edition="2011")
    table = census.aggregate(raw, CELL_M)
    table = table[table["n_buildings"] > 0].reset_index(drop=True)
    counts = [f"age_{name}" for name in AGES] + [f"type_{name}" for name in [*TYPES, "other"]]
    counts += [f"heating_{name}" for name in HEATINGS] + ["n_buildings", "age_unknown", "type_unknown", "quarters"]
    out = table[["ags", "x_m", "y_m", *counts]].fillna(dict.fromkeys(counts, 0))
    return out.astype(dict.fromkeys(counts, np.int16) | {"x_m": np.int32, "y_m": np.int32})


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
