"""Layers that lie in the files of a release: municipalities, districts, stock, cells, what OpenStreetMap knows."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from data import geoparquet
from geo.columns import concatenate
from geo.equity import parts
from geo.shapes import Shapes
from layers import build, columns, packing
from layers.columns import Column
from layers.drawn import Drawn
from layers.layer import Layer
from layers.release import Release

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


@dataclass(frozen=True)
class Stored:
    """Layers of the places of a release, each read when its recipe is called.

    Attributes
    ----------
    release
        Release to read.
    """

    release: Release

    def themes(self, key: str) -> dict[str, Callable[[], Layer]]:
        """Return how each layer of a place's own is made."""
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

    def fetched(self, key: str) -> dict[str, Callable[[], Layer]]:
        """Return how each layer is made that was fetched from OpenStreetMap for a place."""
        there = (theme for theme in build.FETCHED if self.release.file(key, f"{theme}.parquet").is_file())
        return {theme: partial(self._osm, key, theme) for theme in there}

    def coarse(self, place: str) -> tuple[str, str, str]:
        """Files of a municipality's census cells, and of what measures act on there."""
        if self.release.file(place, build.CELLS).is_file():
            return build.CELLS, build.POTENTIAL_CELLS, build.SEGMENTS_CELLS
        return build.STOCK, build.POTENTIAL, build.SEGMENTS

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
            [(key, build.MUNICIPALITY) for key in self.release.members(region)],
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
                [(member, self.coarse(member)[0]) for member in self.release.members(key)],
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
