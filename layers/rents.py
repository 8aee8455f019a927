"""Who pays in rented homes: levy, heating cost saved and CO2 cost of an envelope measure, by district."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from data.schema import BUILDING_TYPES
from data.segments import SAVINGS, USEFUL
from geo.arrays import FloatArray
from geo.cash_flow import Transfer
from geo.rent import co2_cost_share, modernisation_levy, neutral_grant_eur_m2, warm_rent_change
from layers.bills import bill_saved
from layers.funding import grants, owner_occupied
from layers.impact import Impact
from layers.placement import Placed


@dataclass(frozen=True)
class Rents:
    """Rented homes that one placement treats, by district; NaN where it treats none.

    Attributes
    ----------
    rented_m2
        Treated living area that is let (by building type, an assumption).
    cost_eur_m2, grant_eur_m2
        Cost and grant per m² of treated living area.
    levy_eur_m2
        Rent increase per m² and month, within the caps.
    saving_1_eur_m2, saving_10_eur_m2
        Heating cost saved per m² and month in the first year and at the prices of the tenth.
    change_1_eur_m2, change_10_eur_m2
        Change of the warm rent; above 0 tenants pay more.
    neutral_grant_eur_m2
        Grant with which the warm rent stays as it is.
    co2_landlord_share_before, co2_landlord_share_after
        Landlord's share of the CO2 cost by its ten steps, mean of the buildings.
    co2_cost_eur_m2a_before, co2_cost_eur_m2a_after
        CO2 cost per m² and year, whoever bears it.
    """

    rented_m2: FloatArray
    cost_eur_m2: FloatArray
    grant_eur_m2: FloatArray
    levy_eur_m2: FloatArray
    saving_1_eur_m2: FloatArray
    saving_10_eur_m2: FloatArray
    change_1_eur_m2: FloatArray
    change_10_eur_m2: FloatArray
    neutral_grant_eur_m2: FloatArray
    co2_landlord_share_before: FloatArray
    co2_landlord_share_after: FloatArray
    co2_cost_eur_m2a_before: FloatArray
    co2_cost_eur_m2a_after: FloatArray


def rents(result: Impact, position: int) -> Rents:
    """Warm rent in the homes that an envelope placement treats, by district.

    What the placement saves is taken with it alone, at the end prices of households; carriers without a published
    price save nothing here, which makes the change look worse for tenants, never better.

    Parameters
    ----------
    result
        The impact.
    position
        Which placement; it must act on space heat.
    """
    import pandas as pd  # noqa: PLC0415 - slow to import

    one, planning = result.placed[position], result.planning
    n = len(planning.areas)
    area = planning.heat.area
    tenure = pd.DataFrame(planning.manifest["tenure"]).set_index("building_type").loc[list(BUILDING_TYPES)]
    treated, types = one.eligible * one.final, one.type_shares(planning)
    m2 = np.bincount(area, treated, n)
    let = treated * (types @ (1 - tenure["owner_occupied_share"].to_numpy(np.float64)))
    known = m2 > 0

    def mean(values: FloatArray, weight: FloatArray) -> FloatArray:
        mass = np.bincount(area, weight, n)
        sums = np.bincount(area, weight * values, n)
        return np.asarray(np.divide(sums, mass, out=np.full(n, np.nan), where=mass > 0), dtype=np.float64)

    cost = mean(one.invest_eur, treated)
    owners = owner_occupied(result, one)
    rate, _ = grants(result, one, {"landlord": 1.0} if owners < 1 else {"owner_occupier": 1.0})
    rent = mean(types @ tenure["rent_eur_m2"].to_numpy(np.float64), let)
    upkeep = mean(types @ tenure["maintenance_share"].to_numpy(np.float64), let)
    started = int(np.argmax(one.reached > 0)) if (one.reached > 0).any() else 0
    alone = bill_saved(result, frozenset({position}))
    reached = one.amounts(np.ones(len(area)), area, n)
    # a district whose turn comes late has its first year late
    first_year = np.argmax(reached > 0, axis=1)

    def saving(year: int) -> FloatArray:
        at = np.minimum(first_year + year, alone.shape[1] - 1)
        done = reached[np.arange(n), at]
        spread = np.divide(alone[np.arange(n), at] / 12, done, out=np.full(n, np.nan), where=done > 0)
        return np.asarray(spread, dtype=np.float64)

    rows = np.flatnonzero(known & np.isfinite(rent) & np.isfinite(saving(0)))
    out = {name: np.full(n, np.nan) for name in Rents.__dataclass_fields__}
    out["rented_m2"] = np.bincount(area, let, n)
    grant = cost[rows] * float(rate[started])
    first, tenth = saving(0)[rows], saving(9)[rows]
    neutral = neutral_grant_eur_m2(cost[rows], upkeep[rows], first, rent_before_eur_m2=rent[rows])
    if one.placement.warm_rent_neutral:
        grant = np.minimum(np.maximum(grant, np.nan_to_num(neutral)), cost[rows])
    levy = modernisation_levy(cost[rows], upkeep[rows], grant, rent_before_eur_m2=rent[rows]).increase
    found = {
        "cost_eur_m2": cost[rows],
        "grant_eur_m2": grant,
        "levy_eur_m2": levy,
        "saving_1_eur_m2": first,
        "saving_10_eur_m2": tenth,
        "change_1_eur_m2": warm_rent_change(levy, first),
        "change_10_eur_m2": warm_rent_change(levy, tenth),
        "neutral_grant_eur_m2": neutral,
    }
    for name, values in found.items():
        out[name][rows] = values
    for state, (share, eur) in _co2(result, one).items():
        out[f"co2_landlord_share_{state}"] = mean(share, let)
        out[f"co2_cost_eur_m2a_{state}"] = mean(eur, let)
    return Rents(**out)


def _co2(result: Impact, one: Placed) -> dict[str, tuple[FloatArray, FloatArray]]:
    """Landlord's share of the CO2 cost and that cost per m² and year, by unit, before and after its retrofit."""
    import pandas as pd  # noqa: PLC0415 - slow to import

    planning = result.planning
    direct = planning.manifest["direct"]
    grams = np.array([direct.get(carrier, 0.0) for carrier in planning.carriers])
    area = planning.units["living_area_m2"].to_numpy(np.float64)
    kg = np.divide(planning.kwh[:, :-1] @ grams / 1000, area, out=np.zeros_like(area), where=area > 0)
    kind = planning.heat.kind
    saves = planning.kinds.column(SAVINGS[one.measure.state_to]) / planning.kinds.column(USEFUL)
    allowed = np.any([part.carriers[kind] > 0 for part in one.parts], axis=0)
    less = np.bincount(planning.unit, planning.heat.useful_kwh * saves[kind] * allowed, minlength=len(area))
    useful = planning.useful_by_unit
    left = 1 - np.divide(less, useful, out=np.zeros_like(less), where=useful > 0)
    split = pd.DataFrame(planning.manifest["co2_cost_split"])
    bounds = split["kg_m2a_from"].to_numpy(np.float64)[1:]
    landlord = split["landlord_share"].to_numpy(np.float64)
    price = float(pd.DataFrame(planning.manifest["co2_price"])["eur_t"].iloc[-1])
    return {
        state: (co2_cost_share(found, bounds_kg_m2a=bounds, landlord_shares=landlord), found / 1000 * price)
        for state, found in (("before", kg), ("after", kg * left))
    }


