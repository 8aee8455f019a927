"""Bands of an allocation: as a plain Monte Carlo gives them, and free of the order of rows and of the zoning."""

from __future__ import annotations

import numpy as np
import pytest

from geo.errors import InputError
from geo.uncertainty import bands, combined, draw, keys_of


def case(n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(n)
    return rng.lognormal(0, 1, n), rng.uniform(0.1, 0.6, n), keys_of([f"unit {i}" for i in range(n)])


def test_against_plain_monte_carlo_with_independent_draws() -> None:
    """Differs by more than sampling noise if the strata, the lognormal mean or the sharing-out were wrong."""
    weights, sd, keys = case(400)
    zone = np.arange(400) % 4
    found = draw(weights, total=1000, sd_units=sd, sd_total=0.03, zone=zone, zones=4, keys=keys, seed=7)
    rng = np.random.default_rng(1)
    sigma, spread = np.sqrt(np.log1p(sd**2)), np.sqrt(np.log1p(0.03**2))
    plain = weights * np.exp(sigma * rng.standard_normal((20_000, 400)) - sigma**2 / 2)
    total = 1000 * np.exp(spread * rng.standard_normal(20_000) - spread**2 / 2)
    plain *= (total / plain.sum(axis=1))[:, None]
    expected = np.quantile(plain, (0.05, 0.5, 0.95), axis=0).T
    assert found.units == pytest.approx(expected, rel=0.1)
    of_zones = np.stack([plain[:, zone == z].sum(axis=1) for z in range(4)])
    assert bands(found.zones[:4]) == pytest.approx(np.quantile(of_zones, (0.05, 0.5, 0.95), axis=1).T, rel=0.02)


def test_every_draw_adds_up_and_its_mean_is_the_total() -> None:
    weights, sd, keys = case(50)
    found = draw(weights, total=80, sd_units=sd, sd_total=0.25, zone=np.arange(50) - 1, zones=49, keys=keys, seed=1)
    assert found.zones.sum(axis=0).mean() == pytest.approx(80, rel=0.002)
    exact = draw(weights, total=80, sd_units=sd, sd_total=0, zone=np.arange(50) - 1, zones=49, keys=keys, seed=1)
    assert exact.zones.sum(axis=0) == pytest.approx(np.full(521, 80))


def test_rows_and_zonings_in_any_order_give_the_same() -> None:
    """Would break with random numbers drawn row by row."""
    weights, sd, keys = case(300)
    zone, order = np.arange(300) % 7, np.random.default_rng(2).permutation(300)
    one = draw(weights, total=5, sd_units=sd, sd_total=0.1, zone=zone, zones=7, keys=keys, seed=3)
    other = draw(weights[order], total=5, sd_units=sd[order], sd_total=0.1, zone=6 - zone[order], zones=7,
                 keys=keys[order], seed=3)  # fmt: skip
    assert other.units == pytest.approx(one.units[order])
    assert other.zones[:7] == pytest.approx(one.zones[:7][::-1])
    seeded = draw(weights, total=5, sd_units=sd, sd_total=0.1, zone=zone, zones=7, keys=keys, seed=4)
    assert not np.allclose(seeded.zones, one.zones)


def test_independent_errors_shrink_with_the_number_of_units() -> None:
    """Breaks if units shared their walk: 2,500 equal units must be 50 times as sure as one."""
    n = 2500
    found = draw(np.ones(2 * n), total=2, sd_units=np.full(2 * n, 0.3), sd_total=0, zone=np.repeat([0, 1], n), zones=2,
                 keys=keys_of([str(i) for i in range(2 * n)]), seed=5)  # fmt: skip
    # both halves sum to the total: the error of one is 0.3 / sqrt(n) / sqrt(2)
    assert found.zones[0].std() == pytest.approx(0.3 / np.sqrt(n) / np.sqrt(2), rel=0.15)


def test_nothing_to_share_is_refused() -> None:
    with pytest.raises(InputError, match="all 0"):
        draw([0.0], total=1, sd_units=[0.1], sd_total=0, zone=np.array([0]), zones=1, keys=keys_of(["a"]), seed=0)


def test_deviations_of_factors_combine() -> None:
    assert combined(0.3, [0.4, 0.0]) == pytest.approx([0.5, 0.3])
