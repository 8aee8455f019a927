"""Where the next euro goes in a place: what was chosen saves together what was promised, floors and caps are kept."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from layers.catalogue import Catalogue
from layers.errors import PlacementError
from layers.planning import Planning
from layers.siting import Ask, document, sites, siting
from layers.social import Social

DORTMUND = "05913000"
ASK = Ask(50e6)


@pytest.fixture(scope="module")
def place(catalogue: Catalogue) -> tuple[Planning, Social]:
    return catalogue.planning(DORTMUND, coarse=True), catalogue.social(DORTMUND, coarse=True)


def test_the_chosen_save_together_what_they_promise(place: tuple[Planning, Social]) -> None:
    """Bundles come from the joint state, zones do not act on each other: the impact of all is the sum."""
    found = siting(*place, ASK)
    assert found.result is not None
    assert float(found.result.by_unit().sum()) == pytest.approx(found.choice.benefit, rel=1e-9)
    spent = sum(float(one.invested[-1]) for one in found.result.placed)
    assert spent == pytest.approx(found.choice.cost_eur, rel=1e-9)
    assert found.choice.cost_eur <= ASK.budget_eur
    assert found.choice.status in {"optimal", "within_gap"}


def test_a_zone_takes_one_bundle_at_most(place: tuple[Planning, Social]) -> None:
    """Usual and deep retrofit of the same home exclude each other."""
    measures = ("envelope_usual", "envelope_deep", "heat_pump_air")
    found = siting(*place, replace(ASK, measures=measures))
    zones = found.sites.zone[found.choice.chosen]
    assert len(set(zones.tolist())) == len(zones)
    assert not any({"envelope_usual", "envelope_deep"} <= set(b) for b in found.sites.bundles)


def test_the_front_gives_tonnes_for_equity_and_a_floor_is_kept(place: tuple[Planning, Social]) -> None:
    """From most tonnes to most for low-income areas, each step has a price; a floor moves the choice along."""
    free, bound = siting(*place, ASK), siting(*place, replace(ASK, floor=0.8))
    tonnes = [c.benefit for c in free.front.choices]
    low = [c.low_income_benefit for c in free.front.choices]
    assert tonnes == sorted(tonnes, reverse=True)
    assert low == sorted(low)
    assert (free.front.price_of_equity >= 0).all()
    assert bound.choice.low_income_benefit >= 0.8 * low[-1] * (1 - 1e-6)
    assert bound.choice.benefit <= free.choice.benefit * (1 + 1e-3)
    assert document(bound)["low_income_share"] > document(free)["low_income_share"]


def test_caps_by_district_are_kept(place: tuple[Planning, Social]) -> None:
    planning, social = place
    cap = 10e6
    found = siting(planning, social, replace(ASK, cap_eur=cap))
    body = document(found)
    kms, districts = social.zonings["km"], social.zonings["district"]
    spent = np.zeros(len(districts))
    for row in body["chosen"]:
        cells = np.flatnonzero(kms.of_cell == kms.ids.index(row["zone"]))
        mass = np.bincount(districts.of_cell[cells], social.cell_people[cells], len(districts))
        spent[mass.argmax()] += row["cost_eur"]
    assert spent.max() <= cap * (1 + 1e-9)
    assert spent.sum() == pytest.approx(body["cost_eur"])


def test_what_cannot_be_is_refused_all_at_once(place: tuple[Planning, Social]) -> None:
    with pytest.raises(PlacementError) as error:
        sites(*place, Ask(-1.0, measures=("park", "envelop"), uptake=2.0, floor=3.0))
    text = str(error.value)
    for what in ("'park' does not act on homes", "'envelop' is unknown", "-1 is no budget", "2 is no share", "3 is no"):
        assert what in text, text
    with pytest.raises(PlacementError, match=r"save nothing anywhere"):
        siting(*place, replace(ASK, rule="people > 1e9"))


def test_outlines_of_the_chosen_are_in_wgs84(place: tuple[Planning, Social]) -> None:
    body = document(siting(*place, ASK), geometry=True)
    for row in body["chosen"]:
        assert row["geometry"]["type"] in {"Polygon", "MultiPolygon"}
    x, y = np.array(body["chosen"][0]["geometry"]["coordinates"][0][0], dtype=float).ravel()[:2]
    assert 7 < x < 8
    assert 51 < y < 52
