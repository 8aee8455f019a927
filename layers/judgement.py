"""A scenario or placement judged as a whole: who gains from it, how sure that is, over the years, in a sentence."""

from __future__ import annotations

from typing import Any

import numpy as np

from data.units import CELL
from geo.errors import Problem
from layers.benefits import YEARS, Benefits
from layers.equity import LEVEL, Asked, brief, judge
from layers.errors import PlacementError
from layers.gains import plain
from layers.green_gains import amounts as green_amounts
from layers.greening import greening
from layers.impact import Impact
from layers.incidence import energy_burden, incidence, reached
from layers.planning import Planning
from layers.scenarios import Feature, Placements, run
from layers.social import Social

# more areas than that are a layer, not a list
MOST_AREAS = 500
STABILITY = {
    "stable": ("at every zoning", "in jeder Gebietsgliederung"),
    "weak": ("not at every zoning", "nicht in jeder Gebietsgliederung"),
    "unstable": ("UNSTABLE: zonings contradict", "UNSICHER: Gebietsgliederungen widersprechen sich"),
}
ORDERS = ("worst_first", "even", "low_income_first")


def judgement(result: Impact, social: Social, asked: Asked | None = None) -> dict[str, Any]:
    """Judge an impact.

    Parameters
    ----------
    result
        The impact.
    social
        Who lives where, on the same units.
    asked
        Definition, zoning, draws and seed.

    Returns
    -------
    dict
        `definitions` side by side, `metrics` (see `layers.equity.judge`), `years` of the bill saving, `incidence` by
        payer, whom it `reached`, the `energy_burden`, `sentences`, and `notes` on what they rest on.
    """
    how = asked or Asked()
    benefits = Benefits(result)
    given = [*benefits.amounts(), *green_amounts(greening(result, social))]
    metrics = [judge(amount, social, how) for amount in given]
    return {
        "place": result.planning.place,
        "name": result.planning.name,
        "release": result.planning.release.id,
        "method_version": result.planning.release.manifest["method_version"],
        "modelled": True,
        **described(social, how),
        "metrics": metrics,
        "years": _years(benefits, social, how),
        "incidence": incidence(result, social, how),
        "reached": reached(result, social, how),
        "energy_burden": energy_burden(result, social),
        "sentences": [one for m in metrics if (one := sentence(m)) is not None],
        "notes": _drawn(result.planning),
    }


def described(social: Social, asked: Asked) -> dict[str, Any]:
    """Say what areas were ranked by, and what the definitions of low income say side by side."""
    zoning, indicator = asked.of(social), social.indicator
    known = np.isfinite(social.values[zoning.name])
    found = social.definitions(zoning)
    unsure = social.membership(zoning, asked.definition, asked.draws, asked.seed)
    definitions = []
    for name, share in found.items():
        here = known & np.isfinite(share)
        people = zoning.people[here]
        definitions.append(
            {
                "definition": name,
                "areas": int((share[here] >= 0.5).sum()),
                "people": float(share[here] @ people),
                "population_share": float(share[here] @ people / people.sum()) if people.sum() > 0 else None,
            }
        )
    return {
        "indicator": {
            "name": indicator.name,
            "en": indicator.en,
            "de": indicator.de,
            "unit": indicator.unit,
            "higher_is_poorer": indicator.higher_is_poorer,
            "available": social.available(),
            "published_on": social.base_level,
        },
        "definition": asked.definition,
        "definitions": definitions,
        "zoning": zoning.name,
        "zonings": [{"name": z.name, "en": z.en, "de": z.de, "areas": len(z)} for z in social.zonings.values()],
        "interval": LEVEL,
        "permutations": asked.permutations,
        "draws": asked.draws,
        "seed": asked.seed,
        "areas": [
            {
                "area_id": zone,
                "people": float(zoning.people[i]),
                "value": plain(social.values[zoning.name][i]),
                "probability": plain(unsure[i]),
                **{name: plain(share[i]) for name, share in found.items()},
            }
            for i, zone in enumerate(zoning.ids)
        ]
        if len(zoning) <= MOST_AREAS
        else None,
    }


def _years(benefits: Benefits, social: Social, asked: Asked) -> list[dict[str, Any]]:
    """Equity of the bill saving over the years of the plan."""
    out = []
    for year in YEARS:
        found = brief(benefits.of_year(year), social, asked)
        if found is not None:
            out.append({"year": year, **found})
    return out


def sentence(metric: dict[str, Any]) -> dict[str, str] | None:
    """Say a metric in one sentence, in both languages; None for what is no benefit."""
    if "missing" in metric or not metric["benefit"]:
        return None
    ratio = metric["equity_ratio"]
    more, less = ratio["low"] > 1, ratio["high"] < 1
    per_cent = abs(ratio["value"] - 1) * 100
    value, low, high = (f"{ratio[name]:.2f}" for name in ("value", "low", "high"))
    figures_en, figures_de = f"{value} [{low}, {high}]", f"{value} [{low} bis {high}]".replace(".", ",")
    where_en, where_de = STABILITY[ratio["stability"]]
    chance_en, chance_de = _against_chance(ratio)
    if more or less:
        word_en, word_de = ("more", "mehr") if more else ("less", "weniger")
        english = f"residents of low-income areas get {per_cent:.0f} % {word_en} per head than all ({figures_en})"
        german = (
            f"Menschen in einkommensschwachen Gebieten erhalten pro Kopf {per_cent:.0f} % {word_de} als alle "
            f"({figures_de})"
        )
    else:
        english = f"no sure difference between low-income areas and all ({figures_en})"
        german = f"kein sicherer Unterschied zwischen einkommensschwachen Gebieten und allen ({figures_de})"
    return {
        "en": f"{metric['en']}: {english}, {where_en}.{chance_en}",
        "de": f"{metric['de']}: {german}, {where_de}.{chance_de}",
    }


