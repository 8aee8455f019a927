"""Who gains, and how sure that is: figures that can be worked out by hand, and the answer for Dortmund."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from geo.arrays import FloatArray
from layers.benefits import Benefits
from layers.catalogue import Catalogue
from layers.equity import Amount, Asked, judge
from layers.errors import PlacementError
from layers.impact import impact
from layers.judgement import judgement, orders, sentence
from layers.placement import STANDARD
from layers.scenarios import STANDARD_BODY, Feature, Placements, Properties, run
from layers.social import Social, Zoning

DORTMUND = "05913000"
QUICK = Asked(permutations=199, draws=99)


def amount_of(by_unit: FloatArray) -> Amount:
    """What units get for sure."""

    def unsure(zoning: Zoning, draws: int, _seed: int) -> FloatArray:
        return np.repeat(zoning.sums(by_unit)[None, :], draws, axis=0)

    return Amount("x", "X", "X", "EUR", lambda zoning: zoning.sums(by_unit), None, unsure)


@pytest.fixture(scope="module")
def social(catalogue: Catalogue) -> Social:
    return catalogue.social(DORTMUND)


def test_as_much_for_everybody_favours_nobody(social: Social) -> None:
    """10 EUR for each: ratio 1, index 0, every fifth a fifth, at every zoning, whoever is poor."""
    found = judge(amount_of(10 * np.nan_to_num(social.sources.unit_people)), social, QUICK)
    ratio, index = found["equity_ratio"], found["concentration_index"]
    assert [ratio["value"], ratio["low"], ratio["high"]] == pytest.approx([1, 1, 1])
    assert index["value"] == pytest.approx(0, abs=1e-12)
    assert [q["share"]["value"] for q in found["quintiles"]] == pytest.approx([0.2] * 5)
    assert found["per_head"] == pytest.approx(10)
    assert found["inequality"]["gini"]["value"] == pytest.approx(0, abs=1e-12)
    assert len(ratio["zonings"]) == 3
    assert found["pattern"] is None, "where all get the same there is no pattern to test"


def test_all_to_the_poorest_fifth_gives_five_times_the_share(social: Social) -> None:
    """Their ratio is 5, the index -0.8 where the fifth is one rank."""
    low = social.low(social.zonings["district"])
    here = social.zonings["district"].of_unit
    people = np.nan_to_num(social.sources.unit_people)
    found = judge(amount_of(low[here] * people), social, QUICK)
    assert found["low_income_benefit_share"]["value"] == pytest.approx(
        (low**2 * social.zonings["district"].people).sum() / (low * social.zonings["district"].people).sum()
    )
    assert found["quintiles"][0]["share"]["value"] > 0.9
    assert found["equity_ratio"]["value"] > 4.5
    assert found["concentration_index"]["value"] < -0.75
    assert found["curve"]["dominance"] == "above"
    assert "more per head" in sentence(found | {"benefit": True})["en"]  # type: ignore[index]


def test_losses_get_no_index_that_cannot_take_them_but_its_name(social: Social) -> None:
    """Where some lose, Theil and Atkinson say which index to use instead; Kolm-Pollak goes on."""
    people = np.nan_to_num(social.sources.unit_people)
    east = social.zonings["district"].of_unit % 2 == 0
    found = judge(amount_of(np.where(east, 10.0, -1.0) * people), social, QUICK)
    assert "kolm_pollak_ede" in found["inequality"]["theil_t"]["missing"]
    assert np.isfinite(found["inequality"]["kolm_pollak_ede"]["value"])


def test_nothing_and_too_few_areas_are_said(catalogue: Catalogue, social: Social) -> None:
    """No benefit, or a place of four areas, gives a reason instead of a figure."""
    assert judge(amount_of(np.zeros(len(social.sources.unit_people))), social, QUICK)["missing"] == (
        "Nothing is given here."
    )
    few = catalogue.social("05113000")
    assert "missing" not in judge(amount_of(np.nan_to_num(few.sources.unit_people)), few, QUICK)


def test_dortmund_worst_first_against_low_income_first(catalogue: Catalogue, social: Social) -> None:
    """The answer of the product: who gains in which order, how sure, and the price in tonnes."""
    found = orders(catalogue.planning(DORTMUND), social, STANDARD_BODY, Asked(permutations=499, draws=199))
    rows = {row["order"]: row for row in found["orders"]}
    worst, low = (rows[name]["bill_saving"]["equity_ratio"] for name in ("worst_first", "low_income_first"))
    assert rows["worst_first"]["invest_eur"] == pytest.approx(rows["low_income_first"]["invest_eur"], rel=0.02)
    assert low["low"] > worst["high"], "low-income first reaches them more, beyond any doubt of the model"
    assert worst["p"] < 0.05 < rows["even"]["bill_saving"]["equity_ratio"]["p"]
    assert low["stability"] == "stable"
    assert found["price"]["t_co2e_given_up_cumulative"] > 0, "the worst buildings save most"
    assert found["price"]["bill_saving_eur_a_gained_in_low_income"] > 0
    assert rows["even"]["bill_saving"]["equity_ratio"]["p"] == 1
    assert "chooses nobody" in rows["even"]["sentence"]["en"]


def test_stock_and_choice_explain_the_ratio(catalogue: Catalogue, social: Social) -> None:
    """What chance among the eligible gives is where the stock is; the rest is whom the programme chose."""
    result = impact(catalogue.planning(DORTMUND), [replace(STANDARD, priority="low_income_first")])
    found = judge(Benefits(result).amounts()[0], social, QUICK)["equity_ratio"]
    assert found["by_chance"] * found["choice_effect"] == pytest.approx(found["value"], rel=1e-9)
    assert found["choice_effect"] > 1.3


def test_same_seed_same_answer_and_every_figure_has_an_interval(catalogue: Catalogue, social: Social) -> None:
    """No equity figure without an interval, a p-value or what other zonings say; and it can be repeated."""
    result = impact(catalogue.planning(DORTMUND), [replace(STANDARD, priority="worst_first")])
    one, again = (judgement(result, social, QUICK) for _ in range(2))
    assert one == again
    assert judgement(result, social, replace(QUICK, seed=7))["metrics"] != one["metrics"]
    for metric in one["metrics"]:
        for name in ("equity_ratio", "concentration_index"):
            figure = metric[name]
            assert figure["low"] <= figure["high"]
            assert {"p", "stability", "zonings"} <= set(figure)
        assert all({"low", "high"} <= set(q["share"]) for q in metric["quintiles"])
    assert [row["year"] for row in one["years"]] == [2030, 2035, 2040, 2045]
    assert {d["definition"] for d in one["definitions"]} == {"quintile", "relative_rate", "robust"}
    assert [m["metric"] for m in one["metrics"] if not m["benefit"]] == ["t_co2e_saved"], "tonnes benefit nobody here"


def test_drawn_buildings_are_named_where_an_order_among_them_is_judged(catalogue: Catalogue, social: Social) -> None:
    """Dortmund's single buildings are drawn; its census cells are counted, and need no such warning."""
    found = judgement(impact(catalogue.planning(DORTMUND), [STANDARD]), social, QUICK)
    assert "drawn from census counts" in found["notes"][0]["en"]
    cells = catalogue.social(DORTMUND, coarse=True)
    assert judgement(impact(catalogue.planning(DORTMUND, coarse=True), [STANDARD]), cells, QUICK)["notes"] == []


def test_orders_of_what_saves_no_bill_are_refused(catalogue: Catalogue, social: Social) -> None:
    trees = Placements(features=[Feature(properties=Properties(measure="street_tree", quantity=100))])
    with pytest.raises(PlacementError, match=r"save no bill of a home"):
        orders(catalogue.planning(DORTMUND), social, trees, QUICK)
    found = judgement(run(catalogue.planning(DORTMUND), trees), social, QUICK)
    assert {m["metric"] for m in found["metrics"]} <= {"public_green", "cooler_air", "green_access", "invest"}
