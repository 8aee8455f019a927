"""Choice of candidates under a budget, with every kind of limit."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from api.bench.case import Case
from geo.siting import Candidates, Choice, choose

DISTRICTS = 62
CANDIDATES = 10_000
GAP = 0.01
GOAL_S = 10.0


def cases(n: int, _folder: Path) -> Iterator[Case]:
    """Choose among 10,000 candidates, fewer where there are fewer buildings, to a gap of 1 %; the goal is 10 s.

    Value and cost go together, which is hard; districts have caps, of four candidates at most one is built, a tenth
    need another, and low-income residents get a floor halfway between what the budget gives them anyway and the most
    that it can.
    """
    count = min(n, CANDIDATES)
    random = np.random.default_rng(0)
    cost = np.round(random.uniform(1e3, 1e5, count))
    benefit = cost / 1e3 + 10
    low = benefit * random.beta(0.5, 2, count)
    area = random.integers(0, DISTRICTS, count)
    half = count // 2
    requires = np.where(random.random(count) < 0.2, random.integers(0, half, count), -1)
    requires[:half] = -1
    candidates = Candidates(cost, benefit, low, np.arange(count) // 4, requires, area)
    spent = np.bincount(area, cost, DISTRICTS)
    caps = dict(enumerate(0.13 * spent * random.uniform(0.5, 1.5, DISTRICTS)))
    budget = float(0.1 * cost.sum())
    ends = [choose(candidates, budget, omega=omega, caps=caps, gap=GAP) for omega in (0.0, 1e6)]
    floor = sum(end.low_income_benefit for end in ends) / 2

    def ours() -> Choice:
        return choose(candidates, budget, floor=floor, caps=caps, gap=GAP)

    def agree(one: Choice, other: Choice) -> bool:
        return bool((one.chosen == other.chosen).all())

    yield Case("siting", "choice to a gap of 1 %", count, ours, "", None, agree, goal_s=GOAL_S)
