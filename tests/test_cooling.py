"""Urban cooling: the published case, a plain twin without FFT, and laws of the model that hold for any city."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geo.arrays import BoolArray, FloatArray
from geo.cooling import (
    BETA_HIGH_K_PER_PP,
    BETA_K_PER_PP,
    BETA_LOW_K_PER_PP,
    Cooling,
    air_temperature,
    biophysics,
    canopy_cooling,
    change,
    changed_cells,
    check_cooling,
    cooling_capacity,
    exposed_people,
    night_cooling_capacity,
    wbgt,
    work_loss,
)
from geo.errors import InputError

RASTERS = ("cc", "green_ha", "park_cc", "hm", "t_air_c", "anomaly_k")


class City(NamedTuple):
    """Rasters and figures of one run."""

    cc: FloatArray
    green: FloatArray
    d_px: int
    mix_px: int
    threshold_ha: float

    def run(self, **other: Any) -> Cooling:
        figures = {"t_ref_c": 20.0, "uhi_max_k": 4.0, "threshold_ha": self.threshold_ha} | other
        return air_temperature(
            self.cc, self.green, 100.0, d_cool_m=100.0 * self.d_px, mix_m=100.0 * self.mix_px, **figures
        )


@st.composite
def cities(draw: st.DrawFn) -> City:
    """Small rasters of any shape, a single row too, with cells missing in either raster."""
    rng = np.random.default_rng(draw(st.integers(0, 10_000)))
    shape = (draw(st.integers(1, 14)), draw(st.integers(1, 14)))
    cc = np.where(rng.random(shape) < draw(st.sampled_from([0.0, 0.2, 0.6])), np.nan, rng.random(shape))
    green = (rng.random(shape) < draw(st.sampled_from([0.0, 0.1, 0.5]))).astype(float)
    green[rng.random(shape) < draw(st.sampled_from([0.0, 0.1]))] = np.nan
    cc[0, 0] = green[0, 0] = 0.0  # one cell at least has data
    return City(cc, green, draw(st.integers(1, 4)), draw(st.integers(1, 4)), draw(st.sampled_from([0.0, 2.0, 6.0])))


def twin(city: City) -> dict[str, FloatArray]:
    """The model cell by cell, with the rule for HM as InVEST writes it."""
    city_cells = [(y, x) for y, x in np.ndindex(city.cc.shape) if not np.isnan(city.cc[y, x] + city.green[y, x])]
    found = {name: np.full(city.cc.shape, np.nan) for name in RASTERS}

    def around(cell: tuple[int, int], reach: float) -> list[tuple[float, tuple[int, int]]]:
        distances = [(float(np.hypot(cell[0] - y, cell[1] - x)), (y, x)) for y, x in city_cells]
        return [(r, other) for r, other in distances if r <= reach]

    for cell in city_cells:
        cc = city.cc[cell]
        near = [(np.exp(-r / city.d_px), other) for r, other in around(cell, 5 * city.d_px)]
        park = sum(w * city.cc[o] * city.green[o] for w, o in near) / sum(w for w, _ in near)
        area = float(sum(city.green[o] for _, o in around(cell, city.d_px)))
        found["cc"][cell], found["park_cc"][cell], found["green_ha"][cell] = cc, park, area
        found["hm"][cell] = cc if cc >= park or area < city.threshold_ha else park
    for cell in city_cells:
        near = [(np.exp(-r / city.mix_px), other) for r, other in around(cell, 5 * city.mix_px)]
        warm = [w * (20 + (1 - found["hm"][o]) * 4) for w, o in near]
        found["t_air_c"][cell] = sum(warm) / sum(w for w, _ in near)
    found["anomaly_k"] = found["t_air_c"] - 20
    return found


def assert_same(found: Cooling, expected: Cooling | dict[str, FloatArray]) -> None:
    for name in RASTERS:
        other = expected[name] if isinstance(expected, dict) else getattr(expected, name)
        np.testing.assert_allclose(getattr(found, name), other, rtol=0, atol=1e-9, err_msg=name)


# --- the model --------------------------------------------------------------------------------------------------------


def test_published_case(vector: Callable[[str], Any]) -> None:
    """Breaks if a kernel, its normalisation, the rule for HM or the mixing of air changes."""
    case = vector("ucm_5x5")
    inputs = {name: np.array(value) for name, value in case["inputs"].items() if name != "kernel"}
    cc = cooling_capacity(inputs["shade"], inputs["albedo"], inputs["kc"], weights=inputs["weights"].tolist())
    found = air_temperature(cc, inputs["green"], 100, t_ref_c=20, uhi_max_k=4, d_cool_m=450, mix_m=500)
    assert (found.setting.d_cool_px, found.setting.mix_px) == (4, 5), "450 m are 4 cells of 100 m, as in InVEST"
    keys = {"CC": "cc", "green_count": "green_ha", "CC_park": "park_cc", "HM": "hm", "T_air": "t_air_c"}
    for key, name in keys.items():
        np.testing.assert_allclose(getattr(found, name), case["expected"][key], rtol=0, atol=1e-6, err_msg=key)
    np.testing.assert_allclose(20 + (1 - found.hm) * 4, case["expected"]["T_nomix"], rtol=0, atol=1e-6)


@given(cities())
def test_fft_and_plain_loops_agree(city: City) -> None:
    """Any shape, with gaps: breaks if cells without data dilute a mean, or kernels are cut or shifted."""
    assert_same(city.run(), twin(city))


@given(cities(), st.integers(1, 7))
def test_turned_and_mirrored_cities_are_as_warm(city: City, way: int) -> None:
    def turned(raster: FloatArray) -> FloatArray:
        return np.rot90(raster.T if way & 4 else raster, way & 3)

    straight, other = city.run(), city._replace(cc=turned(city.cc), green=turned(city.green)).run()
    np.testing.assert_allclose(other.t_air_c, turned(straight.t_air_c), rtol=0, atol=1e-9)


@given(cities(), st.integers(0, 10_000))
def test_more_green_of_no_less_capacity_never_warms_a_cell(city: City, seed: int) -> None:
    """HM is the larger of CC and, where there is enough green, CCp; each only rises. Not so if green were averaged."""
    rng = np.random.default_rng(seed)
    more = np.maximum(city.green, (rng.random(city.cc.shape) < 0.2).astype(float))
    better = np.minimum(city.cc + 0.5 * (rng.random(city.cc.shape) < 0.3), 1.0)
    before, after = city.run(), city._replace(cc=better, green=more).run()
    known = ~np.isnan(before.cc)
    assert (after.t_air_c[known] <= before.t_air_c[known] + 1e-12).all()
    assert ((before.anomaly_k[known] >= -1e-12) & (before.anomaly_k[known] <= 4 + 1e-12)).all()


@given(cities(), st.floats(0, 1), st.floats(0, 12))
def test_an_even_city_without_green_is_even_up_to_its_rim(city: City, cc: float, uhi_max_k: float) -> None:
    """Breaks if rim or gaps are taken for cells of no capacity: they would be warmer than the middle."""
    even = city._replace(cc=np.where(np.isnan(city.cc), np.nan, cc), green=np.zeros_like(city.cc))
    found = even.run(uhi_max_k=uhi_max_k)
    expected = np.where(np.isnan(city.cc), np.nan, (1 - cc) * uhi_max_k)
    np.testing.assert_allclose(found.anomaly_k, expected, rtol=0, atol=1e-9)
    assert (found.park_cc[~np.isnan(city.cc)] == 0).all(), "no green, no cooling by green: not even noise"


def test_two_hectares_make_a_park() -> None:
    """By hand: one green cell of 1 ha cools nobody around, two do; the limit itself is enough."""
    cc, green = np.full((1, 5), 0.1), np.zeros((1, 5))
    green[0, 0], cc[0, :2] = 1, 1.0
    alone = City(cc, green, 1, 1, 2.0).run()
    assert alone.hm.tolist() == cc.tolist()
    green[0, 1] = 1
    two = City(cc, green, 2, 1, 2.0).run()
    assert two.green_ha.tolist() == [[2, 2, 2, 1, 0]]
    assert two.hm[0, 2] == pytest.approx(two.park_cc[0, 2])
    assert two.hm[0, 2] > 0.1
    assert two.hm[0, 3:].tolist() == [0.1, 0.1]


def test_weights_are_shares_and_gaps_stay_gaps() -> None:
    """By hand: 3 : 1 : 1 are 0.6, 0.2, 0.2. Night: what is built does not cool."""
    found = cooling_capacity([[0.5, np.nan, 0]], [[0.2, 0.2, 0.2]], [[1, 1, np.nan]], weights=(3, 1, 1))
    np.testing.assert_allclose(found, [[0.54, np.nan, np.nan]])
    np.testing.assert_allclose(night_cooling_capacity([[0.3, np.nan]]), [[0.7, np.nan]])
    assert air_temperature([[0.7]], [[0]], 10, t_ref_c=18, uhi_max_k=6, night=True).night


# --- before and after -------------------------------------------------------------------------------------------------


@given(cities(), st.integers(0, 10_000), st.integers(0, 3))
def test_change_is_the_same_as_computing_all_anew(city: City, seed: int, cells: int) -> None:
    """A park, a felled one, or no change; twice, so that a result is a start as good as a full run."""
    rng, before = np.random.default_rng(seed), city.run()
    for _ in range(2):
        after = city._replace(cc=city.cc.copy(), green=city.green.copy())
        for _cell in range(cells):
            y, x = (rng.integers(size) for size in city.cc.shape)
            if not np.isnan(before.cc[y, x]):
                after.cc[y, x], after.green[y, x] = rng.random(), rng.integers(2)
        city, before = after, change(before, after.cc, after.green)
        assert_same(before, after.run())
        np.testing.assert_array_equal(before.green, after.run().green)


@pytest.fixture
def park() -> tuple[Cooling, FloatArray, FloatArray]:
    """City of 60 x 70 cells of 100 m with green all over, and the same with a park of 3 x 4 cells."""
    rng = np.random.default_rng(3)
    cc, green = 0.5 * rng.random((60, 70)), (rng.random((60, 70)) < 0.1).astype(float)
    cc[50:, :20] = np.nan
    before = City(cc, green, 2, 3, 2.0).run()
    cc, green = cc.copy(), green.copy()
    cc[20:23, 30:34], green[20:23, 30:34] = 0.9, 1
    return before, cc, green


def test_a_park_changes_only_what_it_reaches(park: tuple[Cooling, FloatArray, FloatArray]) -> None:
    """Every bit beyond 5 d_cool (mitigation) and 5 (d_cool + mix) (air) stays; the state before is not touched."""
    before, cc, green = park
    kept = {name: getattr(before, name).copy() for name in RASTERS}
    after = change(before, cc, green)
    assert_same(after, City(cc, green, 2, 3, 2.0).run())
    y, x = np.mgrid[:60, :70]
    away = np.hypot(np.maximum(np.maximum(20 - y, y - 22), 0), np.maximum(np.maximum(30 - x, x - 33), 0))
    for name, reach in (("cc", 0), ("green_ha", 2), ("park_cc", 10), ("hm", 10), ("t_air_c", 25)):
        np.testing.assert_array_equal(getattr(before, name), kept[name])
        same = getattr(after, name) == kept[name]
        assert same[(away > reach) & ~np.isnan(before.cc)].all(), name
        assert not same[(away <= reach) & ~np.isnan(before.cc)].all(), name
    assert (changed_cells(before, cc, green).sum(), after.t_air_c[21, 31] < before.t_air_c[21, 31]) == (12, True)
    assert change(before, before.cc, before.green) is before
    cc[:] = np.nan
    assert not np.isnan(after.cc[0, 0]), "a result must not change with the caller's array"


def test_a_measure_must_not_move_the_border(park: tuple[Cooling, FloatArray, FloatArray]) -> None:
    before, cc, green = park
    with pytest.raises(InputError, match=r"\[0, 0\]: 1 cells have data only before"):
        change(before, np.where(np.arange(4200).reshape(60, 70) == 0, np.nan, cc), green)
    with pytest.raises(InputError, match=r"shape \(59, 70\)"):
        change(before, cc[1:], green[1:])
    with pytest.raises(InputError, match=r"cc_after\[20, 30\]: 12 .*\s+green_after\[20, 30\]: 12 cells are neither"):
        change(before, np.where(cc == 0.9, 7.0, cc), np.where(cc == 0.9, 0.5, green))


# --- what cannot be ---------------------------------------------------------------------------------------------------


def test_what_the_model_says_passes_its_own_bounds(park: tuple[Cooling, FloatArray, FloatArray]) -> None:
    before, cc, green = park
    after, changed = change(before, cc, green), changed_cells(before, cc, green)
    delta = after.t_air_c - before.t_air_c
    check_cooling(delta, changed, 100, uhi_max_k=4, d_cool_m=200, mix_m=300)
    check_cooling(delta * 0, changed & False, 100, uhi_max_k=4)


def one_change(cells: int = 1) -> BoolArray:
    changed = np.zeros((40, 50), np.bool_)
    changed.ravel()[:cells] = True
    return changed


def test_each_bound_is_named_with_figure_and_remedy() -> None:
    """By hand, 2,000 cells of 100 m, kernels of 1 + 1 cells, reach 10: 90 cells in the quarter of a circle."""
    reach = {"d_cool_m": 100.0, "mix_m": 100.0}
    local = np.zeros((40, 50))
    local[0, 0] = -5
    with pytest.raises(InputError, match=r"changes by 5\.00 K, the heat island is at most 4 K.*same setting"):
        check_cooling(local, one_change(), 100, uhi_max_k=4, **reach)
    far = np.full((40, 50), -0.5)
    with pytest.raises(InputError, match=r"mean changes by -0\.500 K.*allows 0\.180 K.*Mark every cell"):
        check_cooling(far, one_change(), 100, uhi_max_k=4, **reach)
    with pytest.raises(InputError, match=r"allows 0\.000 K"):
        check_cooling(far, one_change(0), 100, uhi_max_k=4, **reach)
    # all in reach, no cell beyond the island: only experience speaks against it
    everywhere = np.full((40, 50), -1.5)
    with pytest.raises(InputError, match=r"0\.95% of the city changes its mean by -1\.50 K, more than 1 K") as found:
        check_cooling(everywhere, one_change(19), 100, uhi_max_k=4)
    assert len(found.value.problems) == 1
    check_cooling(everywhere, one_change(20), 100, uhi_max_k=4)
    with pytest.raises(InputError) as found:
        check_cooling(np.full((40, 50), 9.0), one_change(), 100, uhi_max_k=4, **reach)
    assert len(found.value.problems) == 3, "warming is bound as cooling is, and all is said at once"


def test_the_share_in_reach_is_of_the_city_not_of_the_raster() -> None:
    """Half the raster lies outside: what the other half can change weighs twice."""
    delta = np.full((40, 50), -0.3)
    reach = {"uhi_max_k": 4.0, "d_cool_m": 100.0, "mix_m": 100.0}
    with pytest.raises(InputError, match="allows 0"):
        check_cooling(delta, one_change(), 100, **reach)
    delta[20:] = np.nan
    check_cooling(delta, one_change(), 100, **reach)


# --- rules of thumb, people, work -------------------------------------------------------------------------------------


def test_crowns_cool_by_the_percentage_point() -> None:
    """By hand: 15.1 points x 0.0265 = 0.400 K, the published figure; felled crowns do not wait to grow."""
    assert canopy_cooling(0.151) == pytest.approx(-0.400, abs=2e-4)
    betas = (BETA_LOW_K_PER_PP, BETA_K_PER_PP, BETA_HIGH_K_PER_PP)
    assert canopy_cooling(0.1, beta_k_per_pp=betas) == pytest.approx([-0.1, -0.265, -0.5])
    grown = 0.98**5 * 0.995**20
    assert canopy_cooling(0.1, age_a=[0, 5, 25]) == pytest.approx([0, -0.265 * 0.2 * 0.98**5, -0.265 * grown])
    assert canopy_cooling([-0.1, 0.1], age_a=0) == pytest.approx([0.265, 0])
    with pytest.raises(InputError) as found:
        canopy_cooling(15, beta_k_per_pp=2.65, age_a=-1)
    assert len(found.value.problems) == 3


def test_people_in_the_warmest_fifth() -> None:
    """By hand: anomalies 0 to 4, P80 = 3.2: one cell. Those outside are unknown, neither exposed nor not."""
    anomaly = np.array([[0, 1, 2], [3, 4, np.nan]])
    people = np.array([[10, 20, 30], [40, 50, 60]])
    found = exposed_people(anomaly, people)
    assert found.threshold_k == pytest.approx(3.2)
    assert (found.people, found.known, found.unknown) == (50, 150, 60)
    assert exposed_people(anomaly - 1, people, threshold_k=found.threshold_k).people == 0, "a measure can be seen"
    assert exposed_people(anomaly, people, 0).people == 140, "the limit itself is not above it"
    with pytest.raises(InputError, match="1 cells of the city are missing"):
        exposed_people(anomaly, np.where(people == 20, np.nan, people))
    with pytest.raises(InputError, match="no cell"):
        exposed_people([[np.nan]], [[1]])


def test_heat_at_work() -> None:
    """By hand: 30 °C and 50 %: e = 21.144 hPa, WBGT 29.26 °C. Each step belongs to the loss that it begins."""
    assert wbgt(30, 50) == pytest.approx(0.567 * 30 + 0.393 * 21.144 + 3.94, abs=2e-3)
    felt = [[27.4, 27.5, 29.5, 31.5], [31.9, 32, 32.5, np.nan]]
    np.testing.assert_array_equal(work_loss(felt, heavy=True), [[0, 0.25, 0.5, 0.75], [0.75, 0.75, 0.75, np.nan]])
    np.testing.assert_array_equal(work_loss(felt, heavy=False), [[0, 0, 0, 0.25], [0.25, 0.5, 0.75, np.nan]])
    with pytest.raises(InputError, match=r"t_c[\s\S]*rh_pct"):
        wbgt(300, 101)


def test_figures_of_each_class() -> None:
    """A class that the table lacks is an error that lists the table; no data stays no data."""
    columns: dict[str, list[float]] = {"shade": [0.0, 0.9], "green": [0, 1]}
    found = biophysics([[1, 0, np.nan]], ("asphalt", "forest"), columns)
    np.testing.assert_array_equal(found["shade"], [[0.9, 0, np.nan]])
    np.testing.assert_array_equal(found["green"], [[1, 0, np.nan]])
    with pytest.raises(InputError, match=r"3 cells have no known class: -1, 0\.5, 2\. Classes are 0 asphalt, 1 forest"):
        biophysics([[2, -1, 0.5, 0]], ("asphalt", "forest"), columns)
    with pytest.raises(InputError, match="expected length 2"):
        biophysics([[0]], ("asphalt", "forest"), {"shade": [0.0]})


def test_bad_rasters_and_figures_are_named() -> None:
    good: dict[str, Any] = {"t_ref_c": 20, "uhi_max_k": 4}
    with pytest.raises(InputError, match=r"shape.*\(1, 2\) and \(1, 1\)"):
        air_temperature([[0.1, 0.2]], [[1]], 10, **good)
    with pytest.raises(InputError, match="no numbers"):
        air_temperature([[0.1], [0.2, 0.3]], [[1]], 10, **good)
    with pytest.raises(
        InputError, match=r"cc\[0, 1\]: 1 cells are outside 0 to 1[\s\S]*green\[0, 1\]: 1 cells are neither"
    ):
        air_temperature([[np.nan, 54]], [[7, 0.3]], 10, **good)
    with pytest.raises(InputError, match="no cell with data"):
        air_temperature([[np.nan, 1]], [[1, np.nan]], 10, **good)
    with pytest.raises(InputError, match=r"1000 m do not resolve d_cool_m 450 m.*finer"):
        air_temperature([[0.1]], [[1]], 1000, **good)
    with pytest.raises(InputError, match=r"cell_m[\s\S]*t_ref_c[\s\S]*uhi_max_k"):
        air_temperature([[0.1]], [[1]], 0, t_ref_c=293, uhi_max_k=-1)
    with pytest.raises(InputError, match="three weights"):
        cooling_capacity([[0]], [[0]], [[0]], weights=(0.6, 0.4))
    with pytest.raises(InputError, match=r"shade\[0, 0\].*infinite[\s\S]*albedo.*missing"):
        cooling_capacity([[np.inf]], np.nan, [[0]])
    with pytest.raises(InputError, match="one shape, with data"):
        check_cooling(np.zeros((2, 2)), np.zeros((2, 3), np.bool_), 10, uhi_max_k=4)