def all_rents(result: Impact) -> dict[int, Rents]:
    """Rented homes by placement, of those that act on envelopes."""
    return {i: rents(result, i) for i, one in enumerate(result.placed) if one.measure.acts_on == "space_heat"}


def transfers(result: Impact, rented: Mapping[int, Rents]) -> list[Transfer]:
    """What tenants and landlords hand to each other by year: levies for envelopes, the landlords' CO2 cost saved."""
    import pandas as pd  # noqa: PLC0415 - slow to import

    out = []
    for i, found in rented.items():
        one = result.placed[i]
        n = len(found.rented_m2)
        tenure = pd.DataFrame(result.planning.manifest["tenure"]).set_index("building_type").loc[list(BUILDING_TYPES)]
        let = one.type_shares(result.planning) @ (1 - tenure["owner_occupied_share"].to_numpy(np.float64))
        m2 = one.amounts(let, result.planning.heat.area, n)
        name = one.placement.name or one.measure.name_en
        out.append(Transfer(f"levy, {name}", "tenant", "landlord", np.nan_to_num(found.levy_eur_m2) @ m2 * 12))
        before = found.co2_landlord_share_before * found.co2_cost_eur_m2a_before
        after = found.co2_landlord_share_after * found.co2_cost_eur_m2a_after
        # bills count the whole CO2 cost as the tenant's saving; the landlord's part of it is not
        relief = np.maximum(np.nan_to_num(before - after), 0)
        out.append(Transfer(f"CO2 cost, {name}", "tenant", "landlord", relief @ m2))
    return out
