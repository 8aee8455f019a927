"""`python -m data.make --shared FOLDER` makes every built-in table anew from its sources."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import partial
from pathlib import Path

import geopandas as gpd
import pandas as pd

from data.make import boundaries, cells, tables

TARGET = Path(__file__).parents[1] / "tables"


def main() -> None:
    """Write all tables; `--only NAME` for some of them."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--shared", type=Path, required=True, help="folder with reference/figures and data")
    parser.add_argument("--only", nargs="*", help="names of tables")
    arguments = parser.parse_args()
    figures, sources = arguments.shared / "reference/figures", arguments.shared / "data"
    small = ["municipalities", "inventories", "energy_per_head", "fallback_per_head", "emission_factors", "tabula"]
    small += ["energy_prices", "point_sources"]
    recipes: dict[str, Callable[[], pd.DataFrame]] = {name: partial(getattr(tables, name), figures) for name in small}
    recipes["social_index"] = partial(tables.social_index, sources)
    recipes["cells_200m"] = partial(cells.cells_200m, sources / "ruhr-zensus2011")
    recipes["people_1km"] = partial(cells.people_1km, sources / "ruhr-zensus2011")
    recipes["districts_05913000"] = partial(boundaries.dortmund_districts, sources / "dortmund")
    recipes["boundaries"] = partial(boundaries.municipalities, TARGET / "municipalities.csv")
    for name, make in recipes.items():
        if arguments.only and name not in arguments.only:
            continue
        table = make()
        if isinstance(table, gpd.GeoDataFrame):
            table.to_parquet(TARGET / f"{name}.parquet", geometry_encoding="geoarrow", compression="zstd", index=False)
        elif name in {"cells_200m", "people_1km"}:
            table.to_parquet(TARGET / f"{name}.parquet", compression="zstd", index=False)
        else:
            table.to_csv(TARGET / f"{name}.csv", index=False, lineterminator="\n")


if __name__ == "__main__":
    main()