def _against_chance(ratio: dict[str, Any]) -> tuple[str, str]:
    """Say how the choice of the programme compares with chance."""
    if "p" not in ratio:
        return "", ""
    if ratio["by_chance_high"] - ratio["by_chance_low"] < 1e-9:
        return (
            " The programme chooses nobody: it is for all who may, so this is where their homes are.",
            " Das Programm wählt niemanden aus: Es gilt für alle Berechtigten; so liegen ihre Wohnungen.",
        )
    chosen = ratio["p"] < 0.05
    by_chance, p = f"{ratio['by_chance']:.2f}", f"{ratio['p']:.3f}"
    german = f"p = {p}, Los {by_chance}".replace(".", ",")
    return (
        f" {'Unlike' if chosen else 'Like'} chance among the eligible (p = {p}, chance {by_chance}).",
        f" {'Anders als' if chosen else 'Wie'} beim Los unter den Berechtigten ({german}).",
    )


def orders(planning: Planning, social: Social, body: Placements, asked: Asked | None = None) -> dict[str, Any]:
    """Compare the same programme in different orders: what changes if low-income areas come first, and its price.

    Parameters
    ----------
    planning, social
        The place, and who lives where in it.
    body
        The programme; each placement treats the same quantity in every order.
    asked
        Definition, zoning, draws and seed.

    Returns
    -------
    dict
        `orders`: tonnes, bill savings and the equity of the bill savings of each; `price`: what low-income first costs
        against worst first, in tonnes, and per additional EUR of bill saving that residents of low-income areas get.
    """
    how = asked or Asked()
    plain = run(planning, body)
    if not plain.bill_by_unit()[:, -1].any():
        what = "save no bill of a home, so there is no order to compare"
        raise PlacementError(Problem("placements", what, "Place a measure on homes."))
    quantities = [float(one.quantity[-1]) for one in plain.placed]
    rows = []
    for order in ORDERS:
        features = [_ordered(*pair, order) for pair in zip(body.features, quantities, strict=True)]
        result = run(planning, body.model_copy(update={"features": features}))
        found = judge(Benefits(result).bill(), social, how)
        rows.append(
            {
                "order": order,
                "t_co2e_saved_cumulative": float(result.t_saved.sum()),
                "t_co2e_saved_last_year": float(result.t_saved[:, -1].sum()),
                "invest_eur": float(sum(one.invested[-1] for one in result.placed)),
                "bill_saving": found,
                "sentence": sentence(found),
            }
        )
    first, last = rows[0], rows[-1]
    lost = float(str(first["t_co2e_saved_cumulative"])) - float(str(last["t_co2e_saved_cumulative"]))
    gained = _in_low_income(last) - _in_low_income(first)
    return {
        "place": planning.place,
        "name": planning.name,
        "release": planning.release.id,
        "method_version": planning.release.manifest["method_version"],
        "modelled": True,
        **described(social, how),
        "orders": rows,
        "notes": [*_by_district(planning), *_drawn(planning)],
        "price": {
            "of": "low_income_first",
            "against": "worst_first",
            "t_co2e_given_up_cumulative": lost,
            "share_given_up": lost / float(str(first["t_co2e_saved_cumulative"])),
            "bill_saving_eur_a_gained_in_low_income": gained,
            "t_per_1000_eur_a": lost / gained * 1000 if gained > 0 else None,
        },
    }


def _in_low_income(row: dict[str, Any]) -> float:
    found = row["bill_saving"]
    return 0.0 if "missing" in found else float(found["total"] * found["low_income_benefit_share"]["value"])


def _by_district(planning: Planning) -> list[dict[str, str]]:
    if len(planning.areas) > 1:
        return []
    return [
        {
            "en": "Low-income first goes by districts; this place has none, so it changes nothing here.",
            "de": "Einkommensschwache zuerst geht nach Bezirken; dieser Ort hat keine, also ändert es hier nichts.",
        }
    ]


def _drawn(planning: Planning) -> list[dict[str, str]]:
    """Warn where what tells buildings apart was drawn from census counts."""
    if not ((planning.units["use"] != CELL) & (planning.units["data_grade"] == "D")).any():
        return []
    return [
        {
            "en": "Buildings are drawn from census counts (grade D): what an order among buildings does, such as worst "
            "first, is only as sure as they are. An order of districts does not rest on them.",
            "de": "Gebäude sind aus Zensuszahlen gezeichnet (Güte D): Was eine Reihenfolge unter Gebäuden bewirkt, "
            "etwa die schlechtesten zuerst, ist nur so sicher wie sie. Eine Reihenfolge der Bezirke hängt nicht daran.",
        }
    ]


def _ordered(feature: Feature, quantity: float, order: str) -> Feature:
    """Put a placement in another order, its quantity as it is."""
    properties = feature.properties.model_copy(update={"priority": order, "uptake": None, "quantity": quantity})
    return feature.model_copy(update={"properties": properties})
