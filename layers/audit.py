"""Past investments judged like planned ones: who lives within reach of where the money went."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely
from numpy.typing import NDArray

from geo.arrays import FloatArray, IntArray, sum_by
from geo.errors import Problem
from layers.equity import Amount, Asked, judge
from layers.errors import PlacementError
from layers.judgement import described, sentence
from layers.planning import Planning
from layers.scenarios import to_place
from layers.social import Social, Zoning

if TYPE_CHECKING:
    import geopandas as gpd
    from scipy import sparse

REACH_M = 500.0
# an investment farther from any inhabited cell is not in the place
FARTHEST_M = 1_000.0
MAX_INVESTMENTS = 10_000


@dataclass(frozen=True, eq=False)
class Investments:
    """Money that was spent somewhere.

    Attributes
    ----------
    shapes
        Points, lines or areas in the place's CRS.
    eur
        Amount of each, prices as they are.
    year
        When; -1 where unknown.
    name
        For people.
    """

    shapes: NDArray[np.object_]
    eur: FloatArray
    year: IntArray
    name: tuple[str, ...]

    def __post_init__(self) -> None:
        problems = []
        if not len(self.shapes):
            problems.append(Problem("investments", "are empty", "Give at least one."))
        if len(self.shapes) > MAX_INVESTMENTS:
            what = f"are {len(self.shapes):,}, more than {MAX_INVESTMENTS:,}"
            problems.append(Problem("investments", what, "Split the file."))
        for i in np.flatnonzero(~(np.isfinite(self.eur) & (self.eur > 0))):
            what = f"'{self.eur[i]}' is no amount above 0"
            problems.append(Problem(f"investment {i}, eur", what, "Give EUR; leave returns out."))
        for i in np.flatnonzero(shapely.is_missing(self.shapes) | shapely.is_empty(self.shapes)):
            problems.append(Problem(f"investment {i}, geometry", "is missing", "Give a point, line or area."))
        if problems:
            raise PlacementError(problems)


def audit(
    planning: Planning, social: Social, made: Investments, asked: Asked | None = None, *, reach_m: float = REACH_M
) -> dict[str, Any]:
    """Judge past investments.

    Parameters
    ----------
    planning, social
        The place, and who lives where in it.
    made
        What was spent where.
    asked
        Definition, zoning, draws and seed.
    reach_m
        An investment is for those who live within this distance, alike for each of them; for those of the nearest
        inhabited cell where that is nobody.

    Returns
    -------
    dict
        As `layers.judgement.judgement`; the chance that it is tested against moves each investment to where people
        live, as likely as many do. `not_in_place` counts investments farther from any inhabited cell than a kilometre.

    Raises
    ------
    PlacementError
        No investment lies in the place, or an impossible reach.
    """
    how = asked or Asked()
    if not (np.isfinite(reach_m) and 0 < reach_m <= 5_000):
        raise PlacementError(Problem("reach_m", f"{reach_m:g} is no reach", "Give 1 to 5,000 m."))
    shares, near = _shares(social, made.shapes, reach_m)
    if not near.any():
        raise PlacementError(Problem("investments", "none lies in the place", "Check its CRS and coordinates."))
    eur = np.where(near, made.eur, 0.0)
    whole = _amount("invested", "Investment", "Investition", shares, eur, reach_m)
    years = [
        {"year": int(year), **_brief(judge(_amount(str(year), "", "", shares, here, reach_m), social, how))}
        for year in np.unique(made.year[made.year >= 0])
        if (here := np.where(made.year == year, eur, 0.0)).any()
    ]
    found = judge(whole, social, how)
    return {
        "place": planning.place,
        "name": planning.name,
        "release": planning.release.id,
        "method_version": planning.release.manifest["method_version"],
        "modelled": True,
        "investments": len(made.eur),
        "eur": float(made.eur.sum()),
        "not_in_place": {"investments": int((~near).sum()), "eur": float(made.eur[~near].sum())},
        "reach_m": reach_m,
        **described(social, how),
        "metrics": [found],
        "years": years,
        "sentences": [one] if (one := sentence(found)) is not None else [],
    }


def _brief(found: dict[str, Any]) -> dict[str, Any]:
    names = ("total", "low_income_per_head", "equity_ratio", "concentration_index", "missing")
    return {name: found[name] for name in names if name in found}


def _shares(social: Social, shapes: NDArray[np.object_], reach_m: float) -> tuple[sparse.csr_array, NDArray[np.bool_]]:
    """Share of each cell in the people within reach of each investment, and whether it is in the place at all."""
    lived = np.flatnonzero(social.cell_people > 0)
    middle = shapely.points(social.sources.cell_east[lived], social.sources.cell_north[lived])
    tree = shapely.STRtree(np.asarray(middle))
    one, cell = tree.query(shapes, predicate="dwithin", distance=reach_m)
    alone = np.setdiff1d(np.arange(len(shapes)), one)
    found = np.zeros(len(shapes), dtype=bool)
    found[one] = True
    if alone.size:
        pair = tree.query_nearest(shapes[alone], max_distance=FARTHEST_M, all_matches=False)
        one, cell = np.concatenate([one, alone[pair[0]]]), np.concatenate([cell, pair[1]])
        found[alone[pair[0]]] = True
    return _normal(one, lived[cell], social.cell_people, len(shapes)), found


def _normal(row: IntArray, cell: IntArray, people: FloatArray, rows: int) -> sparse.csr_array:
    from scipy import sparse  # noqa: PLC0415 - slow to import

    mass = sum_by(row, people[cell], rows)
    return sparse.csr_array((people[cell] / mass[row], (row, cell)), shape=(rows, len(people)))


def _amount(name: str, en: str, de: str, shares: sparse.csr_array, eur: FloatArray, reach_m: float) -> Amount:
    by_cell = eur @ shares
    paid = eur[eur > 0]

    def by_chance(place: Social, zoning: Zoning, draws: int, seed: int) -> FloatArray:
        """Every investment where people live, as likely as many do."""
        rng = np.random.default_rng(seed)
        people, reach = place.cell_people, _around(place, reach_m)
        n = len(people)
        where = rng.choice(n, size=(draws, paid.size), p=people / people.sum())
        moved = np.stack([sum_by(row, paid, n) for row in where]) @ reach
        return np.asarray(moved @ _to(zoning, n))

    def unsure(zoning: Zoning, draws: int, _seed: int) -> FloatArray:
        # what was paid is known; only who lives there is not
        return np.repeat((by_cell @ _to(zoning, len(by_cell)))[None, :], draws, axis=0)

    return Amount(name, en, de, "EUR", lambda zoning: by_cell @ _to(zoning, len(by_cell)), by_chance, unsure)


def _to(zoning: Zoning, cells: int) -> sparse.csr_array:
    from scipy import sparse  # noqa: PLC0415 - slow to import

    return sparse.csr_array((np.ones(cells), (np.arange(cells), zoning.of_cell)), shape=(cells, len(zoning)))


def _around(social: Social, reach_m: float) -> sparse.csr_array:
    """Share of each cell in the people within reach of each cell's middle."""
    from scipy.spatial import cKDTree  # noqa: PLC0415 - slow to import

    xy = np.column_stack([social.sources.cell_east, social.sources.cell_north])
    tree = cKDTree(xy)
    pairs = tree.query_pairs(reach_m, output_type="ndarray")
    same = np.arange(len(xy))
    row = np.concatenate([pairs[:, 0], pairs[:, 1], same]).astype(np.int64)
    cell = np.concatenate([pairs[:, 1], pairs[:, 0], same]).astype(np.int64)
    held = social.cell_people[cell] > 0
    return _normal(row[held], cell[held], social.cell_people, len(xy))


