"""Make what a file holds fit to compute with, and account for every feature: repaired, dropped, or its value missing.

Importers only map names; the faults that any source may have (outlines that cross themselves, degrees among metres,
swapped axes, a storey count of -1) are dealt with here, once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from pyproj import CRS

from data.errors import ImportedError
from data.inputs import Input
from data.report import Report
from data.schema import Column
from geo.arrays import BoolArray
from geo.errors import CRSMismatchError, Problem

MIN_FOOTPRINT_M2 = 1.0
# the largest buildings on earth stand on 400,000 m²; a larger outline is a block, a plot or another unit
MAX_FOOTPRINT_M2 = 500_000.0
DIMENSION = {"polygon": 2, "line": 1, "point": 0}
NEAR_M = 100.0

Drop = Callable[[BoolArray, str, str], None]


def clean(
    frame: gpd.GeoDataFrame,
    declared: Input,
    *,
    where: str,
    crs: CRS,
    outline: shapely.Geometry | None,
    report: Report,
    max_area_m2: float = np.inf,
) -> gpd.GeoDataFrame:
    """Clean one layer.

    Parameters
    ----------
    frame
        As an importer gives it: columns by our names, any CRS, geometries of any state.
    declared
        What the layer may hold.
    where
        Names the source in every line.
    crs
        Of the place; must count metres.
    outline
        Of the place in `crs`; what does not meet it is dropped. None keeps everything.
    report
        Takes a line for each kind of fault.
    max_area_m2
        Larger polygons are dropped.

    Returns
    -------
    GeoDataFrame
        All declared columns, valid geometries of the declared kind, in `crs`, in the order of the file.

    Raises
    ------
    CRSMismatchError
        The layer has no CRS, or its axes are swapped.
    ImportedError
        A required column is missing as a whole.
    """
    _require(frame, declared, where)
    received = len(frame)
    frame = gpd.GeoDataFrame(frame.reset_index(drop=True))
    ids = _ids(frame, declared)
    keep = np.ones(received, dtype=bool)

    def drop(bad: BoolArray, what: str, remedy: str) -> None:
        report.add(where, what, ids[keep & bad], "dropped", remedy)
        keep[bad] = False

    shapes = frame.geometry.to_numpy().copy()
    drop(shapely.is_missing(shapes) | shapely.is_empty(shapes), "without geometry", "Draw them or leave them out.")
    drop(_not_finite(shapes), "with a coordinate that is no number", "Correct them.")
    high = shapely.has_z(shapes)
    report.add(where, "with heights, drawn flat", ids[keep & high], "repaired")
    shapes[high] = shapely.force_2d(shapes[high])
    shapes = _projected(frame, shapes, keep, drop, crs=crs, where=where, outline=outline)
    shapes = _valid(shapes, keep, ids, declared.geometry, where, report)
    drop(shapely.is_empty(shapes), f"that are no {declared.geometry}s", f"Keep {declared.geometry}s only.")
    if declared.geometry == "polygon":
        area = shapely.area(shapes)
        drop(area < MIN_FOOTPRINT_M2, "smaller than 1 m²", "Leave them out.")
        drop(area > max_area_m2, f"larger than {max_area_m2:,.0f} m²", "Check the unit, or whether it is a plot.")
    if outline is not None:
        shapely.prepare(outline)
        away = keep & ~shapely.intersects(outline, shapes)
        drop(away, "outside the place", "Nothing to do if the file covers more than the place; else check the CRS.")
    _drop_twins(frame, shapes, keep, drop, declared)
    out = gpd.GeoDataFrame(frame[keep].drop(columns=frame.geometry.name), geometry=shapes[keep], crs=crs)
    out = _columns(out.reset_index(drop=True), declared, where, report)
    report.count(where, received, len(out))
    return out


def _not_finite(shapes: NDArray[np.object_]) -> BoolArray:
    """Tell which geometries have a corner that is no number; their bounding box would not show it."""
    corners, of = shapely.get_coordinates(shapes, return_index=True)
    out = np.zeros(len(shapes), dtype=bool)
    out[of[~np.isfinite(corners).all(axis=1)]] = True
    return out


def _require(frame: gpd.GeoDataFrame, declared: Input, where: str) -> None:
    problems = [
        Problem(f"{where}, column {c.name}", "is missing", "Name the file's column for it under `columns`.")
        for c in declared.columns
        if c.required and c.name not in frame
    ]
    if problems:
        raise ImportedError(problems)
    if frame.crs is None:
        raise CRSMismatchError(Problem(where, "names no CRS", 'State it (crs = "EPSG:25832"); a CRS is never guessed.'))


def _ids(frame: gpd.GeoDataFrame, declared: Input) -> NDArray[np.object_]:
    if declared.key and declared.key in frame:
        return np.asarray(frame[declared.key].astype(str), dtype=object)
    return np.array([f"row {i + 1}" for i in range(len(frame))], dtype=object)


def _projected(
    frame: gpd.GeoDataFrame,
    shapes: NDArray[np.object_],
    keep: BoolArray,
    drop: Drop,
    *,
    crs: CRS,
    where: str,
    outline: shapely.Geometry | None,
) -> NDArray[np.object_]:
    """Project to the place's CRS; refuse swapped axes and drop single features in degrees among metres."""
    bounds = shapely.bounds(shapes)
    if frame.crs.is_projected:
        degrees = keep & (np.abs(bounds) <= [180, 90, 180, 90]).all(axis=1)
        if keep.any() and degrees[keep].mean() > 0.5:
            what = f"holds degrees but says {frame.crs.to_string()}"
            raise CRSMismatchError(Problem(where, what, "State the CRS that its coordinates are in."))
        drop(degrees, "in degrees among metres (mixed CRS)", "Reproject them before they are put together.")
    out = shapes.copy()
    out[keep] = gpd.GeoSeries(shapes[keep], crs=frame.crs).to_crs(crs).to_numpy()
    lost = keep & ~np.isfinite(shapely.bounds(out)).all(axis=1)
    drop(lost, "with coordinates outside the range of their CRS", "Check the CRS and the order of the axes.")
    if outline is not None and keep.any():
        _refuse_swapped(gpd.GeoSeries(shapes[keep], crs=frame.crs), out[keep], outline, crs, where)
    elif keep.sum() == 0 and lost.any():
        raise CRSMismatchError(Problem(where, "has no coordinate inside the range of its CRS", "Swap the axes?"))
    return out


