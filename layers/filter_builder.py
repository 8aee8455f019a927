"""Builds the conditions of one rule: every name, type and choice is checked, and every problem kept with its place."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from difflib import get_close_matches
from typing import cast

from geo.errors import InputError, Problem
from layers.filter_conditions import (
    SHOWN,
    Alike,
    Always,
    Among,
    Arithmetic,
    Broken,
    Column,
    Compared,
    Condition,
    Constant,
    Joined,
    Missing,
    Named,
    Negated,
    Operand,
    Part,
    listed,
    matcher,
    one_of,
    quoted,
)

MAX_CHARACTERS = 4000
MAX_DEPTH = 64
MAX_NODES = 500
GUESSED = 20  # problems for which a near name is looked for, which takes a while

KINDS = {"number": "a number", "text": "a text", "flag": "yes or no"}
ALIASES = {"==": "=", "!=": "<>"}
SPOKEN = "=, <>, <, <=, >, >=, in, between, like, is null, and, or, not, + - * /"


class Builder:
    """Makes the parts of one rule, checks each, and keeps every problem."""

    def __init__(self, columns: Sequence[Column], where: str) -> None:
        self.columns = {column.name: column for column in columns}
        self.where = where
        self.used: dict[str, Column] = {}
        self.problems: list[Problem] = []
        self.nodes = 0
        self.listed = False

    def problem(self, at: str, what: str, remedy: str) -> Broken:
        """Note a problem and stand in for the part that has it."""
        self.problems.append(Problem(f"{self.where}, {at}", what, remedy))
        return Broken(at, "")

    def count(self) -> None:
        """Note one more part, up to the limit."""
        self.nodes += 1
        if self.nodes > MAX_NODES:
            raise too_large(self.where, f"has more than {MAX_NODES} parts")

    def name(self, at: str, name: str, *, in_quotes: bool = False) -> Part:
        """A column."""
        self.count()
        if name in self.columns:
            self.used[name] = self.columns[name]
            return Named(at, name, self.columns[name])
        text = in_quotes or any(name in (column.choices or ()) for column in self.columns.values())
        meant = f"A text stands in single quotes: '{name[:SHOWN]}'. " if text else self._near(name, list(self.columns))
        if not self.listed:  # once is enough
            there = [f"{column.name} ({column.en})" if column.en else column.name for column in self.columns.values()]
            self.listed, meant = True, f"{meant}There is: {listed(there)}."
        return self.problem(
            at, f"there is no column {quoted(name)}", meant.strip() or "Use one of the columns there are."
        )

    def _near(self, name: str, names: Sequence[str]) -> str:
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
        """Take a part as a value."""
        if isinstance(part, Operand | Broken):
            return part
        return self.problem(part.at, f"{part.said} is a condition, no value", "Compare values, join conditions.")

    def condition(self, part: Part) -> Condition | Broken:
        """Take a part as a condition; a flag alone is one."""
        if isinstance(part, Condition | Broken):
            return part
        if isinstance(part, Constant) and isinstance(part.value, bool):
            return Always(part.at, part.said, part.value)
        if isinstance(part, Named) and part.kind == "flag":
            return Compared(part.at, part.said, "=", part, Constant(part.at, "", 1))
        kind = KINDS[cast("Operand", part).kind]
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
        if a.kind != b.kind:
            what = f"{a.said} ({KINDS[a.kind]}) cannot be compared with {b.said} ({KINDS[b.kind]})"
            return self.problem(b.at, what, self._comparable(a, b))
        choices = a.choices or b.choices
        if sign in {"<", "<=", ">", ">="} and choices is not None and not _ordered(a, b):
            named = a.said if isinstance(a, Named) else b.said
            return self.problem(a.at, f"{named} has no order", "Use =, <> or in.")
        if choices is not None:
            a, b = (self._position(one, other, choices) for one, other in ((a, b), (b, a)))
        if isinstance(a, Broken) or isinstance(b, Broken):
            return Broken(a.at, "")
        return Compared(a.at, said, sign, a, b)

    @staticmethod
    def _comparable(a: Operand, b: Operand) -> str:
        named = a if isinstance(a, Named) else b
        if isinstance(named, Named) and named.column.choices:
            return one_of(named.column)
        return {
            "number": "Compare it with a number.",
            "text": "Compare it with a text in single quotes.",
            "flag": "Write the name alone, or compare it with true or false.",
        }[named.kind]

    def _position(self, one: Operand, other: Operand, choices: tuple[str, ...]) -> Operand | Broken:
        """Turn a constant into its position among the choices of the other side."""
        if isinstance(one, Constant):
            if isinstance(one.value, bool):
                return Constant(one.at, one.said, int(one.value))
            if one.value in choices:
                return Constant(one.at, one.said, choices.index(str(one.value)))
            column = cast("Named", other).column
            remedy = self._near(str(one.value), choices) + one_of(column)
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

    def like(self, part: Part, at: str, pattern: str) -> Part:
        """Texts that match a pattern; of choices, those that do."""
        self.count()
        operand = self.operand(part)
        if isinstance(operand, Broken):
            return operand
        if not isinstance(operand, Named) or operand.kind != "text":
            return self.problem(operand.at, f"{operand.said} is no column of texts", "Use like with such a column.")
        said = f"{operand.said} like {quoted(pattern)}"
        if operand.choices is None:
            return Alike(at, said, operand, pattern)
        matches = matcher(pattern)
        positions = tuple(position for position, choice in enumerate(operand.choices) if matches(choice))
        return Among(at, said, operand, positions)

    def missing(self, part: Part) -> Part:
        """Has no value."""
        self.count()
        operand = self.operand(part)
        return operand if isinstance(operand, Broken) else Missing(operand.at, f"{operand.said} is null", operand)

    def finished(self, part: Part) -> Condition:
        """Give the condition of the whole rule, or raise all that is wrong with it."""
        condition = self.condition(part)
        if self.problems or isinstance(condition, Broken):
            raise InputError(list(dict.fromkeys(self.problems)))
        return condition


def _ordered(*operands: Operand) -> bool:
    return any(isinstance(one, Named) and one.column.kind == "ordered" for one in operands)


def too_large(where: str, what: str) -> InputError:
    """Refuse a rule for its size."""
    return InputError(Problem(where, what, "Shorten it, or split it into several rules."))


def too_deep(where: str, at: str) -> InputError:
    """Refuse a rule for brackets within brackets."""
    return too_large(f"{where}, {at}", f"is nested more than {MAX_DEPTH} deep")


def no_function(where: str, name: str) -> Problem:
    """Refuse a function by its name."""
    return Problem(where, f"{quoted(name)} is a function, and there are none", f"Use {SPOKEN}.")


def unprintable(where: str, character: str) -> Problem:
    """Refuse a character that no key types."""
    return Problem(where, f"there is an unprintable character (U+{ord(character):04X})", "Delete it.")
