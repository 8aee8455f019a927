"""What a release offers: its collections by id, made from its files when first asked for."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from data import geoparquet
from geo.columns import concatenate
from geo.equity import parts
from geo.errors import Problem
from layers import build, columns
from layers.columns import Column
from layers.errors import UnknownCollectionError
from layers.impact import impact
from layers.layer import Layer
from layers.planning import SCENARIO, Placement, Planning
from layers.release import Release

CENSUS = ("zensus2011", "localzero-ruhr", "school-social-index", "tabula", "ageb-2021", "bisko-recalled")
MODELLED = (
    "Emissions are modelled: the balance of the municipality allocated to census cells by computed heat. "
    "BISKO factors are recalled, to be verified."
)

KEPT_IN_SCENARIO = {
    *("unit_id", "ags", "area_id", "district", "name", "geometry_status", "area_km2"),
    *("people", "population", "social_index", "low_income_share"),
}


class Catalogue:
    """Collections of one release.

    Parameters
    ----------
    release
        Release to serve.
    """

    def __init__(self, release: Release) -> None:
        self.release = release
        self._layers: dict[str, Layer] = {}
        self._planning: dict[str, Planning] = {}
        self._lock = threading.RLock()
        self._recipes = self._list()

    def ids(self) -> list[str]:
        """Return all collection ids, the region first."""
        return list(self._recipes)

    def __contains__(self, collection: object) -> bool:
        return collection in self._recipes

    def layer(self, collection: str) -> Layer:
        """Return one collection.

        Raises
        ------
        UnknownCollectionError
            No collection has this id.
        """
        recipe = self._recipes.get(collection)
        if recipe is None:
            raise UnknownCollectionError(
                Problem(f"collection '{collection}'", "does not exist", "See /collections for all of them.")
            )
        with self._lock:
            if collection not in self._layers:
                self._layers[collection] = recipe()
            return self._layers[collection]

    def planning(self, place: str) -> Planning:
        """Return what measures act on in a place (a municipality, or a region of several).

        Raises
        ------
        UnknownCollectionError
            No place of the release has this key.
        """
        entry = self.release.places.get(place)
        if entry is None:
            raise UnknownCollectionError(Problem(f"place '{place}'", "does not exist", "See /places for all of them."))
        with self._lock:
            if place not in self._planning:
                stock = self.layer(f"{place}.stock")
                tables = [pq.read_table(self.release.file(k, build.POTENTIAL)) for k in self._members(place)]
                balances = [pq.read_table(self.release.file(k, build.INVENTORY)) for k in self._members(place)]
                self._planning[place] = Planning.of(place, entry["name"], self.release, stock, tables, balances)
            return self._planning[place]

    def _members(self, place: str) -> list[str]:
        members: list[str] = self.release.places[place].get("members", [place])
        return members

    def _list(self) -> dict[str, Callable[[], Layer]]:
        recipes: dict[str, Callable[[], Layer]] = {}
        places = self.release.places
        for key in sorted(places, key=lambda k: (places[k]["kind"] != "region", places[k].get("districts") is None, k)):
            if places[key]["kind"] == "region":
                recipes[f"{key}.municipalities"] = partial(self._municipalities, key)
                recipes[f"{key}.municipalities.{SCENARIO}"] = partial(self._scenario, key, "municipalities")
            elif places[key]["districts"]:
                recipes[f"{key}.districts"] = partial(self._districts, key)
                recipes[f"{key}.districts.{SCENARIO}"] = partial(self._scenario, key, "districts")
            recipes[f"{key}.stock"] = partial(self._stock, key)
            recipes[f"{key}.stock.{SCENARIO}"] = partial(self._scenario, key, "stock")
            for theme in build.FETCHED:
                if self.release.file(key, f"{theme}.parquet").is_file():
                    recipes[f"{key}.{theme}"] = partial(self._osm, key, theme)
        return recipes

    def _osm(self, key: str, theme: str) -> Layer:
        query = self.release.places[key]["fetched"]["query"]
        return self._read(
            f"{key}.{theme}",
            [(key, f"{theme}.parquet")],
            f"{theme.capitalize()} areas of {self.release.places[key]['name']} (OpenStreetMap)",
            f"OpenStreetMap as of {query['osm_base'] or query['fetched_at']}, clipped to the municipality. Areas "
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

    def _districts(self, key: str) -> Layer:
        entry = self.release.places[key]
        status = entry["districts"]["geometry_status"]
        return self._read(
            f"{key}.districts",
            [(key, build.DISTRICTS)],
            f"{entry['districts']['level']}e of {entry['name']} ({status})",
            f"Boundaries are {status}. {MODELLED} Sectors without a local figure are split by area and stand in "
            "t_co2e_spread.",
            columns.DISTRICTS,
            ("dortmund-approx", *CENSUS, "klimawatch"),
            0,
        )

    def _stock(self, key: str) -> Layer:
        return self._read(
            f"{key}.stock",
            [(member, build.STOCK) for member in self._members(key)],
            f"Building stock of {self.release.places[key]['name']} (census cells, 200 m)",
            f"Residential buildings of the 2011 census on cells of 200 m, grade C. {MODELLED} People are known on 1 km "
            "and spread by dwellings inside. Buildings that the census withholds are not on the map; see /places.",
            columns.STOCK,
            CENSUS,
            11 if self.release.places[key]["kind"] == "region" else 10,
        )

    def _scenario(self, key: str, theme: str) -> Layer:
        """Result of the standard retrofit programme on the layer of a theme, one column for each target year."""
        base = self.layer(f"{key}.{theme}")
        kept = tuple(c for c in base.columns if c.name in KEPT_IN_SCENARIO)

        def values() -> pa.Table:
            result = impact(self.planning(key), [Placement()])
            figures = result.by_unit() if theme == "stock" else result.by_area(base, theme)
            table = base.table.select([c.name for c in kept])
            for column in columns.IMPACT:
                table = table.append_column(column.name, pa.array(figures[column.name], from_pandas=True))
            return table

        return Layer(
            f"{base.id}.{SCENARIO}",
            f"{base.title}: envelope retrofit of buildings until 1918",
            f"Where the measure lands and what it saves against doing nothing. {MODELLED} Investment in prices of "
            "2020, an assumption (60 % of a published full retrofit). Bill savings count gas, district heat and "
            "electricity only: other carriers have no published price here.",
            (*kept, *columns.IMPACT),
            values,
            base.polygons,
            (*base.source_ids, "nymoen-2020", "hisim-prices", "revier-reference"),
            base.min_zoom,
            base.version,
        )

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
        pieces = [geoparquet.read(self.release.file(*file)) for file in files]
        table = pa.concat_tables([piece[0] for piece in pieces], promote_options="permissive").combine_chunks()
        return Layer(
            collection,
            title,
            description,
            layout,
            partial(table.select, [column.name for column in layout]),
            concatenate([piece[1] for piece in pieces]),
            source_ids,
            min_zoom,
            self.release.id,
        )
