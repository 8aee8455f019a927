"""What a release offers: its collections by id, made from its files when first asked for."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from pyproj import CRS

from data import geoparquet
from data.measures import Measure, with_overrides
from data.schema import SCENARIOS
from geo.arrays import FloatArray
from geo.columns import Polygons, concatenate
from geo.cooling import exposed_people
from geo.errors import Problem
from layers import build, theme_layers
from layers.errors import UnknownCollectionError
from layers.impact import Impact
from layers.layer import Layer, Work
from layers.once import Once
from layers.planning import Areas, Member, Planning, planning
from layers.published import Entry, Published
from layers.release import Release
from layers.scenario_layers import scenario_layer
from layers.scenarios import Scenario, Store, run, standard
from layers.social import Social
from layers.social_sources import SCHOOLS, Sources, sources_of
from layers.stored_layers import Stored
from layers.theme_layers import OF_SCENARIO

if TYPE_CHECKING:
    import pandas as pd

    from layers.public import PublicCatalogue

# results kept in memory; one of a city takes some 50 MB
MAX_IMPACTS = 12


def _exposed(warm_k: FloatArray, people: FloatArray) -> FloatArray:
    """1 for the cells warmer than 80 % of all, 0 for the others; NaN where it is not known."""
    known = np.isfinite(warm_k)
    if not known.any():
        return np.full(len(warm_k), np.nan)
    return np.where(known, (warm_k > exposed_people(warm_k, people).threshold_k).astype(float), np.nan)


class Catalogue:
    """Collections of one release.

    Parameters
    ----------
    release
        Release to serve.
    """

    def __init__(self, release: Release) -> None:
        self.release = release
        self._stored = Stored(release)
        # a user's scenarios outlive releases: they lie beside them
        self.store = Store(release.folder.parents[1])
        self.published = Published(release.folder.parents[1])
        self._impacts: Once[tuple[str, bool, str], Impact] = Once(MAX_IMPACTS)
        self._layers: Once[str, Layer] = Once()
        self._own_layers: dict[str, tuple[str, Layer]] = {}
        self._public: PublicCatalogue | None = None
        self._surroundings: Once[str, pd.DataFrame] = Once()
        self._planning: Once[tuple[str, bool], Planning] = Once()
        self._lock = threading.RLock()
        self._recipes = self._list()

    @property
    def version(self) -> str:
        """Changes with the release, every scenario of a user, and every layer that is published or removed."""
        return f"{self.release.id} {self.store.stamp()} {self.published.stamp()}"

    @property
    def sources(self) -> dict[str, dict[str, Any]]:
        """Sources by id: of the release, and of the layers published beside it."""
        brought = [entry.source for entry in self.published.entries().values()]
        return {source["source_id"]: source for source in (*self.release.manifest["sources"], *brought)}

    def ids(self) -> list[str]:
        """Return all collection ids, the region first, what was published last."""
        return [*self._recipes, *self._own(), *(name for name in self.published.entries() if self.brought(name))]

    def brought(self, collection: str) -> Entry | None:
        """Return a published layer; what begins with the key of a place is the release's own, and never one."""
        return None if collection.partition(".")[0] in self.release.places else self.published.get(collection)

    def _own(self) -> dict[str, Callable[[], Layer]]:
        """Layers of users' scenarios."""
        return {
            f"{key}.{theme}.{name}": partial(self._scenario, key, theme, name)
            for key in self.release.places
            for name in self.store.names(key)
            for theme in (*self._planned(key), *(OF_SCENARIO if self.acts(key) else ()))
        }

    def __contains__(self, collection: object) -> bool:
        is_brought = isinstance(collection, str) and self.brought(collection) is not None
        return is_brought or collection in self._recipes or collection in self._own()

    def layer(self, collection: str) -> Layer:
        """Return one collection.

        Raises
        ------
        UnknownCollectionError
            No collection has this id.
        """
        recipe = self._recipes.get(collection)
        if recipe is None:
            brought = self.brought(collection)
            return self._own_layer(collection) if brought is None else brought.layer
        return self._layers.made(collection, recipe)

    def _own_layer(self, collection: str) -> Layer:
        version = self.version
        kept = self._own_layers.get(collection)
        if kept is not None and kept[0] == version:
            return kept[1]
        recipe = self._own().get(collection)
        if recipe is None:
            raise UnknownCollectionError(
                Problem(f"collection '{collection}'", "does not exist", "See /collections for all of them.")
            )
        made = recipe()
        kept_on = {k: v for k, v in self._own_layers.items() if v[0] == version}
        self._own_layers = kept_on | {collection: (version, made)}
        return made

    @property
    def places(self) -> dict[str, dict[str, Any]]:
        """Places by key, as the manifest describes them."""
        return self.release.places

    def scenario_names(self, place: str) -> list[str]:
        """Ids of the scenarios of a place, the standard ones first."""
        return [*SCENARIOS, *self.store.names(place)]

    def areas_meet(self, place: str) -> bool:  # noqa: ARG002 - the public's knows
        """Whether figures by district may be shown; to planners they may."""
        return True

    def gridded(self, collection: str) -> Layer:
        """Return one collection with a row for each cell, for rasters; the public's has fewer rows."""
        return self.layer(collection)

    def public(self) -> PublicCatalogue:
        """Return what the public sees of the release."""
        from layers.public import PublicCatalogue  # noqa: PLC0415 - it is built on this one

        with self._lock:
            if self._public is None:
                self._public = PublicCatalogue(self)
            return self._public

    def prepare(self) -> None:
        """Write large layers as columns to map, so that no request waits for it."""
        for collection in self._recipes:
            if collection.count(".") == 1 and collection.endswith((".stock", ".cells")):
                self.layer(collection)

    def ready(self, collection: str, work: Work) -> Layer | None:
        """Return a layer that such work was done on before: one that needs no computing now; None for all others."""
        kept = self._own_layers.get(collection)
        if kept is not None and kept[0] != self.version:
            return None
        layer = self._layers.get(collection) if kept is None else kept[1]
        if layer is None:
            brought = self.brought(collection)
            layer = None if brought is None else brought.layer
        return layer if layer is not None and layer.is_ready(work) else None

    def scenario(self, place: str, name: str) -> Scenario:
        """Return a scenario of a place, a standard one or a user's own.

        Raises
        ------
        UnknownCollectionError, UnknownScenarioError
            No place or scenario has this id.
        """
        if name in SCENARIOS:
            planning = self.planning(place)
            return planning.remembered(("standard", name), lambda: standard(planning, name))
        self.planning(place)
        return self.store.get(place, name)

    def run(self, place: str, name: str, *, coarse: bool = False) -> Impact:
        """Compute a scenario, once; a scenario of an older release is computed on the served one."""
        scenario = self.scenario(place, name)
        coarse = self._is_coarse(place, coarse=coarse)
        key = (place, coarse, scenario.model_dump_json())

        def computed() -> Impact:
            planning = self.planning(place, coarse=coarse)
            # shares of what there is are worked out anew where units are coarser
            return run(planning, standard(planning, name) if name in SCENARIOS else scenario)

        return self._impacts.made(key, computed)

    def planning(self, place: str, *, coarse: bool = False) -> Planning:
        """Return what measures act on in a place (a municipality, or a region of several).

        Parameters
        ----------
        place
            Key of a municipality or region.
        coarse
            By census cell, as a region always is, instead of by stock unit.

        Raises
        ------
        UnknownCollectionError
            No place of the release has this key, or nothing is known of its buildings.
        """
        entry = self.release.places.get(place)
        if entry is None:
            raise UnknownCollectionError(Problem(f"place '{place}'", "does not exist", "See /places for all of them."))
        if entry["kind"] == "municipality" and entry["calibration"] is None:
            what = "has no buildings with modelled heat"
            remedy = "Import its buildings with `revier import`."
            raise UnknownCollectionError(Problem(f"place '{place}'", what, remedy))
        coarse = self._is_coarse(place, coarse=coarse)
        return self._planning.made((place, coarse), lambda: self._make_planning(place, coarse=coarse))

    def _is_coarse(self, place: str, *, coarse: bool) -> bool:
        """Whether a place is planned by census cell: asked for, or since it knows nothing finer."""
        is_region = self.release.places.get(place, {}).get("kind") == "region"
        return coarse or is_region or not self.release.file(place, build.CELLS).is_file()

    def _make_planning(self, place: str, *, coarse: bool) -> Planning:
        base = f"{place}.cells" if coarse and f"{place}.cells" in self else f"{place}.stock"
        members, ids, outlines = [], [], []
        for key in self.release.members(place):
            entry = self.release.places[key]
            files = self._stored.coarse(key)[1:] if coarse else (build.POTENTIAL, build.SEGMENTS)
            tables = [pq.read_table(self.release.file(key, f)) for f in (*files, build.INVENTORY, build.ALLOCATION)]
            members.append(Member(key, entry, *tables))
            file = build.districts_file(0) if entry["districts"] else build.MUNICIPALITY
            table, shapes = geoparquet.read(self.release.file(key, file))
            names = table["district"].to_pylist() if entry["districts"] else [""]
            ids += [f"{key}.{name}" if name else key for name in names]
            outlines.append(shapes)
        areas = Areas(tuple(ids), concatenate(outlines))
        measures = {m["measure"]: Measure.of_document(m) for m in self.release.manifest["measures"]}
        measures = with_overrides(measures, self.release.places[place].get("own_figures", []), f"{place}, measures")
        return planning(place, self.release, self.layer(base), areas, members, measures)

    def social(
        self, place: str, indicator: str = SCHOOLS, *, coarse: bool = False, students_poor_share: float | None = None
    ) -> Social:
        """Return who lives where in a place, by an indicator of low income.

        Raises
        ------
        UnknownCollectionError
            No place of the release has this key, or nothing is known of its buildings.
        InputError
            The place does not have this indicator.
        """
        plan = self.planning(place, coarse=coarse)

        def make() -> Social:
            sources = self._social_sources(plan, coarse=coarse)
            return Social(sources, indicator, students_poor_share=students_poor_share)

        return plan.remembered(("social", indicator, students_poor_share), make)

    def _social_sources(self, plan: Planning, *, coarse: bool) -> Sources:
        def make() -> Sources:
            zones, indicators, points = [], [], []
            fine = not coarse and self.release.places[plan.place]["kind"] != "region"
            for key in self.release.members(plan.place):
                cells = self.release.file(key, build.ZONES_CELLS)
                zones.append(
                    pq.read_table(self.release.file(key, build.ZONES) if fine or not cells.is_file() else cells)
                )
                indicators.append(pq.read_table(self.release.file(key, build.INDICATORS)))
                file = self.release.file(key, build.POINTS)
                points += [pq.read_table(file)] if file.is_file() else []
            return sources_of(plan, zones, indicators, points)

        return plan.remembered("social sources", make)

    def acts(self, place: str) -> bool:
        """Whether measures have something to act on in a place."""
        entry = self.release.places[place]
        return entry["kind"] == "region" or entry["calibration"] is not None

    def has(self, place: str, file: str) -> bool:
        """Whether the release holds a file for all municipalities of a place."""
        return all(self.release.file(key, file).is_file() for key in self.release.members(place))

    def told(self, place: str) -> set[str]:
        """Columns of the surroundings that any municipality of a place tells."""
        return {c for key in self.release.members(place) for c in self.release.places[key].get("surroundings", [])}

    def raster(self, collection: str, name: str) -> Path | None:
        """File of a place's own raster, finer than the cells of a layer; None where there is none of this name."""
        place, _, theme = collection.partition(".")
        if theme != "heat" or name not in build.RASTERS or place not in self.release.places:
            return None
        file = self.release.file(place, f"{name}.tif")
        return file if file.is_file() else None

    def knows_land(self, place: str) -> bool:
        """Whether the land use of a place is published."""
        return all(self.release.places[key].get("built_in") for key in self.release.members(place))

    def cells(self, place: str) -> Layer:
        """Census cells of a place."""
        return self.layer(f"{place}.cells" if f"{place}.cells" in self._recipes else f"{place}.stock")

    def crs(self, place: str) -> CRS:
        """Return the reference system of a place, that of its members for a region."""
        return CRS.from_user_input(self.release.places[self.release.members(place)[0]]["crs"])

    def municipality(self, key: str) -> tuple[pa.Table, Polygons]:
        """Published figures and outline of a municipality: few, and read for several layers."""
        file = self.release.file(key, build.MUNICIPALITY)
        return self.release.remembered(("municipality", key), lambda: geoparquet.read(file))

    def surroundings(self, place: str) -> pd.DataFrame:
        """What surrounds people by cell of 200 m; see `data.environment`."""
        import pandas as pd  # noqa: PLC0415 - slow to import

        def read() -> pd.DataFrame:
            files = [(key, self.release.file(key, build.ENVIRONMENT)) for key in self.release.members(place)]
            tables = [pq.read_table(file).to_pandas().assign(ags=key) for key, file in files]
            table = pd.concat(tables, ignore_index=True)
            warm = table["night_anomaly_k"].to_numpy(np.float64)
            people = np.nan_to_num(table["people"].to_numpy(np.float64))
            found: pd.DataFrame = table.assign(exposed=_exposed(warm, people))
            return found

        return self._surroundings.made(place, read)

    def _list(self) -> dict[str, Callable[[], Layer]]:
        recipes: dict[str, Callable[[], Layer]] = {}
        places = self.release.places
        for key in sorted(places, key=lambda k: (places[k]["kind"] != "region", places[k].get("districts") is None, k)):
            region = places[key]["kind"] == "region"
            acts = region or places[key]["calibration"] is not None
            themes = self._stored.themes(key)
            for theme, recipe in themes.items():
                recipes[f"{key}.{theme}"] = recipe
                if acts and theme in {"municipalities", "districts", "stock", "cells"}:
                    for name in SCENARIOS:
                        recipes[f"{key}.{theme}.{name}"] = partial(self._scenario, key, theme, name)
            for theme, recipe in theme_layers.of_place(self, key).items():
                recipes[f"{key}.{theme}"] = recipe
            for theme in OF_SCENARIO if acts else ():
                for name in SCENARIOS:
                    recipes[f"{key}.{theme}.{name}"] = partial(self._scenario, key, theme, name)
            for theme, recipe in self._stored.fetched(key).items():
                recipes[f"{key}.{theme}"] = recipe
        return recipes

    def _planned(self, key: str) -> list[str]:
        """Themes of a place that scenarios have layers of."""
        entry = self.release.places[key]
        if entry["kind"] == "municipality" and entry["calibration"] is None:
            return []
        return [t for t in ("municipalities", "districts", "stock", "cells") if f"{key}.{t}" in self._recipes]

    def _scenario(self, key: str, theme: str, name: str) -> Layer:
        make = theme_layers.of_scenario if theme in OF_SCENARIO else scenario_layer
        return make(self, key, theme, name)
