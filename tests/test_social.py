"""Who lives where: cells keep to the published figure of their district, and what nobody knows stays unknown."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from geo.errors import InputError
from layers.catalogue import Catalogue
from layers.social import Social
from layers.social_sources import Level, Points, Sources

DORTMUND = "05913000"


def toy(**columns: list[float]) -> Sources:
    """Two districts of three cells in a row, 100 people each; a poor school in the west, a rich one in the east."""
    x = np.arange(6) * 200 + 4_100_000
    return Sources(
        unit_people=np.full(6, 100.0),
        unit_x=x,
        unit_y=np.full(6, 3_100_000),
        cell_east=np.asarray(x + 100.0, np.float64),
        cell_north=np.full(6, 3_100_100.0),
        levels={
            "district": Level("districts", "Bezirke", ("a", "b"), np.repeat([0, 1], 3), pd.DataFrame(columns)),
        },
        points=Points(
            np.asarray(x[[0, 1, 2, 3, 5]] + 100.0, np.float64),
            np.full(5, 3_100_100.0),
            np.array([9.0, 7, 5, 3, 1]),
            np.array([200.0, 200, 200, 200, 200]),
        ),
    )


def test_cells_follow_the_schools_and_keep_the_published_mean() -> None:
    """District a has 6, b has 3: their cells differ as the schools do, and their mean by people is 6 and 3."""
    social = Social(toy(social_index=[6.0, 3.0]))
    cells = social.values["cell"]
    assert cells.reshape(2, 3).mean(axis=1) == pytest.approx([6, 3], abs=1e-9)
    assert (np.diff(cells[:3]) < 0).all(), "the index falls eastwards, as that of the schools"
    assert (np.diff(cells[3:]) < 0).all()
    assert social.values["district"].tolist() == [6.0, 3.0]


def test_without_schools_a_district_is_even() -> None:
    """What no point tells is not made up: every cell has its district's figure."""
    social = Social(replace(toy(social_index=[6.0, 3.0]), points=None))
    assert social.values["cell"] == pytest.approx([6, 6, 6, 3, 3, 3])


def test_a_rate_is_put_on_cells_as_the_schools_differ() -> None:
    """A rate of recipients goes by the schools inside a district, and the district's count stays what it is."""
    social = Social(toy(sgb2_rate=[0.3, 0.1], residents=[300.0, 300.0]), "sgb2_rate")
    cells = social.values["cell"]
    assert cells.reshape(2, 3).mean(axis=1) == pytest.approx([0.3, 0.1], abs=1e-9)
    assert cells[0] > cells[2]
    assert social.defined() == ["quintile", "relative_rate"]


def test_income_falls_where_the_index_rises() -> None:
    """The direction of an indicator is kept: poor schools mean low incomes."""
    sources = replace(toy(median_income_eur_month=[1500.0, 2500.0]), regional_median=2150.0)
    social = Social(sources, "median_income_eur_month")
    assert social.values["cell"][0] < social.values["cell"][2]
    district = social.zonings["district"]
    assert social.low(district, "poverty_line").tolist() == [0.0, 0.0], "60 % of 2,150 are 1,290 EUR"
    assert social.low(district, "quintile").tolist() == pytest.approx([0.4, 0.0]), "a fifth of 600 are 120 of 300"


def test_draws_of_schools_and_of_counts_say_how_sure_an_indicator_is() -> None:
    """A rate of 20 people varies more than one of 20,000; a published index without any source does not vary."""
    few, many = (Social(toy(sgb2_rate=[0.3, 0.1], residents=[n, n]), "sgb2_rate") for n in (20.0, 20_000.0))

    def spread(social: Social) -> float:
        return float(social.drawn(social.zonings["district"], "relative_rate", 199, 1).low.std(axis=0).max().round(12))

    assert spread(few) > 0
    assert spread(many) == 0
    fixed = Social(replace(toy(social_index=[6.0, 3.0]), points=None))
    assert fixed.drawn(fixed.zonings["cell"], "quintile", 99, 1).low.std(axis=0).max() == pytest.approx(0)
    schools = Social(toy(social_index=[6.0, 5.9]))
    assert schools.drawn(schools.zonings["cell"], "quintile", 199, 1).low.std(axis=0).max() > 0
    again = Social(toy(social_index=[6.0, 5.9]))
    one, two = (s.drawn(s.zonings["km"], "quintile", 99, 7).rank for s in (schools, again))
    assert np.array_equal(one, two)


