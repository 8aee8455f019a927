"""Findings of an impact as plain data, for the command line, the API and the map: how much, who pays, who gains."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from data.schema import SECTORS
from geo.appraisal import ACTOR, SOCIETAL
from geo.arrays import FloatArray
from geo.cash_flow import PAYERS, CashFlow, funding_gap
from geo.parts import DRIVERS as DRIVER_NAMES
from layers import green_words
from layers.bills import bill_saved, priced_share
from layers.columns import IMPACT_YEARS
from layers.finance import Finance, finance, shares, social_cost_mk3
from layers.gains import gains, plain
from layers.greening import FIELDS, greening
from layers.impact import Impact
from layers.placement import Placed
from layers.planning import FIRST_YEAR, LAST_YEAR, PRICE_YEAR, YEARS
from layers.rents import Rents, all_rents, transfers
from layers.social import Social


def document(
    result: Impact, *, detail: bool = False, units: bool = False, social: Callable[[], Social] | None = None
) -> dict[str, Any]:
    """Result as plain data.

    Parameters
    ----------
    result
        The impact.
    detail
        With money by payer, rents, fair shares of the placements and the drivers of the change: seconds for many
        placements.
    units
        With every unit of the stock that is treated.
    social
        Gives who lives where, to say what green and blue measures do; not asked for without any.
    """
    plan = result.planning
    without, with_ = np.nansum(result.without, axis=(0, 1)), np.nansum(result.with_, axis=(0, 1))
    saved = result.t_saved
    bill = bill_saved(result)
    invest = sum_of([_invest(one) for one in result.placed])
    beside = result.beside()
    body: dict[str, Any] = {
        "place": plan.place,
        "name": plan.name,
        "release": plan.release.id,
        "method_version": plan.release.manifest["method_version"],
        "modelled": True,
        "path": result.outside.path,
        "growth": dict(result.outside.growth),
        "placements": [_placement(result, i) for i in range(len(result.placed))],
        "totals": {
            "treated_m2": float(sum(o.quantity[-1] for o in result.placed if o.measure.acts_on == "space_heat")),
            "invest_eur": float(invest.sum()),
            "t_co2e_saved_cumulative": float(saved.sum()),
            "t_co2e_saved_last_year": float(saved[:, -1].sum()),
            "kwh_saved_last_year": float(result.saved_kwh()[:, :, -1].sum()),
            "bill_saving_eur_last_year": float(bill[:, -1].sum()),
            "bill_saving_covers_share_of_kwh": priced_share(result),
            "social_cost_avoided_eur": float(social_cost_mk3(result) @ saved.sum(axis=0)),
            "price_year": PRICE_YEAR,
            **{f"{name}_last_year": float(values[-1]) for name, values in beside.items()},
        },
        "years": [
            {
                "year": int(year),
                "t_co2e_without": float(without[i]),
                "t_co2e_with": float(with_[i]),
                "t_co2e_saved": float(saved[:, i].sum()),
                "invest_eur": float(invest[i]),
                "bill_saving_eur": float(bill[:, i].sum()),
                "ef_electricity_g_kwh": float(plan.factor("electricity", result.outside.path)[i]),
                **{name: float(values[i]) for name, values in beside.items()},
            }
            for i, year in enumerate(YEARS)
        ],
        "sectors": _sectors(result),
        **gains(result, by_area(result, bill)),
        "not_placed": {
            "eligible_m2": float(plan.withheld_existing_m2.sum()),
            "reason": "Buildings that the census withholds have no place; they are in the emissions but not treated.",
        },
        "factors": {k: plan.release.manifest["factors"][k] for k in ("value_set", "gas_boundary", "status", "note")},
        "notes": _notes(result),
    }
    if social is not None and any(one.measure.field in FIELDS for one in result.placed):
        body["greening"] = green_words.document(greening(result, social()))
    if detail:
        body |= _detail(result)
    if units:
        body["units"] = _units(result)
    return body


def sum_of(series: list[FloatArray]) -> FloatArray:
    """Sum of several series, zeros for none."""
    return np.asarray(np.sum(series, axis=0)) if series else np.zeros(len(YEARS))


def _invest(one: Placed) -> FloatArray:
    """New investment by year, EUR, without what replaces it later."""
    return np.diff(one.invested, prepend=0.0)


def _placement(result: Impact, i: int) -> dict[str, Any]:
    one = result.placed[i]
    placement, measure = one.placement, one.measure
    figure = measure.figures["invest_eur_unit"]
    return {
        "measure": measure.measure,
        "catalogue_id": measure.catalogue_id,
        "name": placement.name,
        "name_en": measure.name_en,
        "name_de": measure.name_de,
        "unit": measure.unit,
        "unit_en": measure.unit_en,
        "unit_de": measure.unit_de,
        "start": placement.start,
        "end": placement.end,
        "rule": placement.rule,
        "eligibility": measure.eligibility,
        "priority": placement.priority,
        "whole_place": placement.whole_place,
        "eligible": float(one.eligible.sum()),
        "uptake": float(one.reached[-1]),
        "quantity": float(one.quantity[-1]),
        "invest_eur": float(_invest(one).sum()),
        "invest_low_eur": _scaled(figure.low, figure.value, one),
        "invest_high_eur": _scaled(figure.high, figure.value, one),
        "price_year_of_figure": figure.price_year,
        "status_of_investment": figure.status,
        "lifetime_a": measure.value("lifetime_a"),
        "caution_en": measure.caution_en,
        "caution_de": measure.caution_de,
    }


def _scaled(bound: float | None, value: float, one: Placed) -> float | None:
    return None if bound is None or not value else float(_invest(one).sum() * bound / value)


def _sectors(result: Impact) -> list[dict[str, Any]]:
    """Emissions by sector in the target years; None for a sector that the balance does not know."""
    at = [0, *(year - FIRST_YEAR for year in IMPACT_YEARS)]
    out = []
    for s, sector in enumerate(SECTORS):
        without, with_ = result.without[:, s].sum(axis=0), result.with_[:, s].sum(axis=0)
        row: dict[str, Any] = {"sector": sector}
        for i in at:
            row[f"t_co2e_without_{YEARS[i]}"] = plain(without[i])
            row[f"t_co2e_with_{YEARS[i]}"] = plain(with_[i])
        out.append(row)
    return out


def _detail(result: Impact) -> dict[str, Any]:
    """Drivers of the change, fair shares, money, rents."""
    fair = shares(result)
    money = finance(result, fair)
    change, rented = result.change(), all_rents(result)
    return {
        "change": {
            "from_t_co2e": float(np.nansum(result.tonnes(()))) / len(YEARS),
            "base_year": result.planning.base_year,
            "years": [
                {"year": int(year), **{n: float(change[k][i]) for n, k in zip(DRIVER_NAMES, change, strict=True)}}
                for i, year in enumerate(YEARS)
            ],
            "note": "Parts sum to the change since the balance; Shapley's value, so that no order of them counts.",
        },
        "attribution": [
            {
                "placement": i,
                "measure": one.measure.measure,
                "t_co2e_saved_cumulative": float(share.t.sum()),
                "t_co2e_saved_last_year": float(share.t[-1]),
                "standard_error_t": share.standard_error_t,
            }
            for i, (one, share) in enumerate(zip(result.placed, fair, strict=True))
        ],
        "money": _money(result, money, rented),
        "rents": [
            {"placement": i, "measure": result.placed[i].measure.measure, "areas": _rents(result, found)}
            for i, found in rented.items()
        ],
    }


def _money(result: Impact, money: Finance, rented: Mapping[int, Rents]) -> dict[str, Any]:
    cash = money.cash(transfers(result, rented))
    curve = money.curve()
    return {
        "price_year": PRICE_YEAR,
        "actor_rate": ACTOR.rate,
        "placements": [_account(money, i) for i in range(len(money.accounts))],
        "payers": [
            {
                "payer": payer,
                "invest_eur": float(cash.invest_eur[p].sum()),
                "grant_eur": float(cash.grant_eur[p].sum()),
                "opex_eur": float(cash.opex_eur[p].sum()),
                "saving_eur": float(cash.saving_eur[p].sum()),
                "transfer_eur": float(cash.transfer_eur[p].sum()),
                "net_eur": float(cash.net_eur[p].sum()),
                "net_eur_by_year": cash.net_eur[p].tolist(),
            }
            for p, payer in enumerate(PAYERS)
        ],
        "years": YEARS.tolist(),
        "total_eur": cash.total_eur.tolist(),
        "not_granted_eur": float(sum((a.invest - a.grant).sum() for a in money.accounts)),
        "city_funding_gap": _gap(result, cash),
        "social_cost": _social_cost(result),
        "abatement_curve": None
        if curve is None
        else {
            "perspective": SOCIETAL.name,
            "note": curve.note,
            "steps": [
                {
                    "placement": int(i),
                    "measure": money.accounts[i].placed.measure.measure,
                    "eur_t": float(curve.cost_eur_t[k]),
                    "from_t_a": float(curve.from_t[k]),
                    "to_t_a": float(curve.to_t[k]),
                }
                for k, i in enumerate(curve.order)
            ],
        },
    }


def _gap(result: Impact, cash: CashFlow) -> dict[str, Any] | None:
    """What the city's budget does not cover; None where no budget was given."""
    budget, city = result.outside.city_budget_eur_a, PAYERS.index("city")
    if budget is None:
        return None
    # a grant is paid in the year of the investment
    invest = cash.invest_eur[city]
    gap = funding_gap(invest, np.minimum(cash.grant_eur[city], invest), budget)
    return {"budget_eur_a": budget, "gap_eur": gap.gap_eur.tolist(), "unspent_eur": gap.unspent_eur.tolist()}


