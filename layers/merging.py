"""How the attributes of units are merged: each column has one rule, and one without a rule is not published."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from geo.arrays import BoolArray, FloatArray, IntArray, quotient, sum_by
from geo.errors import Problem
from layers.columns import IMPACT_YEARS, Column
from layers.errors import ReleaseError
from layers.layer import Layer

# what a place has fewer people of is told more coarsely: a rank among people is a count of people
MANY_PEOPLE = 20_000


@dataclass(frozen=True)
class Rule:
    """How the values of joined units become one.

    Attributes
    ----------
    how
        ``"sum"``; ``"mean"`` weighted by the column `by`; ``"ratio"`` of the column `of` to `by`; ``"largest"`` (of
        texts the last in order); ``"same"``: kept where all are alike; ``"alone"``: kept of units that are not joined;
        ``"place"``: mean by `by`, rounded, of what ranks among all people of the place; ``"rank"``: ranked anew where
        all have a rank; ``"names"``: all of them; ``"key"``: the first, and how many more. On the grid, where no rows
        are joined: ``"open"``: as it is; ``"shared"``: the mean of the cells that are shown together; ``"secret"``: for
        planners.
    by, of
        Other columns of the layer.
    """

    how: str
    by: str = ""
    of: str = ""


SUM, SAME, ALONE, LARGEST = Rule("sum"), Rule("same"), Rule("alone"), Rule("largest")
OPEN, SHARED, SECRET = Rule("open"), Rule("shared"), Rule("secret")
BY_PEOPLE = Rule("mean", by="people")
_SUMS = (
    *("n_buildings", "dwellings", "people", "living_area_m2", "floor_area_m2", "heat_kwh_a", "area_km2"),
    *("t_co2e_heat", "t_co2e_power", "t_co2e_other", "t_co2e", "t_co2e_placed", "t_co2e_spread", "t_co2e_motorways"),
    *("t_co2e_households", "t_co2e_economy", "t_co2e_transport", "t_co2e_municipal", "t_co2_ets"),
    *("treated_m2", "invest_eur", "bill_saving_eur_a"),
    *(f"{name}_{year}" for name in ("t_co2e", "t_co2e_saved", "t_co2e_households") for year in IMPACT_YEARS),
)
RULES: dict[str, Rule] = {
    "unit_id": Rule("key"),
    **dict.fromkeys(("district", "name"), Rule("names")),
    **dict.fromkeys(("ags", "area_id", "use", "building_type", "geometry_status"), SAME),
    "data_grade": LARGEST,
    **dict.fromkeys(_SUMS, SUM),
    "share_until_1918": Rule("mean", by="living_area_m2"),
    "storeys": Rule("mean", by="n_buildings"),
    "heat_kwh_m2a": Rule("ratio", of="heat_kwh_a", by="living_area_m2"),
    "t_co2e_households_per_head": Rule("ratio", of="t_co2e_households", by="people"),
    "invest_eur_per_head": Rule("ratio", of="invest_eur", by="people"),
    "bill_saving_eur_a_per_head": Rule("ratio", of="bill_saving_eur_a", by="people"),
    **dict.fromkeys(("social_index", "low_income_share", "low_income_probability"), BY_PEOPLE),
    **dict.fromkeys(("low_quintile", "low_relative_rate", "low_official", "low_robust"), BY_PEOPLE),
    # what is unsure of a part is unsure of the whole
    **dict.fromkeys(("uncertain", "cluster_q"), LARGEST),
    "need_benefit_cluster": SAME,
    # quantiles of a sum are not the sums of quantiles
    **{f"{name}_{q}": ALONE for name in ("t_co2e", "t_co2e_households") for q in ("p05", "p50", "p95")},
    **{f"{name}_type": SAME for name in ("cool", "green", "benefit")},
    **{f"{name}_gap": Rule("place", by="people") for name in ("cool", "green", "benefit")},
    **{f"{name}_priority": Rule("rank", by="people") for name in ("cool", "green", "benefit")},
}
# of the grid of surroundings, whose rows are not joined
GRID_RULES: dict[str, Rule] = {
    # a green area's square metres per head of those within reach tell how many they are, and two such who lives between
    **dict.fromkeys(("people", "green_m2_per_head"), SECRET),
    # shares of the buildings of a cell
    **dict.fromkeys(("r3", "score330300"), ALONE),
    # floor area, of which a cell of one building would tell that building's
    "building_intensity": SHARED,
    **dict.fromkeys(
        (
            *("cell_id", "ags", "night_anomaly_k", "day_anomaly_k", "exposed", "sealed_share", "canopy_share"),
            *("green_share", "public_green_share", "ndvi_mean", "blue_share", "distance_green_m", "walk_green_m"),
            *("access_300_1ha", "distance_water_m", "r30", "r300", "runoff_share_50mm", "retention_m3_50mm"),
        ),
        OPEN,
    ),
}
_IDS = {"key", "names"}
_KEYS = ("ags", "area_id")


@dataclass(frozen=True, eq=False)
class Joined:
    """Which units of a layer are shown together.

    Attributes
    ----------
    group
        Group of each unit, numbered by the first unit.
    shown
        Whether the figures of each group may be shown.
    """

    group: IntArray
    shown: BoolArray

    def __len__(self) -> int:
        return len(self.shown)

    @cached_property
    def size(self) -> IntArray:
        """Units of each group."""
        return np.bincount(self.group, minlength=len(self))

    @cached_property
    def first(self) -> IntArray:
        """First unit of each group."""
        return np.unique(self.group, return_index=True)[1]

    def members(self, chosen: IntArray) -> list[IntArray]:
        """Units of the chosen groups, in order."""
        order = np.argsort(self.group, kind="stable")
        ends = np.cumsum(self.size)
        return [order[ends[g] - self.size[g] : ends[g]] for g in chosen.tolist()]

    @classmethod
    def of(cls, key: IntArray, shown: BoolArray) -> Joined:
        """Number groups by their first unit; `shown` by unit."""
        _, first, inverse = np.unique(key, return_index=True, return_inverse=True)
        rank = np.empty(len(first), np.int64)
        rank[np.argsort(first)] = np.arange(len(first))
        return cls(rank[inverse.ravel()], shown[np.sort(first)])


def merged(layer: Layer, joined: Joined) -> pa.Table:
    """Merge the attributes of a layer.

    Parameters
    ----------
    layer
        One row for each unit.
    joined
        What is shown together.

    Returns
    -------
    pyarrow.Table
        The same columns, one row for each group. Units that are not joined keep their values; figures of a group with
        any part missing are missing; groups that may not be shown keep nothing but their keys.

    Raises
    ------
    ReleaseError
        Columns without a rule: what is not known to be safe is not published.
    """
    check(layer.columns, RULES)
    return pa.table({column.name: _column(layer, column.name, joined) for column in layer.columns})


def surroundings(layer: Layer, group: IntArray, alone: BoolArray) -> pa.Table:
    """Return the surroundings of each cell of the grid without what tells of few people or buildings.

    Parameters
    ----------
    layer
        One row for each cell, also where nobody lives.
    group, alone
        Number of each cell's group, and whether what it holds is shown alone.

    Raises
    ------
    ReleaseError
        Columns without a rule.
    """
    check(layer.columns, GRID_RULES)
    out = {}
    for column in layer.columns:
        how, found = GRID_RULES[column.name], layer.table[column.name]
        if how is SECRET:
            found = pa.nulls(len(layer), pa.float64())
        elif how is ALONE:
            found = pa.array(np.where(alone, _numbers(found), np.nan), from_pandas=True)
        elif how is SHARED:
            values = _numbers(found)
            count = sum_by(group, np.ones(len(values)), len(values))
            found = pa.array(quotient(sum_by(group, values, len(values)), count)[group], from_pandas=True)
        out[column.name] = found
    return pa.table(out)


def check(columns: Sequence[Column], rules: Mapping[str, Rule]) -> None:
    """Refuse columns without a rule, all at once."""
    unknown = [column.name for column in columns if column.name not in rules]
    if unknown:
        remedy = "Say in layers/merging.py how it is merged."
        raise ReleaseError([Problem(f"column '{name}'", "has no rule for the public", remedy) for name in unknown])


def spread(layer: Layer, table: pa.Table, joined: Joined, minimum: dict[str, float]) -> pa.Table:
    """Give every unit its part of what its group shows: sums shared equally, all else as it is.

    Parameters
    ----------
    layer
        The units.
    table
        What `merged` made of them.
    joined
        What is shown together.
    minimum
        Counts by column below which a part is left out.
    """
    size, out = joined.size[joined.group], {}
    for column in layer.columns:
        taken = table[column.name].take(pa.array(joined.group))
        if RULES[column.name].how == "key":
            taken = layer.table[column.name]
        elif RULES[column.name] is SUM:
            part = _numbers(taken) / size
            small = (size > 1) & (part < minimum.get(column.name, -np.inf))
            taken = pa.array(np.where(small, np.nan, part), from_pandas=True)
        out[column.name] = taken
    return pa.table(out)


def _column(layer: Layer, name: str, joined: Joined) -> pa.Array:
    rule = RULES[name]
    kind = layer.table[name].type
    keeps = rule.how in _IDS or name in _KEYS
    hidden = np.zeros(len(joined), dtype=bool) if keeps else ~joined.shown
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_null(kind):
        texts = np.array(layer.table[name].to_pylist(), dtype=object)
        found = _texts(texts, rule, joined)
        found[hidden] = None
        return pa.array(found.tolist(), kind)
    own = _numbers(layer.table[name])
    values = _FIGURES[rule.how](layer, name, rule, joined)
    values = np.where(joined.size == 1, own[joined.first], values) if rule.how in _AS_IT_IS else values
    return pa.array(np.where(hidden, np.nan, values), from_pandas=True)


def _numbers(column: pa.ChunkedArray) -> FloatArray:
    return np.asarray(column.cast(pa.float64()).to_numpy(zero_copy_only=False), dtype=np.float64)


# --- texts ------------------------------------------------------------------------------------------------------------


def _texts(texts: NDArray[np.object_], rule: Rule, joined: Joined) -> NDArray[np.object_]:
    found = texts[joined.first]
    several = np.flatnonzero(joined.size > 1)
    for group, members in zip(several.tolist(), joined.members(several), strict=True):
        found[group] = _text(texts[members].tolist(), rule)
    return found


def _text(members: list[str | None], rule: Rule) -> str | None:
    """One text for those of several units."""
    if rule.how == "key":
        return f"{members[0]}+{len(members) - 1}"
    if rule.how == "names":
        return " + ".join(dict.fromkeys(str(one) for one in members))
    if rule is LARGEST:
        return max(str(one or "") for one in members)
    return members[0] if rule is SAME and len(set(members)) == 1 else None


# --- figures ----------------------------------------------------------------------------------------------------------


def _sum(layer: Layer, name: str, _rule: Rule, joined: Joined) -> FloatArray:
    # one part that is missing makes the sum missing: NaN stays NaN
    return sum_by(joined.group, _numbers(layer.table[name]), len(joined))


def _mean(layer: Layer, name: str, rule: Rule, joined: Joined) -> FloatArray:
    values, weight = _numbers(layer.table[name]), _numbers(layer.table[rule.by])
    amount = np.where(weight == 0, 0.0, values * weight)
    return quotient(sum_by(joined.group, amount, len(joined)), sum_by(joined.group, weight, len(joined)))


def _ratio(layer: Layer, _name: str, rule: Rule, joined: Joined) -> FloatArray:
    return quotient(_sum(layer, rule.of, SUM, joined), _sum(layer, rule.by, SUM, joined))


def _largest(layer: Layer, name: str, _rule: Rule, joined: Joined) -> FloatArray:
    values = _numbers(layer.table[name])
    out = np.full(len(joined), -np.inf)
    np.maximum.at(out, joined.group, np.where(np.isnan(values), -np.inf, values))
    return np.where(sum_by(joined.group, np.isnan(values), len(joined)) > 0, np.nan, out)


def _same(layer: Layer, name: str, _rule: Rule, joined: Joined) -> FloatArray:
    values = _numbers(layer.table[name])
    first = values[joined.first]
    differs = sum_by(joined.group, ~(values == first[joined.group]), len(joined))
    return np.where(differs > 0, np.nan, first)


def _nothing(_layer: Layer, _name: str, _rule: Rule, joined: Joined) -> FloatArray:
    return np.full(len(joined), np.nan)


def _place(layer: Layer, name: str, rule: Rule, joined: Joined) -> FloatArray:
    mean = np.where(joined.size == 1, _numbers(layer.table[name])[joined.first], _mean(layer, name, rule, joined))
    people = np.nansum(_numbers(layer.table["people"]))
    return np.asarray(np.round(mean, 2 if people >= MANY_PEOPLE else 1))


def _rank(layer: Layer, name: str, rule: Rule, joined: Joined) -> FloatArray:
    mean = np.where(joined.size == 1, _numbers(layer.table[name])[joined.first], _mean(layer, name, rule, joined))
    mean = np.where(joined.shown, mean, np.nan)
    known = np.isfinite(mean)
    out = np.full(len(joined), np.nan)
    out[known] = np.searchsorted(np.sort(mean[known]), mean[known]) + 1
    return out


_FIGURES: dict[str, Callable[[Layer, str, Rule, Joined], FloatArray]] = {
    "sum": _sum,
    "mean": _mean,
    "ratio": _ratio,
    "largest": _largest,
    "same": _same,
    "alone": _nothing,
    "place": _place,
    "rank": _rank,
}
# of units that are not joined, the value itself
_AS_IT_IS = {"sum", "mean", "ratio", "largest", "same", "alone"}
