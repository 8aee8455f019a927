"""What trees and green bind and how green the ground is: small numbers that must not grow by a slip of units."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geo.errors import InputError
from geo.vegetation import DENSE_NDVI, area_sink_t_a, green_share, grown, ndvi, surviving, tree_sink_t_a


def test_trees_grow_for_25_years_and_die_faster_when_young() -> None:
    """Breaks if growth goes on past a grown crown, or if the losses of the first years are taken for ever."""
    assert grown([0, 5, 25, 80]) == pytest.approx([0, 0.2, 1, 1])
    assert surviving([0, 1, 5, 6, 25]) == pytest.approx([1, 0.98, 0.98**5, 0.98**5 * 0.995, 0.98**5 * 0.995**20])


def test_a_thousand_trees_bind_twelve_tonnes_not_a_thousand() -> None:
    """By hand: 1,000 x 12.5 kg; of 1,000 planted 25 years ago 817.7 stand, 22.5 kg each; none binds before it grows."""
    assert tree_sink_t_a(1000) == pytest.approx(12.5)
    assert tree_sink_t_a(1000, age_a=[0, 25]) == pytest.approx([0, 1000 * 0.98**5 * 0.995**20 * 0.0225])
    assert tree_sink_t_a(1000, age_a=10, kg_per_tree_a=20) == pytest.approx(1000 * 0.4 * 0.98**5 * 0.995**5 * 0.02)
    assert tree_sink_t_a(0) == 0, "no trees are a figure, not a gap"


def test_the_mean_over_sixty_years_agrees_with_growth_and_losses() -> None:
    """The two ways of counting the same trees must not drift apart: 10 to 15 kg per tree planted and year."""
    assert 10 < tree_sink_t_a(1000, age_a=np.arange(60)).mean() < 15


def test_a_sum_over_a_life_is_refused_with_the_reason() -> None:
    """A press release of 800 trees and 1,000 t a year: 1,250 kg per tree."""
    with pytest.raises(InputError, match=r"kg_per_tree_a.*above 50.*divide a sum over its life"):
        tree_sink_t_a(800, kg_per_tree_a=1250)
    assert tree_sink_t_a(800, kg_per_tree_a=50) == pytest.approx(40)
    with pytest.raises(InputError) as found:
        tree_sink_t_a(-1, kg_per_tree_a=np.nan, age_a=-2)
    assert len(found.value.problems) == 3


def test_areas_bind_by_kind_and_level() -> None:
    """By hand: 10 ha; a green roof's 0.3 to 1 kg/m2 are 3 to 10 t/ha."""
    assert [float(area_sink_t_a("forest", 10, level=level)) for level in ("low", "middle", "high")] == [0, 38.8, 80]
    assert area_sink_t_a("green_roof", [0.1, 1], level="low") == pytest.approx([0.3, 3])
    assert area_sink_t_a("lawn", 1) < area_sink_t_a("meadow", 1) < area_sink_t_a("forest", 1)
    with pytest.raises(InputError) as found:
        area_sink_t_a("florest", -1, level="best")
    assert [problem.where for problem in found.value.problems] == ["area_ha", "kind", "level"]
    assert "'forest'" in str(found.value)


def test_index_of_known_bands_and_of_gaps() -> None:
    """By hand: (0.4 - 0.1) / 0.5. A gap, a black cell and a negative reflectance say nothing about green."""
    nir = [[0.4, 0.1, 0.2], [np.nan, 0.0, -0.01]]
    red = [[0.1, 0.4, 0.2], [0.1, 0.0, 0.02]]
    np.testing.assert_allclose(ndvi(nir, red), [[0.6, -0.6, 0], [np.nan] * 3], atol=1e-15)
    whole = np.array([4000, 1000], np.uint16)
    assert ndvi(whole, whole[::-1]) == pytest.approx([0.6, -0.6]), "whole numbers below zero must not wrap around"


@given(st.lists(st.tuples(st.floats(0, 1e4), st.floats(0, 1e4)), min_size=1, max_size=20))
def test_index_stays_within_one_and_turns_with_the_bands(pairs: list[tuple[float, float]]) -> None:
    nir, red = np.array(pairs).T
    index = ndvi(nir, red)
    assert np.array_equal(np.isnan(index), nir + red == 0)
    assert (np.abs(index[~np.isnan(index)]) <= 1).all()
    np.testing.assert_array_equal(ndvi(red, nir), -index)


def test_green_share_counts_only_cells_with_data() -> None:
    """Two of four known cells; 0.3 itself is not above 0.3. A city under cloud is unknown, not grey."""
    index = [[0.31, 0.3], [0.8, np.nan], [-0.2, np.nan]]
    assert green_share(index) == pytest.approx(0.5)
    assert green_share(index, threshold=DENSE_NDVI) == pytest.approx(0.25)
    assert np.isnan(green_share([[np.nan]]))


def test_bands_that_do_not_fit_are_refused() -> None:
    with pytest.raises(InputError, match="one grid"):
        ndvi(np.zeros((2, 2)), np.zeros((2, 3)))
    with pytest.raises(InputError, match=r"nir[\s\S]*red"):
        ndvi([np.inf], ["cloud"])
    with pytest.raises(InputError, match="as `ndvi` returns"):
        green_share([5000])
    with pytest.raises(InputError, match="no number"):
        green_share("green")
