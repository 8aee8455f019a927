"""Layers of who lives where and who gains, on census cells: low income, benefits of a scenario, priorities."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from geo.arrays import FloatArray, IntArray, sum_by
from geo.errors import InputError
from geo.moran import local_moran_bivariate
from geo.neighbours import nearest_neighbours
from geo.siting import typology
from layers.findings import by_unit
from layers.impact import Impact
from layers.social import Social
from layers.social_sources import SCHOOLS

if TYPE_CHECKING:
    import pandas as pd

QUADRANTS = {1: "HH", 2: "LH", 3: "LL", 4: "HL"}
NEAREST = 6
PERMUTATIONS = 999
ALPHA = 0.1
DEFINITION = "quintile"
DRAWS = 199


def low_income(social: Social) -> pd.DataFrame:
    """Indicator, definitions side by side and the probability of counting as low-income, by unit."""
    import pandas as pd  # noqa: PLC0415 - slow to import

    cells = social.zonings["cell"]
    values = social.values["cell"]
    known = np.isfinite(values) & (cells.people > 0)
    found = social.definitions(cells) if known.any() else {}
    probability = social.membership(cells, DEFINITION, DRAWS) if known.any() else np.full(len(cells), np.nan)
    table = pd.DataFrame({SCHOOLS: values, "low_income_probability": probability})
    table["uncertain"] = np.where(known, ((probability > 0.05) & (probability < 0.95)).astype(float), np.nan)
    for name in ("quintile", "relative_rate", "official", "robust"):
        table[f"low_{name}"] = found.get(name, np.full(len(cells), np.nan))
    return by_cell(social, table)


def by_cell(social: Social, table: pd.DataFrame) -> pd.DataFrame:
    """Give every unit the row of its cell."""
    return table.iloc[social.cell_of_unit].reset_index(drop=True)


def benefits(result: Impact, social: Social) -> pd.DataFrame:
    """What homes get from a scenario by unit, per head, and clusters of need against benefit."""
    import pandas as pd  # noqa: PLC0415 - slow to import

    given = by_unit(result)
    people = np.nan_to_num(social.sources.unit_people)
    table = pd.DataFrame(
        {
            name: given[name]
            for name in ("treated_m2", "invest_eur", "bill_saving_eur_a", "t_co2e_saved_2045")
        }
    )  # fmt: skip
    for name in ("invest_eur", "bill_saving_eur_a"):
        per_head = np.divide(given[name], people, out=np.full(len(people), np.nan), where=people > 0)
        table[f"{name}_per_head"] = per_head
    cluster, q = _clusters(social, given["bill_saving_eur_a"])
    here = social.cell_of_unit
    table["need_benefit_cluster"] = cluster[here]
    table["cluster_q"] = q[here]
    return table


def _per_head(social: Social, by_unit_: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Need and amount per head by cell; NaN where nobody lives or nothing is known."""
    cells = social.zonings["cell"]
    need = -social.rank_by(social.values["cell"])
    amount = sum_by(social.cell_of_unit, by_unit_, len(cells))
    per_head = np.divide(amount, cells.people, out=np.full(len(cells), np.nan), where=cells.people > 0)
    return np.where(cells.people > 0, need, np.nan), per_head


def _clusters(social: Social, by_unit_: FloatArray) -> tuple[NDArray[np.object_], FloatArray]:
    """Significant clusters of need (first letter) and benefit around it (second), by cell; "" elsewhere."""
    need, per_head = _per_head(social, by_unit_)
    known = np.flatnonzero(np.isfinite(need) & np.isfinite(per_head))
    cluster = np.full(len(need), "", dtype=object)
    q = np.full(len(need), np.nan)
    if known.size <= NEAREST + 1 or np.ptp(need[known]) == 0 or np.ptp(per_head[known]) == 0:
        return cluster, q
    at = nearest_neighbours(social.sources.cell_east[known], social.sources.cell_north[known], NEAREST)
    found = local_moran_bivariate(need[known], per_head[known], at, permutations=PERMUTATIONS, seed=2026)
    q[known] = found.q
    sure = found.significant(ALPHA)
    cluster[known[sure]] = [QUADRANTS[int(k)] for k in found.quadrant[sure]]
    return cluster, q


def priority(social: Social, supply: FloatArray, name: str) -> pd.DataFrame:
    """High need and low supply first, by unit.

    Parameters
    ----------
    social
        Who lives where: the need.
    supply
        What each cell gets per head; rises with supply, NaN where unknown.
    name
        Of the supply: prefix of the columns.
    """
    import pandas as pd  # noqa: PLC0415 - slow to import

    cells = social.zonings["cell"]
    need = np.where(cells.people > 0, -social.rank_by(social.values["cell"]), np.nan)
    kind: NDArray[np.object_] = np.full(len(cells), "", dtype=object)
    rank = np.full(len(cells), np.nan)
    gap = np.full(len(cells), np.nan)
    try:
        found = typology(need, np.where(cells.people > 0, supply, np.nan), cells.people)
    except InputError:
        pass  # nothing is high or low where all is alike: no cell comes first
    else:
        kind[:] = found.kind
        gap = found.difference
        rank = np.where(found.priority > 0, found.priority, np.nan)
    table = pd.DataFrame({f"{name}_type": kind, f"{name}_gap": gap, f"{name}_priority": rank})
    return by_cell(social, table)


def supply_of_bill(result: Impact, social: Social) -> FloatArray:
    """Bill saving per head by cell."""
    return _per_head(social, by_unit(result)["bill_saving_eur_a"])[1]


def joined(values: FloatArray, at: IntArray) -> FloatArray:
    """Values of other rows, NaN where `at` is -1."""
    return np.where(at >= 0, values[np.maximum(at, 0)], np.nan)
