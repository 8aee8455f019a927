"""Look a place over without changing anything: everything that is wrong with its settings and files, in one run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import shapely

from data import imports
from data.errors import PlaceError
from data.figures import Figures
from data.imports import Imports
from data.measures import catalogue, with_overrides
from data.place import Place, parse_all
from data.report import Line, Report
from geo.errors import InputError, Problem


@dataclass(frozen=True)
class Diagnosis:
    """What was found.

    Attributes
    ----------
    place
        None where its settings are beyond reading.
    problems
        What stops an import.
    report
        What an import would repair, drop or do without, and how many features it would keep.
    """

    place: Place | None
    problems: tuple[Problem, ...]
    report: Report

    @property
    def lines(self) -> list[Line]:
        """Findings that do not stop an import."""
        return self.report.lines


def examine(path: Path, figures: Figures, *, data: Path | None = None) -> Diagnosis:
    """Examine a `place.toml` and all that it names.

    Parameters
    ----------
    path
        The file or its folder.
    figures
        Built-in tables: they know the outline of the Ruhr's municipalities.
    data
        What relative file names start from; the folder of the file when None.
    """
    try:
        place, problems = parse_all(path, data=data)
    except PlaceError as error:
        return Diagnosis(None, error.problems, Report())
    if place is None:
        return Diagnosis(None, tuple(problems), Report())
    problems += own_figures(place, figures)
    found, more = imports.survey(place, outline=outline(place, figures))
    _name_what_is_missing(place, found, figures)
    return Diagnosis(place, (*problems, *more), found.report)


def own_figures(place: Place, figures: Figures) -> list[Problem]:
    """List what is wrong with a place's own figures of measures."""
    try:
        with_overrides(catalogue(figures), [row.model_dump() for row in place.measures], f"{place.key}, measures")
    except InputError as error:
        return list(error.problems)
    return []


def outline(place: Place, figures: Figures) -> shapely.Geometry | None:
    """Built-in outline of a place, in its CRS; None if there is none."""
    rows = figures.boundaries[figures.boundaries["ags"] == place.key]
    return rows.geometry.to_crs(place.crs).union_all() if len(rows) else None


def _name_what_is_missing(place: Place, found: Imports, figures: Figures) -> None:
    counted = figures.knows(place.key)
    report = found.report
    if not place.districts:
        report.missing(place.key, "no districts: the place is shown as a whole", "Add [[districts]].")
    if found.buildings is None:
        instead = "census cells are used (grade C)" if counted else "it will have no stock"
        report.missing(place.key, f"no buildings: {instead}", "Add [[buildings]] or [osm], or run `revier fetch`.")
    if found.inventory is None and not counted:
        report.missing(place.key, "no inventory: only modelled households, if any", "Add [inventory].")
    if found.streets is None:
        report.missing(place.key, "no streets: transport is spread by area", "Add [[streets]] or [osm].")
    if found.green is None:
        report.missing(place.key, "no green areas", "Add [[green]] or [osm], or run `revier fetch`.")
    if found.trees is None and "canopy" not in found.rasters:
        report.missing(place.key, "no trees and no canopy: shade is unknown", "Add [[trees]] or [[rasters]].")
