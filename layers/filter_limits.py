"""How large a filter may be, and how it is refused where it is larger."""

from __future__ import annotations

from dataclasses import dataclass

from geo.errors import InputError, Problem


@dataclass(frozen=True)
class Limits:
    """How large a filter may be.

    Parameters
    ----------
    characters
        Of its text; in JSON ten times as many in all texts together.
    depth
        Brackets within brackets.
    nodes
        Columns, constants, operators and functions.
    coordinates
        Positions of all its geometries.
    """

    characters: int = 4000
    depth: int = 64
    nodes: int = 500
    coordinates: int = 1000


def too_large(where: str, what: str) -> InputError:
    """Refuse a rule for its size."""
    return InputError(Problem(where, what, "Shorten it, or split it into several rules."))


def too_deep(where: str, at: str, depth: int) -> InputError:
    """Refuse a rule for brackets within brackets."""
    return too_large(f"{where}, {at}", f"is nested more than {depth} deep")


def unprintable(where: str, character: str) -> Problem:
    """Refuse a character that no key types."""
    return Problem(where, f"there is an unprintable character (U+{ord(character):04X})", "Delete it.")
