"""Days, instants and intervals of a filter, and how two of them may lie to each other.

A date is a day, a timestamp an instant in UTC. Where the two meet, days are compared: an instant is its day. Each
temporal function is written as comparisons of starts and ends, where an instant starts and ends with itself.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime

import numpy as np

from layers.filter_operands import Instant, Operand, Part

TEMPORAL = {"date", "timestamp", "unbounded"}
UNBOUNDED = ".."
FAR_US = 2**62  # 146,000 years from 1970, where numpy still counts days
DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
INSTANT = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2})")

# conditions that hold all together: sides a and b, their start (0) and end (1)
RELATIONS: dict[str, tuple[tuple[str, str, str], ...]] = {
    "t_after": (("a0", ">", "b1"),),
    "t_before": (("a1", "<", "b0"),),
    "t_contains": (("a0", "<", "b0"), ("a1", ">", "b1")),
    "t_during": (("a0", ">", "b0"), ("a1", "<", "b1")),
    "t_equals": (("a0", "=", "b0"), ("a1", "=", "b1")),
    "t_finishedby": (("a0", "<", "b0"), ("a1", "=", "b1")),
    "t_finishes": (("a0", ">", "b0"), ("a1", "=", "b1")),
    "t_intersects": (("a0", "<=", "b1"), ("a1", ">=", "b0")),
    "t_meets": (("a1", "=", "b0"),),
    "t_metby": (("a0", "=", "b1"),),
    "t_overlappedby": (("a0", ">", "b0"), ("a0", "<", "b1"), ("a1", ">", "b1")),
    "t_overlaps": (("a0", "<", "b0"), ("a1", ">", "b0"), ("a1", "<", "b1")),
    "t_startedby": (("a0", "=", "b0"), ("a1", ">", "b1")),
    "t_starts": (("a0", "=", "b0"), ("a1", "<", "b1")),
}
TEMPORAL_FUNCTIONS = (*RELATIONS, "t_disjoint")  # which is the contrary of t_intersects


@dataclass(frozen=True)
class Interval(Part):
    """From a start to an end, both included; either may be unbounded."""

    start: Operand
    end: Operand


def instant(at: str, text: str, *, granularity: str = "") -> Instant | None:
    """Read a day (``2030-01-31``) or an instant with its zone (``2030-01-31T12:00:00Z``); None if it is neither."""
    try:
        if DAY.fullmatch(text) and granularity != "timestamp":
            return Instant(at, text, np.datetime64(date.fromisoformat(text), "D"), "date")
        if INSTANT.fullmatch(text) and granularity != "date":
            moment = datetime.fromisoformat(text).astimezone(UTC).replace(tzinfo=None)
            return Instant(at, text, np.datetime64(moment, "us"), "timestamp")
    except (ValueError, OverflowError):
        pass
    return None


def unbounded(at: str, *, start: bool) -> Instant:
    """Give the end that an interval does not have: before or after all that there is."""
    return Instant(at, UNBOUNDED, np.datetime64(-FAR_US if start else FAR_US, "us"), "unbounded")
