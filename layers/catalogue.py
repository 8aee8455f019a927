"""What a release offers: its collections by id, made from its files when first asked for."""

from __future__ import annotations

import re
import threading
import unicodedata
from collections.abc import Callable
from dataclasses import replace
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
from geo.arrays import FloatArray, sum_by
from geo.columns import Polygons, concatenate
from geo.cooling import exposed_people
from geo.equity import parts
from geo.errors import Problem
from geo.shapes import Shapes
from layers import build, columns, packing, theme_layers
from layers.columns import Column
from layers.drawn import Drawn
from layers.errors import UnknownCollectionError
from layers.findings import by_area, by_unit
from layers.impact import Impact
from layers.layer import Layer, Work
from layers.once import Once
from layers.planning import Areas, Member, Planning, planning
from layers.published import Entry, Published
from layers.release import Release
from layers.scenarios import NAMES as STANDARD_NAMES
from layers.scenarios import Scenario, Store, run, standard
from layers.social import Social
from layers.social_sources import SCHOOLS, Sources, sources_of
from layers.theme_layers import OF_SCENARIO

if TYPE_CHECKING:
    import pandas as pd

    from layers.public import PublicCatalogue

MODEL = ("tabula", "ageb-2021", "bisko-recalled")
CENSUS = ("zensus2011", "localzero-ruhr", "school-social-index", *MODEL)
MODELLED = (
    "Emissions are modelled: the balance of the municipality allocated to its stock by computed heat. "
    "BISKO factors are recalled, to be verified."
)

ON_CELLS = (
    "The census (2011) knows people on 1 km; they are spread by dwellings inside. Buildings that it withholds are not "
    "on the map; see /places."
)
BUILDING_ZOOM = 14
# results kept in memory; one of a city takes some 50 MB
MAX_IMPACTS = 12

KEPT_IN_SCENARIO = {
    *("unit_id", "ags", "area_id", "district", "name", "geometry_status", "area_km2"),
    *("people", "population", "social_index", "low_income_share"),
    *("use", "building_type", "data_grade"),
}


def district_themes(entry: dict[str, Any]) -> list[str]:
    """Names of the district layers of a place: the first level is `districts`, others carry their own name."""
    levels = entry.get("districts") or []
    names = [re.sub(r"[^a-z0-9]+", "-", _ascii(d["level"]).lower()).strip("-") or "level" for d in levels]
    return ["districts" if i == 0 else f"districts-{name}" for i, name in enumerate(names)]


def _ascii(text: str) -> str:
    return unicodedata.normalize("NFKD", text.replace("ß", "ss")).encode("ascii", "ignore").decode()


def _what(entry: dict[str, Any]) -> str:
    """Say what the units of a stock are."""
    words = {"A": "official buildings", "B": "mapped buildings", "C": "census cells", "D": "MODELLED footprints"}
    return ", ".join(f"{n:,} {words[g]}" for g, n in entry["stock"]["by_grade"].items())


def _warning(entry: dict[str, Any]) -> str:
    if not entry["stock"]["modelled_footprints"]:
        return ""
    return (
        "Modelled footprints (grade D) are drawn by a seed from the counts of their census cell: outline, size, type "
        "and position of a single building are NOT real; only sums over cells mean anything. "
    )


def _basis(entry: dict[str, Any]) -> str:
    """Say what the figures rest on, as far as it was used here."""
    if entry["built_in"]:
        return f"{MODELLED} {ON_CELLS}"
    return MODELLED if entry["stock"]["units"] else "No buildings are known, so nothing is modelled."


