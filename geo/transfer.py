"""Carry values from one zoning to another by shares of area, with the part that lands nowhere kept in sight."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import shapely
from pyproj import CRS

from geo.arrays import FloatArray
from geo.columns import Polygons
from geo.coverage import Coverage
from geo.errors import CRSMismatchError, InputError, Problem

if TYPE_CHECKING:
    import geopandas as gpd
    from scipy import sparse


@dataclass(frozen=True)
class Shares:
    """How much of each source lies in each target.

    Attributes
    ----------
    matrix
        Sparse, one row for each source, one column for each target; values in 0..1 of the source's area.
    covered
        For each source the share that lies in any target: 1 inside, 0 outside, above 1 where targets overlap.
    """

    matrix: sparse.csr_array
    covered: FloatArray

    def normalised(self) -> Shares:
        """Let what sticks out over the edge of all targets go to the targets that the source does touch.

        For sources that are known to belong to the zoning (a city's census cells on the city's own districts), whose
        edge is only drawn differently. Sources that touch no target stay uncovered.
        """
        from scipy import sparse  # noqa: PLC0415 - slow to import

        scale = np.divide(1.0, self.covered, out=np.zeros_like(self.covered), where=self.covered > 0)
        return Shares(sparse.csr_array(sparse.diags_array(scale) @ self.matrix), (self.covered > 0).astype(np.float64))

    def capped(self) -> Shares:
        """Scale down what lies in overlapping targets, so that no source counts for more than itself."""
        from scipy import sparse  # noqa: PLC0415 - slow to import

        scale = 1 / np.maximum(self.covered, 1)
        return Shares(sparse.csr_array(sparse.diags_array(scale) @ self.matrix), np.minimum(self.covered, 1))


def area_shares(sources: gpd.GeoSeries, targets: gpd.GeoSeries) -> Shares:
    """Share of each source's area in each target.

    Parameters
    ----------
    sources, targets
        Polygons in the same projected CRS (metres). Valid; empty or missing geometry is refused.

    Returns
    -------
    Shares
        A source without area is refused, since it has no shares of area.

    Raises
    ------
    CRSMismatchError
        The layers differ in CRS, one has none, or it is not projected.
    InputError
        Missing, empty, invalid or areal-less geometry, with the row's label.
    """
    from scipy import sparse  # noqa: PLC0415 - slow to import

    _same_projected_crs(sources, targets)
    _refuse_broken("source", sources)
    _refuse_broken("target", targets)
    if len(sources) == 0 or len(targets) == 0:
        return Shares(sparse.csr_array((len(sources), len(targets))), np.zeros(len(sources)))
    columns = [Polygons.from_shapely(layer.to_numpy(), CRS.from_user_input(layer.crs)) for layer in (sources, targets)]
    found = Coverage(columns[1]).overlaps(columns[0])
    return Shares(found.matrix(len(targets)), found.covered())


def transfer(
    sources: gpd.GeoDataFrame,
    targets: gpd.GeoDataFrame,
    *,
    extensive: Sequence[str] = (),
    intensive: Sequence[str] = (),
    edge_belongs_inside: bool = False,
) -> tuple[gpd.GeoDataFrame, dict[str, float]]:
    """Carry columns of one zoning to another.

    Parameters
    ----------
    sources, targets
        Polygons in the same projected CRS.
    extensive
        Columns that sum (people, kWh): each source is split by shares of area.
    intensive
        Columns that average (kWh/m², a rate): mean weighted by area, over sources that have a value.
    edge_belongs_inside
        See `Shares.normalised`.

    Returns
    -------
    tuple
        `targets` with the columns added (same index and order), and for each extensive column the remainder that
        lies in no target. Sum over targets + remainder = sum over sources. A missing extensive value is refused (it
        would make a total silently short); a target that meets no source has 0 of an extensive and NaN of an
        intensive column.

    Raises
    ------
    CRSMismatchError, InputError
        As `area_shares`; also targets that overlap by more than 1e-6 of a source, which would count it twice.
    """
    shares = area_shares(sources.geometry, targets.geometry)
    twice = np.flatnonzero(shares.covered > 1 + 1e-6)
    if twice.size:
        raise InputError(
            Problem(
                f"source {sources.index[twice[0]]}",
                f"{twice.size} source(s) lie in overlapping targets and would be counted twice",
                "Mend the targets so that they do not overlap.",
            )
        )
    # slivers of overlap below the tolerance would still make the total grow
    shares = shares.normalised() if edge_belongs_inside else shares.capped()
    out = targets.copy()
    remainder = {}
    for column in extensive:
        values = sources[column].to_numpy(np.float64)
        if not np.isfinite(values).all():
            row = sources.index[np.flatnonzero(~np.isfinite(values))[0]]
            raise InputError(
                Problem(f"source {row}, column {column}", "missing, the total would be short", "Fill or drop the row.")
            )
        out[column] = shares.matrix.T @ values
        remainder[column] = float(values @ np.clip(1 - shares.covered, 0, 1))
    area = shares.matrix.T.multiply(sources.geometry.area.to_numpy()).tocsr()
    for column in intensive:
        values = sources[column].to_numpy(np.float64)
        known = ~np.isnan(values)
        weight = area @ known.astype(np.float64)
        total = area @ np.where(known, values, 0.0)
        out[column] = np.divide(total, weight, out=np.full(len(out), np.nan), where=weight > 0)
    return out, remainder


def _same_projected_crs(*layers: gpd.GeoSeries) -> None:
    names = [None if layer.crs is None else layer.crs.to_string() for layer in layers]
    if None in names:
        which = "sources" if names[0] is None else "targets"
        raise CRSMismatchError(Problem(which, "has no CRS", "Set it from the publisher's note; it is never guessed."))
    if any(layer.crs != layers[0].crs for layer in layers):
        raise CRSMismatchError(
            Problem("layers", f"are in {' and '.join(map(str, names))}", "Reproject one with to_crs.")
        )
    if not layers[0].crs.is_projected:
        raise CRSMismatchError(
            Problem("layers", f"are in degrees ({names[0]})", "Reproject to metres, EPSG:25832 say.")
        )


def _refuse_broken(kind: str, layer: gpd.GeoSeries) -> None:
    values = layer.to_numpy()
    problems = []
    missing = shapely.is_missing(values) | shapely.is_empty(values)
    invalid = ~missing & ~shapely.is_valid(values)
    flat = ~missing & ~invalid & ~(shapely.area(values) > 0)
    for broken, what in ((missing, "missing or empty"), (invalid, "invalid"), (flat, "without area")):
        rows = layer.index[broken]
        if len(rows):
            problems.append(
                Problem(f"{kind} {rows[0]}", f"{len(rows)} geometry(ies) {what}", "Mend it with make_valid or drop it.")
            )
    if problems:
        raise InputError(problems)
