"""A city's own files, read by its `place.toml`: cleaned, counted, kept as columns beside the releases.

All problems of all files are collected before anything is refused, and nothing is written unless everything could be
read; what can be mended is mended and stands in the report.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely
from pyproj import CRS

from data.errors import ImportedError
from data.figures import CRS_CELLS
from data.inputs import INPUTS, Input
from data.place import FILE, BoundaryFile, BuildingsFile, File, IndicatorPointsFile, Place, RasterFile
from data.report import Line, Report
from geo.errors import Problem, RevierError

if TYPE_CHECKING:
    import geopandas as gpd
    import pandas as pd

    from geo.zonal import Raster

OSM_LAYERS = ("buildings", "streets", "landuse", "green", "blue")
# layers that are cut at the outline, and layers of one point each
CUT = ("green", "blue", "low_income_areas")
SINGLE = ("trees", "indicator_points")
REPORT = "report.json"
RASTER = "raster_"


@dataclass(frozen=True)
class Imports:
    """What a city brought, clean and in the place's CRS; None where it brought nothing.

    Attributes
    ----------
    boundary
        One row.
    districts
        One frame for each level.
    buildings
        Columns of `INPUTS["buildings"]`, and `data_grade`.
    streets, landuse, sites
        Columns of `INPUTS`.
    green, blue
        Cut at the outline, as `data.osm` gives them: `osm_id`, `kind`, `name`, `public`, `area_m2`. Of the city's own,
        `public` is nullable: NA is unknown. They may overlap: dissolve before summing.
    trees
        One point each: `kind`, `crown_m2` (NaN = unknown), `height_m`, `year_planted`.
    low_income_areas
        The city's official ones, cut at the outline: `name`. They may overlap.
    indicator_points
        `indicator`, `value`, `size` (NaN = unknown), `name`.
    rasters
        By kind, ``"ndvi"``, ``"canopy"``, ``"sealing"`` or ``"land_cover"``; see `data.cover.read`.
    cells
        Its own census, on cells of 200 m; see `data.census.aggregate`.
    inventory
        Table.
    indicators
        One row for each `district`, figures of all files side by side; rates are shares.
    report
        What became of every feature.
    sources
        Rows as in `sources.csv`, one for each file that states its source.
    hashes
        sha256 of every file read.
    """

    boundary: gpd.GeoDataFrame | None = None
    districts: tuple[gpd.GeoDataFrame, ...] = ()
    buildings: gpd.GeoDataFrame | None = None
    streets: gpd.GeoDataFrame | None = None
    landuse: gpd.GeoDataFrame | None = None
    sites: gpd.GeoDataFrame | None = None
    green: gpd.GeoDataFrame | None = None
    blue: gpd.GeoDataFrame | None = None
    trees: gpd.GeoDataFrame | None = None
    low_income_areas: gpd.GeoDataFrame | None = None
    indicator_points: gpd.GeoDataFrame | None = None
    rasters: Mapping[str, Raster] = field(default_factory=dict)
    cells: pd.DataFrame | None = None
    inventory: pd.DataFrame | None = None
    indicators: pd.DataFrame | None = None
    report: Report = field(default_factory=Report)
    sources: tuple[dict[str, Any], ...] = ()
    hashes: dict[str, str] = field(default_factory=dict)

    def outline(self) -> shapely.Geometry | None:
        """Outline of the place: its boundary, else all its districts together."""
        if self.boundary is not None:
            return shapely.union_all(self.boundary.geometry.to_numpy())
        return shapely.union_all(self.districts[0].geometry.to_numpy()) if self.districts else None


def read(place: Place, *, outline: shapely.Geometry | None = None) -> Imports:
    """Read all files of a place.

    Parameters
    ----------
    place
        As `data.place.load` gives it.
    outline
        Outline to use where the place brings neither boundary nor districts, in its CRS.

    Raises
    ------
    ImportedError
        Every problem of every file that cannot be used; see also `survey`.
    """
    imports, problems = survey(place, outline=outline)
    if problems:
        raise ImportedError(problems)
    return imports


def survey(place: Place, *, outline: shapely.Geometry | None = None) -> tuple[Imports, list[Problem]]:
    """Read all files of a place as far as they go: what is usable, and all problems. For `revier doctor`."""
    reader = _Reader(place, outline)
    return reader.everything(), reader.problems


class _Reader:
    """Reads one place, collecting problems instead of ending at the first."""

    def __init__(self, place: Place, outline: shapely.Geometry | None) -> None:
        self.place = place
        self.crs = CRS.from_user_input(place.crs)
        self.report = Report()
        self.problems: list[Problem] = []
        self.given_outline = outline

    def everything(self) -> Imports:
        place = self.place
        boundary = self._layer("boundary", [place.boundary] if place.boundary else [], None)
        self.outline: shapely.Geometry | None = None
        if boundary is not None and len(boundary):
            self.outline = shapely.union_all(boundary.geometry.to_numpy())
        districts = self._districts()
        if self.outline is None and self.given_outline is None and districts:
            self.outline = shapely.union_all(districts[0].geometry.to_numpy())
        self.outline = self.outline if self.outline is not None else self.given_outline
        osm = self._osm()
        layers = {
            name: self._joined(name, self._layer(name, getattr(place, name), self.outline), osm.get(name))
            for name in ("streets", "landuse", "sites")
        }
        return Imports(
            boundary=boundary,
            districts=tuple(districts),
            buildings=self._buildings(osm.get("buildings")),
            **layers,
            green=self._grounds("green", osm.get("green")),
            blue=self._grounds("blue", osm.get("blue")),
            trees=self._layer("trees", place.trees, self.outline),
            low_income_areas=self._layer("low_income_areas", place.low_income_areas, self.outline),
            indicator_points=self._layer("indicator_points", place.indicator_points, self.outline),
            rasters=self._rasters(),
            cells=self._try(self._cells) if place.census else None,
            inventory=self._table(INPUTS["inventory"], place.inventory),
            indicators=self._indicators(districts),
            report=self.report,
            sources=tuple(self._sources()),
            hashes={f.file: _sha256(place.folder / f.file) for f in place.files() if (place.folder / f.file).is_file()},
        )

    def _try(self, work: Callable[[], Any]) -> Any:  # noqa: ANN401 - whatever the work gives
        try:
            return work()
        except RevierError as error:
            self.problems += error.problems or [Problem(self.place.key, str(error), "See the message.")]
            return None

    def _vector(self, file: File) -> gpd.GeoDataFrame:
        from data import vector  # noqa: PLC0415 - slow to import

        path = self.place.folder / file.file
        return vector.read(path, layer=file.layer, columns=file.columns, values=file.values, crs=file.crs)

    def _layer(self, name: str, files: Sequence[File], outline: shapely.Geometry | None) -> gpd.GeoDataFrame | None:
        """Read, clean and join the files of one layer."""
        frames = []
        for file in files:
            if not (self.place.folder / file.file).is_file():
                continue  # said when the place was read
            frame = self._try(partial(self._read_layer, name, file, outline))
            if frame is not None:
                frames.append(frame)
        return _concat(frames)

    def _cells(self) -> pd.DataFrame:
        """Read the place's census: cells whose middle lies in it, summed to 200 m."""
        import geopandas as gpd  # noqa: PLC0415 - slow to import

        from data import census  # noqa: PLC0415 - slow to import

        given = self.place.census
        assert given is not None  # noqa: S101 - asked for only then
        outline = gpd.GeoSeries([self._needed_outline("a census")], crs=self.crs).to_crs(CRS_CELLS).union_all()
        paths = [self.place.folder / name for name in given.files]
        cells = census.read(
            paths,
            report=self.report,
            edition=given.edition,
            bounds=shapely.bounds(outline).tolist(),
            cell_m=given.cell_m,
        )
        shapely.prepare(outline)
        half = given.cell_m / 2
        inside = shapely.contains_xy(outline, cells["x_m"] + half, cells["y_m"] + half)
        where = f"census of {self.place.key}"
        corners = "N" + cells["y_m"].astype(str) + "E" + cells["x_m"].astype(str)
        self.report.add(where, "cells outside the place", corners[~inside], "dropped", "Nothing to do.")
        self.report.count(where, len(cells), int(inside.sum()))
        return census.aggregate(cells[inside].assign(ags=self.place.key), 2 * given.cell_m)

    def _needed_outline(self, what: str) -> shapely.Geometry:
        if self.outline is None:
            problem = Problem(self.place.key, f"has {what} but no outline", "Add [boundary] or [[districts]].")
            raise ImportedError(problem)
        return self.outline

    def _rasters(self) -> dict[str, Raster]:
        there = [raster for raster in self.place.rasters if (self.place.folder / raster.file).is_file()]
        found = {raster.kind: self._try(partial(self._raster, raster)) for raster in there}
        return {kind: raster for kind, raster in found.items() if raster is not None}

    def _raster(self, file: RasterFile) -> Raster:
        from data import cover  # noqa: PLC0415 - rasterio is slow to import and most places need none of it

        outline = self._needed_outline("a raster")
        return cover.read(self.place.folder / file.file, file, outline, self.crs, report=self.report)

    def _read_layer(self, name: str, file: File, outline: shapely.Geometry | None) -> gpd.GeoDataFrame:
        from data import grounds, indicators, vg250  # noqa: PLC0415 - slow to import
        from data.clean import clean  # noqa: PLC0415 - slow to import

        if isinstance(file, BoundaryFile) and file.format == "vg250":
            found = vg250.read(self.place.folder / file.file, [self.place.key], self.place.crs, report=self.report)
            return clean(
                found,
                INPUTS[name],
                where=f"{file.file}, {self.place.key}",
                crs=self.crs,
                outline=None,
                report=self.report,
            )
        where, declared = _where(file), INPUTS[name]
        if isinstance(file, IndicatorPointsFile):
            declared = indicators.points_in_file_units(file.indicator, file.scale)
        raw = _numbered(self._vector(file), declared.key, file)
        if name in SINGLE:
            raw = grounds.single_points(raw, where, self.report)
        frame = clean(raw, declared, where=where, crs=self.crs, outline=outline, report=self.report)
        if name in CUT:
            frame = grounds.cut(frame, outline, where=where, report=self.report)
            return frame[[*(column.name for column in declared.columns), "geometry"]]
        if name == "trees":
            return grounds.trees(frame, where, self.report)
        if isinstance(file, IndicatorPointsFile):
            known = grounds.with_value(frame, where, self.report)
            known = known.assign(indicator=file.indicator, value=known["value"] * file.scale)
            return known[["indicator", "value", "size", "name", "geometry"]]
        return frame

    def _grounds(self, name: str, from_osm: gpd.GeoDataFrame | None) -> gpd.GeoDataFrame | None:
        """Take the city's own areas where some of them lie in the place, else those of OpenStreetMap."""
        from data import grounds  # noqa: PLC0415 - slow to import

        own = self._layer(name, getattr(self.place, name), self.outline)
        return from_osm if own is None or own.empty else grounds.grounds(own, name)

    def _districts(self) -> list[gpd.GeoDataFrame]:
        from data.clean import zoning  # noqa: PLC0415 - slow to import

        levels = []
        for file in self.place.districts:
            frame = self._layer("districts", [file], None)
            if frame is not None and len(frame):
                zoning(frame, self.outline or self.given_outline, where=_where(file), report=self.report)
                levels.append(frame)
        return levels

    def _osm(self) -> dict[str, gpd.GeoDataFrame]:
        file = self.place.osm
        if file is None or not (self.place.folder / file.file).is_file():
            return {}
        found = self._try(partial(self._read_osm, file, OSM_LAYERS))
        return {name: frame for name, frame in (found or {}).items() if len(frame)}

    def _read_osm(self, file: File, layers: Sequence[str]) -> dict[str, gpd.GeoDataFrame]:
        import geopandas as gpd  # noqa: PLC0415 - slow to import

        from data import osm_file  # noqa: PLC0415 - osmnx is slow to import and most places need none of it

        area = None if self.outline is None else gpd.GeoDataFrame(geometry=[self.outline], crs=self.crs)
        return osm_file.read_file(self.place.folder / file.file, layers, self.report, boundary=area, crs=self.crs)

    def _buildings(self, from_osm: gpd.GeoDataFrame | None) -> gpd.GeoDataFrame | None:
        """Read all footprints, the best grade first; what a better source holds already is dropped."""
        frames = []
        if from_osm is not None and self.place.osm is not None:
            frames.append(self._clean_buildings(from_osm, f"{self.place.osm.file}, buildings, checked", "B"))
        for file in self.place.buildings:
            if file.kind == "modelled" or not (self.place.folder / file.file).is_file():
                continue
            raw = self._try(partial(self._footprints, file))
            if raw is not None:
                frames.append(self._clean_buildings(raw, f"{_where(file)}, checked", file.data_grade))
        kept: list[gpd.GeoDataFrame] = []
        for where, frame in sorted((f for f in frames if f is not None), key=lambda f: str(f[1]["data_grade"].min())):
            kept.append(self._beyond(kept, frame, where))
        return self._unique(_concat(kept))

    def _unique(self, frame: gpd.GeoDataFrame | None) -> gpd.GeoDataFrame | None:
        """Number the ids that two sources share: a unit is known by its id alone."""
        if frame is None or not frame["building_id"].duplicated().any():
            return frame
        again = frame["building_id"].duplicated()
        number = frame.groupby("building_id").cumcount() + 1
        self.report.add(
            "buildings", "with an id that another source uses too, numbered", frame["building_id"][again], "kept"
        )
        ids = frame["building_id"].where(~again, frame["building_id"] + "~" + number.astype(str))
        return frame.assign(building_id=ids)

    def _footprints(self, file: BuildingsFile) -> gpd.GeoDataFrame:
        from data import citygml  # noqa: PLC0415 - slow to import

        path = self.place.folder / file.file
        if file.kind == "citygml":
            return citygml.read(path, self.report)
        if file.kind == "osm":
            return self._read_osm(file, ("buildings",))["buildings"]
        return _numbered(self._vector(file), "building_id", file)

    def _clean_buildings(self, raw: gpd.GeoDataFrame, where: str, grade: str) -> tuple[str, gpd.GeoDataFrame] | None:
        from data.clean import MAX_FOOTPRINT_M2, clean  # noqa: PLC0415 - slow to import

        if "use" not in raw:
            raw = raw.assign(use="unknown")
        frame = self._try(
            lambda: clean(
                raw,
                INPUTS["buildings"],
                where=where,
                crs=self.crs,
                outline=self.outline,
                report=self.report,
                max_area_m2=MAX_FOOTPRINT_M2,
            )
        )
        return None if frame is None else (where, frame.assign(data_grade=grade))

    def _beyond(self, better: list[gpd.GeoDataFrame], frame: gpd.GeoDataFrame, where: str) -> gpd.GeoDataFrame:
        """Keep the footprints that no better source covers."""
        if not better or not len(frame):
            return frame
        known = np.concatenate([b.geometry.to_numpy() for b in better])
        shapes = frame.geometry.to_numpy()
        mine, theirs = shapely.STRtree(known).query(shapes, predicate="intersects")
        shared = np.zeros(len(frame))
        np.add.at(shared, mine, shapely.area(shapely.intersection(shapes[mine], known[theirs])))
        twice = shared > 0.3 * shapely.area(shapes)
        again = f"{where}, against better sources"
        ids = frame["building_id"].to_numpy(dtype=object)
        self.report.add(again, "that a source of a better grade holds too", ids[twice], "dropped")
        self.report.count(again, len(frame), int((~twice).sum()))
        return frame[~twice].reset_index(drop=True)

    def _joined(
        self, name: str, own: gpd.GeoDataFrame | None, from_osm: gpd.GeoDataFrame | None
    ) -> gpd.GeoDataFrame | None:
        """Take the city's own layer where it brings one, else that of OpenStreetMap."""
        from data.clean import clean  # noqa: PLC0415 - slow to import

        if own is not None or from_osm is None or self.place.osm is None:
            return own
        # the file's own counts stand under its layer; these are what the schema and the outline leave of them
        where = f"{self.place.osm.file}, {name}, checked"
        frame: gpd.GeoDataFrame | None = self._try(
            lambda: clean(from_osm, INPUTS[name], where=where, crs=self.crs, outline=self.outline, report=self.report)
        )
        return frame

    def _table(self, declared: Input, file: File | None) -> pd.DataFrame | None:
        import pandas as pd  # noqa: PLC0415 - slow to import

        from data import spreadsheet  # noqa: PLC0415 - slow to import

        if file is None or not (self.place.folder / file.file).is_file():
            return None
        found = self._try(
            partial(
                spreadsheet.read,
                self.place.folder / file.file,
                declared,
                key=declared.key,
                columns=file.columns or None,
                sheet=file.layer,
                decimal=file.decimal,
                encoding=file.encoding,
                report=self.report,
            )
        )
        if found is None:
            return None
        table, problems = found
        self.problems += problems
        return pd.DataFrame(table)

    def _indicators(self, levels: Sequence[gpd.GeoDataFrame]) -> pd.DataFrame | None:
        """Read the figures of all files; those of districts that the place does not have are named."""
        from data import indicators  # noqa: PLC0415 - slow to import

        kept = []
        for file in self.place.indicators:
            table = self._table(indicators.in_file_units(INPUTS["indicators"], file.scale), file)
            if table is not None and indicators.KEY in table:
                fit = partial(indicators.fitted, table, levels, file.scale, where=_where(file), report=self.report)
                kept.append((_where(file), self._try(fit)))
        return indicators.merged([(where, table) for where, table in kept if table is not None], self.report)

    def _sources(self) -> list[dict[str, Any]]:
        rows = []
        for i, file in enumerate(f for f in self.place.files() if f.source is not None):
            stated = file.source.model_dump() if file.source else {}
            rows.append({"source_id": f"{self.place.key}-{i + 1}", "file": file.file, "year": "", **stated})
        return rows


