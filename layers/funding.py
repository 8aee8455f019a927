"""Who pays for a placement, and what programmes grant: by tenure, year and the dates of each programme."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from data.schema import BUILDING_TYPES
from geo.arrays import FloatArray
from geo.cash_flow import PAYERS
from geo.grants import Bonus, Grant, grant
from layers.impact import Impact
from layers.placement import Placed
from layers.planning import YEARS

if TYPE_CHECKING:
    import pandas as pd


def owner_occupied(result: Impact, one: Placed) -> float:
    """Share of what is treated that its owners live in, by building type (an assumption)."""
    import pandas as pd  # noqa: PLC0415 - slow to import

    tenure = pd.DataFrame(result.planning.manifest["tenure"]).set_index("building_type")
    share = tenure.loc[list(BUILDING_TYPES), "owner_occupied_share"].to_numpy(np.float64)
    planning = result.planning
    if one.on_units:
        mix = (one.eligible * one.final) @ one.type_shares(planning)
    else:
        every = planning.type_shares(np.ones(len(planning.kinds), dtype=bool))
        mix = planning.units["living_area_m2"].to_numpy(np.float64) @ every
    return float(mix @ share / mix.sum()) if mix.sum() > 0 else float(share.mean())


def payers(name: str, owner_occupied_share: float) -> dict[str, float]:
    """Payers of money by tenure; what reaches everybody is shared by tenants and owners alike."""
    own, let = owner_occupied_share, 1 - owner_occupied_share
    if name == "owner":
        return {"owner_occupier": own, "landlord": let}
    if name in {"occupant", "household", "all"}:
        return {"owner_occupier": own, "tenant": let}
    return {name: 1.0}


def grants(result: Impact, one: Placed, payers: dict[str, float]) -> tuple[FloatArray, tuple[str, ...]]:
    """Share of the investment that is granted by year, and by which programmes.

    Bonuses count where nothing but the year and the tenure decides; what hangs on income or a renovation plan does not.
    """
    import pandas as pd  # noqa: PLC0415 - slow to import

    table = pd.DataFrame(result.planning.manifest["grants"])
    rows = table[table["measure"] == one.measure.measure]
    if rows.empty:
        return np.full(len(YEARS), one.measure.value("grant_share")), ()
    programmes = [_programme(str(name), part) for name, part in rows.groupby("programme", sort=True)]
    claims = {b.claim for p in programmes for b in p.bonuses} & {"speed"}
    # per building: what one of the treated costs on average, and how many dwellings it has
    weight = one.eligible * one.final if one.on_units else np.zeros(0)
    units = result.planning.units
    n = float(weight @ np.nan_to_num(units["n_buildings"]) / weight.sum()) if weight.sum() > 0 else 1.0
    homes = float(weight @ np.nan_to_num(units["dwellings"]) / weight.sum()) / max(n, 1e-9) if weight.sum() > 0 else 1.0
    cost = float(weight @ (one.invest_eur * one.eligible) / weight.sum()) / max(n, 1e-9) if weight.sum() > 0 else 1.0
    share, names = np.zeros(len(YEARS)), set()
    for payer, part in payers.items():
        found = grant(
            np.full(len(YEARS), cost),
            dwellings=homes,
            tenure=payer,
            year=YEARS,
            grants=programmes,
            claims=dict.fromkeys(claims, True),
        )
        share += part * found.eur / cost
        names |= {programmes[i].programme for i in found.programme if i >= 0}
    return np.minimum(share, 1.0), tuple(sorted(names))


def _programme(name: str, rows: pd.DataFrame) -> Grant:
    import pandas as pd  # noqa: PLC0415 - slow to import

    base = rows[rows["bonus"] == "base"].iloc[0]
    limits = base[["eligible_eur_first", "eligible_eur_2nd_6th", "eligible_eur_7th"]]

    def year(value: Any) -> int | None:  # noqa: ANN401 - a cell
        return None if pd.isna(value) else int(value)

    def tenures(value: str) -> frozenset[str]:
        return frozenset() if value == "any" else frozenset([value]) & frozenset(PAYERS)

    bonuses = tuple(
        Bonus(
            str(row["bonus"]),
            float(row["rate"]),
            year(row["valid_from"]),
            year(row["valid_to"]),
            tenures(str(row["tenure"])),
        )
        for _, row in rows[rows["bonus"] != "base"].iterrows()
    )
    return Grant(
        name,
        float(base["rate"]),
        1.0 if pd.isna(base["cap_share"]) else float(base["cap_share"]),
        bonuses,
        None if limits.isna().any() else (float(limits.iloc[0]), float(limits.iloc[1]), float(limits.iloc[2])),
        year(base["valid_from"]),
        year(base["valid_to"]),
        tenures(str(base["tenure"])),
    )