def of_features(planning: Planning, features: Sequence[dict[str, Any]]) -> Investments:
    """Read investments from GeoJSON features in WGS 84 with `eur`, and `year` and `name` if known.

    Raises
    ------
    PlacementError
        All that is wrong with any of them.
    """
    problems: list[Problem] = []
    shapes, eur, year, name = [], [], [], []
    for i, feature in enumerate(features):
        properties = feature.get("properties") or {}
        amount, when = properties.get("eur"), properties.get("year")
        if isinstance(amount, bool) or not isinstance(amount, (int, float)):
            problems.append(Problem(f"investment {i}, eur", f"{amount!r} is no number", "Give EUR."))
        if when is not None and not (isinstance(when, int) and 1900 <= when <= 2100):
            problems.append(Problem(f"investment {i}, year", f"{when!r} is no year", "Give a year, or leave it out."))
        shape = to_place(planning, feature.get("geometry"), f"investment {i}, geometry", problems)
        shapes.append(shape)
        eur.append(amount)
        year.append(-1 if when is None else when)
        name.append(str(properties.get("name") or ""))
    if problems:
        raise PlacementError(problems)
    return Investments(
        np.array(shapes, dtype=object), np.array(eur, dtype=np.float64), np.array(year, dtype=np.int64), tuple(name)
    )


def of_frame(planning: Planning, frame: gpd.GeoDataFrame) -> Investments:
    """Read investments from a table with geometry, in any CRS, with a column `eur`, and `year` and `name` if known.

    Raises
    ------
    PlacementError
        No column `eur`, no CRS, or rows that cannot be used, all of them.
    """
    import pandas as pd  # noqa: PLC0415 - slow to import

    problems = []
    if "eur" not in frame:
        have = ", ".join(map(str, frame.columns.drop("geometry", errors="ignore")))
        problems.append(Problem("eur", "is no column of the file", f"It has {have}; rename the one with the amounts."))
    if frame.crs is None:
        problems.append(Problem("file", "states no CRS", "Save it with one; it is never guessed."))
    if problems:
        raise PlacementError(problems)
    here = frame.to_crs(planning.shapes.crs)
    eur = pd.to_numeric(here["eur"], errors="coerce").to_numpy(np.float64)
    known = pd.to_numeric(here["year"], errors="coerce") if "year" in here else pd.Series(np.nan, here.index)
    name = here["name"].fillna("").astype(str) if "name" in here else pd.Series("", here.index)
    return Investments(here.geometry.to_numpy(), eur, np.asarray(known.fillna(-1), dtype=np.int64), tuple(name))
