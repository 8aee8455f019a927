"""Who pays, whom a programme reaches, what energy takes of an income."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from layers.catalogue import Catalogue
from layers.equity import Asked
from layers.impact import Impact, impact
from layers.incidence import by_payer, energy_burden, incidence, reached
from layers.placement import STANDARD, Placement
from layers.rents import all_rents
from layers.social import Social

DORTMUND = "05913000"
QUICK = Asked(permutations=99, draws=99)


@pytest.fixture(scope="module")
def made(catalogue: Catalogue) -> tuple[Impact, Social]:
    return impact(catalogue.planning(DORTMUND, coarse=True), [STANDARD]), catalogue.social(DORTMUND, coarse=True)


def test_what_tenants_lose_landlords_get_beside_their_investment(made: tuple[Impact, Social]) -> None:
    """By hand for one district: tenants' gain is saving less levy, landlords' is levy less what they invest."""
    result, _ = made
    found, payers = all_rents(result)[0], by_payer(result)
    a = int(np.nanargmax(found.rented_m2))
    m2 = found.rented_m2[a]
    saving, levy = found.saving_1_eur_m2[a], found.levy_eur_m2[a]
    assert payers["tenant"][a] == pytest.approx((saving - levy) * 12 * m2)
    life, rate = result.placed[0].measure.value("lifetime_a"), 0.04
    yearly = rate / (1 - (1 + rate) ** -life)
    own = (found.cost_eur_m2[a] - found.grant_eur_m2[a]) * yearly
    assert payers["landlord"][a] == pytest.approx((levy * 12 - own) * m2)


def test_fifths_sum_to_all(made: tuple[Impact, Social]) -> None:
    body = incidence(*made, QUICK)
    assert body is not None
    for row in body["payers"]:
        assert sum(row["net_eur_a_by_fifth"]) == pytest.approx(row["net_eur_a"])
        low = row["net_eur_a_in_low_income"]
        assert low["low"] <= low["value"] <= low["high"]
        assert low["value"] == pytest.approx(row["net_eur_a_by_fifth"][0])


def test_a_place_without_districts_or_envelopes_says_nothing(catalogue: Catalogue, made: tuple[Impact, Social]) -> None:
    assert incidence(impact(catalogue.planning("05113000"), [STANDARD]), catalogue.social("05113000"), QUICK) is None
    pumps = impact(catalogue.planning(DORTMUND, coarse=True), [Placement("heat_pump_air", uptake=0.1)])
    assert incidence(pumps, made[1], QUICK) is None
    assert reached(pumps, made[1], QUICK) is None


def test_low_income_first_finds_more_of_them(catalogue: Catalogue, made: tuple[Impact, Social]) -> None:
    """Everybody alike reaches shares as they are; low-income first misses fewer."""
    first = impact(catalogue.planning(DORTMUND, coarse=True), [replace(STANDARD, priority="low_income_first")])
    even, poor = (reached(r, made[1], QUICK) for r in (made[0], first))
    assert even is not None
    assert poor is not None
    assert poor["exclusion_error"]["value"] < even["exclusion_error"]["value"]
    assert poor["cgh_ratio"]["value"] > 1.5 > even["cgh_ratio"]["value"]
    assert even["people_reached"] < 0.2 * 586_852, "buildings until 1918 are a small part"


def test_burden_is_the_bill_as_a_share_of_income(made: tuple[Impact, Social]) -> None:
    """With an income of 1,500 EUR in one district: its bill per home over 18,000 EUR; unknown incomes stay unknown."""
    result, social = made
    assert energy_burden(result, social) is None, "no income is known here"
    level = social.sources.levels["district"]
    income = pd.Series(np.where(np.arange(len(level.ids)) == 3, 1500.0, np.nan))
    columns = level.columns.assign(median_income_eur_month=income)
    with_income = Social(replace(social.sources, levels={"district": replace(level, columns=columns)}))
    body = energy_burden(result, with_income)
    assert body is not None
    (row,) = body["areas"]
    planning = result.planning
    here = level.of_unit == 3
    bill = (planning.kwh[here] @ np.nan_to_num(planning.eur_kwh)[:, 0]).sum()
    homes = planning.units["dwellings"].to_numpy()[here]
    assert row["before"] == pytest.approx(bill / np.nansum(homes) / 18_000)
    assert row["after"] < row["before"]
