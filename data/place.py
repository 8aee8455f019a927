"""Places: municipalities and the region, from `places/*.toml` and, for those without a file, from the table."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path

from data.errors import UnknownPlaceError
from data.figures import CRS_PLACE, Figures
from geo.errors import Problem

FOLDER = Path(__file__).parent / "places"


@dataclass(frozen=True)
class Districts:
    """One level of districts of a place."""

    level: str
    file: str
    geometry_status: str
    source_id: str


@dataclass(frozen=True)
class Place:
    """A municipality or a region.

    Attributes
    ----------
    key
        Official key (AGS), or the region's name.
    kind
        ``"municipality"`` or ``"region"``.
    members
        Keys of the municipalities it consists of; its own for a municipality.
    net_zero_year
        Year of climate neutrality that the place has set itself; 2045 by national law.
    """

    key: str
    name: str
    kind: str
    crs: str = CRS_PLACE
    members: tuple[str, ...] = ()
    net_zero_year: int = 2045
    districts: Districts | None = field(default=None)


def places(figures: Figures) -> dict[str, Place]:
    """All places by key, the region first, then municipalities by key."""
    table = figures["municipalities"].sort_values("ags")
    found = {}
    configured = {path.stem: tomllib.loads(path.read_text(encoding="utf-8")) for path in sorted(FOLDER.glob("*.toml"))}
    for key, settings in configured.items():
        if settings["kind"] == "region":
            found[key] = Place(**settings, members=tuple(table["ags"]))
    for ags, name in zip(table["ags"], table["name"], strict=True):
        settings = dict(configured.get(ags, {"key": ags, "name": name, "kind": "municipality"}))
        districts = settings.pop("districts", None)
        found[ags] = Place(**settings, members=(ags,), districts=Districts(**districts) if districts else None)
    return found


def find(keys: Iterable[str], known: dict[str, Place]) -> list[Place]:
    """Return the places with these keys, in that order, all unknown keys reported at once.

    Raises
    ------
    UnknownPlaceError
        With the nearest names, so that a typo is mended in one step.
    """
    names = {place.name.casefold(): place.key for place in known.values()}
    problems, out = [], []
    for key in keys:
        match = known.get(key) or known.get(names.get(key.casefold(), ""))
        if match is not None:
            out.append(match)
            continue
        near = get_close_matches(key, [*known, *(p.name for p in known.values())], n=3, cutoff=0.6)
        hint = f"Did you mean {', '.join(near)}?" if near else "List them with `revier places`."
        problems.append(Problem("place", f"'{key}' is not known", hint))
    if problems:
        raise UnknownPlaceError(problems)
    return out