def test_official_areas_and_robust_stand_beside_the_others() -> None:
    """Half of the first cell's people live in the city's own area; robust is what two definitions say."""
    inside = np.array([0.5, 0, 0, 0, 0, 0])
    social = Social(replace(toy(sgb2_rate=[0.3, 0.1]), official=inside), "sgb2_rate")
    found = social.definitions(social.zonings["cell"])
    assert found["official"].tolist() == inside.tolist()
    assert set(found) == {"quintile", "relative_rate", "official", "robust"}
    assert found["robust"][0] >= 0.5, "the poorest cell is low-income by quintile and by rate"
    assert found["robust"][5] == 0


def test_students_are_not_taken_for_poor_if_asked() -> None:
    """By hand: 90 of 300 recipients of which 30 are half of 60 students: 60 of 240 others are 25 %, not 30 %."""
    sources = toy(sgb2_rate=[0.3, 0.1], residents=[300.0, 300.0], students=[60.0, 0.0])
    social = Social(sources, "sgb2_rate", students_poor_share=0.5)
    assert social.published("district").tolist() == pytest.approx([0.25, 0.1])
    with pytest.raises(InputError, match=r"students: cannot be taken out of 'social_index'"):
        Social(toy(social_index=[6.0, 3.0]), students_poor_share=0.5)


def test_an_indicator_that_a_place_does_not_have_is_refused_with_those_it_has() -> None:
    with pytest.raises(InputError, match=r"'sgb2_rate' is not known.*It has social_index"):
        Social(toy(social_index=[6.0, 3.0]), "sgb2_rate")
    with pytest.raises(InputError, match=r"'sgb9' is unknown.*Use one of"):
        Social(toy(social_index=[6.0, 3.0]), "sgb9")
    social = Social(toy(social_index=[6.0, 3.0]))
    with pytest.raises(InputError, match=r"zoning: 'borough' is unknown here.*cell, km, district"):
        social.zoning("borough")
    with pytest.raises(InputError, match=r"'poverty_line' cannot be told here"):
        social.low(social.zonings["cell"], "poverty_line")


def test_dortmund_has_cells_kilometres_and_districts(catalogue: Catalogue) -> None:
    """People are the same at every zoning, a fifth of them counts as low-income at each."""
    social = catalogue.social(DORTMUND)
    assert list(social.zonings) == ["cell", "km", "district"]
    assert len(social.zonings["district"]) == 12
    total = np.nansum(social.sources.unit_people)
    for zoning in social.zonings.values():
        assert zoning.people.sum() == pytest.approx(total)
        low = social.low(zoning)
        assert np.nansum(low * zoning.people) / zoning.people[np.isfinite(low)].sum() == pytest.approx(0.2)
    assert social.main.name == "district"
    cells, districts = social.values["cell"], social.values["district"]
    of_cell = social.zonings["district"].of_cell
    for d, value in enumerate(districts):
        here = of_cell == d
        mean = np.average(cells[here], weights=social.cell_people[here])
        assert mean == pytest.approx(value, abs=1e-6)


def test_a_city_without_districts_is_judged_on_kilometres(catalogue: Catalogue) -> None:
    """Essen's built-in data hold no districts: schools alone tell its cells apart."""
    social = catalogue.social("05113000")
    assert list(social.zonings) == ["cell", "km"]
    assert social.main.name == "km"
    assert np.ptp(social.values["km"][np.isfinite(social.values["km"])]) > 3


def test_the_region_is_judged_on_municipalities_too(catalogue: Catalogue) -> None:
    social = catalogue.social("ruhr", coarse=True)
    assert list(social.zonings) == ["cell", "km", "district", "municipality"]
    assert len(social.zonings["municipality"]) == 53
    at = social.zonings["municipality"].ids.index("05513000")
    assert social.values["municipality"][at] == max(social.values["municipality"]), "Gelsenkirchen has the highest"
