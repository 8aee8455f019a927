"""Rain that runs off: published cases, the edges of the formula, and laws that hold for any surface and any rain."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geo.errors import InputError
from geo.runoff import (
    composite_runoff_mm,
    curve_number_runoff,
    effective_area,
    peak_flow_l_s,
    retained_by_change,
    retention_m3,
)

RAIN, CN = st.floats(0, 1000), st.floats(1, 100)


def test_curve_numbers_of_the_reference(vector: Callable[[str], Any]) -> None:
    """Twelve cases; breaks if a constant, a unit or the initial loss of 0.2 S moves."""
    case = vector("runoff_cn")
    rain, number = case["inputs"]["P_mm"], case["inputs"]["CN"]
    found = curve_number_runoff(np.array(rain)[:, None], number)
    for i, p in enumerate(rain):
        for j, cn in enumerate(number):
            expected = case["expected"][f"P{p}_CN{cn}"]
            figures = [found.s_mm[i, j], found.q_mm[i, j], found.retention[i, j]]
            assert figures == pytest.approx([expected["S"], expected["Q"], expected["R"]], abs=1e-9)


def test_runoff_coefficients_of_the_reference(vector: Callable[[str], Any]) -> None:
    case = vector("runoff_coeff")
    area, psi = case["inputs"]["area_m2"], case["inputs"]["psi"]
    assert effective_area(area, psi) == pytest.approx(case["expected"]["A_u_m2"], abs=1e-9)
    assert effective_area(area, psi) / sum(area) == pytest.approx(case["expected"]["psi_mean"], abs=1e-9)
    flow = peak_flow_l_s(area, psi, case["inputs"]["rain_l_s_ha"])
    assert flow == pytest.approx(case["expected"]["Q_l_s"], abs=1e-9)


def test_peak_flow_of_several_places_and_rains() -> None:
    """Sums are over the surfaces of a place (last axis) only; one rain for all, or one for each place."""
    area, psi = [[1e4, 0], [5e3, 5e3]], [0.9, 0.1]
    assert effective_area(area, psi) == pytest.approx([9000, 5000])
    assert peak_flow_l_s(area, psi, [100, 200]) == pytest.approx([90, 100])
    assert peak_flow_l_s(1e4, 0.5, 100) == pytest.approx(50)


def test_water_keeps_nothing_and_no_rain_has_no_share() -> None:
    """CN 100 lets every mm run off. Of no rain no share can be taken, but the water kept is 0 m3, not unknown."""
    water = curve_number_runoff([20, 0], 100)
    assert water.q_mm.tolist() == [20, 0]
    assert water.retention[0] == 0
    assert np.isnan(water.retention[1])
    assert retention_m3([0, 20], 74, 100) == pytest.approx([0, (20 - 0.050640988753) * 0.1])


def test_a_mix_runs_off_more_than_its_mean_curve_number_says() -> None:
    """By hand: half CN 98 (44.2758 mm), half CN 61 (1.7063 mm) at 50 mm: 22.9911 mm. CN 79.5 would give 13.0 mm."""
    mixed = composite_runoff_mm(50, [98, 61], [1, 1])
    assert mixed == pytest.approx((44.275842802068794 + 1.706343414451108) / 2)
    assert mixed > curve_number_runoff(50, 79.5).q_mm + 5
    assert composite_runoff_mm(50, [98, 61], [[3, 1], [0, 2]]) == pytest.approx([33.633467955, 1.706343414])
    assert composite_runoff_mm(50, 98, 10) == pytest.approx(44.275842802)


def test_unsealing_a_hectare() -> None:
    """By hand: 50 mm, CN 98 to 61: (44.2758 - 1.7063) mm on 10,000 m2 = 425.695 m3 less in the drain."""
    assert retained_by_change(50, 98, 61, 1e4) == pytest.approx(425.69499, abs=1e-4)
    assert retained_by_change(50, 61, 98, 1e4) == pytest.approx(-425.69499, abs=1e-4), "sealing is a loss"


@given(RAIN, RAIN, CN, CN)
def test_runoff_lies_between_none_and_the_rain_and_rises_with_both(
    p1: float, p2: float, cn1: float, cn2: float
) -> None:
    """More rain or a tighter surface never runs off less; more rain never leaves less in the ground."""
    rain, number = np.sort([p1, p2]), np.sort([cn1, cn2])
    q = curve_number_runoff(rain[:, None], number).q_mm
    kept = retention_m3(rain[:, None], number, 1000)
    assert (q >= 0).all()
    assert (q <= rain[:, None]).all()
    assert (np.diff(q, axis=0) >= -1e-9).all()
    assert (np.diff(q, axis=1) >= -1e-9).all()
    assert (np.diff(kept, axis=0) >= -1e-9).all()


@given(RAIN, st.lists(st.tuples(CN, CN, st.floats(0, 1e6)), min_size=1, max_size=8))
def test_water_adds_up(rain: float, parts: list[tuple[float, float, float]]) -> None:
    """What runs off the whole and what its parts keep is the rain; a measure moves exactly the difference."""
    before, after, area = np.array(parts).T
    tolerance = 1e-9 * (1 + rain * area.sum())
    kept = retention_m3(rain, before, area)
    if area.sum() > 0:
        runs = composite_runoff_mm(rain, before, area) * area.sum() / 1000
        assert runs + kept.sum() == pytest.approx(rain * area.sum() / 1000, abs=tolerance)
    assert retained_by_change(rain, before, after, area) == pytest.approx(
        retention_m3(rain, after, area) - kept, abs=tolerance
    )


def test_bad_figures_are_named_all_at_once() -> None:
    with pytest.raises(InputError) as found:
        retained_by_change(-5, 0, 101, -1)
    assert [problem.where for problem in found.value.problems] == ["p_mm", "cn_before", "cn_after", "area_m2"]
    with pytest.raises(InputError, match=r"cn\[1\].*missing"):
        curve_number_runoff(50, [74, np.nan])
    with pytest.raises(InputError, match="sums to zero"):
        composite_runoff_mm(50, [74, 61], [0, 0])
    with pytest.raises(InputError, match=r"psi.*above 1"):
        effective_area(100, 90)
    with pytest.raises(InputError, match="rain_l_s_ha"):
        peak_flow_l_s(100, 0.9, -1)
