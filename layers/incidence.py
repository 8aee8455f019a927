"""Whom a programme reaches, who pays and who gains in treated homes, and how much of an income energy takes.

Money is per year once all is done, at the prices of the first year: saving and levy of tenants; levy less investment
of landlords; saving less investment of owner-occupiers. Investments are annuities over the life of the measure.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from geo.appraisal import ACTOR
from geo.arrays import FloatArray, sum_by
from geo.burden import above, share_of_income
from geo.equity import parts
from geo.errors import Problem
from geo.inference import interval
from geo.money import annuity_factor
from geo.targeting import targeting
from layers.equity import FIFTHS, LEVEL, Asked
from layers.errors import PlacementError
from layers.findings import by_unit
from layers.impact import Impact
from layers.planning import FIRST_YEAR, LAST_YEAR
from layers.rents import all_rents
from layers.social import Social
from layers.social_sources import INCOME

FIGURES = ("exclusion_error", "inclusion_error", "coverage_poor", "coverage_all", "cgh_ratio")
PAYERS = ("tenant", "landlord", "owner_occupier", "public")


def by_payer(result: Impact) -> dict[str, FloatArray]:
    """Net gain of each payer by district, EUR/a; below 0 they pay."""
    n = len(result.planning.areas)
    out = {payer: np.zeros(n) for payer in PAYERS}
    for i, found in all_rents(result).items():
        one = result.placed[i]
        treated = np.bincount(result.planning.heat.area, one.eligible * one.final, n)
        own = np.maximum(treated - found.rented_m2, 0)
        yearly = annuity_factor(ACTOR.rate or 0.0, one.measure.value("lifetime_a"))
        cost, grant, levy, saving, change = (
            np.nan_to_num(values)
            for values in (
                found.cost_eur_m2,
                found.grant_eur_m2,
                found.levy_eur_m2,
                found.saving_1_eur_m2,
                found.change_1_eur_m2,
            )
        )
        out["tenant"] -= change * 12 * found.rented_m2
        out["landlord"] += (levy * 12 - (cost - grant) * yearly) * found.rented_m2
        out["owner_occupier"] += (saving * 12 - (cost - grant) * yearly) * own
        out["public"] -= grant * yearly * (found.rented_m2 + own)
    return out


def incidence(result: Impact, social: Social, asked: Asked) -> dict[str, Any] | None:
    """Net gain of each payer, and of fifths of the people; None where the place has no districts to tell them by.

    Parameters
    ----------
    result
        The impact; only its envelopes have rents.
    social
        Who lives where.
    asked
        Definition of low income, draws and seed.
    """
    districts = social.zonings.get("district")
    if districts is None or len(districts) != len(result.planning.areas):
        return None
    if districts.ids != result.planning.areas:
        raise PlacementError(Problem("social", "is of another place", "Ask for that of the impact's place."))
    known = np.isfinite(social.values["district"]) & (districts.people > 0)
    if not any(one.measure.acts_on == "space_heat" for one in result.placed) or known.sum() < len(FIFTHS):
        return None
    people = districts.people[known]
    rank = social.rank_by(social.values["district"])[known]
    low = social.low(districts, asked.definition)[known]
    drawn = social.drawn(districts, asked.definition, asked.draws, asked.seed).low[:, known]
    fifths = parts(people, rank)
    rows = []
    for payer, amount in by_payer(result).items():
        here = amount[known]
        found = interval((drawn * here).sum(axis=1), level=LEVEL)
        value = float(low @ here)
        rows.append(
            {
                "payer": payer,
                "net_eur_a": float(amount.sum()),
                "net_eur_a_in_low_income": {
                    "value": value,
                    "low": min(found.low, value),
                    "high": max(found.high, value),
                },
                "net_eur_a_per_head_in_low_income": value / float(low @ people) if low @ people > 0 else None,
                "net_eur_a_per_head": float(here.sum() / people.sum()),
                "net_eur_a_by_fifth": [float(here @ fifths[:, q]) for q in range(len(FIFTHS))],
            }
        )
    return {
        "payers": rows,
        "note": "Envelopes only, per year once all is done, at the prices of the first year; investments are annuities "
        f"at {ACTOR.rate:.0%}. Who rents is told by the type of building, an assumption.",
        "note_de": "Nur Gebäudehüllen, pro Jahr nach Abschluss, zu Preisen des ersten Jahres; Investitionen als "
        f"Annuitäten zu {ACTOR.rate:.0%}. Wer mietet, folgt aus dem Gebäudetyp, eine Annahme.",
    }


def reached(result: Impact, social: Social, asked: Asked) -> dict[str, Any] | None:
    """Tell how well a programme finds residents of low-income areas; None where it chooses no homes.

    Reached are the people of a home times the share of its living area that is treated.
    """
    treated_m2 = by_unit(result)["treated_m2"]
    if not treated_m2.any():
        return None
    area = result.planning.units["living_area_m2"].to_numpy(np.float64)
    # later rounds of one home are no further people
    treated = np.minimum(np.divide(treated_m2, area, out=np.zeros_like(area), where=area > 0), 1)
    zoning = asked.of(social)
    people = np.nan_to_num(social.sources.unit_people)
    got = zoning.sums(people * treated)
    known = np.isfinite(social.low(zoning, asked.definition))
    drawn = social.drawn(zoning, asked.definition, asked.draws, asked.seed).low[:, known]

    def found(low: FloatArray) -> dict[str, float | None]:
        poor = float(low @ zoning.people[known])
        said = targeting(float(zoning.people[known].sum()), poor, float(got[known].sum()), float(low @ got[known]))
        return {name: getattr(said, name) for name in FIGURES}

    value, draws = found(social.low(zoning, asked.definition)[known]), [found(row) for row in drawn[:99]]
    out: dict[str, Any] = {"people_reached": float(got.sum())}
    for name in FIGURES:
        told = [one for d in draws if (one := d[name]) is not None]
        here = value[name]
        if here is None or not told:
            out[name] = None
            continue
        band = interval(told, level=LEVEL)
        out[name] = {"value": here, "low": min(band.low, here), "high": max(band.high, here)}
    out["note"] = "Residents of low-income areas, not poor people: who of an area is poor is not known."
    out["note_de"] = "Menschen in einkommensschwachen Gebieten, nicht arme Menschen: Wer dort arm ist, ist unbekannt."
    return out


def energy_burden(result: Impact, social: Social) -> dict[str, Any] | None:
    """Energy bill of a home before and after, as a share of the median income; None where no income is known.

    Carriers without a published price count nothing, so the burden is a lower bound.
    """
    level, planning = social.sources.levels.get("district"), result.planning
    if level is None or INCOME not in level.columns or not level.columns[INCOME].notna().any():
        return None
    n = len(level.ids)
    price = np.nan_to_num(planning.eur_kwh)[:, 0]
    homes = sum_by(level.of_unit, planning.units["dwellings"].fillna(0), n)
    before = sum_by(level.of_unit, planning.kwh @ price, n)
    saved = sum_by(level.of_unit, result.bill_by_unit()[:, LAST_YEAR - FIRST_YEAR], n)
    lived = homes > 0
    income = np.where(lived, level.columns[INCOME].to_numpy(np.float64) * 12, np.nan)
    per_home = np.divide(before, homes, out=np.full(n, np.nan), where=lived)
    less = np.divide(np.minimum(saved, before), homes, out=np.full(n, np.nan), where=lived)
    first, last = share_of_income(income, energy=per_home), share_of_income(income, energy=per_home - less)
    high, later = above(first), above(last)
    return {
        "areas": [
            {"area_id": level.ids[a], "before": float(first[a]), "after": float(last[a])}
            for a in range(n)
            if np.isfinite(first[a])
        ],
        "high_from": 0.1,
        "homes_in_high_before": float(np.nansum(high * homes)),
        "homes_in_high_after": float(np.nansum(later * homes)),
        "note": "Modelled mean of a district's homes at the prices of the first year against its median income; no "
        "household's own burden. Heating of those on basic income support is paid by the job centre.",
    }
