"""Reads rules in CQL2 JSON, decoded; what is not understood is reported with all the rest."""

from __future__ import annotations

from typing import Any

from geo.errors import InputError, Problem
from layers.filter_builder import ALIASES, Builder
from layers.filter_calls import call, geojson, literal
from layers.filter_columns import UNPRINTABLE, quoted
from layers.filter_conditions import COMPARE
from layers.filter_limits import Limits, too_deep, too_large, unprintable
from layers.filter_operands import CALCULATE, Part

MAX_BITS = 1024  # of a float's range; longer ones are not even printed by Python


def read_json(document: object, build: Builder) -> Part:
    """Read a rule in CQL2 JSON.

    Raises
    ------
    InputError
        The document is too large or nested too deep, holds a number too large or an unprintable character.
    """
    _check(document, build.where, build.limits)
    return _Reader(build).part(document, "")


def _check(document: object, where: str, limits: Limits) -> None:
    """Refuse what is too large without calling itself."""
    nodes, characters = 0, 0
    # a position of a geometry is a list of up to three numbers
    most_values, most_characters = 10 * limits.nodes + 4 * limits.coordinates, 10 * limits.characters
    stack: list[tuple[object, int]] = [(document, 0)]
    while stack:
        value, depth = stack.pop()
        nodes += 1
        inner: list[object] = []
        if isinstance(value, str):
            characters += len(value)
            if found := UNPRINTABLE.search(value):
                raise InputError(unprintable(where, found[0]))
        elif isinstance(value, int) and value.bit_length() > MAX_BITS:
            raise InputError(Problem(where, "there is a number that is too large", "Give a smaller one."))
        elif isinstance(value, dict):
            inner = [*value.keys(), *value.values()]
        elif isinstance(value, list):
            inner = value
        # an operator is a dictionary and the list of its arguments
        if depth > 2 * limits.depth:
            raise too_deep(where, "brackets", limits.depth)
        if nodes + len(stack) + len(inner) > most_values or characters > most_characters:
            raise too_large(where, f"has more than {most_values} values or {most_characters} characters")
        stack += [(one, depth + 1) for one in inner]


class _Reader:
    """Walks CQL2 JSON, whose depth is known to be limited."""

    def __init__(self, builder: Builder) -> None:
        self.build = builder

    def part(self, value: object, at: str) -> Part:
        """One value, column or operator."""
        if isinstance(value, str | int | float):
            return self.build.constant(at or "/", str(value), value)
        if isinstance(value, dict) and isinstance(value.get("property"), str):
            return self.build.name(at or "/", value["property"])
        if isinstance(value, dict) and isinstance(value.get("op"), str) and isinstance(value.get("args"), list):
            return self._operator(value["op"], value["args"], at)
        if isinstance(value, dict) and (found := self._literal(value, at)):
            return found
        remedy = 'Write a value, {"property": name} or {"op": operator, "args": [...]}.'
        return self.build.problem(at or "/", f"{quoted(str(value))} is not understood", remedy)

    def _literal(self, value: dict[str, Any], at: str) -> Part | None:
        """A date, a timestamp, an interval, a box or a geometry."""
        for name in ("date", "timestamp"):
            if isinstance(value.get(name), str):
                return literal(self.build, at or "/", name, self.build.constant(at or "/", "", value[name]))
        for name in ("interval", "bbox"):
            if isinstance(value.get(name), list) and "type" not in value:
                parts = [self.part(one, f"{at}/{name}/{n}") for n, one in enumerate(value[name])]
                return call(self.build, at or "/", name, parts)
        return geojson(self.build, at or "/", value) if isinstance(value.get("type"), str) else None

    def _operator(self, name: str, args: list[object], at: str) -> Part:
        name = ALIASES.get(name, name)
        number = {"and": None, "or": None, "not": 1, "isNull": 1, "between": 3}
        if name not in number and name not in {"in", "like", *COMPARE, *CALCULATE}:
            return call(self.build, at or "/", name, [self.part(one, f"{at}/args/{n}") for n, one in enumerate(args)])
        wanted = number.get(name, 2)
        if (wanted is None and not args) or (wanted is not None and len(args) != wanted):
            what = f"{quoted(name)} has {len(args)} arguments"
            return self.build.problem(at or "/", what, f"Give {wanted or 'two or more'}.")
        if name == "in":
            return self._member(args, at)
        if name == "like":
            return self._like(args, at)
        return self._joined(name, [self.part(one, f"{at}/args/{position}") for position, one in enumerate(args)])

    def _joined(self, name: str, parts: list[Part]) -> Part:
        if name in {"and", "or"}:
            return self.build.joined(parts, every=name == "and")
        if name == "not":
            return self.build.negated(parts[0])
        if name == "isNull":
            return self.build.missing(parts[0])
        if name == "between":
            return self.build.between(*parts)
        if name in COMPARE:
            return self.build.compared(name, *parts)
        return self.build.arithmetic(parts[0], [(name, parts[1])])

    def _member(self, args: list[object], at: str) -> Part:
        operand, items = self.part(args[0], f"{at}/args/0"), args[1]
        if not isinstance(items, list) or not items:
            return self.build.problem(f"{at}/args/1", "is no list of values", "Give a list with at least one value.")
        return self.build.member(operand, [self.part(one, f"{at}/args/1/{n}") for n, one in enumerate(items)])

    def _like(self, args: list[object], at: str) -> Part:
        return self.build.like(self.part(args[0], f"{at}/args/0"), self.part(args[1], f"{at}/args/1"))
