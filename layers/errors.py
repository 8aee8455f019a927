"""Errors of what is published."""

from __future__ import annotations

from geo.errors import RevierError


class ReleaseError(RevierError):
    """No release, or one that is incomplete or changed on disk."""


class UnknownCollectionError(RevierError):
    """No collection, feature or tile has this name."""


class PlacementError(RevierError):
    """A placement cannot be computed; all of its problems are listed."""


class UnknownScenarioError(RevierError):
    """No scenario of the place has this id."""


class PlannerOnlyError(RevierError):
    """Something that only a signed-in planner may see."""