def _not_brought(entry: dict[str, Any]) -> str:
    lacking = [f"{m['what']} ({m['instead']})" for m in entry["missing"]]
    return f"Not brought: {'; '.join(lacking)}." if lacking else ""


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
        for key in self._members(place):
            entry = self.release.places[key]
            files = self._coarse(key)[1:] if coarse else (build.POTENTIAL, build.SEGMENTS)
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
            for key in self._members(plan.place):
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
        return all(self.release.file(key, file).is_file() for key in self._members(place))

    def told(self, place: str) -> set[str]:
        """Columns of the surroundings that any municipality of a place tells."""
        return {c for key in self._members(place) for c in self.release.places[key].get("surroundings", [])}

    def raster(self, collection: str, name: str) -> Path | None:
        """File of a place's own raster, finer than the cells of a layer; None where there is none of this name."""
        place, _, theme = collection.partition(".")
        if theme != "heat" or name not in build.RASTERS or place not in self.release.places:
            return None
        file = self.release.file(place, f"{name}.tif")
        return file if file.is_file() else None

    def knows_land(self, place: str) -> bool:
        """Whether the land use of a place is published."""
        return all(self.release.places[key].get("built_in") for key in self._members(place))

    def cells(self, place: str) -> Layer:
        """Census cells of a place."""
        return self.layer(f"{place}.cells" if f"{place}.cells" in self._recipes else f"{place}.stock")

    def crs(self, place: str) -> CRS:
        """Return the reference system of a place, that of its members for a region."""
        return CRS.from_user_input(self.release.places[self._members(place)[0]]["crs"])

    def municipality(self, key: str) -> tuple[pa.Table, Polygons]:
        """Published figures and outline of a municipality: few, and read for several layers."""
        file = self.release.file(key, build.MUNICIPALITY)
        return self.release.remembered(("municipality", key), lambda: geoparquet.read(file))

    def surroundings(self, place: str) -> pd.DataFrame:
        """What surrounds people by cell of 200 m; see `data.environment`."""
        import pandas as pd  # noqa: PLC0415 - slow to import

        def read() -> pd.DataFrame:
            files = [(key, self.release.file(key, build.ENVIRONMENT)) for key in self._members(place)]
            tables = [pq.read_table(file).to_pandas().assign(ags=key) for key, file in files]
            table = pd.concat(tables, ignore_index=True)
            warm = table["night_anomaly_k"].to_numpy(np.float64)
            people = np.nan_to_num(table["people"].to_numpy(np.float64))
            found: pd.DataFrame = table.assign(exposed=_exposed(warm, people))
            return found

        return self._surroundings.made(place, read)

    def _members(self, place: str) -> list[str]:
        members: list[str] = self.release.places[place].get("members", [place])
        return members

    def _coarse(self, place: str) -> tuple[str, str, str]:
        """Files of a municipality's census cells, and of what measures act on there."""
        if self.release.file(place, build.CELLS).is_file():
            return build.CELLS, build.POTENTIAL_CELLS, build.SEGMENTS_CELLS
        return build.STOCK, build.POTENTIAL, build.SEGMENTS

    def _list(self) -> dict[str, Callable[[], Layer]]:
        recipes: dict[str, Callable[[], Layer]] = {}
        places = self.release.places
        for key in sorted(places, key=lambda k: (places[k]["kind"] != "region", places[k].get("districts") is None, k)):
            region = places[key]["kind"] == "region"
            acts = region or places[key]["calibration"] is not None
            themes = self._themes(key)
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
            for theme in build.FETCHED:
                if self.release.file(key, f"{theme}.parquet").is_file():
                    recipes[f"{key}.{theme}"] = partial(self._osm, key, theme)
        return recipes

    def _themes(self, key: str) -> dict[str, Callable[[], Layer]]:
        entry = self.release.places[key]
        region = entry["kind"] == "region"
        themes: dict[str, Callable[[], Layer]] = {}
        if region:
            themes["municipalities"] = partial(self._municipalities, key)
        for level, name in enumerate(district_themes(entry)):
            themes[name] = partial(self._districts, key, level)
        if region or entry["stock"]["units"]:
            themes["stock"] = partial(self._stock, key)
        if not region and self.release.file(key, build.CELLS).is_file():
            themes["cells"] = partial(self._cells, key)
        return themes

    def _osm(self, key: str, theme: str) -> Layer:
        query = (self.release.places[key]["fetched"] or {}).get("query", {})
        when = query.get("osm_base") or query.get("fetched_at") or "the date of the imported file"
        return self._read(
            f"{key}.{theme}",
            [(key, f"{theme}.parquet")],
            f"{theme.capitalize()} areas of {self.release.places[key]['name']} (OpenStreetMap)",
            f"OpenStreetMap as of {when}, clipped to the municipality. Areas "
            "overlap (grass in a park): dissolve before summing.",
            columns.OSM,
            ("osm",),
            10,
        )

    def _municipalities(self, region: str) -> Layer:
        layer = self._read(
            f"{region}.municipalities",
            [(key, build.MUNICIPALITY) for key in self._members(region)],
            f"Municipalities of {self.release.places[region]['name']}",
            "Published figures by municipality; emissions from the city's own balance (grade B) or national figures "
            "per head (grade D). Low-income share and quintiles rank the municipalities of the region.",
            columns.MUNICIPALITIES,
            ("vg250", "localzero-ruhr", "school-social-index", "press-balances", "klimawatch", "bisko-recalled"),
            0,
        )
        index, people = layer.column("social_index"), layer.column("population")
        known = np.isfinite(index)
        share = np.full(len(layer), np.nan)
        share[known] = parts(people[known], -index[known])[:, 0]
        position = layer.table.column_names.index("low_income_share")
        table = layer.table.set_column(position, "low_income_share", pa.array(share, from_pandas=True))
        return replace(layer, values=lambda: table)

    def _districts(self, key: str, level: int) -> Layer:
        entry = self.release.places[key]
        district = entry["districts"][level]
        status = district["geometry_status"]
        return self._read(
            f"{key}.{district_themes(entry)[level]}",
            [(key, build.districts_file(level))],
            f"{district['level']} of {entry['name']} ({status})",
            f"Boundaries are {status}. {_basis(entry)} What no local figure places is split by area and stands in "
            f"t_co2e_spread; p05 and p95 say how sure a sum is. {_not_brought(entry)}",
            columns.DISTRICTS,
            (*([district["source_id"]] if district["source_id"] else []), *self._sources(key)),
            0,
        )

    def _stock(self, key: str) -> Layer:
        entry = self.release.places[key]
        if entry["kind"] == "region":
            return self._read(
                f"{key}.stock",
                [(member, self._coarse(member)[0]) for member in self._members(key)],
                f"Building stock of {entry['name']} (census cells, 200 m)",
                f"Residential buildings on cells of 200 m, grade C or as their buildings. {MODELLED} {ON_CELLS}",
                columns.CELLS,
                CENSUS,
                11,
            )
        what = _what(entry)
        return self._read(
            f"{key}.stock",
            [(key, build.STOCK)],
            f"Building stock of {entry['name']} ({what})",
            f"Units of the stock: {what}. {_warning(entry)}{_basis(entry)} {_not_brought(entry)}",
            columns.STOCK,
            self._sources(key),
            BUILDING_ZOOM if entry["stock"]["footprints"] else 10,
        )

    def _cells(self, key: str) -> Layer:
        entry = self.release.places[key]
        return self._read(
            f"{key}.cells",
            [(key, build.CELLS)],
            f"Building stock of {entry['name']} on cells of 200 m",
            f"Sums of the stock ({_what(entry)}) on the INSPIRE grid. {_warning(entry)}{_basis(entry)}",
            columns.CELLS,
            self._sources(key),
            10,
        )

    def _sources(self, key: str) -> tuple[str, ...]:
        """Sources behind the figures of a municipality, its own first."""
        entry = self.release.places[key]
        own = [source["source_id"] for source in entry["own_sources"]]
        osm = ["osm"] if entry["fetched"] or self.release.file(key, "green.parquet").is_file() else []
        balance = ["klimawatch"] if entry["inventory"]["edition"].startswith("city") else []
        if entry["built_in"]:
            return (*own, *osm, *CENSUS, *balance)
        # a place outside the table rests on its own files, and on the model only as far as it was used
        return (*own, *osm, *(MODEL if entry["stock"]["units"] else ()))

    def _planned(self, key: str) -> list[str]:
        """Themes of a place that scenarios have layers of."""
        entry = self.release.places[key]
        if entry["kind"] == "municipality" and entry["calibration"] is None:
            return []
        return [t for t in ("municipalities", "districts", "stock", "cells") if f"{key}.{t}" in self._recipes]

    def _scenario(self, key: str, theme: str, name: str) -> Layer:
        """Result of a scenario on the layer of a theme, one column for each target year."""
        if theme in OF_SCENARIO:
            return theme_layers.of_scenario(self, key, theme, name)
        base = self.layer(f"{key}.{theme}")
        kept = tuple(c for c in base.columns if c.name in KEPT_IN_SCENARIO)
        on_units = theme in {"stock", "cells"}
        added = columns.IMPACT if on_units else columns.IMPACT_AREAS
        title = STANDARD_NAMES[name][0] if name in SCENARIOS else self.store.get(key, name).name
        about = "its households" if on_units else "all sectors"

        def values() -> pa.Table:
            result = self.run(key, name, coarse=theme == "cells")
            figures = by_unit(result) if on_units else self._by_area(base, theme, by_area(result), result)
            table = base.table.select([c.name for c in kept])
            for column in added:
                table = table.append_column(column.name, pa.array(figures[column.name], from_pandas=True))
            return table

        return Layer(
            f"{base.id}.{name}",
            f"{base.title}: {title}",
            f"Scenario '{title}': where its measures land, and the emissions of {about} with them. {MODELLED} Saved is "
            "against the same external path without measures. Investment in prices of 2024, in part assumed. Bill "
            "savings count gas, district heat and electricity only: other carriers have no published price here.",
            (*kept, *added),
            values,
            base.drawn,
            (*base.source_ids, "nymoen-2020", "hisim-prices", "revier-reference"),
            base.min_zoom,
            base.version if name in SCENARIOS else self.version,
            base,
        )

    def _by_area(
        self, base: Layer, theme: str, figures: dict[str, FloatArray], result: Impact
    ) -> dict[str, FloatArray]:
        """Put figures by area in the order of a district layer, or sum them by municipality."""
        if theme == "districts":
            keys = [
                f"{a}.{d}"
                for a, d in zip(base.table["ags"].to_pylist(), base.table["district"].to_pylist(), strict=True)
            ]
            position = {key: i for i, key in enumerate(keys)}
            group = np.array([position[area] for area in result.planning.areas])
        else:
            position = {key: i for i, key in enumerate(base.table["ags"].to_pylist())}
            group = np.array([position[area.split(".")[0]] for area in result.planning.areas])
        return {name: sum_by(group, values, len(base)) for name, values in figures.items()}

    def _read(
        self,
        collection: str,
        files: list[tuple[str, str]],
        title: str,
        description: str,
        layout: tuple[Column, ...],
        source_ids: tuple[str, ...],
        min_zoom: int,
    ) -> Layer:
        def read() -> tuple[pa.Table, Drawn]:
            pieces = [geoparquet.read(self.release.file(*file)) for file in files]
            table = pa.concat_tables([piece[0] for piece in pieces], promote_options="permissive").combine_chunks()
            shapes = Shapes.of(concatenate([piece[1] for piece in pieces]))
            return table.select([column.name for column in layout]), Drawn(shapes)

        rows = sum(pq.read_metadata(self.release.file(*file)).num_rows for file in files)
        if rows >= packing.FROM_ROWS:
            values, drawn = packing.packed(self.release, collection, read)
        else:
            table, drawn = read()
            values = partial(table.select, table.column_names)
        return Layer(collection, title, description, layout, values, drawn, source_ids, min_zoom, self.release.id)
