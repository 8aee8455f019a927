"""What a filter calls: literals such as DATE('…') and BBOX(…), spatial and temporal relations, and a few functions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import shapely

from geo.errors import InputError
from layers.filter_builder import KINDS, Builder, same_granularity
from layers.filter_columns import quoted
from layers.filter_conditions import Always, Condition, Joined, Negated, Related
from layers.filter_functions import FUNCTIONS
from layers.filter_operands import NOWHERE, Broken, Constant, Instant, Mapped, Named, Operand, Part, Shape
from layers.filter_spatial import (
    CONVERSE,
    OF_ITSELF,
    SPATIAL_FUNCTIONS,
    from_box,
    from_wkt,
    wkt_of,
)
from layers.filter_temporal import (
    RELATIONS,
    TEMPORAL,
    TEMPORAL_FUNCTIONS,
    UNBOUNDED,
    Interval,
    instant,
    unbounded,
)

if TYPE_CHECKING:
    from typing import Any

INSTANTS = {"date": "DATE('2030-01-31')", "timestamp": "TIMESTAMP('2030-01-31T12:00:00Z')"}


def call(build: Builder, at: str, name: str, args: Sequence[Part]) -> Part:
    """Call by name, in any case; arguments are parts that the builder made."""
    build.count()
    known = name.lower()
    if known not in CALLABLE:
        remedy = f"{build.near(known, list(CALLABLE))}{build.there_is('functions', list(CALLABLE))}"
        return build.problem(at, f"there is no function {quoted(name)}", remedy or "Use one of those there are.")
    if any(isinstance(one, Broken) for one in args):
        return Broken(at, "")
    wanted = (4, 6) if known == "bbox" else (1,) if known in FUNCTIONS or known in INSTANTS else (2,)
    if len(args) not in wanted:
        give = f"Give {' or '.join(str(number) for number in wanted)}."
        return build.problem(at, f"{name} has {len(args)} arguments", give)
    return CALLABLE[known](build, at, known, args)


def literal(build: Builder, at: str, granularity: str, part: Part) -> Part:
    """Read a date or a timestamp."""
    text = part.value if isinstance(part, Constant) else None
    found = instant(at, text, granularity=granularity) if isinstance(text, str) else None
    if found is not None:
        return found
    return build.problem(at, f"{part.said} is no {granularity}", f"Write it as {INSTANTS[granularity]}.")


def wkt(build: Builder, at: str, text: str) -> Part:
    """Read a geometry in well-known text."""
    build.count()
    build.count_positions(text.count(",") + 1)
    return _shape(build, at, text.split("(", 1)[0].strip() + "(…)", lambda: from_wkt(text, build.to_lonlat))


def geojson(build: Builder, at: str, document: dict[str, Any]) -> Part:
    """Read a geometry in GeoJSON."""
    try:
        text = wkt_of(document)
    except InputError as error:
        wrong = error.problems[0]
        return build.problem(at, f"{quoted(str(document.get('type')))} {wrong.what}", wrong.remedy)
    return wkt(build, at, text)


def _instant(build: Builder, at: str, name: str, args: Sequence[Part]) -> Part:
    return literal(build, at, name, args[0])


def _box_of(build: Builder, at: str, _name: str, args: Sequence[Part]) -> Part:
    numbers = [one.value for one in args if isinstance(one, Constant) and not isinstance(one.value, bool | str)]
    if len(numbers) < len(args):
        return build.problem(at, "a box has numbers only", "Write west, south, east, north.")
    build.count_positions(2)
    return _shape(build, at, "BBOX(…)", lambda: from_box(numbers, build.to_lonlat))


def _shape(build: Builder, at: str, said: str, read: Callable[[], shapely.Geometry]) -> Part:
    try:
        return Shape(at, said, read())
    except InputError as error:
        wrong = error.problems[0]
        return build.problem(at, f"{said} {wrong.what}", wrong.remedy)


def _function(build: Builder, at: str, name: str, args: Sequence[Part]) -> Part:
    function, operand = FUNCTIONS[name], build.operand(args[0])
    if isinstance(operand, Broken):
        return operand
    if operand.kind not in function.takes:
        takes = " or ".join(KINDS[kind] for kind in function.takes)
        what = f"{function.name} takes {takes}, and {operand.said} is {KINDS[operand.kind]}"
        return build.problem(operand.at, what, f"Give it {takes}.")
    said = f"{function.name}({operand.said})"
    if isinstance(operand, Constant) and function.returns == "text":
        return Constant(at, said, function.call(operand.value))
    return Mapped(at, said, operand, function.returns, function.call)


def _spatial(build: Builder, at: str, operator: str, args: Sequence[Part]) -> Part:
    sides = [build.operand(one) for one in args]
    for side in sides:
        if isinstance(side, Operand) and side.kind != "geometry":
            build.problem(side.at, f"{side.said} is {KINDS[side.kind]}, no geometry", _geometries(build))
    match sides:
        case [Named() as column, Shape() as shape] if column.kind == "geometry":
            return Related(at, operator, operator, column, shape)
        case [Shape() as shape, Named() as column] if column.kind == "geometry":
            return Related(at, operator, CONVERSE.get(operator, operator), column, shape)
        case [Shape() as shape, Shape() as other]:
            relation = getattr(shapely, operator.removeprefix("s_"))
            return Always(at, operator, bool(relation(shape.geometry, other.geometry)))
        case [Named() as column, Named() as other] if column.kind == other.kind == "geometry":
            if column.column == other.column:
                return _of_itself(at, operator, column)
            what = f"{column.said} and {other.said} are both columns of geometries"
            return build.problem(at, what, "Compare each with a geometry of the filter.")
    return Broken(at, "")


def _geometries(build: Builder) -> str:
    names = [column.name for column in build.columns.values() if column.kind == "geometry"]
    return f"Use {' or '.join([*names, 'a geometry such as BBOX(7.3, 51.4, 7.6, 51.6)'])}."


def _of_itself(at: str, operator: str, column: Named) -> Condition:
    """Compare a geometry with itself: known wherever there is one."""
    somewhere = Shape(at, operator, NOWHERE)
    there = tuple(Related(at, operator, one, column, somewhere) for one in ("s_intersects", "s_disjoint"))
    always = Joined(at, operator, there, every=False)
    return always if operator in OF_ITSELF else Negated(at, operator, always)


def _interval(build: Builder, at: str, _name: str, args: Sequence[Part]) -> Part:
    start, end = _end(build, args[0], start=True), _end(build, args[1], start=False)
    if isinstance(start, Broken) or isinstance(end, Broken):
        return Broken(at, "")
    if isinstance(start, Instant) and isinstance(end, Instant) and _later(start, end):
        return build.problem(at, f"the interval ends ({end.said}) before it starts ({start.said})", "Swap them.")
    return Interval(at, "INTERVAL(…)", start, end)


def _later(one: Instant, other: Instant) -> bool:
    """Whether an instant lies after another; where one of them is a day, by their days."""
    unit = "D" if "date" in {one.kind, other.kind} else "us"
    return bool(one.value.astype(f"datetime64[{unit}]") > other.value.astype(f"datetime64[{unit}]"))


def _end(build: Builder, part: Part, *, start: bool) -> Operand | Broken:
    if isinstance(part, Constant) and part.value == UNBOUNDED:
        return unbounded(part.at, start=start)
    operand = build.operand(part)
    if isinstance(operand, Constant) and isinstance(operand.value, str):
        operand = instant(operand.at, operand.value) or operand
    if isinstance(operand, Broken) or operand.kind in TEMPORAL:
        return operand
    remedy = "Write INTERVAL('2030-01-31', '..') with days, times in UTC, columns of them, or '..' for no end."
    return build.problem(operand.at, f"{operand.said} is no end of an interval", remedy)


def _temporal(build: Builder, at: str, name: str, args: Sequence[Part]) -> Part:
    sides = [_side(build, one) for one in args]
    if None in sides:
        return Broken(at, "")
    ends = {f"{side}{n}": one for side, both in zip("ab", sides, strict=True) for n, one in enumerate(both or ())}
    relation = RELATIONS["t_intersects" if name == "t_disjoint" else name]
    pairs = [same_granularity(at, name, sign, ends[a], ends[b]) for a, sign, b in relation]
    condition = pairs[0] if len(pairs) == 1 else Joined(at, name, tuple(pairs), every=True)
    return Negated(at, name, condition) if name == "t_disjoint" else condition


def _side(build: Builder, part: Part) -> tuple[Operand, Operand] | None:
    """Take a part as an interval; an instant starts and ends with itself."""
    if isinstance(part, Interval):
        return part.start, part.end
    operand = build.operand(part)
    if isinstance(operand, Constant) and isinstance(operand.value, str):
        operand = instant(operand.at, operand.value) or operand
    if isinstance(operand, Operand) and operand.kind in TEMPORAL:
        return operand, operand
    if isinstance(operand, Operand):
        what = f"{operand.said} is {KINDS[operand.kind]}, no date, time or interval"
        build.problem(operand.at, what, f"Write {INSTANTS['date']} or INTERVAL('2030-01-31', '..').")
    return None


CALLABLE: dict[str, Callable[[Builder, str, str, Sequence[Part]], Part]] = {
    **dict.fromkeys(FUNCTIONS, _function),
    "bbox": _box_of,
    **dict.fromkeys(INSTANTS, _instant),
    "interval": _interval,
    **dict.fromkeys(SPATIAL_FUNCTIONS, _spatial),
    **dict.fromkeys(sorted(TEMPORAL_FUNCTIONS), _temporal),
}
