"""What the public sees of a release: the same collections, with units joined until nobody can be told apart.

Cells of a place are joined by `geo.disclosure` alike in all layers, so that every filter, box, zoom, sort, count and
download acts on a table that is protected already. Single buildings and users' own scenarios are not in it.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from pyproj import CRS

from data.schema import SCENARIOS
from geo.disclosure import MINIMUM
from geo.errors import Problem
from layers import build
from layers.catalogue import Catalogue
from layers.columns import AREA
from layers.errors import PlannerOnlyError, ReleaseError, UnknownCollectionError
from layers.grouping import CELL_M, COUNTS, GRID_CRS, Grouping, grouping, on_grid, outlines
from layers.impact import Impact
from layers.layer import Layer, Work
from layers.merging import GRID_RULES, SECRET, Joined, merged, spread, surroundings
from layers.once import Once
from layers.release import Release
from layers.scenarios import Scenario
from layers.social import Social
from layers.social_sources import SCHOOLS
from layers.stored_layers import district_themes

# census cells, or what is known of each
UNITS = ("stock", "cells", "low_income", "priority", "benefits")
# the grid of the place, also where nobody lives
GRID = ("heat", "access")
# areas drawn by others, and figures that statistical offices publish for whole municipalities
OPEN = ("green", "blue", "municipalities")
JOINED = (
    "For the public: cells with few buildings, homes or people are joined with neighbours, so that each feature has at "
    "least 5 buildings, 5 homes and 10 people."
)
DISTRICTS = "For the public: districts with few buildings, homes or people are joined with the nearest."
SURROUNDINGS = (
    "For the public: no people, nothing that could be reckoned back to them or to single buildings where there are few."
)


class PublicCatalogue:
    """Collections of one release for the public; the methods are those of `layers.catalogue.Catalogue`.

    Parameters
    ----------
    catalogue
        What a planner sees.
    """

    def __init__(self, catalogue: Catalogue) -> None:
        self._inner = catalogue
        self._layers: Once[str, Layer] = Once()
        self._groups: Once[str, Grouping] = Once()
        self._by_cell: Once[str, Layer] = Once()

    @property
    def release(self) -> Release:
        """The release that is served."""
        return self._inner.release

    @property
    def version(self) -> str:
        """Changes with the release and what is published beside it; a user's scenarios change nothing here."""
        return f"{self.release.id} public {self._inner.published.stamp()}"

    @property
    def sources(self) -> dict[str, dict[str, Any]]:
        """Sources by id: of the release, and of the layers published for everybody."""
        known = self._inner.sources
        hidden = {e.source["source_id"] for e in self._inner.published.entries().values() if e.is_private}
        return {name: source for name, source in known.items() if name not in hidden}

    @property
    def places(self) -> dict[str, dict[str, Any]]:
        """Places by key, without what tells of single buildings: examples of an import, few that a census withholds."""
        found = {}
        for key, entry in self.release.places.items():
            withheld = {name: round(value, -1) for name, value in entry.get("withheld", {}).items()}
            found[key] = {**entry, "report": None} | ({"withheld": withheld} if withheld else {})
        return found

    def scenario_names(self, _place: str) -> list[str]:
        """Ids of the standard scenarios: users' own are theirs until they publish them."""
        return list(SCENARIOS)

    def ids(self) -> list[str]:
        """Return the ids of all collections that the public may see."""
        return [one for one in self._inner.ids() if self._is_public(one)]

    def __contains__(self, collection: object) -> bool:
        return isinstance(collection, str) and self._is_public(collection) and collection in self._inner

    def layer(self, collection: str) -> Layer:
        """Return one collection as the public sees it.

        Raises
        ------
        PlannerOnlyError
            It shows single buildings, or is a user's own scenario.
        UnknownCollectionError
            No collection has this id.
        """
        if not self._is_public(collection):
            if self._is_secret(collection):
                raise PlannerOnlyError(self._instead(collection))
            what, remedy = "does not exist", "See /collections for all of them."
            raise UnknownCollectionError(Problem(f"collection '{collection}'", what, remedy))
        brought = self._inner.brought(collection)
        if brought is not None:
            return brought.layer
        return self._layers.made(collection, lambda: self._made(self._inner.layer(collection)))

    def ready(self, collection: str, work: Work) -> Layer | None:
        """Return a layer that such work was done on before; see `layers.catalogue.Catalogue.ready`."""
        if self._inner.brought(collection) is not None:
            return self._inner.ready(collection, work) if self._is_public(collection) else None
        layer = self._layers.get(collection)
        return layer if layer is not None and layer.is_ready(work) else None

    def public(self) -> PublicCatalogue:
        """Return itself."""
        return self

    def gridded(self, collection: str) -> Layer:
        """Return one collection with a row for each cell, for rasters: cells of a group share its sums equally.

        A part of a count that is below the limits is left out.
        """
        return self._by_cell.made(collection, lambda: self._gridded(collection))

    def _gridded(self, collection: str) -> Layer:
        public = self.layer(collection)
        place, theme, _ = _parts(collection)
        if theme not in UNITS:
            return public
        units, joined = self._inner.layer(collection), self.joined(place)
        return replace(
            units,
            description=public.description,
            values=lambda: spread(units, public.table, joined, dict(zip(COUNTS, MINIMUM, strict=True))),
            version=f"{public.version} cells",
            base=None if public.base is None else self.gridded(public.base.id),
        )

    def scenario(self, place: str, name: str) -> Scenario:
        """Return a standard scenario of a place; PlannerOnlyError for any other."""
        _standard_only(name)
        return self._inner.scenario(place, name)

    def run(self, place: str, name: str, *, coarse: bool = False) -> Impact:
        """Compute a standard scenario; PlannerOnlyError for any other. The result knows single units."""
        _standard_only(name)
        return self._inner.run(place, name, coarse=coarse)

    def planning(self, place: str, *, coarse: bool = False) -> Any:  # noqa: ANN401, ARG002 - never returns
        """Refuse placements of one's own: the answers to two that differ by a building tell of it."""
        what = "can be asked own questions of by planners only"
        remedy = f"Sign in, or see the standard scenarios: /places/{place}/scenarios."
        raise PlannerOnlyError(Problem(f"place '{place}'", what, remedy))

    def social(
        self, place: str, indicator: str = SCHOOLS, *, coarse: bool = False, students_poor_share: float | None = None
    ) -> Social:
        """Return who lives where, for figures of the whole place.

        Raises
        ------
        PlannerOnlyError
            A share of poor students is given: moved by little, it moves one cell from one fifth to the next.
        """
        if students_poor_share is not None:
            remedy = "Sign in, or leave it out."
            raise PlannerOnlyError(Problem("students_poor_share", "can be changed by planners only", remedy))
        return self._inner.social(place, indicator, coarse=coarse)

    def acts(self, place: str) -> bool:
        """Whether measures have something to act on in a place."""
        return self._inner.acts(place)

    def has(self, place: str, file: str) -> bool:
        """Whether the release holds a file for all municipalities of a place."""
        return self._inner.has(place, file)

    def told(self, place: str) -> set[str]:
        """Columns of the surroundings that any municipality of a place tells."""
        return {name for name in self._inner.told(place) if GRID_RULES.get(name) is not SECRET}

    def raster(self, collection: str, name: str) -> Path | None:
        """File of a place's own raster; none of them knows people or buildings."""
        return self._inner.raster(collection, name)

    def knows_land(self, place: str) -> bool:
        """Whether the land use of a place is published."""
        return self._inner.knows_land(place)

    def cells(self, place: str) -> Layer:
        """Census cells of a place."""
        return self.layer(f"{place}.cells" if f"{place}.cells" in self else f"{place}.stock")

    def crs(self, place: str) -> CRS:
        """Return the reference system of a place, that of its members for a region."""
        return self._inner.crs(place)

    def areas_meet(self, place: str) -> bool:
        """Whether every district of a place may be shown by itself; else no document by district may be."""
        return all(self._grouped(key).districts_meet for key in self.release.members(place))

    # --- which ---

    def _is_public(self, collection: str) -> bool:
        brought = self._inner.brought(collection)
        if brought is not None:
            # whoever publishes a layer says who may see it
            return not brought.is_private
        place, theme, name = _parts(collection)
        entry = self.release.places.get(place)
        if entry is None or not (name == "" or name in SCENARIOS):
            return False
        if theme == "stock":
            return entry["kind"] == "region" or not entry["stock"]["footprints"]
        # a theme that is not known here is not known to be safe
        return theme in {*UNITS, *GRID, *OPEN} or theme in district_themes(entry)

    def _is_secret(self, collection: str) -> bool:
        """Whether to say that it is for planners; whether a user's scenario of a name exists is not told."""
        place, theme, name = _parts(collection)
        if self._inner.brought(collection) is not None:
            return False
        return collection in self._inner or (bool(name) and any(f"{place}.{theme}{s}" in self._inner for s in _ANY))

    def _instead(self, collection: str) -> Problem:
        place, theme, name = _parts(collection)
        standard = f".{name}" if name in SCENARIOS else ""
        better = next((t for t in (theme, "cells", "stock", "districts") if f"{place}.{t}{standard}" in self), "")
        remedy = f"Sign in, or use '{place}.{better}{standard}'." if better else "Sign in, or see /collections."
        return Problem(f"collection '{collection}'", "is for planners", remedy)

    # --- how ---

    def _made(self, layer: Layer) -> Layer:
        place, theme, _ = _parts(layer.id)
        base = None if layer.base is None else self.layer(layer.base.id)
        public = replace(layer, version=f"{layer.version} public", base=base)
        if theme in OPEN:
            return public
        if theme in GRID:
            values = partial(self._surroundings, layer, place)
            return replace(public, values=values, description=f"{layer.description} {SURROUNDINGS}")
        crs = GRID_CRS if theme in UNITS else layer.crs
        joined = self.joined(place) if theme in UNITS else self._districts(place, theme)
        if len(joined.group) != len(layer):
            what = f"has {len(layer)} rows, and {len(joined.group)} are known"
            raise ReleaseError(Problem(f"collection '{layer.id}'", what, "Build the place anew."))
        said = JOINED if theme in UNITS else DISTRICTS if len(joined) < len(layer) else ""
        if theme in UNITS:
            # joined cells are of different size
            public = replace(public, columns=(*layer.columns, AREA))
        return replace(
            public,
            values=partial(_merged, layer, joined, with_area=theme in UNITS),
            drawn=outlines(layer, joined, crs) if base is None else base.drawn,
            description=f"{layer.description} {said}".strip(),
        )

    def joined(self, place: str) -> Joined:
        """Return which census cells of a place are shown together, in the order of its layers."""
        pieces = [self._grouped(key).cells for key in self.release.members(place)]
        shift = np.cumsum([0, *(len(piece) for piece in pieces[:-1])])
        group = np.concatenate([piece.group + s for piece, s in zip(pieces, shift, strict=True)])
        return Joined(group, np.concatenate([piece.shown for piece in pieces]))

    def _grouped(self, key: str) -> Grouping:
        return self._groups.made(key, lambda: grouping(self.release, key))

    def _districts(self, place: str, theme: str) -> Joined:
        """Return which districts of a level are shown together."""
        level = district_themes(self.release.places[place]).index(theme)
        count = pq.read_metadata(self.release.file(place, build.districts_file(level))).num_rows
        return self._grouped(place).districts(level, count)

    def _surroundings(self, layer: Layer, place: str) -> pa.Table:
        table = self._inner.surroundings(place)
        corners = np.column_stack([table["y_m"], table["x_m"]]).astype(np.int64) // CELL_M
        ags = table["ags"].to_numpy()
        group, alone = np.arange(len(corners)), np.zeros(len(corners), dtype=bool)
        for key in self.release.members(place):
            here = np.flatnonzero(ags == key)
            found, alone[here] = on_grid(self._grouped(key), corners[here])
            group[here] = here[found]
        return surroundings(layer, group, alone)


def _merged(layer: Layer, joined: Joined, *, with_area: bool) -> pa.Table:
    table = merged(layer, joined)
    return table.append_column(AREA.name, pa.array(joined.size * (CELL_M / 1000) ** 2)) if with_area else table


_ANY = ("", *(f".{name}" for name in SCENARIOS))


def _parts(collection: str) -> tuple[str, str, str]:
    """Place, theme and scenario that an id names."""
    place, _, rest = collection.partition(".")
    theme, _, name = rest.partition(".")
    return place, theme, name


def _standard_only(name: str) -> None:
    if name not in SCENARIOS:
        what, remedy = "is for planners", f"Sign in, or take one of: {', '.join(SCENARIOS)}."
        raise PlannerOnlyError(Problem(f"scenario '{name}'", what, remedy))
