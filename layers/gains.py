"""Who gains, at a glance: quintiles of the districts by their social index, for every answer of the impact.

`layers.judgement` says how sure that is, against chance and at other zonings.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from geo.arrays import FloatArray
from geo.equity import concentration, equity_ratio, parts
from geo.inference import concentrations, equity_ratios, interval, uncertain_amounts
from layers.impact import Impact
from layers.planning import LAST_YEAR

# errors of a district's figures alike, an assumption, and how often they are drawn
SD_AREA, DRAWS, SEED = 0.10, 499, 2026


def gains(result: Impact, by_area: Mapping[str, FloatArray]) -> dict[str, Any]:
    """Shares of population quintiles by the social index, and figures of each area.

    Parameters
    ----------
    result
        The impact.
    by_area
        Columns of `layers.columns.IMPACT_AREAS` for each area of the place.

    Returns
    -------
    dict
        `areas`, `quintiles` and `equity`; None, and `equity_missing` with the reason, where nothing can be said.
    """
    import pandas as pd  # noqa: PLC0415 - slow to import

    plan = result.planning
    frame = pd.DataFrame(by_area)
    frame["people"], frame["social_index"] = plan.people_by_area, plan.index_by_area
    listed = {str(name): [plain(v) for v in frame[name].tolist()] for name in frame}
    areas = [{"area_id": area, **{k: v[i] for k, v in listed.items()}} for i, area in enumerate(plan.areas)]
    known = frame["social_index"].notna() & (frame["people"] > 0)
    if known.sum() < 5:
        reason = "Fewer than five areas with a social index: nothing can be said about who gains inside this place."
        return {"areas": areas, "quintiles": None, "equity": None, "equity_missing": reason}
    rows = frame[known]
    people, rank = rows["people"].to_numpy(), -rows["social_index"].to_numpy()
    fifths = parts(people, rank)
    amounts = {
        "invest": rows["invest_eur"],
        "bill_saving": rows["bill_saving_eur_a"],
        "treated": rows["treated_m2"],
        "t_co2e_saved": rows[f"t_co2e_saved_{LAST_YEAR}"],
    }
    shares_of = {name: _shares(values.to_numpy(np.float64), fifths) for name, values in amounts.items()}
    saving = rows["bill_saving_eur_a"].to_numpy()
    labels = (
        ("highest burden", "höchste Belastung"),
        ("second", "zweites"),
        ("middle", "mittleres"),
        ("fourth", "viertes"),
        ("lowest burden", "niedrigste Belastung"),
    )
    body: dict[str, Any] = {
        "areas": areas,
        "quintiles": [
            {
                "quintile": q + 1,
                "label_en": english,
                "label_de": german,
                "people": float(people @ fifths[:, q]),
                **{f"{name}_share": None if s is None else float(s[q]) for name, s in shares_of.items()},
                "bill_saving_eur_per_head": float(saving @ fifths[:, q] / (people @ fifths[:, q])),
            }
            for q, (english, german) in enumerate(labels)
        ],
        "equity": None,
    }
    if not saving.sum() > 0:
        return body | {"equity_missing": "No bill is saved here: there is no benefit to share."}
    gain = concentration(saving / people, people, rank)
    poorest = shares_of["bill_saving"]
    n = saving.size
    drawn = uncertain_amounts(saving, np.arange(n), n, sd_area=SD_AREA, draws=DRAWS, seed=SEED)
    ratio = interval(equity_ratios(drawn, people, fifths[:, 0]))
    index = interval(concentrations(drawn, people, rank))
    return body | {
        "equity": {
            "ranked_by": "school social index 2025/26 of the area, 9 = highest burden",
            "n_areas": int(known.sum()),
            "benefit": "bill_saving_eur_a",
            "low_income_population_share": 0.2,
            "low_income_benefit_share": None if poorest is None else float(poorest[0]),
            "equity_ratio": equity_ratio(saving, people, fifths[:, 0]),
            "equity_ratio_low": ratio.low,
            "equity_ratio_high": ratio.high,
            "concentration_index": gain.index,
            "concentration_index_low": index.low,
            "concentration_index_high": index.high,
            "concentration_index_se": gain.se_grouped,
            "interval": "90 %, errors of the districts' figures alone; see the equity of a scenario for all of them",
        },
    }


def _shares(values: FloatArray, fifths: FloatArray) -> FloatArray | None:
    """Share of each fifth; None where there is nothing to share."""
    return np.asarray(values @ fifths / values.sum()) if values.sum() > 0 else None


def plain(value: float) -> float | None:
    """Return a number as it is, None for one that is missing."""
    return float(value) if np.isfinite(value) else None
