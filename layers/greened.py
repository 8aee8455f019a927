"""One green or blue measure placed: what a unit of it gives, on which cells, and what of it is there in which year."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from data.measures import Measure
from data.units import CELL_M
from geo.access import Reach
from geo.arrays import FloatArray, IntArray
from geo.runoff import peak_flow_l_s
from geo.vegetation import GROWN_A, grown, surviving
from layers.placement import Placed
from layers.planning import FIRST_YEAR, LAST_YEAR, YEARS

if TYPE_CHECKING:
    from scipy.spatial import cKDTree

CELL_M2 = float(CELL_M**2)
# one event, and the design rain of a sewer
RAIN_MM, RAIN_L_S_HA = 50.0, 200.0
ACCESS_M = 300.0
# how large one green is where only their sum is given (assumed)
PIECE_M2 = {"pocket_park": 1_000.0, "park": 10_000.0}


def figure_of(measure: Measure, name: str) -> Range:
    """Return a figure of a measure with its range, zeros where it has none."""
    figure = measure.figures.get(name)
    if figure is None:
        return NOTHING
    low = figure.value if figure.low is None else figure.low
    high = figure.value if figure.high is None else figure.high
    return Range(figure.value, low, high)


class Range(NamedTuple):
    """A figure with its range; both ends are the value where no range is known."""

    value: float
    low: float
    high: float

    def times(self, amount: float) -> Range:
        """Return it times an amount, at least 0."""
        return Range(self.value * amount, self.low * amount, self.high * amount)


NOTHING = Range(0.0, 0.0, 0.0)


class Gives(NamedTuple):
    """What one unit of a measure gives.

    `ground_m2` is the ground it takes (None where it takes none of its own), `canopy_m2` its crowns when grown,
    `green_m2` public green, `drained_m2` how much less runs off in full, `ramp_a` the years until crowns are grown.
    """

    ground_m2: float | None
    canopy_m2: float
    green_m2: float
    drained_m2: Range
    ramp_a: float


class Piece(NamedTuple):
    """Part of a placement that was placed as one: a share of its amount on so many cells, evenly or by people."""

    share: float
    cells: int
    even: bool


@dataclass(frozen=True, eq=False)
class Cells:
    """Cells of a place: those with people first, in the order of `Social`, then others that a measure lies on.

    Attributes
    ----------
    x_m, y_m
        Lower-left corner, EPSG:3035.
    east, north
        Middle, in the place's CRS.
    people
        Residents; 0 for the others.
    """

    x_m: IntArray
    y_m: IntArray
    east: FloatArray
    north: FloatArray
    people: FloatArray

    def __len__(self) -> int:
        return len(self.people)

    @cached_property
    def tree(self) -> cKDTree:
        """Index over the middles."""
        from scipy.spatial import cKDTree  # noqa: PLC0415 - slow to import

        return cKDTree(np.column_stack([self.east, self.north]))

    def within(self, greens: IntArray, limit_m: float) -> Reach:
        """Which cells' middles are how far from the middles of some cells, at most `limit_m`."""
        from scipy.spatial import cKDTree  # noqa: PLC0415 - slow to import

        found = self.tree.sparse_distance_matrix(
            cKDTree(np.column_stack([self.east, self.north])[greens]), limit_m, output_type="ndarray"
        )
        order = np.lexsort((found["j"], found["i"]))
        point, green, far = (found[name][order] for name in ("i", "j", "v"))
        return Reach.of_pairs(point, green, far, len(self), np.full(len(greens), limit_m))


@dataclass(frozen=True, eq=False)
class Greened:
    """What one placement does.

    Attributes
    ----------
    position
        Among the placements of the impact.
    placed
        The placement.
    gives
        Of one unit.
    share
        Share of its amount in each cell; sums to 1.
    pieces
        What of it was placed as one.
    chosen
        Whether it is here and not there: not if it lies wherever people live.
    sited
        Whether its green is where it was drawn.
    sink_t
        CO2 bound by year, t/a.
    per_head
        m² of its public green per head in each cell, when all is done.
    unserved_m2
        Public green that nobody has in reach, when all is done.
    near
        Share of each cell's people with it within `ACCESS_M`: with all of it where it is sited, else with one piece.
    """

    position: int
    placed: Placed
    gives: Gives
    share: FloatArray
    pieces: tuple[Piece, ...]
    chosen: bool
    sited: bool
    sink_t: FloatArray
    per_head: FloatArray
    unserved_m2: float
    near: FloatArray

    @property
    def measure(self) -> Measure:
        """The measure."""
        return self.placed.measure

    @property
    def total(self) -> float:
        """What is done in the end, in the measure's unit."""
        return float(self.placed.quantity[-1])

    def quantity(self, year: int) -> float:
        """What is done in a year, in the measure's unit; nothing changes after the last."""
        return float(self.placed.quantity[np.clip(year - FIRST_YEAR, 0, len(YEARS) - 1)])

    def done(self, year: int) -> float:
        """Share of it that is done in a year."""
        return self.quantity(year) / self.total if self.total > 0 else 0.0

    def canopy_m2(self, year: int) -> float:
        """Crowns in a year, also after the last: each year's trees grow, and some die."""
        added = np.diff(self.placed.quantity, prepend=0.0)
        age = year - YEARS
        old = np.maximum(age, 0).astype(np.float64)
        ripe = grown(old * GROWN_A / self.gives.ramp_a) if self.gives.ramp_a > 0 else np.ones_like(old)
        return float(self.gives.canopy_m2 * (added * (age >= 0) * ripe * surviving(old)).sum())

    def green_m2(self, year: int) -> float:
        """Public green in a year."""
        return self.gives.green_m2 * self.quantity(year)

    def drained_m2(self, year: int) -> Range:
        """How much less runs off in full in a year."""
        return self.gives.drained_m2.times(self.quantity(year))

    def retained_m3(self, year: int) -> Range:
        """Rain held back of an event of `RAIN_MM`."""
        return self.drained_m2(year).times(RAIN_MM / 1000)

    def peak_flow_l_s(self, year: int) -> Range:
        """How much less flows off at `RAIN_L_S_HA`."""
        return Range(*(float(peak_flow_l_s(area, 1.0, RAIN_L_S_HA)) for area in self.drained_m2(year)))

    def sink_t_a(self, year: int) -> Range:
        """CO2 bound in a year, beside the balance."""
        value = float(self.sink_t[year - FIRST_YEAR])
        each = figure_of(self.measure, "saved_t_unit_a") if self.measure.effect == "sink" else NOTHING
        return each.times(value / each.value) if each.value else Range(value, value, value)

    @property
    def count(self) -> float:
        """Number of greens, when all is done; parts of what was drawn where it is sited."""
        return float(len(self.pieces)) if self.sited else max(self.green_m2(LAST_YEAR) / self.piece_m2, 1.0)

    @property
    def piece_m2(self) -> float:
        """Size of one green where only their sum is given."""
        whole = self.green_m2(LAST_YEAR)
        return min(PIECE_M2.get(self.measure.measure, whole), whole)

    def access(self, year: int) -> FloatArray:
        """Share of each cell's people that have its green within `ACCESS_M`; expected where it is not sited."""
        done = self.done(year)
        if self.sited:
            return self.near * (done > 0)
        return np.asarray(1 - (1 - self.near) ** (self.count * done)) if self.near.any() else self.near
