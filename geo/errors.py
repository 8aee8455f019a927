"""Errors that name the place, the value and the remedy, all problems at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong: where it stands, what it is, what to do."""

    where: str
    what: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what}. {self.remedy}"


class RevierError(ValueError):
    """Base of every error that a user can mend; carries all problems found, not the first one.

    Parameters
    ----------
    problems
        One or more problems, or a single message without a place.
    """

    def __init__(self, problems: Sequence[Problem] | Problem | str) -> None:
        if isinstance(problems, str):
            self.problems: tuple[Problem, ...] = ()
            super().__init__(problems)
            return
        self.problems = (problems,) if isinstance(problems, Problem) else tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


class InputError(RevierError):
    """An argument cannot be computed with: negative, missing, of the wrong shape."""


class CRSMismatchError(RevierError):
    """Two layers are in different reference systems, or one has none. A CRS is never guessed."""
