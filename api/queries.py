"""Query parameters of features: what they mean, checked all at once against the layer that is asked."""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import orjson
import shapely
from numpy.typing import NDArray
from pyproj import Transformer

from api.errors import QueryError
from geo.errors import InputError, Problem
from layers import filters, query, reference_systems
from layers.drawn import WGS84
from layers.filters import Filter
from layers.layer import Layer
from layers.query import Box, Query
from layers.reference_systems import LONLAT, Reference

# what filters may name a layer's shape by
GEOMETRY = "geometry"
# a double would hold another number than a long one
_WHOLE = re.compile(r"-?\d{1,19}", re.ASCII)
_FLAGS = {"true": True, "1": True, "false": False, "0": False}
_AFTER = re.compile(r"([0-9a-f]{8})-([0-9]{1,10})", re.ASCII)


@dataclass(frozen=True)
class Asked:
    """What is asked of a layer.

    Attributes
    ----------
    query
        Which features, in which order.
    reference
        Reference system of the answer.
    names
        Attributes of the answer; all when None.
    """

    query: Query
    reference: Reference
    names: tuple[str, ...] | None


@dataclass(frozen=True)
class Given:
    """Query parameters as they were sent; None where one was not.

    Attributes
    ----------
    by_name
        Conditions on single attributes, such as ``ags=05913000``.
    """

    bbox: str | None = None
    bbox_crs: str | None = None
    crs: str | None = None
    datetime: str | None = None
    filter: str | None = None
    filter_lang: str = "cql2-text"
    filter_crs: str | None = None
    sortby: str | None = None
    properties: str | None = None
    by_name: Mapping[str, str] | None = None


class _Problems:
    """Collects what is wrong instead of stopping at the first."""

    def __init__(self) -> None:
        self.found: list[Problem] = []

    def tried(self, make: Callable[[], Any], otherwise: Any = None) -> Any:  # noqa: ANN401
        try:
            return make()
        except InputError as error:
            self.found += error.problems
            return otherwise


def asked(layer: Layer, given: Given) -> Asked:
    """Read the parameters of a request.

    Raises
    ------
    QueryError
        All that is wrong with them.
    """
    problems = _Problems()
    reference = problems.tried(lambda: _reference(given.crs, layer, "crs"), LONLAT)
    of_box = problems.tried(lambda: _reference(given.bbox_crs, layer, "bbox-crs"), LONLAT)
    of_filter = problems.tried(lambda: _reference(given.filter_crs, layer, "filter-crs"), LONLAT)
    box = problems.tried(lambda: _box(given.bbox, of_box))
    conditions = problems.tried(lambda: _conditions(layer, given, of_filter), ())
    sort = problems.tried(lambda: _sort(given.sortby, layer), ())
    names = problems.tried(lambda: _names(given.properties, layer))
    when = problems.tried(lambda: query.interval(given.datetime))
    if problems.found:
        raise QueryError(problems.found)
    return Asked(Query(box, tuple(conditions), sort, when), reference, names)


def _reference(name: str | None, layer: Layer, parameter: str) -> Reference:
    return LONLAT if name is None else reference_systems.named(name, layer, parameter)


def _box(text: str | None, reference: Reference) -> Box | None:
    """Read four or six numbers in the order of the axes; heights are not compared."""
    if text is None:
        return None
    try:
        numbers = [float(part) for part in text.split(",")]
    except ValueError:
        numbers = [math.nan]
    if len(numbers) == 6:
        numbers = [numbers[0], numbers[1], numbers[3], numbers[4]]
    if reference.swap and len(numbers) == 4:
        numbers = [numbers[1], numbers[0], numbers[3], numbers[2]]
    if wrong := _wrong_box(numbers, is_geographic=reference.crs.is_geographic):
        remedy = "Give west,south,east,north in degrees, or in the order and units of bbox-crs."
        raise InputError(Problem("bbox", f"'{text[:80]}' {wrong}", remedy))
    west, south, east, north = numbers
    return Box(west, south, east, north, reference.crs)


def _wrong_box(numbers: list[float], *, is_geographic: bool) -> str:
    """What is wrong with west, south, east and north; nothing where they are a box."""
    if not all(map(math.isfinite, numbers)):
        return "holds something that is no finite number"
    if len(numbers) != 4:
        return f"has {len(numbers)} numbers, not 4 or 6"
    west, south, east, north = numbers
    if south > north:
        return "has its south above its north"
    if is_geographic:
        is_outside = max(abs(west), abs(east)) > 180 or max(abs(south), abs(north)) > 90
        return "lies outside the world" if is_outside else ""
    return "has its west east of its east" if west > east else ""


def declared(layer: Layer) -> tuple[filters.Column, ...]:
    """What filters may name: attributes and the geometry."""
    return layer.remembered("declared", lambda: _declared(layer))


def _declared(layer: Layer) -> tuple[filters.Column, ...]:
    names = {column.name: column for column in layer.columns}
    found = filters.columns_of(layer.table, layer.columns)
    # an attribute may be called like the shape: then the shape steps back
    shape = next(n for n in (GEOMETRY, "geom", "shape", "the_geom", "a shape") if n not in names)
    return (*(replace(c, en=names[c.name].en) for c in found if c.name in names), filters.Column(shape, "geometry"))