def _refuse_swapped(
    raw: gpd.GeoSeries, projected: NDArray[np.object_], outline: shapely.Geometry, crs: CRS, where: str
) -> None:
    """Tell swapped axes from a file that only covers more: turned round, the features lie in the place."""
    near = shapely.buffer(outline, NEAR_M)
    shapely.prepare(near)
    if shapely.intersects(near, projected).mean() > 0.05:
        return
    turned = shapely.transform(raw.to_numpy(), lambda xy: xy[:, ::-1])
    swapped = gpd.GeoSeries(turned, crs=raw.crs).to_crs(crs).to_numpy()
    sound = np.isfinite(shapely.bounds(swapped)).all(axis=1)
    if sound.any() and shapely.intersects(near, swapped[sound]).mean() > 0.5:
        what = "has its axes swapped: it meets the place only when x and y are exchanged"
        raise CRSMismatchError(Problem(where, what, "Write east (longitude) first."))


def _valid(
    shapes: NDArray[np.object_], keep: BoolArray, ids: NDArray[np.object_], kind: str, where: str, report: Report
) -> NDArray[np.object_]:
    """Mend outlines that cross themselves, and take of mixed geometries the parts of the declared kind."""
    out = shapes.copy()
    broken = keep & ~shapely.is_valid(shapes)
    out[broken] = shapely.make_valid(shapes[broken], method="structure", keep_collapsed=False)
    wanted = {"polygon": (3, 6), "line": (1, 5, 2), "point": (0, 4)}[kind]
    mixed = keep & ~np.isin(shapely.get_type_id(out), wanted)
    for row in np.flatnonzero(mixed):
        parts = shapely.get_parts(out[row], return_index=False) if shapely.get_type_id(out[row]) == 7 else [out[row]]
        fitting = [p for p in parts if shapely.get_dimensions(p) == DIMENSION[kind]]
        out[row] = shapely.union_all(fitting) if fitting else shapely.Polygon()
    mended = broken & ~shapely.is_empty(out)
    report.add(where, "with an outline that crosses itself", ids[mended], "repaired", "Mend them at the source.")
    return out


def _drop_twins(
    frame: gpd.GeoDataFrame, shapes: NDArray[np.object_], keep: BoolArray, drop: Drop, declared: Input
) -> None:
    """Keep the first of features with one key, and of polygons with one outline."""
    if declared.key:
        nameless = frame[declared.key].isna().to_numpy() | (frame[declared.key].astype(str) == "").to_numpy()
        drop(nameless, f"without a {declared.key}", "Give each its own.")
        again = keep.copy()
        again[keep] = frame.loc[keep, declared.key].duplicated().to_numpy()
        drop(again, f"that repeat a {declared.key}", "Give each its own.")
    if declared.geometry == "polygon" and keep.any():
        twin = keep.copy()
        outlines = pd.Series(shapely.to_wkb(shapely.normalize(shapes[keep])), dtype=object)
        twin[keep] = outlines.duplicated().to_numpy()
        drop(twin, "with the same outline as another", "Keep one of them.")


