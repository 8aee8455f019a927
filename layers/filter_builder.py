"""Builds the conditions of one rule: every name, type and choice is checked, and every problem kept with its place."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from difflib import get_close_matches
from typing import TYPE_CHECKING, TypeAlias, cast

from geo.errors import InputError, Problem
from layers.filter_columns import SHOWN, Column, listed, one_of, quoted
from layers.filter_conditions import (
    Alike,
    Always,
    Among,
    Compared,
    Condition,
    Joined,
    Missing,
    Negated,
    Truth,
    matcher,
)
from layers.filter_limits import Limits, too_large
from layers.filter_operands import Arithmetic, Broken, Constant, Day, Named, Operand, Part
from layers.filter_temporal import TEMPORAL, Interval, instant

if TYPE_CHECKING:
    import shapely

ToLonLat: TypeAlias = "Callable[[shapely.Geometry], shapely.Geometry]"

GUESSED = 20  # problems for which a near name is looked for, which takes a while

KINDS = {
    "number": "a number",
    "text": "a text",
    "flag": "yes or no",
    "date": "a date",
    "timestamp": "a time",
    "geometry": "a geometry",
}
COMPARABLE = {
    "number": "Compare it with a number.",
    "text": "Compare it with a text in single quotes.",
    "flag": "Write the name alone, or compare it with true or false.",
    "date": "Compare it with a day such as DATE('2030-01-31').",
    "timestamp": "Compare it with a time such as TIMESTAMP('2030-01-31T12:00:00Z').",
}
ALIASES = {"==": "=", "!=": "<>"}
SPOKEN = "=, <>, <, <=, >, >=, in, between, like, is null, and, or, not, + - * / % div ^"


class Builder:
    """Makes the parts of one rule, checks each, and keeps every problem."""

    def __init__(
        self, columns: Sequence[Column], where: str, limits: Limits, to_lonlat: ToLonLat | None = None
    ) -> None:
        self.columns = {column.name: column for column in columns}
        self.where = where
        self.limits = limits
        self.to_lonlat = to_lonlat
        self.used: dict[str, Column] = {}
        self.problems: list[Problem] = []
        self.nodes = 0
        self.positions = 0
        self.listed: set[str] = set()

    def problem(self, at: str, what: str, remedy: str) -> Broken:
        """Note a problem and stand in for the part that has it."""
        self.problems.append(Problem(f"{self.where}, {at}", what, remedy))
        return Broken(at, "")

    def count(self) -> None:
        """Note one more part, up to the limit."""
        self.nodes += 1
        if self.nodes > self.limits.nodes:
            raise too_large(self.where, f"has more than {self.limits.nodes} parts")

    def count_positions(self, number: int) -> None:
        """Note the positions of one more geometry, up to the limit."""
        self.positions += number
        if self.positions > self.limits.coordinates:
            raise too_large(self.where, f"has geometries of more than {self.limits.coordinates} positions")

    def name(self, at: str, name: str, *, in_quotes: bool = False) -> Part:
        """A column."""
        self.count()
        if name in self.columns:
            self.used[name] = self.columns[name]
            return Named(at, name, self.columns[name])
        text = in_quotes or any(name in (column.choices or ()) for column in self.columns.values())
        meant = f"A text stands in single quotes: '{name[:SHOWN]}'. " if text else self.near(name, list(self.columns))
        there = [f"{column.name} ({column.en})" if column.en else column.name for column in self.columns.values()]
        meant += self.there_is("columns", there)
        return self.problem(
            at, f"there is no column {quoted(name)}", meant.strip() or "Use one of the columns there are."
        )

    def there_is(self, what: str, names: Sequence[str]) -> str:
        """List what there is, once for all problems of a kind."""
        if what in self.listed:
            return ""
        self.listed.add(what)
        return f"There is: {listed(names)}."

    def near(self, name: str, names: Sequence[str]) -> str:
        """Say which name was meant, whatever its case; nothing where none is near."""
        if len(self.problems) >= GUESSED:
            return ""
        folded = {one.casefold(): one for one in names}
        found = get_close_matches(name[:SHOWN].casefold(), folded, n=1, cutoff=0.6)
        return f"Did you mean {folded[found[0]]}? " if found else ""

    def constant(self, at: str, said: str, value: str | float | bool) -> Part:  # noqa: FBT001
        """A number, a text, true or false."""
        self.count()
        if isinstance(value, str):
            if not value:
                return self.problem(at, "an empty text is a missing one", "Write `is null` or `is not null`.")
            return Constant(at, quoted(value), value)
        try:
            finite = math.isfinite(value)
        except OverflowError:  # a whole number beyond any float
            finite = False
        if finite:
            return Constant(at, said, value)
        return self.problem(at, f"{quoted(said)} is no number that can be computed with", "Give a smaller one.")

    def operand(self, part: Part) -> Operand | Broken:
        """Take a part as a value; a condition is one of yes or no."""
        if isinstance(part, Condition):
            return Truth(part.at, part.said, part)
        if isinstance(part, Interval):
            return self.problem(part.at, "an interval is no single value", "Use it in functions such as t_during.")
        return cast("Operand | Broken", part)

    def condition(self, part: Part) -> Condition | Broken:
        """Take a part as a condition; a flag alone is one."""
        if isinstance(part, Condition | Broken):
            return part
        if isinstance(part, Constant) and isinstance(part.value, bool):
            return Always(part.at, part.said, part.value)
        if isinstance(part, Named) and part.kind == "flag":
            return Compared(part.at, part.said, "=", part, Constant(part.at, "", 1))
        kind = "an interval" if isinstance(part, Interval) else KINDS[cast("Operand", part).kind]
        return self.problem(part.at, f"{part.said} is {kind}, no condition", "Compare it, such as with = or is null.")

    def joined(self, parts: Sequence[Part], *, every: bool) -> Part:
        """Conditions joined by and or by or."""
        self.count()
        conditions = [self.condition(part) for part in parts]
        kept = tuple(part for part in conditions if isinstance(part, Condition))
        if len(kept) < len(conditions):
            return Broken(parts[0].at, "")
        return Joined(kept[0].at, f"{kept[0].said} {'and' if every else 'or'} …", kept, every)

    def negated(self, part: Part, *, negate: bool = True) -> Part:
        """The contrary of a condition, if asked for."""
        condition = self.condition(part)
        if isinstance(condition, Broken) or not negate:
            return condition
        self.count()
        return Negated(condition.at, condition.said, condition)

    def arithmetic(self, first: Part, rest: Sequence[tuple[str, Part]]) -> Part:
        """Numbers reckoned from left to right."""
        self.count()
        operands = [self.operand(part) for part in (first, *(part for _, part in rest))]
        numbers = []
        for one in operands:
            if isinstance(one, Operand) and one.kind != "number":
                self.problem(one.at, f"{one.said} is {KINDS[one.kind]}, no number", "Reckon with numbers only.")
            elif isinstance(one, Operand):
                numbers.append(one)
        if len(numbers) < len(operands):
            return Broken(first.at, "")
        signs = [sign for sign, _ in rest]
        return Arithmetic(
            first.at, f"{first.said} {signs[0]} …", numbers[0], tuple(zip(signs, numbers[1:], strict=True))
        )

    def signed(self, at: str, sign: str, part: Part) -> Part:
        """A number with its sign; of a constant, another constant."""
        if isinstance(part, Constant) and part.kind == "number":
            value = cast("float", part.value)
            return Constant(at, sign + part.said, -value if sign == "-" else value)
        return replace(self.arithmetic(Constant(at, "0", 0), [(sign, part)]), said=sign + part.said)

    def compared(self, sign: str, left: Part, right: Part) -> Part:
        """Two values of one kind."""
        self.count()
        return self._compared(sign, left, right)

    def _compared(self, sign: str, left: Part, right: Part) -> Part:
        a, b = self.operand(left), self.operand(right)
        if isinstance(a, Broken) or isinstance(b, Broken):
            return Broken(a.at, "")
        said = f"{a.said} {sign} {b.said}"
        if {a.kind, b.kind} & TEMPORAL:
            a, b = _as_instant(a, b), _as_instant(b, a)
        if not _alike(a, b):
            what = f"{a.said} ({KINDS[a.kind]}) cannot be compared with {b.said} ({KINDS[b.kind]})"
            return self.problem(b.at, what, self._comparable(a, b))
        if a.kind == "geometry":
            return self.problem(a.at, f"{a.said} is a geometry", "Compare it with functions such as s_intersects.")
        return self._compared_alike(said, sign, a, b)

    def _compared_alike(self, said: str, sign: str, left: Operand, right: Operand) -> Part:
        if {left.kind, right.kind} <= TEMPORAL:
            return same_granularity(left.at, said, sign, left, right)
        choices = left.choices or right.choices
        if sign in {"<", "<=", ">", ">="} and choices is not None and not _ordered(left, right):
            named = left.said if isinstance(left, Named) else right.said
            return self.problem(left.at, f"{named} has no order", "Use =, <> or in.")
        if choices is None:
            return Compared(left.at, said, sign, left, right)
        a, b = (self._position(one, other, choices) for one, other in ((left, right), (right, left)))
        if isinstance(a, Broken) or isinstance(b, Broken):
            return Broken(left.at, "")
        return Compared(a.at, said, sign, a, b)

    @staticmethod
    def _comparable(a: Operand, b: Operand) -> str:
        named = b if isinstance(a, Constant) else a
        if isinstance(named, Named) and named.column.choices:
            return one_of(named.column)
        return COMPARABLE.get(named.kind, "Compare geometries with functions such as s_intersects.")

    def _position(self, one: Operand, other: Operand, choices: tuple[str, ...]) -> Operand | Broken:
        """Turn a constant into its position among the choices of the other side."""
        if isinstance(one, Constant):
            if isinstance(one.value, bool):
                return Constant(one.at, one.said, int(one.value))
            if one.value in choices:
                return Constant(one.at, one.said, choices.index(str(one.value)))
            column = cast("Named", other).column
            remedy = self.near(str(one.value), choices) + one_of(column)
            return self.problem(one.at, f"{one.said} is no choice of {column.name}", remedy)
        if one.choices == choices:
            return one
        what = f"{one.said} and {other.said} do not have the same choices"
        return self.problem(one.at, what, "Compare each with a text of its own.")

    def between(self, operand: Part, low: Part, high: Part) -> Part:
        """From low to high, both included."""
        return self.joined([self.compared(">=", operand, low), self.compared("<=", operand, high)], every=True)

    def member(self, operand: Part, items: Sequence[Part]) -> Part:
        """Equal to one of the items."""
        self.count()
        same = [self._compared("=", operand, item) for item in items]
        kept = [one for one in same if isinstance(one, Compared)]
        if len(kept) < len(same) or not all(isinstance(one.right, Constant) for one in kept):
            return self.joined(same, every=False)
        values = tuple(cast("Constant", one.right).value for one in kept)
        return Among(kept[0].at, f"{operand.said} in (…)", kept[0].left, values)

    def like(self, part: Part, pattern: Part) -> Part:
        """Texts that match a pattern; of choices, those that do."""
        self.count()
        operand = self.operand(part)
        if isinstance(operand, Broken) or isinstance(pattern, Broken):
            return Broken(part.at, "")
        if not isinstance(pattern, Constant) or not isinstance(pattern.value, str):
            return self.problem(pattern.at, "is no pattern", "Give a text with % and _.")
        if operand.kind != "text":
            return self.problem(operand.at, f"{operand.said} is {KINDS[operand.kind]}, no text", "Use like with texts.")
        said = f"{operand.said} like {pattern.said}"
        if operand.choices is None:
            return Alike(operand.at, said, operand, pattern.value)
        matches = matcher(pattern.value)
        positions = tuple(position for position, choice in enumerate(operand.choices) if matches(choice))
        return Among(operand.at, said, operand, positions)

    def missing(self, part: Part) -> Part:
        """Has no value; of an interval, one of its ends has none."""
        self.count()
        if isinstance(part, Interval):
            return self.joined([self.missing(part.start), self.missing(part.end)], every=False)
        operand = self.operand(part)
        return operand if isinstance(operand, Broken) else Missing(operand.at, f"{operand.said} is null", operand)

    def finished(self, part: Part) -> Condition:
        """Give the condition of the whole rule, or raise all that is wrong with it."""
        condition = self.condition(part)
        if self.problems or isinstance(condition, Broken):
            raise InputError(list(dict.fromkeys(self.problems)))
        return condition


def same_granularity(at: str, said: str, sign: str, left: Operand, right: Operand) -> Condition:
    """Compare two dates or instants; an instant is compared with a date by its day."""
    if left.kind == "date" and right.kind == "timestamp":
        right = Day(right.at, right.said, right)
    elif left.kind == "timestamp" and right.kind == "date":
        left = Day(left.at, left.said, left)
    return Compared(at, said, sign, left, right)


def _as_instant(one: Operand, other: Operand) -> Operand:
    """Read a text that is compared with a date or an instant as one; as it is where it is none."""
    if isinstance(one, Constant) and isinstance(one.value, str) and other.kind in TEMPORAL:
        return instant(one.at, one.value) or one
    return one


def _alike(a: Operand, b: Operand) -> bool:
    return a.kind == b.kind or {a.kind, b.kind} <= TEMPORAL


def _ordered(*operands: Operand) -> bool:
    return any(isinstance(one, Named) and one.column.kind == "ordered" for one in operands)