def _social_cost(result: Impact) -> dict[str, Any]:
    """Damage avoided by the saved tonnes: the main line, and with equal weight of generations."""
    t = result.t_saved.sum(axis=0)
    return {
        "generation": "mk3",
        "avoided_eur_1_pct": float(social_cost_mk3(result, 1) @ t),
        "avoided_eur_0_pct": float(social_cost_mk3(result, 0) @ t),
        "note": "UBA Methodenkonvention 3, 1 % and 0 % time preference, prices of 2024. Version 4 (2026) names some "
        "1,000 EUR/t for 0 %; its value for 1 % was not found, and versions are not mixed.",
    }


def _account(money: Finance, i: int) -> dict[str, Any]:
    account = money.accounts[i]
    actor, society = account.abatement()
    return {
        "placement": i,
        "measure": account.placed.measure.measure,
        "invest_eur": float(account.invest.sum()),
        "residual_eur": account.residual,
        "grant_eur": float(account.grant.sum()),
        "grant_programmes": list(account.programmes),
        "opex_eur": float(account.opex.sum()),
        "saving_eur": float(account.saving.sum()),
        "npv_eur": account.npv(),
        "annual_cost_eur_a": account.annual_cost(),
        "abatement_eur_t_actor": plain(float(actor.values)),
        "abatement_eur_t_society": plain(float(society.values)),
    }


