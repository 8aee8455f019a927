"""What became of every feature that came in: kept, repaired or dropped, and why. In = out + dropped, always."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any

EXAMPLES = 5


@dataclass(frozen=True)
class Line:
    """One kind of fault in one source.

    Attributes
    ----------
    where
        File, or file and layer.
    what
        The fault in words, such as ``"self-crossing outline"``.
    count
        How many features have it.
    done
        ``"dropped"``, ``"repaired"``, ``"kept"`` or, for a whole input, ``"missing"``.
    examples
        Ids (or row numbers) of the first of them.
    remedy
        What the owner of the data can do; empty where nothing needs doing.
    """

    where: str
    what: str
    count: int
    done: str
    examples: tuple[str, ...] = ()
    remedy: str = ""

    def __str__(self) -> str:
        more = ", …" if self.count > len(self.examples) else ""
        which = f" ({', '.join(self.examples)}{more})" if self.examples else ""
        return f"{self.where}: {self.count} {self.what}, {self.done}{which}. {self.remedy}".rstrip()


@dataclass
class Report:
    """Findings of an import, in the order in which they were made.

    Attributes
    ----------
    lines
        One for each kind of fault and source.
    counted
        For each source, how many features came in and how many are left.
    """

    lines: list[Line] = field(default_factory=list)
    counted: dict[str, tuple[int, int]] = field(default_factory=dict)

    def add(self, where: str, what: str, ids: Iterable[object], done: str, remedy: str = "") -> None:
        """Note features by their ids; nothing is noted where there are none."""
        names = [str(one) for one in ids]
        if names:
            self.lines.append(Line(where, what, len(names), done, tuple(names[:EXAMPLES]), remedy))

    def missing(self, where: str, what: str, remedy: str) -> None:
        """Note an input that is not there; the build goes on without it."""
        self.lines.append(Line(where, what, 1, "missing", (), remedy))

    def count(self, where: str, received: int, kept: int) -> None:
        """Note how many features a source had and how many are left.

        Raises
        ------
        AssertionError
            The lines of this source do not account for the difference: a feature was lost without a word.
        """
        dropped = sum(line.count for line in self.lines if line.where == where and line.done == "dropped")
        if received != kept + dropped:
            message = f"{where}: {received} came in, {kept} are left, but {dropped} are reported as dropped"
            raise AssertionError(message)
        self.counted[where] = (received, kept)

    def joined(self, other: Report) -> Report:
        """Return the findings of both, these first."""
        return Report([*self.lines, *other.lines], {**self.counted, **other.counted})

    def document(self) -> dict[str, Any]:
        """Give the report as JSON."""
        return {
            "lines": [asdict(line) for line in self.lines],
            "counted": {where: {"in": n_in, "out": n_out} for where, (n_in, n_out) in self.counted.items()},
        }
