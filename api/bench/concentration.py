"""How sure an equity figure is: shuffled areas, exact moments of many units, chance placements of a programme."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from api.bench.case import Case
from geo import inference

AREAS = 1_500
UNITS = 90_000


def cases(n: int, _folder: Path) -> Iterator[Case]:
    """Shuffle 1,500 areas 9,999 times, take the exact moments of `n` units, and place a programme 999 times."""
    areas, units = min(AREAS, n // 10), min(UNITS, n)
    rng = np.random.default_rng(n)
    income, per_head = rng.lognormal(10, 0.5, n), rng.lognormal(3, 0.6, n)
    people = rng.integers(1, 40, n).astype(float)
    key = rng.lognormal(10, 0.5, areas)
    residents = rng.integers(100, 9_000, areas).astype(float)
    amount = rng.lognormal(3, 0.6, areas)
    area, eligible = rng.integers(areas, size=units), rng.gamma(2, 100, units)
    benefit = rng.lognormal(1, 0.3, units)

    def placed() -> inference.Placed:
        null = inference.permuted_placements(eligible, benefit, area, areas, eligible.sum() / 3)
        observed = np.bincount(area, eligible * benefit, areas) / 3
        return inference.placement_test(
            observed, null, lambda amounts: inference.concentrations(amounts, residents, key)
        )

    def case(work: str, size: int, ours: Callable[[], Any], goal_s: float) -> Case:
        return Case("concentration", work, size, ours, "", None, lambda _, __: True, goal_s=goal_s)

    yield case("9,999 shuffles", areas, lambda: inference.permuted_concentration(amount, residents, key), 0.1)
    yield case("exact moments", n, lambda: inference.concentration_variance(per_head, people, income), 0.1)
    yield case("999 placements, tested", units, placed, 1.5)