def _rents(result: Impact, found: Rents) -> list[dict[str, Any]]:
    columns = {name: getattr(found, name) for name in Rents.__dataclass_fields__}
    return [
        {"area_id": area, **{name: plain(float(values[a])) for name, values in columns.items()}}
        for a, area in enumerate(result.planning.areas)
        if np.isfinite(found.cost_eur_m2[a])
    ]


def _units(result: Impact) -> list[dict[str, Any]]:
    """Units of the stock that are treated, with what is done and saved there in the last year."""
    plan = result.planning
    done = np.zeros(len(plan.units))
    for one in result.placed:
        if one.on_units:
            done = np.maximum(done, one.final)
    saved = result.by_unit()[:, -1]
    at = np.flatnonzero(done > 0)
    ids, areas = plan.units["unit_id"].to_numpy(), plan.units["area_id"].to_numpy()
    return [
        {
            "unit_id": str(ids[u]),
            "area_id": str(areas[u]),
            "treated_share": float(done[u]),
            f"t_co2e_saved_{LAST_YEAR}": float(saved[u]),
        }
        for u in at
    ]


def by_area(result: Impact, bill: FloatArray | None = None) -> dict[str, FloatArray]:
    """Columns of `layers.columns.IMPACT_AREAS` for each area of the place."""
    plan, n = result.planning, len(result.planning.areas)
    treated, invest = np.zeros(n), np.zeros(n)
    for one in result.placed:
        area = plan.heat.area if one.on_units else np.arange(n)
        share = one.final
        invest += np.bincount(area, one.invest_eur * one.eligible * share, n)
        if one.measure.acts_on == "space_heat":
            treated += np.bincount(area, one.eligible * share, n)
    money = bill_saved(result) if bill is None else bill
    out = {"treated_m2": treated, "invest_eur": invest, "bill_saving_eur_a": money[:, -1]}
    for year in IMPACT_YEARS:
        i = year - FIRST_YEAR
        out[f"t_co2e_saved_{year}"] = result.t_saved[:, i]
        out[f"t_co2e_{year}"] = np.nansum(result.with_[:, :, i], axis=1)
        out[f"t_co2e_households_{year}"] = result.with_[:, 0, i]
    return out


