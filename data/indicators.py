"""Social figures by district: in our units, for districts that the place has, each figure once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import geopandas as gpd
import pandas as pd

from data.errors import ImportedError
from data.inputs import INPUTS, Input
from data.report import Report
from data.schema import Column
from geo.errors import Problem

KEY = "district"
LISTED = 20


def in_file_units(declared: Input, scale: Mapping[str, float]) -> Input:
    """Declare columns as the file counts them: with a scale of 0.01, a share of 0 to 1 is 0 to 100 there."""
    return replace(
        declared, columns=tuple(_divided(column, scale.get(column.name, 1.0)) for column in declared.columns)
    )


def points_in_file_units(indicator: str, scale: float) -> Input:
    """Declare points as their file counts them: the range of `value` is that of the indicator."""
    limits = in_file_units(INPUTS["indicators"], {indicator: scale}).column(indicator)
    declared = INPUTS["indicator_points"]
    value = replace(declared.column("value"), low=limits.low, high=limits.high)
    return replace(declared, columns=tuple(value if c.name == "value" else c for c in declared.columns))


def _divided(column: Column, scale: float) -> Column:
    low, high = (None if limit is None else limit / scale for limit in (column.low, column.high))
    return replace(column, low=low, high=high)


def fitted(
    table: pd.DataFrame, levels: Sequence[gpd.GeoDataFrame], scale: Mapping[str, float], *, where: str, report: Report
) -> pd.DataFrame:
    """Give figures in our units, of the districts that the place has.

    Parameters
    ----------
    table
        `district` and figures in the units of the file.
    levels
        Districts of each level; without any, all rows are kept.
    scale
        Of columns whose unit is not ours.
    where, report
        Name the source; take rows of other districts, and districts without a row.

    Raises
    ------
    ImportedError
        A scale is for a column that is not there; more recipients or students than residents; not one row is of a
        district of the place.
    """
    figures = set(table) - {KEY}
    problems = [
        Problem(f"{where}, scale of {name}", "is for a column that is not there", "Correct its name.")
        for name in sorted(set(scale) - figures)
    ]
    table = table.assign(**{name: table[name] * factor for name, factor in scale.items() if name in figures})
    problems += _beyond_the_whole(table, where)
    names = [[str(name) for name in level[KEY]] for level in levels]
    known = table[KEY].isin([name for level in names for name in level])
    if names and not known.any():
        what = f"holds no district of the place, but {_listed(table[KEY])}"
        problems.append(Problem(where, what, f"Its districts: {_listed(names[0])}."))
    if problems:
        raise ImportedError(problems)
    if not names:
        report.missing(where, "districts that its figures belong to", "Add [[districts]].")
        return table
    remedy = f"Write the keys of the place's districts: {_listed(names[0])}."
    report.add(where, "districts that the place does not have", table[KEY][~known], "dropped", remedy)
    report.count(where, len(table), int(known.sum()))
    there = set(table[KEY])
    for level in names:
        without = [name for name in level if name not in there]
        # figures are for some levels, not for all
        if len(without) < len(level):
            report.add(where, "districts of the place that it has no figures for", without, "missing")
    return table[known].reset_index(drop=True)


def _listed(names: Sequence[str] | pd.Series) -> str:
    return ", ".join(names[:LISTED]) + (", …" if len(names) > LISTED else "")


def _beyond_the_whole(table: pd.DataFrame, where: str) -> list[Problem]:
    problems = []
    for part in ("recipients", "students"):
        if {part, "residents"} <= set(table):
            for row in table[table[part] > table["residents"]].itertuples():
                what = f"{getattr(row, part):g} {part} are more than {row.residents:g} residents"
                problems.append(Problem(f"{where}, {KEY} {row.district}", what, "Take both from one count."))
    return problems


def merged(tables: Sequence[tuple[str, pd.DataFrame]], report: Report) -> pd.DataFrame | None:
    """Put the figures of several files side by side, one row for each district; the first file with a figure counts."""
    if not tables:
        return None
    out = tables[0][1].set_index(KEY)
    for where, table in tables[1:]:
        new = table.set_index(KEY)
        order = [*out.index, *new.index.difference(out.index, sort=False)]
        both = [name for name in new if name in out]
        again = (out.reindex(new.index)[both].notna() & new[both].notna()).stack()
        ids = [f"{name} of {district}" for district, name in again.index[again.to_numpy(dtype=bool)]]
        report.add(f"{where}, beside earlier files", "figures that an earlier file gives too", ids, "dropped")
        out = out.combine_first(new).reindex(order)[[*out, *(name for name in new if name not in out)]]
    return out.reset_index()
