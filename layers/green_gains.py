"""Who gains from green and blue measures: public green in reach, cooler air, and access to green."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from data.units import CELL_M
from geo.access import d0_by_size
from geo.arrays import FloatArray
from geo.cooling import canopy_cooling
from geo.inference import uncertain_amounts
from layers.equity import Amount
from layers.greened import ACCESS_M, CELL_M2, Greened, Piece
from layers.greening import Greening
from layers.planning import LAST_YEAR
from layers.social import Social, Zoning

if TYPE_CHECKING:
    from scipy import sparse

# draws looked at together
CHUNK = 100
# relative errors, assumed: of crowns that live and people who come, in a cell and in all of an area alike; of the rule
# of thumb for air, as wide as its range
SD_CELL, SD_AREA, SD_BETA = 0.2, 0.1, 0.5
ROUNDING = 1e-9


@dataclass(frozen=True)
class _Kind:
    """An amount that people get, for people; what is unsure of it is either in each cell or common to all."""

    name: str
    en: str
    de: str
    unit: str
    sd_all: float = 0.0


KINDS = (
    _Kind("public_green", "New public green in reach", "Neues öffentliches Grün in Reichweite", "m²"),
    _Kind("cooler_air", "Cooler air on hot days", "Kühlere Luft an heißen Tagen", "person-K", SD_BETA),
    _Kind("green_access", "New green within 300 m", "Neues Grün in 300 m Entfernung", "people"),
)


def amounts(greening: Greening) -> list[Amount]:
    """Amounts that people get in the last year, for `layers.equity.judge`, those of which there is anything.

    Square metres of new public green in reach, person-kelvin of cooler air (cooling counts as positive), and people
    with new green within 300 m. By chance, every part of what was drawn and every district lands elsewhere where people
    live, on as many cells; what lies wherever people live stays, for nobody chose. Unsure are the rule of thumb for air
    and the survival of trees.
    """
    found = _by_cell(greening)
    return [_amount(greening, kind, found[kind.name]) for kind in KINDS if found[kind.name].any()]


def _by_cell(greening: Greening) -> dict[str, FloatArray]:
    """Amounts of the last year by cell."""
    people = greening.cells.people
    return {
        "public_green": people * greening.green_m2_per_head(LAST_YEAR),
        "cooler_air": people * -greening.air_temperature_k(LAST_YEAR),
        "green_access": people * greening.access(LAST_YEAR),
    }


def _amount(greening: Greening, kind: _Kind, by_cell: FloatArray) -> Amount:
    # cells without people get nothing, and no zone has them
    from scipy import sparse  # noqa: PLC0415 - slow to import

    lived = by_cell[: len(greening.social.cell_people)]
    chance = _Chance(greening, kind.name)
    made: dict[tuple[int, int], sparse.csr_array] = {}

    def to(zoning: Zoning) -> sparse.csr_array:
        n = len(lived)
        return sparse.csr_array((np.ones(n), (np.arange(n), zoning.of_cell)), shape=(n, len(zoning)))

    def by_chance(_place: Social, zoning: Zoning, draws: int, seed: int) -> FloatArray:
        if (draws, seed) not in made:
            made[draws, seed] = chance.moved(draws, seed)
        return np.asarray((made[draws, seed] @ to(zoning)).toarray() + chance.stays @ to(zoning))

    def unsure(zoning: Zoning, draws: int, seed: int) -> FloatArray:
        return uncertain_amounts(
            lived,
            zoning.of_cell,
            len(zoning),
            sd_unit=SD_CELL,
            sd_area=SD_AREA,
            sd_all=kind.sd_all,
            draws=draws,
            seed=seed,
        )

    return Amount(
        kind.name,
        kind.en,
        kind.de,
        kind.unit,
        lambda zoning: np.asarray(lived @ to(zoning)),
        by_chance if chance.chosen else None,
        unsure,
    )


class _Chance:
    """An amount if every piece of what somebody placed lay elsewhere where people live; the rest stays where it is.

    Parameters
    ----------
    greening
        The measures.
    name
        Of the amount.
    """

    def __init__(self, greening: Greening, name: str) -> None:
        from scipy.spatial import cKDTree  # noqa: PLC0415 - slow to import

        self.name = name
        self.people = greening.social.cell_people
        self.n = len(self.people)
        self.xy = np.column_stack([greening.cells.east, greening.cells.north])[: self.n]
        self.tree = cKDTree(self.xy)
        acts = [o for o in greening.greened if (o.gives.canopy_m2 if name == "cooler_air" else o.gives.green_m2) > 0]
        self.chosen = [one for one in acts if one.chosen]
        self.rest = replace(greening, greened=tuple(one for one in acts if not one.chosen))

    @cached_property
    def stays(self) -> FloatArray:
        """What each cell with people gets of the rest."""
        return _by_cell(self.rest)[self.name][: self.n]

    def moved(self, draws: int, seed: int) -> sparse.csr_array:
        """What each cell with people gets of what was moved, shape (draws, cells)."""
        from scipy import sparse  # noqa: PLC0415 - slow to import

        if self.name == "green_access":
            others = 1 - self.rest.access(LAST_YEAR)[: self.n]
            return sparse.csr_array(self._access(draws, seed).multiply(others * self.people))
        parts = [
            self._amount(one, piece, at)
            for one in self.chosen
            for piece, at in zip(one.pieces, self._pieces(one, draws, seed), strict=True)
        ]
        gain = -canopy_cooling(1 / CELL_M2) * self.people if self.name == "cooler_air" else np.ones(self.n)
        return sparse.csr_array(_added(parts).multiply(gain))

    def _amount(self, one: Greened, piece: Piece, at: sparse.csr_array) -> sparse.csr_array:
        """Crowns in each cell, or public green that people of each cell get."""
        from scipy import sparse  # noqa: PLC0415 - slow to import

        if self.name == "cooler_air":
            return sparse.csr_array(at * one.canopy_m2(LAST_YEAR))
        whole = one.green_m2(LAST_YEAR)
        d0_m = float(d0_by_size(whole * piece.share if one.sited else one.piece_m2))
        return sparse.csr_array(at @ self._given(d0_m + _edge_m(one, piece)) * whole)

    def _pieces(self, one: Greened, draws: int, seed: int) -> Iterator[sparse.csr_array]:
        """Share of a placement's amount in each cell by draw, piece by piece: around any resident, on as many cells."""
        from scipy import sparse  # noqa: PLC0415 - slow to import

        rng = np.random.default_rng([seed, one.position])
        for piece in one.pieces:
            centre = rng.choice(self.n, size=draws, p=self.people / self.people.sum())
            m = min(piece.cells, self.n)
            cell = self.tree.query(self.xy[centre], k=[*range(1, m + 1)])[1]
            weight = np.ones(cell.shape) if piece.even else self.people[cell]
            weight = piece.share * weight / weight.sum(axis=1, keepdims=True)
            yield sparse.csr_array((weight.ravel(), cell.ravel(), np.arange(draws + 1) * m), shape=(draws, self.n))

    def _around(self, limit_m: float) -> sparse.csr_array:
        """Which cells' middles lie within a distance of each, 1 or 0."""
        from scipy import sparse  # noqa: PLC0415 - slow to import

        pairs = self.tree.query_pairs(limit_m, output_type="ndarray")
        same = np.arange(self.n)
        row, cell = np.concatenate([pairs[:, 0], pairs[:, 1], same]), np.concatenate([pairs[:, 1], pairs[:, 0], same])
        return sparse.csr_array((np.ones(len(row)), (row, cell)), shape=(self.n, self.n))

    def _given(self, d0_m: float) -> sparse.csr_array:
        """Share of a green in each cell that the people of each other get."""
        from scipy import sparse  # noqa: PLC0415 - slow to import

        near = self._around(d0_m)
        return sparse.csr_array(near.multiply(1 / np.maximum(near @ self.people, 1.0)[:, None]).multiply(self.people))

    def _access(self, draws: int, seed: int) -> sparse.csr_array:
        """Share of people with a green within reach, whichever it is; chunks keep what is held small."""
        from scipy import sparse  # noqa: PLC0415 - slow to import

        chances = []
        for one in self.chosen:
            found = [
                sparse.csr_array(at @ self._around(ACCESS_M + _edge_m(one, piece)))
                for piece, at in zip(one.pieces, self._pieces(one, draws, seed), strict=True)
            ]
            chances += [(at, one) for at in (found if one.sited else [_added(found)])]
        rows = []
        for first in range(0, draws, CHUNK):
            without = np.ones((min(CHUNK, draws - first), self.n))
            for chance, one in chances:
                here = np.minimum(chance[first : first + CHUNK].toarray(), 1.0)
                without *= here <= 0 if one.sited else (1 - here) ** one.count
            rows.append(sparse.csr_array(1 - without))
        return sparse.csr_array(sparse.vstack(rows))


def _edge_m(one: Greened, piece: Piece) -> float:
    """How far the edge of a green lies from the middle of its cells; 0 where it is asked for to the middle."""
    area_m2 = one.green_m2(LAST_YEAR) * piece.share
    return min(float(np.sqrt(area_m2 / np.pi)), CELL_M / 2) if one.sited else 0.0


def _added(matrices: list[sparse.csr_array]) -> sparse.csr_array:
    from scipy import sparse  # noqa: PLC0415 - slow to import

    first, *others = matrices
    return sparse.csr_array(sum(others, start=first))
