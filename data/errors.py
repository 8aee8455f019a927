"""Errors of sources and stores."""

from __future__ import annotations

from geo.errors import RevierError


class TableError(RevierError):
    """A table breaks its declared schema; every broken cell is listed."""


class UnknownPlaceError(RevierError):
    """No place has this key."""


class FetchError(RevierError):
    """A download failed or brought something that cannot be used; nothing was written."""


class ImportedError(RevierError):
    """A city's own input cannot be used at all; what can be mended is in the report instead."""


class PlaceError(RevierError):
    """A `place.toml` cannot be used."""