def by_unit(result: Impact) -> dict[str, FloatArray]:
    """Columns of `layers.columns.IMPACT` for each unit of the stock: what is done there, and its households."""
    return result.remembered("by unit", lambda: _by_unit(result))


def _by_unit(result: Impact) -> dict[str, FloatArray]:
    plan = result.planning
    n = len(plan.units)
    treated, invest = np.zeros(n), np.zeros(n)
    for one in result.placed:
        if not one.on_units:
            continue
        done = one.eligible * one.final
        invest += one.invest_eur * done
        if one.measure.acts_on == "space_heat":
            treated += done
    saved, before = result.by_unit(), plan.kwh @ result.factors(result.outside.path, frozenset()) / 1e6
    before = before * result.outside.activity("households")
    out = {"treated_m2": treated, "invest_eur": invest, "bill_saving_eur_a": result.bill_by_unit()[:, -1]}
    for year in IMPACT_YEARS:
        i = year - FIRST_YEAR
        out[f"t_co2e_saved_{year}"] = saved[:, i]
        out[f"t_co2e_{year}"] = before[:, i] - saved[:, i]
    return out


def _notes(result: Impact) -> list[dict[str, str]]:
    """How sure the figures are, in both languages."""
    factors = result.planning.release.manifest["factors"]
    unsure = sorted({one.measure.name_en for one in result.placed if _status(one) in {"assumption", "recalled"}})
    unsicher = sorted({one.measure.name_de for one in result.placed if _status(one) in {"assumption", "recalled"}})
    notes = [
        {
            "en": f"Modelled: census of 2011, TABULA heat demand, {factors['note']}",
            "de": "Modelliert: Zensus 2011, TABULA-Wärmebedarf; die BISKO-Faktoren nach Jahren sind aus der Erinnerung "
            "übernommen, nicht in der veröffentlichten Liste gesehen, und vor Gebrauch zu prüfen.",
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
    if unsure:
        notes.insert(
            1,
            {
                "en": f"Investment is an assumption or recalled, in prices of {PRICE_YEAR}: {', '.join(unsure)}.",
                "de": f"Die Investition ist eine Annahme oder erinnert, in Preisen von {PRICE_YEAR}: "
                f"{', '.join(unsicher)}.",
            },
        )
    return notes


def _status(one: Placed) -> str:
    return one.measure.figures["invest_eur_unit"].status