def save(imports: Imports, place: Place, settings: Path, folder: Path) -> None:
    """Keep the imports of a place, replacing an earlier import as a whole.

    Parameters
    ----------
    imports
        As `read` gave them.
    place
        Whose they are.
    settings
        Its `place.toml`, kept beside them.
    folder
        ``home/imported/{key}``; never half-written, an interruption leaves the old one.
    """
    import pandas as pd  # noqa: PLC0415 - slow to import

    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent) as name:
        staged = Path(name) / "new"
        staged.mkdir()
        for item in fields(Imports):
            value = getattr(imports, item.name)
            frames = value if item.name == "districts" else [value]
            for i, frame in enumerate(frames):
                if isinstance(frame, pd.DataFrame):
                    frame.to_parquet(staged / f"{item.name}{i if item.name == 'districts' else ''}.parquet")
        for kind, raster in imports.rasters.items():
            from data import cover  # noqa: PLC0415 - as above

            cover.save(raster, staged / f"{RASTER}{kind}.npz")
        shutil.copyfile(settings, staged / FILE)
        record = {
            "place": place.key,
            "report": imports.report.document(),
            "sources": list(imports.sources),
            "hashes": imports.hashes,
            "settings": _sha256(settings),
            "files": {path.name: _sha256(path) for path in sorted(staged.iterdir())},
        }
        (staged / REPORT).write_text(json.dumps(record, indent=1, sort_keys=True), encoding="utf-8")
        if folder.exists():
            folder.rename(Path(name) / "old")
        staged.rename(folder)


