"""Findings of an impact as plain data, the same for the command line, the API and the map: how much, and who gains."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from data.schema import AGES
from geo.arrays import sum_by
from geo.equity import concentration, equity_ratio, parts, shares_by_quantile
from layers.impact import Impact
from layers.planning import LAST_YEAR, YEARS


def document(result: Impact) -> dict[str, Any]:
    """Result as plain data, for the command line, the API and the map: years, totals, quintiles, areas, how sure."""
    plan, measure = result.planning, result.measure
    saved_kwh = result.saved_kwh
    ef = plan.ef_g_kwh / 1e6
    without = plan.balance_kwh.sum(axis=0) @ ef
    saved = np.einsum("cy,cy->y", saved_kwh, ef[:-1])
    # as without minus with: what is saved never comes from another formula than the state it leaves
    with_ = without - saved
    stock = result.treated_m2.sum(axis=1)
    invest = np.diff(result.uptake, axis=1, prepend=0.0).T @ stock * measure["invest_eur_m2"]
    priced = np.isfinite(plan.eur_kwh[:-1]).all(axis=1)
    bill = np.einsum("cy,cy->y", saved_kwh[priced], plan.eur_kwh[:-1][priced])
    last_kwh = saved_kwh[:, -1].sum()
    ages = np.isin(AGES, result.placements[0].ages)
    no_place = float(plan.withheld_existing_m2[ages].sum())
    return {
        "place": plan.place,
        "name": plan.name,
        "release": plan.release.id,
        "method_version": plan.release.manifest["method_version"],
        "modelled": True,
        "measure": {k: measure[k] for k in ("measure", "catalogue_id", "name_en", "name_de", "lifetime_a", "caution")},
        "placements": [
            {
                "measure": p.measure,
                "ages": list(p.ages),
                "start": p.start,
                "end": p.end,
                "uptake": float(curve.max()),
                "whole_place": p.geometry is None,
            }
            for p, curve in zip(result.placements, result.uptake, strict=True)
        ],
        "totals": {
            "eligible_m2": float(stock.sum()),
            "treated_m2": float(result.uptake[:, -1] @ stock),
            "invest_eur": float(invest.sum()),
            "t_co2e_saved_cumulative": float(saved.sum()),
            "t_co2e_saved_last_year": float(saved[-1]),
            "kwh_saved_last_year": float(last_kwh),
            "bill_saving_eur_last_year": float(bill[-1]),
            "bill_saving_covers_share_of_kwh": float(saved_kwh[priced, -1].sum() / last_kwh) if last_kwh > 0 else None,
            "price_year_of_investment": measure["price_year"],
        },
        "years": [
            {
                "year": int(year),
                "t_co2e_without": float(without[i]),
                "t_co2e_with": float(with_[i]),
                "t_co2e_saved": float(saved[i]),
                "invest_eur": float(invest[i]),
                "bill_saving_eur": float(bill[i]),
                "ef_electricity_g_kwh": float(plan.ef_g_kwh[-1, i]),
            }
            for i, year in enumerate(YEARS)
        ],
        **_equity(result),
        "not_placed": {
            "eligible_m2": no_place,
            "reason": "Buildings that the census withholds have no place; they are in the emissions but not treated.",
        },
        "factors": {k: plan.release.manifest["factors"][k] for k in ("value_set", "gas_boundary", "status", "note")},
        "notes": _notes(measure, plan.release.manifest["factors"]),
    }


def _notes(measure: dict[str, Any], factors: dict[str, Any]) -> list[dict[str, str]]:
    """How sure the figures are, in both languages."""
    return [
        {
            "en": f"Modelled: census of 2011, TABULA heat demand, {factors['note']}",
            "de": "Modelliert: Zensus 2011, TABULA-Wärmebedarf; die BISKO-Faktoren nach Jahren sind aus der Erinnerung "
            "übernommen, nicht in der veröffentlichten Liste gesehen, und vor Gebrauch zu prüfen.",
        },
        {
            "en": "Investment is an assumption, {invest_low_eur_m2:.0f} to {invest_high_eur_m2:.0f} EUR per m² living "
            "area, prices of {price_year}.".format(**measure),
            "de": "Die Investition ist eine Annahme, {invest_low_eur_m2:.0f} bis {invest_high_eur_m2:.0f} EUR je m² "
            "Wohnfläche in Preisen von {price_year}.".format(**measure),
        },
        {
            "en": "Bill savings count gas, district heat and electricity at household prices before any rent increase; "
            "other carriers have no published price here.",
            "de": "Die Ersparnis zählt Gas, Fernwärme und Strom zu Haushaltspreisen vor jeder Mieterhöhung; für andere "
            "Energieträger liegt hier kein veröffentlichter Preis vor.",
        },
        {
            "en": "Tonnes show where the measure acts, not whom it benefits: the climate has no address.",
            "de": "Tonnen zeigen, wo die Maßnahme wirkt, nicht wem sie nützt: Das Klima hat keine Adresse.",
        },
        {
            "en": "Low income is an area figure (school social index); it says nothing about single households.",
            "de": "Niedriges Einkommen ist eine Gebietszahl (Schulsozialindex); über Haushalte sagt sie nichts.",
        },
    ]


def _equity(result: Impact) -> dict[str, Any]:
    """Shares by population quintile of the social index, and per area."""
    plan = result.planning
    key, area = np.unique(plan.units["area_id"].to_numpy(str), return_inverse=True)
    frame = pd.DataFrame(result.by_group(plan.balance_kwh, area, len(key)))
    frame["people"] = sum_by(area, plan.units["people"].fillna(0), len(key))
    frame["social_index"] = plan.units["social_index"].to_numpy()[np.unique(area, return_index=True)[1]]
    areas = [
        {"area_id": key[i], **{k: _plain(v) for k, v in row.items()}} for i, row in enumerate(frame.to_dict("records"))
    ]
    known = frame["social_index"].notna() & (frame["people"] > 0)
    if known.sum() < 5:
        reason = "Fewer than five areas with a social index: nothing can be said about who gains inside this place."
        return {"areas": areas, "quintiles": None, "equity": None, "equity_missing": reason}
    if not (frame.loc[known, "treated_m2"] > 0).any():
        return {"areas": areas, "quintiles": None, "equity": None, "equity_missing": "Nothing is treated here."}
    known_rows = frame[known]
    people, rank = known_rows["people"].to_numpy(), -known_rows["social_index"].to_numpy()
    shares = {
        name: shares_by_quantile(known_rows[column], people, rank)
        for name, column in (
            ("invest", "invest_eur"),
            ("bill_saving", "bill_saving_eur_a"),
            ("treated", "treated_m2"),
            ("t_co2e_saved", f"t_co2e_saved_{LAST_YEAR}"),
        )
    }
    fifths = parts(people, rank)
    low_income = fifths[:, 0]
    bill = known_rows["bill_saving_eur_a"].to_numpy()
    index = concentration(bill / people, people, rank)
    return {
        "areas": areas,
        "quintiles": [
            {
                "quintile": q + 1,
                "label_en": ("highest burden", "second", "middle", "fourth", "lowest burden")[q],
                "label_de": ("höchste Belastung", "zweites", "mittleres", "viertes", "niedrigste Belastung")[q],
                "people": float(people @ fifths[:, q]),
                **{f"{name}_share": float(values[q]) for name, values in shares.items()},
                "bill_saving_eur_per_head": float(shares["bill_saving"][q] * bill.sum() / (people @ fifths[:, q])),
            }
            for q in range(5)
        ],
        "equity": {
            "ranked_by": "school social index 2025/26 of the area, 9 = highest burden",
            "n_areas": int(known.sum()),
            "benefit": "bill_saving_eur_a",
            "low_income_population_share": 0.2,
            "low_income_benefit_share": float(shares["bill_saving"][0]),
            "equity_ratio": equity_ratio(bill, people, low_income),
            "concentration_index": index.index,
            "concentration_index_se": index.se_grouped,
        },
    }


def _plain(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
