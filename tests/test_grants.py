"""Grants: rates, bonuses, caps and dates by hand; the best programme pays; wrong programmes are refused."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geo.cash_flow import PAYERS
from geo.errors import InputError
from geo.grants import Bonus, Grant, grant

OWNER = frozenset({"owner_occupier"})
KFW = Grant(
    "KfW 458",
    base_share=0.3,
    cap_share=0.7,
    bonuses=(
        Bonus("efficiency", 0.05),
        Bonus("speed", 0.2, valid_to=2028, tenures=OWNER),
        Bonus("speed", 0.17, valid_from=2029, valid_to=2030, tenures=OWNER),
        Bonus("income", 0.3, tenures=OWNER),
    ),
    eligible_eur=(30_000, 15_000, 8_000),
    valid_from=2024,
)


def test_grants_by_hand() -> None:
    every = {"efficiency": True, "speed": True, "income": True}

    def one(cost: float, homes: float, tenure: str, year: int, **claims: bool) -> float:
        return float(grant(cost, dwellings=homes, tenure=tenure, year=year, grants=[KFW], claims=claims).eur)

    assert one(40_000, 1, "owner_occupier", 2025, **every) == pytest.approx(21_000), "85 % capped at 70 % of 30,000"
    assert one(20_000, 1, "owner_occupier", 2025) == pytest.approx(6_000), "30 % of what it cost"
    assert one(30_000, 1, "owner_occupier", 2028, speed=True) == pytest.approx(15_000)
    assert one(30_000, 1, "owner_occupier", 2029, speed=True) == pytest.approx(14_100)
    assert one(30_000, 1, "owner_occupier", 2031, speed=True) == pytest.approx(9_000), "no bonus is in force"
    assert one(30_000, 1, "landlord", 2025, **every) == pytest.approx(10_500), "35 %: no bonus of owner-occupiers"
    # 30,000 + 5 x 15,000 + 2 x 8,000 = 121,000
    assert one(500_000, 8, "landlord", 2025) == pytest.approx(36_300)
    assert one(500_000, 6.5, "landlord", 2025) == pytest.approx(0.3 * 109_000), "an expected number of dwellings"
    assert one(30_000, 1, "owner_occupier", 2023, **every) == 0


def test_the_best_programme_pays_and_is_named() -> None:
    flat = Grant("city", 0.4, 0.4, valid_to=2026, tenures=frozenset({"company", "landlord"}))
    result = grant(
        [10_000, 10_000, 10_000],
        dwellings=1,
        tenure=["owner_occupier", "landlord", "company"],
        year=[[2025], [2027], [2020]],
        grants=[KFW, flat],
        claims={"income": [True, True, False]},
    )
    assert result.eur.tolist() == [[6000, 4000, 4000], [6000, 3000, 3000], [0, 4000, 4000]]
    assert result.programme.tolist() == [[0, 1, 1], [0, 0, 0], [-1, 1, 1]]
    assert grant(100, dwellings=1, tenure="city", year=2025, grants=[]).programme == -1


@given(
    st.floats(0, 1e6),
    st.integers(0, 40),
    st.sampled_from(PAYERS),
    st.integers(2020, 2040),
    st.sets(st.sampled_from(["efficiency", "speed", "income"])),
)
def test_a_grant_never_exceeds_its_cap(cost: float, homes: int, tenure: str, year: int, claims: set[str]) -> None:
    result = grant(
        cost, dwellings=homes, tenure=tenure, year=year, grants=[KFW], claims=dict.fromkeys(sorted(claims), True)
    )
    assert 0 <= result.eur <= 0.7 * cost
    assert (result.programme == 0) == (result.eur > 0)


def test_wrong_grants_and_applications_are_refused() -> None:
    with pytest.raises(InputError) as caught:
        Grant("X", 1.2, -0.1, (Bonus("b", 2, 2030, 2020, frozenset({"owner"})),), (1, -1, 0))
    assert len(caught.value.problems) == 6
    with pytest.raises(InputError) as caught:
        grant(-1, dwellings=np.nan, tenure="owner_ocupier", year=25, grants=[KFW], claims={"incom": True})
    assert {problem.where for problem in caught.value.problems} == {"cost_eur", "dwellings", "tenure", "year", "claims"}
    assert "Did you mean 'owner_occupier'?" in str(caught.value)
    assert "Did you mean 'income'?" in str(caught.value)
    with pytest.raises(InputError, match=r"tenure \(3,\)"):
        grant([1, 2], dwellings=1, tenure=["city"] * 3, year=2025, grants=[KFW])
