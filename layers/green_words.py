"""What green and blue measures do, as plain data and in sentences, in both languages."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

import numpy as np

from data.units import CELL_M
from geo.arrays import FloatArray
from geo.cooling import BETA_HIGH_K_PER_PP, BETA_K_PER_PP, BETA_LOW_K_PER_PP
from geo.vegetation import GROWN_A
from layers.columns import IMPACT_YEARS as TARGET_YEARS
from layers.green_gains import SD_CELL
from layers.greened import CELL_M2, RAIN_L_S_HA, RAIN_MM, Greened, Range
from layers.greening import Greening
from layers.planning import FIRST_YEAR, LAST_YEAR


class Text(NamedTuple):
    """A text in both languages; numbers are written the English way in either, until it is filled."""

    en: str
    de: str

    def filled(self, **figures: float) -> dict[str, str]:
        """Put figures in, and write the German ones the German way."""
        german = re.sub(r"(?<=\d)[.,](?=\d)", lambda m: "." if m[0] == "," else ",", self.de.format(**figures))
        return {"en": self.en.format(**figures), "de": german}


ON_THE_SPOT = {
    "facade_greening": Text(
        "Felt at the wall, not in the quarter: no air temperature is computed.",
        "Spürbar an der Wand, nicht im Quartier: Keine Lufttemperatur berechnet.",
    ),
    "cool_roof": Text(
        "Felt on the top floor; its effect on the air needs a land cover raster.",
        "Spürbar im obersten Stock; die Wirkung auf die Luft braucht ein Raster der Bodenbedeckung.",
    ),
    "heat_protection": Text(
        "Lowers exposure, not the temperature.",
        "Mindert die Belastung, nicht die Temperatur.",
    ),
    "stream_restoration": Text(
        "Its flood safety and cooling need a model of the water; none is computed.",
        "Hochwasserschutz und Kühlung brauchen ein Gewässermodell; beides ist nicht berechnet.",
    ),
}
ASSUMED = (
    Text(
        "What is drawn lies on the cells of 200 m that it meets, by area. What is placed on districts or the whole "
        "place is spread over their cells by people, because nobody has said where it goes: draw it to see who gains.",
        "Gezeichnetes liegt flächenanteilig auf den 200-m-Zellen, die es trifft. Was auf Bezirken oder dem ganzen "
        "Ort liegt, ist nach Menschen auf deren Zellen verteilt, weil niemand sagt, wo es hinkommt: Zeichnen zeigt, "
        "wer gewinnt.",
    ),
    Text(
        "Air temperature of hot days, not of surfaces: {beta:g} K per percentage point of crown cover ({low:g} to "
        "{high:g}), felt in the cell itself. Crowns grow for {grown:g} years; 2 % of the trees die in each of the "
        "first five years, 0.5 % in each after.",
        "Lufttemperatur heißer Tage, nicht der Oberflächen: {beta:g} K je Prozentpunkt Kronenfläche ({low:g} bis "
        "{high:g}), spürbar in der Zelle selbst. Kronen wachsen {grown:g} Jahre; in den ersten fünf Jahren sterben "
        "je 2 % der Bäume, danach je 0.5 %.",
    ),
    Text(
        "New public green is shared by all who have it within 300 m (1 ha: 500 m, 10 ha: 1,000 m) as the crow flies. "
        "If it fills less than half of what was drawn, nobody knows its site: figures of access are expectations.",
        "Neues öffentliches Grün teilen sich alle, die es in 300 m (1 ha: 500 m, 10 ha: 1,000 m) Luftlinie haben. "
        "Füllt es weniger als die Hälfte des Gezeichneten, ist der Ort offen: Angaben zur Erreichbarkeit sind "
        "Erwartungswerte.",
    ),
    Text(
        "Rain held back is of an event of {rain:g} mm, less runoff of a design rain of {design:g} l/(s ha). Of parks "
        "and forest nobody has said what was there before: none is counted.",
        "Rückhalt bei {rain:g} mm Regen, Abflussminderung bei {design:g} l/(s ha). Bei Parks und Wald ist nicht "
        "bekannt, was vorher dort war: Es ist nichts gezählt.",
    ),
)
CROWNS = Text(
    "{year}: new crowns of {m2:,.0f} m² cool the air of hot days by up to {k:.2f} K where they stand; {people:,.0f} "
    "people live there.",
    "{year}: {m2:,.0f} m² neue Kronen kühlen die Luft heißer Tage dort, wo sie stehen, um bis zu {k:.2f} K; "
    "{people:,.0f} Menschen wohnen dort.",
)
GREEN = Text(
    "{year}: {m2:,.0f} m² of new public green; {people:,.0f} people have it within 300 m.",
    "{year}: {m2:,.0f} m² neues öffentliches Grün; {people:,.0f} Menschen haben es in 300 m Entfernung.",
)
RAIN = Text(
    "{year}: {m3:,.0f} m³ ({litres:,.0f} litres) of a rain of {rain:g} mm no longer run off.",
    "{year}: {m3:,.0f} m³ ({litres:,.0f} Liter) eines Regens von {rain:g} mm fließen nicht mehr ab.",
)
TONNES = Text(
    "Adaptation and equity measures: they bind {t:,.0f} t of CO2 a year in {year}, {per_cent:.3f} % of the balance "
    "of {first}. They stand beside the balance and are never ranked by the cost of a tonne.",
    "Maßnahmen für Anpassung und Gerechtigkeit: Sie binden {year} {t:,.0f} t CO2 im Jahr, {per_cent:.3f} % der "
    "Bilanz von {first}. Sie stehen neben der Bilanz und werden nie nach Kosten je Tonne gereiht.",
)


def document(greening: Greening) -> dict[str, Any]:
    """Greening as plain data.

    Returns
    -------
    dict
        `placements` with their figures by target year, each with low and high; `years` of all together; `sentences` and
        `assumptions` in both languages; `canopy_share_before` and `_after` by people, None where nobody knows what
        there is. Nothing in it is ranked by the cost of a tonne. Without green or blue measures its lists are empty.
    """
    planning = greening.result.planning
    years = [_all(greening, year) for year in TARGET_YEARS] if greening.greened else []
    figures = {
        "beta": BETA_K_PER_PP,
        "low": BETA_LOW_K_PER_PP,
        "high": BETA_HIGH_K_PER_PP,
        "grown": GROWN_A,
        "rain": RAIN_MM,
        "design": RAIN_L_S_HA,
    }
    return {
        "place": planning.place,
        "name": planning.name,
        "release": planning.release.id,
        "method_version": planning.release.manifest["method_version"],
        "modelled": True,
        "cell_m": CELL_M,
        "temperature": "air, hot days",
        "ranked_by_abatement_cost": False,
        "placements": [_placement(greening, one) for one in greening.greened],
        "years": years,
        "sink_share_of_balance": greening.share_of_balance,
        "sentences": _sentences(greening, years[-1]) if years else [],
        "assumptions": [text.filled(**figures) for text in ASSUMED] if years else [],
    }


def _placement(greening: Greening, one: Greened) -> dict[str, Any]:
    measure, placement = one.measure, one.placed.placement
    silent = ON_THE_SPOT.get(measure.measure)
    return {
        "placement": one.position,
        "measure": measure.measure,
        "name": placement.name,
        "name_en": measure.name_en,
        "name_de": measure.name_de,
        "unit": measure.unit,
        "quantity": one.total,
        "located": "whole_place" if placement.whole_place else "districts" if placement.geometry is None else "drawn",
        "site_known": one.sited,
        "cells": int((one.share > 0).sum()),
        "share_where_nobody_lives": float(one.share[greening.cells.people <= 0].sum()),
        "people_in_cells": float(greening.cells.people[one.share > 0].sum()),
        "canopy_m2_grown": _canopy(one.canopy_m2(LAST_YEAR + int(np.ceil(one.gives.ramp_a)))),
        "public_green_m2_out_of_reach": one.unserved_m2,
        "not_counted": None if silent is None else silent.filled(),
        "caution_en": measure.caution_en,
        "caution_de": measure.caution_de,
        "years": [_year(greening, one, year) for year in TARGET_YEARS],
    }


def _year(greening: Greening, one: Greened, year: int) -> dict[str, Any]:
    people = greening.cells.people
    return {
        "year": year,
        "quantity": one.quantity(year),
        "canopy_m2": _canopy(one.canopy_m2(year)),
        "person_kelvin": _kelvin(float(people @ one.share) * one.canopy_m2(year)),
        "public_green_m2": one.green_m2(year),
        "people_within_300_m": float(people @ one.access(year)),
        "retained_m3_50mm": one.retained_m3(year)._asdict(),
        "peak_flow_l_s": one.peak_flow_l_s(year)._asdict(),
        "sink_t_a": one.sink_t_a(year)._asdict(),
    }


def _all(greening: Greening, year: int) -> dict[str, Any]:
    people, here = greening.cells.people, greening.by_cell(year)
    per_head, shares = here["public_green_m2_per_head"], greening.canopy_shares(year)
    served = people[per_head > 0].sum()
    before, after = (None, None) if shares is None else (_mean(share, people) for share in shares)
    figures = (Greened.retained_m3, Greened.peak_flow_l_s, Greened.sink_t_a)
    sums = [np.sum([of(one, year) for one in greening.greened], axis=0) for of in figures]
    names = ("retained_m3_50mm", "peak_flow_l_s", "sink_t_a")
    return {
        "year": year,
        "canopy_m2": _canopy(float(here["canopy_m2"].sum())),
        "canopy_share_before": before,
        "canopy_share_after": after,
        "person_kelvin": Range(
            *(float(-people @ here[f"air_temperature_k{end}"]) for end in ("", "_low", "_high"))
        )._asdict(),
        "people_in_cooler_cells": float(people[here["canopy_m2"] > 0].sum()),
        "air_temperature_k_most": float(here["air_temperature_k"].min()),
        "public_green_m2": float(here["public_green_m2"].sum()),
        "people_with_new_green": float(served),
        "public_green_m2_per_head_of_them": float(per_head @ people / served) if served > 0 else None,
        "people_within_300_m": float(here["people_within_300_m"].sum()),
        **{name: Range(*map(float, values))._asdict() for name, values in zip(names, sums, strict=True)},
    }


def _mean(share: FloatArray, people: FloatArray) -> float | None:
    """Mean by people of the cells where it is known; None where nobody lives in any."""
    known = np.isfinite(share) & (people > 0)
    return float(np.average(share[known], weights=people[known])) if known.any() else None


def _canopy(value: float) -> dict[str, float]:
    """Crowns with the range of their size and survival, in 90 of 100 cases."""
    far = float(np.exp(1.645 * SD_CELL))
    return Range(value, value / far, value * far)._asdict()


def _kelvin(person_m2: float) -> dict[str, float]:
    """Person-kelvin of people times crowns in their cells, with the range of the rule of thumb."""
    betas = (BETA_K_PER_PP, BETA_LOW_K_PER_PP, BETA_HIGH_K_PER_PP)
    return Range(*(100 * beta * person_m2 / CELL_M2 for beta in betas))._asdict()


def _sentences(greening: Greening, last: dict[str, Any]) -> list[dict[str, str]]:
    year, found = LAST_YEAR, []
    if last["people_in_cooler_cells"] > 0:
        most, people = -last["air_temperature_k_most"], last["people_in_cooler_cells"]
        found.append(CROWNS.filled(year=year, m2=last["canopy_m2"]["value"], k=most, people=people))
    if last["public_green_m2"] > 0:
        found.append(GREEN.filled(year=year, m2=last["public_green_m2"], people=last["people_within_300_m"]))
    if (m3 := last["retained_m3_50mm"]["value"]) > 0:
        found.append(RAIN.filled(year=year, m3=m3, litres=1000 * m3, rain=RAIN_MM))
    t, share = last["sink_t_a"]["value"], greening.share_of_balance
    return [*found, TONNES.filled(year=year, t=t, per_cent=100 * share, first=FIRST_YEAR)]