def load(folder: Path) -> Imports | None:
    """Load what `save` kept; None where nothing was imported."""
    import geopandas as gpd  # noqa: PLC0415 - slow to import
    import pandas as pd  # noqa: PLC0415 - slow to import

    if not (folder / REPORT).is_file():
        return None
    record = json.loads((folder / REPORT).read_text(encoding="utf-8"))
    found: dict[str, Any] = {}
    for item in fields(Imports):
        path = folder / f"{item.name}.parquet"
        if path.is_file():
            table = item.name in {"cells", "inventory", "indicators"}
            found[item.name] = pd.read_parquet(path) if table else gpd.read_parquet(path)
    for path in sorted(folder.glob(f"{RASTER}*.npz")):
        from data import cover  # noqa: PLC0415 - as above

        found.setdefault("rasters", {})[path.stem.removeprefix(RASTER)] = cover.load(path)
    levels = sorted(folder.glob("districts*.parquet"))
    report = Report(
        [Line(**{**line, "examples": tuple(line["examples"])}) for line in record["report"]["lines"]],
        {where: (counts["in"], counts["out"]) for where, counts in record["report"]["counted"].items()},
    )
    return Imports(
        **found,
        districts=tuple(gpd.read_parquet(path) for path in levels),
        report=report,
        sources=tuple(record["sources"]),
        hashes=record["hashes"],
    )


def hashes(folder: Path) -> dict[str, str] | None:
    """Return the hashes of the files of an import, without reading its frames; None where nothing was imported."""
    if not (folder / REPORT).is_file():
        return None
    found: dict[str, str] = json.loads((folder / REPORT).read_text(encoding="utf-8"))["hashes"]
    return found


def _where(file: File) -> str:
    return f"{file.file}, layer {file.layer}" if file.layer else file.file


def _numbered(frame: gpd.GeoDataFrame, key: str, file: File) -> gpd.GeoDataFrame:
    """Give buildings and streets that have no key of their own their number in the file."""
    if key in frame or key not in {"building_id", "street_id"}:
        return frame
    return frame.assign(**{key: [f"{Path(file.file).stem}.{i + 1}" for i in range(len(frame))]})


def _concat(frames: list[gpd.GeoDataFrame]) -> gpd.GeoDataFrame | None:
    import geopandas as gpd  # noqa: PLC0415 - slow to import
    import pandas as pd  # noqa: PLC0415 - slow to import

    if not frames:
        return None
    return frames[0] if len(frames) == 1 else gpd.GeoDataFrame(pd.concat(frames, ignore_index=True), crs=frames[0].crs)


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
