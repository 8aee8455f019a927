"""Heat need by the seasonal method, heat per area and weather: against worked answers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from geo.errors import InputError
from geo.heat import specific_heat, weather_adjusted
from geo.tabula import Climate, Element, seasonal_need

STEPS = {
    "htr": "h_tr",
    "hve": "h_ve",
    "F": "reduction",
    "qht": "loss",
    "qsol": "sun",
    "qint": "inside",
    "tau": "time_constant_h",
    "a": "exponent",
    "gam": "ratio",
    "eta": "used",
    "q": "need",
}


@pytest.mark.parametrize("number", range(5))
def test_need_and_every_step_of_the_worked_buildings(vector: Callable[[str], Any], number: int) -> None:
    """Would break if a loss, a gain or the bridges on elements with b = 0 were left out."""
    case = vector("tabula_seasonal_method")[number]
    given = case["inputs"]
    sky = Climate(
        given["HeatingDays"],
        given["Theta_e"],
        given["theta_i"],
        tuple(given[f"I_Sol_{o}"] for o in ("Hor", "East", "South", "West", "North")),
    )
    found = seasonal_need(
        [Element(e["area_m2"], e["u_w_m2k"], e["b"]) for e in given["elements"]],
        tuple(given[f"A_Window_{o}"] for o in ("Horizontal", "East", "South", "West", "North")),
        reference_m2=given["A_C_Ref"],
        small=".SFH." in case["code"] or ".TH." in case["code"],
        bridges_w_m2k=given["delta_U_ThermalBridging"],
        air_changes_h=given["n_air_use"] + given["n_air_infiltration"],
        room_height_m=given["h_room"],
        glazing=given["g_gl_n"],
        climate=sky,
    )
    for name, attribute in STEPS.items():
        assert getattr(found, attribute) == pytest.approx(case["expected"][name], rel=1e-6, abs=5e-7), name
    assert found.need == pytest.approx(case["source_q_h_nd"], rel=1e-12)


def test_gains_as_large_as_losses_have_the_limit_of_the_formula_not_nan() -> None:
    """Would break with 0/0: a well insulated building may meet the ratio 1 exactly."""
    wall = [Element(100, 0.2)]
    near = [seasonal_need(wall, (0, 0, a, 0, 0), reference_m2=100, small=True) for a in (10.0, 10.000001)]
    assert abs(near[0].need - near[1].need) < 1e-4
    loss, inside = near[0].loss, near[0].inside
    south = (loss - inside) * 100 / (0.75 * 0.7 * 0.9 * 0.6 * 394)
    even = seasonal_need(wall, (0, 0, south, 0, 0), reference_m2=100, small=True)
    beside = seasonal_need(wall, (0, 0, south * 1.000001, 0, 0), reference_m2=100, small=True)
    assert even.ratio == pytest.approx(1, abs=1e-12)
    assert even.used == pytest.approx(beside.used, rel=1e-5)


def test_a_building_without_envelope_is_refused() -> None:
    with pytest.raises(InputError, match="no reference area or no envelope"):
        seasonal_need([], (0, 0, 0, 0, 0), reference_m2=100, small=True)


def test_heat_per_area_is_weighted_by_area_as_in_heigits_documentation() -> None:
    """One large old and two small new buildings: 121.5 kWh/m², where the mean of buildings would say 94.6."""
    area, per_m2 = np.array([1000.0, 150.0, 150.0]), np.array([135.7, 74.1, 74.1])
    found = specific_heat(area * per_m2, area, np.zeros(3, np.int64), 2)
    assert round(float(found[0]), 1) == 121.5
    assert np.isnan(found[1]), "a group without area has no figure; 0 would be a claim"
    assert round(float(per_m2.mean()), 1) == 94.6


def test_weather_adjustment_of_the_worked_answer(vector: Callable[[str], Any]) -> None:
    """Would break if all energy, not only space heat, followed the weather."""
    case = vector("weather")
    given = case["inputs"]
    found = weather_adjusted(
        given["fec_gwh"],
        space_heat_share=given["share_space_heat"],
        degree_days=given["gtz_actual"],
        degree_days_long_term=given["gtz_longterm"],
    )
    assert float(found) == pytest.approx(case["expected"]["adjusted"], rel=1e-6)