def _columns(frame: gpd.GeoDataFrame, declared: Input, where: str, report: Report) -> gpd.GeoDataFrame:
    """Give every declared column its type; a value that cannot be is missing from then on, the feature stays."""
    ids = _ids(frame, declared)
    for column in declared.columns:
        if column.name not in frame:
            frame[column.name] = "" if column.kind == "text" else np.nan
            continue
        cells = frame[column.name]
        frame[column.name] = (
            _texts(cells, column, ids, where, report)
            if column.kind == "text"
            else _numbers(cells, column, ids, where, report)
        )
    return frame


def _texts(cells: pd.Series, column: Column, ids: NDArray[np.object_], where: str, report: Report) -> pd.Series:
    texts = cells.astype(object).where(cells.notna(), "").astype(str)
    if column.choices:
        wrong = (~texts.isin(column.choices) & (texts != "")).to_numpy()
        values = sorted(set(texts[wrong]))
        shown = ", ".join(values[:5]) + (", …" if len(values) > 5 else "")
        fallback = "unknown" if "unknown" in column.choices else ""
        remedy = f"Map them to one of {', '.join(column.choices)} under `values`."
        report.add(where, f"with {column.name} {shown}, taken as unknown", ids[wrong], "repaired", remedy)
        texts = texts.mask(wrong | ((texts == "").to_numpy() if column.required else False), fallback)
    return texts


def _numbers(cells: pd.Series, column: Column, ids: NDArray[np.object_], where: str, report: Report) -> pd.Series:
    numbers = pd.to_numeric(cells, errors="coerce").astype(np.float64)
    text = (cells.notna() & numbers.isna()).to_numpy()
    report.add(where, f"with {column.name} that is no number, taken as missing", ids[text], "repaired", "Correct it.")
    infinite = np.isinf(numbers.to_numpy())
    low = -np.inf if column.low is None else column.low
    high = np.inf if column.high is None else column.high
    out = ((numbers < low) | (numbers > high)).to_numpy() | infinite
    shown = ", ".join(f"{v:g}" for v in sorted(set(numbers[out]))[:3])
    report.add(
        where,
        f"with {column.name} outside {low:g} to {high:g} ({shown}), taken as missing",
        ids[out],
        "repaired",
        "Check sign and unit.",
    )
    return numbers.mask(out)


def zoning(frame: gpd.GeoDataFrame, outline: shapely.Geometry | None, *, where: str, report: Report) -> None:
    """Report districts that overlap or leave gaps; shares are normalised later, so no total depends on it.

    Parameters
    ----------
    frame
        Clean districts.
    outline
        Of the place, where it is known beside its districts.
    """
    shapes = frame.geometry.to_numpy()
    first, second = shapely.STRtree(shapes).query(shapes, predicate="intersects")
    pairs = first < second
    first, second = first[pairs], second[pairs]
    shared = shapely.area(shapely.intersection(shapes[first], shapes[second]))
    # a metre of play along common borders is how maps are drawn, not an overlap
    slack = np.minimum(shapely.length(shapes[first]), shapely.length(shapes[second]))
    names: Sequence[str] = frame["district"].tolist()
    overlap = shared > slack
    report.add(
        where,
        f"pairs of districts that overlap ({shared[overlap].sum() / 1e4:,.1f} ha)",
        [f"{names[a]}/{names[b]}" for a, b in zip(first[overlap], second[overlap], strict=True)],
        "kept",
        "Clip them; what lies in both counts once, for the one that holds most of it.",
    )
    union = shapely.union_all(shapes)
    hull = outline if outline is not None else shapely.union_all([shapely.Polygon(r) for p in shapely.get_parts(union)
                                                                  for r in [p.exterior]])  # fmt: skip
    gap = shapely.difference(hull, union)
    holes = [p for p in shapely.get_parts(gap) if p.area > p.length]
    report.add(
        where,
        f"gaps between districts ({sum(p.area for p in holes) / 1e4:,.1f} ha)",
        [f"at {p.representative_point().x:.0f} {p.representative_point().y:.0f}" for p in holes],
        "kept",
        "Draw them to the border; what lies in a gap counts for the nearest district.",
    )
