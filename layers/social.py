"""Who lives where: an indicator of low income on cells and districts, its definitions, and how sure they are.

The published figure of a district stays what it is; inside it the cells differ as the schools around them do (or not at
all, where no points are known), so that their mean by people is the published figure. That is modelled and says so.
How sure an indicator is comes from drawing its sources anew: the schools of a cell, or the count behind a rate.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from geo.arrays import FloatArray, IntArray, quotient, sum_by
from geo.equity import parts, ranks
from geo.errors import InputError, Problem
from geo.low_income import (
    composite,
    official,
    poverty_line,
    quintile,
    rate_draws,
    relative_rate,
    robust,
    to_cells,
    without_students,
)
from layers.social_sources import INDICATORS, OF_COMPOSITE, SCHOOLS, Points, Sources, most, number

if TYPE_CHECKING:
    import pandas as pd
    from scipy import sparse

# of a school's surroundings: the six nearest, those within a walk of a primary pupil most
NEIGHBOURS = 6
BANDWIDTH_M = 1_000.0
FEWEST = 5
DEFINITIONS = ("quintile", "relative_rate", "poverty_line", "official", "robust")
KM = 1_000
MANY_ZONES = 600


@dataclass(frozen=True, eq=False)
class Zoning:
    """One way to cut a place into areas.

    Attributes
    ----------
    name
        `cell` (200 m), `km` (1 km), `district`, `district_1`, …; of a region `municipality`.
    en, de
        For people.
    ids
        Of the zones.
    of_unit, of_cell
        Zone of each stock unit, and of each cell of 200 m (that most of its people live in).
    people
        By zone, as far as the census tells.
    """

    name: str
    en: str
    de: str
    ids: tuple[str, ...]
    of_unit: IntArray
    of_cell: IntArray
    people: FloatArray

    def __len__(self) -> int:
        return len(self.ids)

    def sums(self, by_unit: FloatArray) -> FloatArray:
        """Sum an amount of each unit by zone."""
        return sum_by(self.of_unit, by_unit, len(self))


@dataclass(frozen=True, eq=False)
class Drawn:
    """Draws of who lives where, shape (draws, zones); NaN where nothing is known.

    Attributes
    ----------
    welfare
        Rises with the welfare of each zone.
    low
        Share of its people that count as residents of low-income areas.
    people
        Of each zone.
    """

    welfare: FloatArray
    low: FloatArray
    people: FloatArray

    @cached_property
    def rank(self) -> FloatArray:
        """Rank of each zone by welfare, 0 to 1."""
        rank = np.full(self.welfare.shape, np.nan)
        known = np.isfinite(self.welfare[0]) & (self.people > 0)
        if known.any():
            for i, row in enumerate(self.welfare):
                rank[i, known] = ranks(row[known], self.people[known])
        return rank

    @cached_property
    def steps(self) -> FloatArray:
        """Share of each zone in each twentieth of the people, the poorest first, shape (draws, zones, 20).

        Of a tenth of the draws where there are many zones, so that memory stays bounded.
        """
        known = np.isfinite(self.rank[0])
        few = self.rank[:: 1 if known.sum() <= MANY_ZONES else 10]
        out = np.zeros((len(few), len(known), 20))
        cuts = np.linspace(0, 1, 21)
        for i, row in enumerate(few):
            out[i, known] = parts(self.people[known], row[known], cuts)
        return out


class Social:
    """An indicator on every zoning of a place.

    Parameters
    ----------
    sources
        What is known.
    indicator
        Name in `INDICATORS`.
    students_poor_share
        Students are not taken for poor: they are left out of the rate and of the residents, this share of them having
        been counted as poor. None leaves them in.

    Raises
    ------
    InputError
        No such indicator, or the place does not have it, nor the counts that students are taken out of.
    """

    def __init__(self, sources: Sources, indicator: str = SCHOOLS, *, students_poor_share: float | None = None) -> None:
        self.students_poor_share = students_poor_share
        if indicator not in INDICATORS:
            raise InputError(Problem("indicator", f"'{indicator}' is unknown", f"Use one of {', '.join(INDICATORS)}."))
        self.sources = sources
        self.indicator = INDICATORS[indicator]
        found = self.available()
        if indicator not in found:
            what = f"'{indicator}' is not known for this place"
            have = f"It has {', '.join(found)}." if found else "It has none."
            raise InputError(Problem("indicator", what, f"{have} Import one as [[indicators]]; see docs/places.md."))
        if students_poor_share is not None and (self.indicator.high != 1 or not self._counted_students()):
            what = f"cannot be taken out of '{indicator}'"
            remedy = "Choose a rate, and import `residents` and `students` beside it."
            raise InputError(Problem("students", what, remedy))

    def available(self) -> list[str]:
        """Indicators that the place has."""
        names = [n for n in INDICATORS if any(_known(level.columns, n) for level in self.sources.levels.values())]
        if SCHOOLS not in names and self.sources.points is not None and len(self.sources.points):
            names.insert(0, SCHOOLS)
        if len([n for n in OF_COMPOSITE if n in names]) > 1:
            names.append("composite")
        return names

    # -- zonings ----------------------------------------------------------------------------------------------------

    @cached_property
    def cell_of_unit(self) -> IntArray:
        """Position of the census cell of each unit."""
        return number(self.sources.unit_y, self.sources.unit_x)[1]

    @cached_property
    def cell_people(self) -> FloatArray:
        """People by cell."""
        people = np.nan_to_num(self.sources.unit_people)
        return sum_by(self.cell_of_unit, people, len(self.sources.cell_east))

    @cached_property
    def zonings(self) -> dict[str, Zoning]:
        """All zonings, the finest first."""
        first, cell = number(self.sources.unit_y, self.sources.unit_x)
        y, x = self.sources.unit_y[first], self.sources.unit_x[first]
        km_first, km = number(y // KM, x // KM)
        n = len(first)
        cells = tuple(f"CRS3035RES200mN{b}E{a}" for a, b in zip(x, y, strict=True))
        corners = zip(x[km_first] // KM * KM, y[km_first] // KM * KM, strict=True)
        kms = tuple(f"CRS3035RES1000mN{b}E{a}" for a, b in corners)
        in_km = sum_by(km, self.cell_people, len(kms))
        out = {
            "cell": Zoning("cell", "cells of 200 m", "Zellen von 200 m", cells, cell, np.arange(n), self.cell_people),
            "km": Zoning("km", "cells of 1 km", "Zellen von 1 km", kms, km[cell], km, in_km),
        }
        people = np.nan_to_num(self.sources.unit_people)
        for name, level in self.sources.levels.items():
            if len(level.ids) > 1:
                zones = len(level.ids)
                of_cell = most(cell, level.of_unit, people, n, zones)
                there = sum_by(level.of_unit, people, zones)
                out[name] = Zoning(name, level.en, level.de, level.ids, level.of_unit, of_cell, there)
        return out

    @cached_property
    def finest(self) -> tuple[IntArray, dict[str, sparse.csr_array]]:
        """Piece of each unit, so that every zone of every zoning is a sum of pieces; and those sums by zoning."""
        from scipy import sparse  # noqa: PLC0415 - slow to import

        of_unit = np.stack([zoning.of_unit for zoning in self.zonings.values()], axis=1)
        pieces, piece = np.unique(of_unit, axis=0, return_inverse=True)
        sums = {
            name: sparse.csr_array(
                (np.ones(len(pieces)), (np.arange(len(pieces)), pieces[:, i])), shape=(len(pieces), len(zoning))
            )
            for i, (name, zoning) in enumerate(self.zonings.items())
        }
        return piece.astype(np.int64), sums

    @property
    def main(self) -> Zoning:
        """What figures are given for: districts with a published figure, else cells of 1 km."""
        for name in [n for n in self.zonings if n not in {"cell", "km"}]:
            level = self.sources.levels[name]
            known = np.isfinite(self.values[name]) & (self.zonings[name].people > 0)
            if known.sum() >= FEWEST and _known(level.columns, self._published_name):
                return self.zonings[name]
        return self.zonings["km"]

    @property
    def _published_name(self) -> str:
        return OF_COMPOSITE[0] if self.indicator.name == "composite" else self.indicator.name

    def zoning(self, name: str) -> Zoning:
        """Return a zoning by name.

        Raises
        ------
        InputError
            The place has none of this name.
        """
        if name not in self.zonings:
            raise InputError(Problem("zoning", f"'{name}' is unknown here", f"Use one of {', '.join(self.zonings)}."))
        return self.zonings[name]

    # -- values -----------------------------------------------------------------------------------------------------

    def published(self, level: str) -> FloatArray:
        """Figure of each district of a level; NaN where none is published."""
        columns = self.sources.levels[level].columns
        if self.indicator.name == "composite":
            names = [n for n in OF_COMPOSITE if _known(columns, n)]
            people = sum_by(self.sources.levels[level].of_unit, np.nan_to_num(self.sources.unit_people), len(columns))
            return composite({n: columns[n].to_numpy(np.float64) for n in names}, people)
        if self.indicator.name not in columns:
            return np.full(len(columns), np.nan)
        rate = columns[self.indicator.name].to_numpy(np.float64)
        if self.students_poor_share is None or not {"residents", "students"} <= set(columns):
            return rate
        residents, students = (columns[name].to_numpy(np.float64) for name in ("residents", "students"))
        share = self.students_poor_share
        poor, others = without_students(rate * residents, residents, students, students_poor_share=share)
        return np.asarray(quotient(poor, others))

    def _counted_students(self) -> bool:
        levels = self.sources.levels.values()
        return any(_known(v.columns, "residents") and _known(v.columns, "students") for v in levels)

    @cached_property
    def base_level(self) -> str | None:
        """Finest level with a published figure everywhere people live, which the cells keep to."""
        best = None
        for name, level in self.sources.levels.items():
            if not _known(level.columns, self._published_name):
                continue
            if best is None or len(level.ids) > len(self.sources.levels[best].ids):
                best = name
        return best

    @cached_property
    def cells(self) -> FloatArray:
        """Indicator of each cell; NaN where nothing is known."""
        from scipy.special import expit  # noqa: PLC0415 - slow to import

        low, high = self.indicator.low, self.indicator.high
        near = self._near
        if self.base_level is None:
            return np.full(len(self.cell_people), np.nan) if near is None else low + (high - low) * expit(near)
        level = self.sources.levels[self.base_level]
        published = self.published(self.base_level)
        n = len(self.cell_people)
        area = most(self.cell_of_unit, level.of_unit, np.nan_to_num(self.sources.unit_people), n, len(level.ids))
        score = np.zeros(n) if near is None else near if self.indicator.higher_is_poorer else -near
        # steepness as the schools show it: one standard deviation of the score is as much on the scale of log odds
        known = np.isfinite(score) & (self.cell_people > 0)
        mean = np.average(score[known], weights=self.cell_people[known]) if known.any() else 0.0
        slope = np.sqrt(np.average((score[known] - mean) ** 2, weights=self.cell_people[known])) if known.any() else 0.0
        return to_cells(published, area, self.cell_people, score, low=low, high=high, slope=float(slope))

    @cached_property
    def values(self) -> dict[str, FloatArray]:
        """Indicator of each zone by zoning: published where it is, else the mean by people of its cells."""
        return {name: self._of_zoning(zoning, self.cells[None, :])[0] for name, zoning in self.zonings.items()}

    def _of_zoning(self, zoning: Zoning, cells: FloatArray) -> FloatArray:
        """Put cell values on a zoning, shape (draws, zones); a published figure is kept in the first row's place."""
        from scipy import sparse  # noqa: PLC0415 - slow to import

        if zoning.name == "cell":
            return cells
        people = np.where(np.isfinite(self.cells), self.cell_people, 0.0)
        n = len(people)
        sums = sparse.csr_array((people, (np.arange(n), zoning.of_cell)), shape=(n, len(zoning)))
        total = sums.sum(axis=0)

        def mean(rows: FloatArray) -> FloatArray:
            return np.asarray(quotient(np.nan_to_num(rows) @ sums, np.broadcast_to(total, (len(rows), len(zoning)))))

        out = mean(cells)
        if zoning.name in self.sources.levels:
            known = self.published(zoning.name)
            # a zone is given by its own figure; its cells tell only how unsure that is
            out = np.where(np.isfinite(known), out + np.nan_to_num(known - mean(self.cells[None, :])[0]), out)
        return out

    # -- points -----------------------------------------------------------------------------------------------------

    @cached_property
    def _weights(self) -> tuple[IntArray, FloatArray] | None:
        """Schools around each cell and what they weigh, shape (cells, NEIGHBOURS); None without schools."""
        from scipy.spatial import cKDTree  # noqa: PLC0415 - slow to import

        points = self.sources.points
        if points is None or len(points) < FEWEST:
            return None
        tree = cKDTree(np.column_stack([points.x_m, points.y_m]))
        k = min(NEIGHBOURS, len(points))
        found = tree.query(np.column_stack([self.sources.cell_east, self.sources.cell_north]), k=k)
        far, near = np.asarray(found[0], np.float64), np.asarray(found[1], np.int64)
        # relative to the nearest: far out in the fields the nearest school still counts as one
        decay = np.exp(-0.5 * (far**2 - far[:, :1] ** 2) / BANDWIDTH_M**2)
        return near, decay * points.size[near]

    @cached_property
    def _near(self) -> FloatArray | None:
        """Log odds of what the schools around each cell say; None without schools."""
        return None if self._weights is None else self._log_odds(np.ones((1, len(self._points))))[0]

    @property
    def _points(self) -> Points:
        assert self.sources.points is not None  # noqa: S101 - asked for only with points
        return self.sources.points

    def _log_odds(self, weight: FloatArray) -> FloatArray:
        """Log odds by cell for weights of the schools, shape (draws, cells)."""
        from scipy.special import logit  # noqa: PLC0415 - slow to import

        assert self._weights is not None  # noqa: S101 - asked for only with points
        near, base = self._weights
        points, schools = self._points, INDICATORS[SCHOOLS]
        share = np.clip((points.value - schools.low) / (schools.high - schools.low), 0.02, 0.98)
        out = np.empty((len(weight), len(near)))
        for i, row in enumerate(weight):
            mass = base * row[near]
            out[i] = (mass * share[near]).sum(axis=1) / mass.sum(axis=1)
        return np.asarray(logit(out))

    # -- definitions ------------------------------------------------------------------------------------------------

    def definitions(self, zoning: Zoning) -> dict[str, FloatArray]:
        """Share of each zone's people that count as residents of low-income areas, by definition; NaN if unknown."""
        values = self.values[zoning.name]
        out = {
            name: self._share(name, zoning, values, zoning.people)
            for name in self.defined()
        }  # fmt: skip
        if len(out) > 1:
            out["robust"] = robust(out)
        return out

    def defined(self) -> list[str]:
        """Definitions that can be applied to this indicator here."""
        names = ["quintile"]
        if self.indicator.higher_is_poorer and self.indicator.name != "composite":
            names.append("relative_rate")
        if not self.indicator.higher_is_poorer and self.sources.regional_median:
            names.append("poverty_line")
        if self.sources.official is not None:
            names.append("official")
        return names

    def low(self, zoning: Zoning, definition: str = "quintile") -> FloatArray:
        """Share of each zone's people that count as residents of low-income areas.

        Raises
        ------
        InputError
            The definition cannot be applied here.
        """
        found = self.definitions(zoning)
        if definition not in found:
            what = f"'{definition}' cannot be told here"
            raise InputError(Problem("definition", what, f"Use one of {', '.join(found)}."))
        return found[definition]

    def _share(self, name: str, zoning: Zoning, values: FloatArray, people: FloatArray) -> FloatArray:
        if name == "quintile":
            return quintile(values, people, higher_is_poorer=self.indicator.higher_is_poorer)
        if name == "relative_rate":
            return relative_rate(values, people)
        if name == "poverty_line":
            return poverty_line(values, float(self.sources.regional_median or np.nan))
        assert self.sources.official is not None  # noqa: S101 - offered only then
        inside = sum_by(zoning.of_cell, self.cell_people * self.sources.official, len(zoning))
        there = sum_by(zoning.of_cell, self.cell_people, len(zoning))
        return official(np.divide(inside, there, out=np.full(len(zoning), np.nan), where=there > 0))

    # -- how sure ---------------------------------------------------------------------------------------------------

    def drawn(self, zoning: Zoning, definition: str, draws: int, seed: int) -> Drawn:
        """Draw the indicator's sources anew: schools, or the counts behind a rate. Kept for the next question.

        Where neither is known, all draws are alike: nothing can be said of how sure it is.
        """
        key = (zoning.name, definition, draws, seed)
        if key not in self._drawings:
            values = self._of_zoning(zoning, self._drawn_cells(draws, seed))
            fixed = self.low(zoning, definition) if definition in {"official", "robust"} else None
            low = [self._share(definition, zoning, row, zoning.people) if fixed is None else fixed for row in values]
            self._drawings[key] = Drawn(self.rank_by(values), np.array(low), zoning.people)
        return self._drawings[key]

    @cached_property
    def _drawings(self) -> dict[Any, Drawn]:
        return {}

    @cached_property
    def _cells_drawn(self) -> dict[tuple[int, int], FloatArray]:
        return {}

    def _drawn_cells(self, draws: int, seed: int) -> FloatArray:
        """Draws of the cells' values, shape (draws, cells)."""
        from scipy.special import expit, logit  # noqa: PLC0415 - slow to import

        if (draws, seed) not in self._cells_drawn:
            cells = np.repeat(self.cells[None, :], draws, axis=0)
            shift = self._shifts(draws, seed)
            if shift is not None:
                low, high = self.indicator.low, self.indicator.high
                base = logit(np.clip((cells - low) / (high - low), 0, 1))
                cells = low + (high - low) * expit(base + shift)
            self._cells_drawn[draws, seed] = cells
        return self._cells_drawn[draws, seed]

    def _shifts(self, draws: int, seed: int) -> FloatArray | None:
        """Shift of each cell's log odds, shape (draws, cells)."""
        from scipy.special import logit  # noqa: PLC0415 - slow to import

        if self.indicator.name == SCHOOLS and self._near is not None:
            # the Bayesian bootstrap: every school as often as chance has it, none ever quite gone
            lots = np.random.default_rng(seed).exponential(size=(draws, len(self._points)))
            return self._log_odds(lots) - self._near
        level = None if self.base_level is None else self.sources.levels[self.base_level]
        if level is None or "residents" not in level.columns or self.indicator.high != 1:
            return None
        n = level.columns["residents"].to_numpy(np.float64)
        rate = self.published(self.base_level or "")
        counted = np.isfinite(n) & np.isfinite(rate) & (n > 0)
        shift = np.zeros((draws, len(n)))
        drawn = np.stack(list(rate_draws(rate[counted], n[counted], seed=seed, draws=draws)))
        edge = 0.5 / n[counted]
        shift[:, counted] = logit(drawn) - logit(np.clip(rate[counted], edge, 1 - edge))
        of_cell = most(
            self.cell_of_unit, level.of_unit, np.nan_to_num(self.sources.unit_people), len(self.cell_people), len(n)
        )
        return shift[:, of_cell]

    def membership(self, zoning: Zoning, definition: str, draws: int = 499, seed: int = 2026) -> FloatArray:
        """Probability that a resident of each zone counts as living in a low-income area."""
        return np.asarray(self.drawn(zoning, definition, draws, seed).low.mean(axis=0))

    def rank_by(self, values: FloatArray) -> FloatArray:
        """Turn an indicator into what rises with welfare."""
        return -values if self.indicator.higher_is_poorer else values


def _known(columns: pd.DataFrame, name: str) -> bool:
    return name in columns and bool(columns[name].notna().any())
