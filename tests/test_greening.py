"""What green and blue measures do: by hand on single cells, nothing out of reach, no claim that cannot be."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from pyproj import Transformer

from data.measures import with_overrides
from geo.arrays import FloatArray
from geo.errors import InputError
from layers.catalogue import Catalogue
from layers.equity import Amount, Asked, judge
from layers.errors import PlacementError
from layers.green_gains import amounts
from layers.green_words import document
from layers.greening import Greening, greening
from layers.impact import Impact, impact
from layers.placement import STANDARD, Placement
from layers.planning import Planning
from layers.social import Social, Zoning

PLACE = "05913000"
FAST = Asked(permutations=99, draws=49)


@pytest.fixture(scope="module")
def planning(catalogue: Catalogue) -> Planning:
    return catalogue.planning(PLACE)


@pytest.fixture(scope="module")
def social(catalogue: Catalogue) -> Social:
    return catalogue.social(PLACE)


@pytest.fixture(scope="module")
def crowded(social: Social) -> int:
    """Cell with the most people."""
    return int(np.argmax(social.cell_people))


def box(social: Social, cell: int, side_m: float) -> shapely.Polygon:
    """Square around the middle of a cell."""
    east, north, half = social.sources.cell_east[cell], social.sources.cell_north[cell], side_m / 2
    drawn: shapely.Polygon = shapely.box(east - half, north - half, east + half, north + half)
    return drawn


def at_once(placement: Placement) -> Placement:
    """All of it in 2026, so that ages are known."""
    return replace(placement, start=2025, end=2026, curve="step")


def run(planning: Planning, social: Social, *placements: Placement) -> Greening:
    return greening(impact(planning, placements), social)


@pytest.fixture(scope="module")
def park(planning: Planning, social: Social, crowded: int) -> Greening:
    """One park of a hectare in the middle of the cell with the most people."""
    return run(planning, social, at_once(Placement("park", quantity=10_000, geometry=box(social, crowded, 100))))


def far(social: Social, shape: shapely.Polygon) -> FloatArray:
    """Metres from the middle of each cell to a shape, as shapely has it."""
    return np.asarray(shapely.distance(shapely.points(social.sources.cell_east, social.sources.cell_north), shape))


# --- by hand ----------------------------------------------------------------------------------------------------------


def test_a_park_of_a_hectare_by_hand(park: Greening, social: Social, crowded: int) -> None:
    here, people = park.by_cell(2045), social.cell_people
    # lawn with trees: 15 % under crowns when grown, 19 of 25 years old, some trees lost
    canopy = 10_000 * 0.15 * 19 / 25 * 0.98**5 * 0.995**14
    assert here["canopy_m2"][crowded] == pytest.approx(canopy, rel=1e-12)
    assert here["canopy_pp"][crowded] == pytest.approx(canopy / 400, rel=1e-12)
    assert here["air_temperature_k"][crowded] == pytest.approx(-0.0265 * canopy / 400, rel=1e-12)
    assert here["air_temperature_k_low"][crowded] == pytest.approx(-0.01 * canopy / 400, rel=1e-12)
    assert here["air_temperature_k_high"][crowded] == pytest.approx(-0.05 * canopy / 400, rel=1e-12)
    assert here["public_green_m2"][crowded] == pytest.approx(10_000, rel=1e-12)
    distance = far(social, box(social, crowded, 100))
    reached = distance <= 500
    assert 1 < reached.sum() < len(people)
    per_head = 10_000 / people[reached].sum()
    np.testing.assert_allclose(here["public_green_m2_per_head"], per_head * reached, rtol=1e-12)
    np.testing.assert_allclose(here["people_within_300_m"], people * (distance <= 300), rtol=1e-12)


def test_every_square_metre_of_new_green_is_somebodys(park: Greening) -> None:
    served = park.green_m2_per_head(2045) @ park.cells.people
    assert served + park.greened[0].unserved_m2 == pytest.approx(10_000, rel=1e-12)


def test_a_park_of_less_than_a_hectare_is_walked_to_from_300_m(
    planning: Planning, social: Social, crowded: int
) -> None:
    shape = box(social, crowded, 60)
    found = run(planning, social, Placement("pocket_park", quantity=3_600, geometry=shape)).by_cell(2045)
    reached = far(social, shape) <= 300
    np.testing.assert_array_equal(found["public_green_m2_per_head"] > 0, reached)
    assert found["canopy_m2"].sum() > 0  # 30 % of it


def test_a_hundred_street_trees_by_hand(planning: Planning, social: Social, crowded: int) -> None:
    placement = at_once(Placement("street_tree", quantity=100, geometry=box(social, crowded, 100)))
    trees = run(planning, social, placement)
    alive = 0.98**5 * 0.995**20
    assert trees.canopy_m2(2051)[crowded] == pytest.approx(100 * 50 * alive, rel=1e-12)
    # of a cell of 4 ha: 12.5 percentage points if all lived
    kelvin = -0.0265 * 12.5 * alive
    assert trees.air_temperature_k(2051)[crowded] == pytest.approx(kelvin, rel=1e-12)
    assert trees.canopy_m2(2026).sum() == 0
    assert trees.canopy_m2(2031)[crowded] == pytest.approx(100 * 50 * 5 / 25 * 0.98**5, rel=1e-12)
    assert trees.by_cell(2045)["public_green_m2"].sum() == 0


def test_trees_planted_over_the_years_are_of_all_ages(planning: Planning, social: Social, crowded: int) -> None:
    placement = Placement("street_tree", quantity=100, geometry=box(social, crowded, 100), curve="linear")
    trees = run(planning, social, placement)
    by_hand = sum(5 * 50 * age / 25 * 0.98 ** min(age, 5) * 0.995 ** max(age - 5, 0) for age in range(20))
    assert trees.canopy_m2(2045).sum() == pytest.approx(by_hand, rel=1e-12)


@pytest.mark.parametrize(
    ("measure", "drop", "low", "high"),
    [
        ("depaving", 0.7, 0.5, 0.8),
        ("green_roof", 0.9 - 0.5, 0.9 - 0.5, 0.9 - 0.25),
        ("retention_swale", 0.9 * 0.9, 0.6 * 0.9, 1.0 * 0.9),
        ("park", 0, 0, 0),
    ],
)
def test_rain_held_back_by_hand(
    measure: str, drop: float, low: float, high: float, planning: Planning, social: Social, crowded: int
) -> None:
    """A cubic metre is 20 m² of sealed ground less in 50 mm of rain."""
    shape = box(social, crowded, 100)
    found = run(planning, social, at_once(Placement(measure, quantity=1_000, geometry=shape)))
    here = found.by_cell(2045)
    assert here["retained_m3_50mm"][crowded] == pytest.approx(drop * 1_000 * 0.05, rel=1e-12)
    assert here["peak_flow_l_s"][crowded] == pytest.approx(drop * 0.1 * 200, rel=1e-12)
    retained = found.greened[0].retained_m3(2045)
    assert (retained.low, retained.high) == pytest.approx((low * 50, high * 50), rel=1e-12)


def test_districts_share_by_people_and_nobody_else_gets_anything(planning: Planning, social: Social) -> None:
    district = planning.areas[3]
    found = run(planning, social, at_once(Placement("street_tree", quantity=700, districts=(district,))))
    people = np.nan_to_num(social.sources.unit_people) * (planning.heat.area == 3)
    by_cell = np.bincount(social.cell_of_unit, people, len(social.cell_people))
    np.testing.assert_allclose(found.greened[0].share, by_cell / by_cell.sum(), rtol=1e-9)
    assert (found.air_temperature_k(2045)[by_cell == 0] == 0).all()
    assert document(found)["placements"][0]["located"] == "districts"


def test_tonnes_are_those_of_the_impact_and_small(planning: Planning, social: Social) -> None:
    """A figure that differs between two pages is worse than none."""
    placements = [Placement("street_tree", quantity=20_000), Placement("afforestation", quantity=10), STANDARD]
    result = impact(planning, placements)
    body = document(greening(result, social))
    assert body["years"][-1]["sink_t_a"]["value"] == pytest.approx(result.beside()["sink_t"][-1], rel=1e-12)
    assert 0 < body["sink_share_of_balance"] < 0.001
    assert body["ranked_by_abatement_cost"] is False


# --- only what is in reach --------------------------------------------------------------------------------------------


def test_only_cells_in_reach_change(park: Greening, social: Social, crowded: int) -> None:
    here = park.by_cell(2045)
    elsewhere = np.arange(len(park.cells)) != crowded
    for name in ("canopy_m2", "air_temperature_k", "public_green_m2", "retained_m3_50mm", "sink_t_a"):
        assert (here[name][elsewhere] == 0).all(), name
    out_of_reach = far(social, box(social, crowded, 100)) > 500
    assert (here["public_green_m2_per_head"][out_of_reach] == 0).all()
    assert (here["people_within_300_m"][out_of_reach] == 0).all()


def test_a_park_where_nobody_lives_is_counted_and_said_to_be_nobodys(planning: Planning, social: Social) -> None:
    """Neither lost nor given to the nearest people: here they are 1.8 km away."""
    shape = shapely.box(390_540, 5_717_560, 390_640, 5_717_660)
    assert far(social, shape).min() > 1_000
    found = run(planning, social, Placement("park", quantity=10_000, geometry=shape))
    body = document(found)
    (one,), last = body["placements"], body["years"][-1]
    assert last["public_green_m2"] == one["public_green_m2_out_of_reach"] == pytest.approx(10_000, rel=1e-9)
    assert one["share_where_nobody_lives"] == pytest.approx(1, rel=1e-9)
    assert last["canopy_m2"]["value"] > 0
    assert last["people_within_300_m"] == last["people_in_cooler_cells"] == last["person_kelvin"]["value"] == 0
    assert amounts(found) == []


def test_a_second_park_adds_its_own_supply_and_counts_nobody_twice(
    planning: Planning, social: Social, crowded: int, park: Greening
) -> None:
    other = Placement("pocket_park", quantity=4_900, geometry=box(social, crowded, 70), name="second")
    first = park.greened[0].placed.placement
    alone, both = run(planning, social, other), run(planning, social, first, other)
    total = park.green_m2_per_head(2045) + alone.green_m2_per_head(2045)
    np.testing.assert_allclose(both.green_m2_per_head(2045), total, rtol=1e-12)
    near = np.maximum(park.access(2045), alone.access(2045))
    np.testing.assert_array_equal(both.access(2045), near)


def test_nothing_is_there_before_it_is_begun_and_it_only_grows(planning: Planning, social: Social) -> None:
    placements = [
        Placement("park", quantity=50_000, districts=(planning.areas[0],), start=2031, end=2044),
        Placement("depaving", quantity=50_000, start=2031, end=2044),
    ]
    years = document(run(planning, social, *placements))["years"]
    assert [y["year"] for y in years] == [2030, 2035, 2040, 2045]
    for name in ("public_green_m2", "people_within_300_m"):
        values = [y[name] for y in years]
        assert values[0] == 0
        assert values == sorted(values)
        assert values[-1] > 0
    assert years[0]["retained_m3_50mm"]["value"] == 0
    assert years[0]["public_green_m2_per_head_of_them"] is None


@settings(max_examples=15)
@given(st.floats(-400, 400), st.floats(-400, 400), st.floats(20, 900), st.floats(20, 900))
def test_what_is_drawn_lies_where_it_was_drawn_and_all_of_it(
    planning: Planning, social: Social, crowded: int, east: float, north: float, wide: float, high: float
) -> None:
    """Shares by cell against shapely on each cell, also where nobody lives."""
    x, y = social.sources.cell_east[crowded] + east, social.sources.cell_north[crowded] + north
    shape = shapely.box(x, y, x + wide, y + high)
    found = run(planning, social, Placement("street_tree", quantity=1, geometry=shape))
    share, cells = found.greened[0].share, found.cells
    assert share.sum() == pytest.approx(1, rel=1e-9)
    project = Transformer.from_crs(planning.shapes.crs, "EPSG:3035", always_xy=True)
    flat = shapely.transform(shape, lambda c: np.column_stack(project.transform(c[:, 0], c[:, 1])))
    inside = shapely.area(
        shapely.intersection(shapely.box(cells.x_m, cells.y_m, cells.x_m + 200, cells.y_m + 200), flat)
    )
    np.testing.assert_allclose(share, inside / flat.area, atol=1e-9)


def test_of_a_green_somewhere_in_an_area_access_is_what_draws_give(
    planning: Planning, social: Social, crowded: int
) -> None:
    """Five pocket parks of 1,000 m² in 64 ha, thrown 4,000 times on its cells."""
    shape = box(social, crowded, 800)
    found = run(planning, social, Placement("pocket_park", quantity=5_000, geometry=shape))
    one, cells = found.greened[0], found.cells
    assert not one.sited
    rng, xy = np.random.default_rng(1), np.column_stack([cells.east, cells.north])
    drawn = rng.choice(len(cells), size=(4_000, 5), p=one.share)
    near = np.hypot(*(xy[:, None] - xy[np.unique(drawn)]).T).T <= 300
    hit = np.zeros((4_000, len(cells)), dtype=bool)
    for column in np.searchsorted(np.unique(drawn), drawn).T:
        hit |= near[:, column].T
    access = found.access(2045)
    error = np.sqrt(access * (1 - access) / 4_000)
    assert (np.abs(hit.mean(axis=0) - access) <= 5 * error + 1e-12).all()
    assert 0 < access.max() < 1
    assert found.green_m2_per_head(2045) @ cells.people == pytest.approx(5_000, rel=1e-12)


# --- what cannot be ---------------------------------------------------------------------------------------------------


def test_a_tree_that_binds_more_than_any_tree_and_a_park_larger_than_its_ground_are_both_refused(
    planning: Planning, social: Social, crowded: int
) -> None:
    own = {"measure": "street_tree", "figure": "saved_t_unit_a", "value": 1.25, "reason": "press", "date": "2026-11-22"}
    claimed = planning.with_catalogue(with_overrides(planning.catalogue, [{**own, "source": "a press release"}]))
    shape = box(social, crowded, 100)
    placements = [Placement("street_tree", quantity=800), Placement("park", quantity=20_000, geometry=shape)]
    with pytest.raises(PlacementError) as refused:
        run(claimed, social, *placements)
    tree, ground = refused.value.problems
    assert tree.where.startswith("placement 0, saved_t_unit_a")
    assert "1250 is above 50" in tree.what
    assert ground.where == "placement 1, quantity"
    assert "needs 20,000 m² where 10,0" in ground.what


def test_one_small_park_does_not_cool_the_city_by_over_a_kelvin(park: Greening) -> None:
    park.check_air(park.air_temperature_k(2045))
    with pytest.raises(InputError) as refused:
        park.check_air(np.full(len(park.cells), -1.2))
    assert "-1.20 K, more than 1 K" in str(refused.value)
    with pytest.raises(InputError, match="the heat island is at most 4 K"):
        park.check_air(np.where(park.reached, -5.0, 0.0))


def test_crowns_never_cover_more_than_there_is(planning: Planning, social: Social, crowded: int) -> None:
    trees = Placement("street_tree", quantity=1_000, geometry=box(social, crowded, 100))
    with pytest.raises(PlacementError, match=r"50,000 m² of 40,000 m²"):
        run(planning, social, trees)
    few = impact(planning, [replace(trees, quantity=100)])
    greening(few, social)
    before = np.zeros(len(social.cell_people))
    before[crowded] = 0.95
    with pytest.raises(PlacementError, match="crowns would cover more than there is"):
        greening(few, social, canopy_before=before)


def test_a_district_without_people_says_nothing_of_where(planning: Planning, social: Social) -> None:
    people = np.where(planning.heat.area == 2, 0.0, social.sources.unit_people)
    empty = Social(replace(social.sources, unit_people=people))
    with pytest.raises(PlacementError, match=f"nobody lives in {planning.areas[2]}"):
        run(planning, empty, Placement("street_tree", quantity=10, districts=(planning.areas[2],)))


def test_a_scenario_without_green_measures_gives_an_empty_greening(planning: Planning, social: Social) -> None:
    found = run(planning, social, STANDARD)
    assert found.greened == ()
    assert amounts(found) == []
    body = document(found)
    assert body["placements"] == body["years"] == body["sentences"] == []
    assert all((values == 0).all() for values in found.by_cell(2045).values())


# --- who gains --------------------------------------------------------------------------------------------------------


def test_amounts_are_what_people_get_and_can_be_judged(park: Greening, social: Social) -> None:
    found = {a.name: a for a in amounts(park)}
    assert list(found) == ["public_green", "cooler_air", "green_access"]
    here, main = park.by_cell(2045), social.main
    assert found["public_green"].by_zone(main).sum() == pytest.approx(10_000, rel=1e-9)
    kelvin = -here["air_temperature_k"] @ park.cells.people
    assert found["cooler_air"].by_zone(main).sum() == pytest.approx(kelvin, rel=1e-9)
    near = here["people_within_300_m"].sum()
    assert found["green_access"].by_zone(main).sum() == pytest.approx(near, rel=1e-9)
    for amount in found.values():
        verdict = judge(amount, social, FAST)
        ratio = verdict["equity_ratio"]
        assert ratio["low"] <= ratio["high"]
        assert 0 < ratio["p"] <= 1
        assert verdict["benefit"]


def by_chance(amount: Amount, social: Social, zoning: Zoning, draws: int) -> FloatArray:
    assert amount.by_chance is not None
    return amount.by_chance(social, zoning, draws, 7)


def test_by_chance_the_same_park_lies_elsewhere(park: Greening, social: Social) -> None:
    """Each draw keeps the park whole: all of its m², its crowns in one cell with people."""
    found = {a.name: a for a in amounts(park)}
    cells, draws = social.zoning("cell"), 50
    green, air, access = (by_chance(a, social, cells, draws) for a in found.values())
    np.testing.assert_allclose(green.sum(axis=1), 10_000, rtol=1e-9)
    assert ((air > 0).sum(axis=1) == 1).all()
    draw, cell = np.nonzero(air)
    per_person = -park.air_temperature_k(2045).min()
    np.testing.assert_allclose(air[draw, cell], per_person * social.cell_people[cell], rtol=1e-9)
    assert len(np.unique(cell)) > draws / 2
    # who lives in the cell has it within 300 m, wherever it lands, and so have its eight neighbours, not the next
    xy = np.column_stack([social.sources.cell_east, social.sources.cell_north])
    for row, middle in zip(draw, cell, strict=True):
        close = np.hypot(*(xy - xy[middle]).T) < 350
        np.testing.assert_allclose(access[row], social.cell_people * close, rtol=1e-12)
    # districts are sums of the same draws: a zoning loses nothing
    districts = by_chance(found["public_green"], social, social.main, draws)
    np.testing.assert_allclose(districts.sum(axis=1), 10_000, rtol=1e-9)


def test_what_is_everywhere_was_chosen_by_nobody(planning: Planning, social: Social, crowded: int) -> None:
    everywhere = run(planning, social, Placement("street_tree", quantity=1_000))
    assert [a.by_chance for a in amounts(everywhere)] == [None]
    all_districts = run(planning, social, Placement("street_tree", quantity=1_000, districts=planning.areas))
    assert [a.by_chance for a in amounts(all_districts)] == [None]
    drawn = Placement("street_tree", quantity=100, geometry=box(social, crowded, 100))
    both = amounts(run(planning, social, Placement("street_tree", quantity=1_000), drawn))
    assert both[0].by_chance is not None
    rows = both[0].by_chance(social, social.zoning("cell"), 20, 1)
    still = amounts(everywhere)[0].by_zone(social.zoning("cell"))
    # a row is what stays, and the hundred trees in one cell
    assert (((rows - still) > 1e-9).sum(axis=1) == 1).all()


def test_how_unsure_an_amount_is_leaves_its_mean(park: Greening, social: Social) -> None:
    for amount in amounts(park):
        drawn = amount.unsure(social.main, 4_000, 3).sum(axis=1)
        assert drawn.std() > 0
        assert drawn.mean() == pytest.approx(amount.by_zone(social.main).sum(), rel=5 * drawn.std() / drawn.mean() / 63)


# --- as data ----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def mixed(planning: Planning, social: Social, crowded: int) -> Impact:
    quarter = box(social, crowded, 1_500)
    return impact(
        planning,
        [
            STANDARD,
            Placement("park", quantity=10_000, geometry=box(social, crowded, 100)),
            Placement("street_tree", quantity=2_000, geometry=quarter),
            Placement("pocket_park", quantity=20_000),
            Placement("retention_swale", quantity=1_000, districts=planning.areas[:2]),
            Placement("cool_roof", quantity=1_000),
        ],
    )


def test_document_says_the_same_as_the_cells(mixed: Impact, social: Social) -> None:
    found = greening(mixed, social)
    body = json.loads(json.dumps(document(found)))
    here, last = found.by_cell(2045), body["years"][-1]
    assert [p["placement"] for p in body["placements"]] == [1, 2, 3, 4, 5]
    for name in ("canopy_m2", "retained_m3_50mm", "peak_flow_l_s", "sink_t_a"):
        rows = [p["years"][-1][name] for p in body["placements"]]
        assert last[name]["value"] == pytest.approx(here[name].sum(), rel=1e-9)
        assert last[name]["value"] == pytest.approx(sum(r["value"] for r in rows), rel=1e-9)
        assert all(r["low"] <= r["value"] <= r["high"] for r in [*rows, last[name]])
    kelvin = sum(p["years"][-1]["person_kelvin"]["value"] for p in body["placements"])
    assert last["person_kelvin"]["value"] == pytest.approx(kelvin, rel=1e-9)
    assert last["person_kelvin"]["low"] < last["person_kelvin"]["value"] < last["person_kelvin"]["high"]
    near = [p["years"][-1]["people_within_300_m"] for p in body["placements"]]
    assert max(near) <= last["people_within_300_m"] <= sum(near)
    assert [p["site_known"] for p in body["placements"]] == [True, False, False, False, False]
    assert 0 < body["placements"][1]["share_where_nobody_lives"] < 1
    assert last["canopy_share_before"] is last["canopy_share_after"] is None
    assert "top floor" in body["placements"][-1]["not_counted"]["en"]


def test_sentences_say_what_it_is_for_and_german_numbers_are_german(mixed: Impact, social: Social) -> None:
    *_, rain, tonnes = document(greening(mixed, social))["sentences"]
    assert "Adaptation and equity measures" in tonnes["en"]
    assert "never ranked by the cost of a tonne" in tonnes["en"]
    assert "Maßnahmen für Anpassung und Gerechtigkeit" in tonnes["de"]
    # 1,000 m² at 0.9 x 0.9 of 50 mm
    assert "40 m³ (40,500 litres)" in rain["en"]
    assert "40 m³ (40.500 Liter)" in rain["de"]
    assumed = document(greening(mixed, social))["assumptions"]
    assert any("0,0265 K" in text["de"] for text in assumed)
    assert any("nobody has said where it goes" in text["en"] for text in assumed)


def test_crowns_before_and_after_only_where_what_there_is_is_known(mixed: Impact, social: Social) -> None:
    before = np.full(len(social.cell_people), 0.2)
    last = document(greening(mixed, social, canopy_before=before))["years"][-1]
    assert last["canopy_share_before"] == pytest.approx(0.2, rel=1e-12)
    people = social.cell_people
    plain = greening(mixed, social)
    more = plain.canopy_m2(2045)[: len(people)] @ people / people.sum() / 40_000
    assert last["canopy_share_after"] == pytest.approx(0.2 + more, rel=1e-9)
    with pytest.raises(InputError, match="canopy_before"):
        greening(mixed, social, canopy_before=np.full(len(people), np.nan))