def _conditions(layer: Layer, given: Given, reference: Reference) -> list[Filter]:
    """Read the filter and the conditions on single attributes."""
    found = []
    columns = declared(layer)
    if given.filter is not None:
        found.append(_filter(given.filter, given.filter_lang, columns, reference))
    for name, value in (given.by_name or {}).items():
        column = next((c for c in columns if c.name == name), None)
        if column is None:
            what = "holds values that cannot be filtered by"
            raise InputError(Problem(f"query parameter '{name[:60]}'", what, "See the queryables."))
        document = {"op": "=", "args": [{"property": name}, _literal(column, value)]}
        found.append(filters.parse_json(document, columns, f"query parameter '{name}'", limits=filters.OF_API))
    return found


def _filter(text: str, language: str, columns: tuple[filters.Column, ...], reference: Reference) -> Filter:
    to_lonlat = None if reference is LONLAT else _to_lonlat(reference)
    if language != "cql2-json":
        return filters.parse(text, columns, "filter", limits=filters.OF_API, to_lonlat=to_lonlat)
    try:
        if len(text) > filters.OF_API.characters:
            # the parser of JSON calls itself: what is too long is refused before
            raise InputError(Problem("filter", f"has {len(text)} characters", f"At most {filters.OF_API.characters}."))
        document = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise InputError(Problem("filter", f"is no JSON: {error}", "Write CQL2 JSON, or set filter-lang.")) from error
    return filters.parse_json(document, columns, "filter", limits=filters.OF_API, to_lonlat=to_lonlat)


def _to_lonlat(reference: Reference) -> Callable[[shapely.Geometry], shapely.Geometry]:
    project = Transformer.from_crs(reference.crs, WGS84, always_xy=True)

    def turned(xy: NDArray[np.float64]) -> NDArray[np.float64]:
        x, y = (xy[:, 1], xy[:, 0]) if reference.swap else (xy[:, 0], xy[:, 1])
        return np.column_stack(project.transform(x, y))

    return lambda shape: shapely.transform(shape, turned)


def _literal(column: filters.Column, text: str) -> Any:  # noqa: ANN401 - of the column's kind
    if column.kind == "number":
        try:
            return int(text) if _WHOLE.fullmatch(text) else float(text)
        except ValueError:
            remedy = "Give a number."
            raise InputError(
                Problem(f"query parameter '{column.name}'", f"'{text[:40]}' is no number", remedy)
            ) from None
    if column.kind == "flag":
        if text.lower() not in _FLAGS:
            what = f"'{text[:40]}' is neither true nor false"
            raise InputError(Problem(f"query parameter '{column.name}'", what, "Give true or false."))
        return _FLAGS[text.lower()]
    if column.kind in {"date", "timestamp"}:
        return {column.kind: text}
    return text


def _sort(text: str | None, layer: Layer) -> tuple[tuple[str, bool], ...]:
    if text is None:
        return ()
    known = {column.name for column in declared(layer) if column.kind != "geometry"}
    wanted = [(part.strip().lstrip("+-").strip(), part.strip().startswith("-")) for part in text.split(",")]
    unknown = [name for name, _ in wanted if name not in known]
    if unknown:
        _refuse("sortby", unknown, known)
    return tuple(wanted)


def _names(text: str | None, layer: Layer) -> tuple[str, ...] | None:
    if text is None:
        return None
    known = {column.name for column in layer.columns}
    wanted = dict.fromkeys(part.strip() for part in text.split(",") if part.strip())
    unknown = [name for name in wanted if name not in known]
    if unknown:
        _refuse("properties", unknown, known)
    return tuple(column.name for column in layer.columns if column.name in wanted)


def _refuse(parameter: str, unknown: list[str], known: set[str]) -> None:
    remedy = f"There are {', '.join(sorted(known))}."
    raise InputError([Problem(parameter, f"'{name[:60]}' is no attribute here", remedy) for name in unknown])


def token(layer: Layer, row: int) -> str:
    """Name a place to go on after: the last feature of a page, of this version of the layer."""
    return f"{_version(layer)}-{row}"


def position(layer: Layer, rows: NDArray[np.int32], after: str | None, *, ordered: bool) -> int:
    """Where the page after a token starts in an answer.

    Raises
    ------
    QueryError
        No such token, or one of another version of the layer: pages of both would not fit together.
    """
    if after is None:
        return 0
    found = _AFTER.fullmatch(after)
    if found is None or found[1] != _version(layer):
        what = "is of another version of this layer" if found else "is no place to go on from"
        raise QueryError(Problem("after", f"'{after[:40]}' {what}", "Start again from the first page."))
    row = int(found[2])
    if ordered:
        where = np.flatnonzero(rows == row)
        return int(where[0]) + 1 if where.size else len(rows)
    return int(np.searchsorted(rows, row, side="right"))


def _version(layer: Layer) -> str:
    return hashlib.sha256(layer.version.encode()).hexdigest()[:8]
