"""Places: a municipality or a region, described by a `place.toml`; those of the built-in table need none.

A new city, in any country, is such a file and its data, no code. Every key of the file is declared here; what is
misspelt, missing or impossible is reported with its place in the file, all at once.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator
from pyproj import CRS
from pyproj.exceptions import CRSError

from data.errors import PlaceError, UnknownPlaceError
from data.figures import CRS_PLACE, Figures
from data.schema import LAND_COVERS
from geo.errors import Problem

FOLDER = Path(__file__).parent / "places"
FILE = "place.toml"
EXAMPLE = "See docs/places.md for an example."
GRADE_OF = {"citygml": "A", "osm": "B", "vector": "B", "modelled": "D"}
FORMAT_OF = {".gml": "citygml", ".xml": "citygml", ".osm": "osm", ".pbf": "osm"}

Text = Annotated[str, Field(min_length=1)]
RasterKind = Literal["ndvi", "canopy", "sealing", "land_cover"]
Indicator = Literal[
    "social_index",
    "sgb2_rate",
    "minimum_income_rate",
    "unemployment_rate",
    "child_poverty_rate",
    "median_income_eur_month",
]


class _Strict(BaseModel):
    # frozen: a place is shared by builds that run at the same time
    model_config = ConfigDict(extra="forbid", frozen=True)


class Source(_Strict):
    """Where data come from, shown wherever they are shown."""

    title: Text
    licence: Text
    attribution: Text
    publisher: str = ""
    reference: str = ""


class File(_Strict):
    """One file, its layer, and how names translate: `columns` ours to the file's, `values` the file's to ours."""

    file: str = ""
    layer: str | None = None
    columns: dict[str, str] = {}
    values: dict[str, dict[str, str]] = {}
    crs: str | None = None
    decimal: Literal[".", ","] | None = None
    encoding: str | None = None
    source: Source | None = None
    source_id: str | None = None


class BoundaryFile(File):
    """Outline; ``format = "vg250"`` takes the municipality of the place's key from BKG's VG250."""

    format: Literal["vector", "vg250"] = "vector"


class Census(_Strict):
    """Grid files of a German census, as published; see `data.census`."""

    files: tuple[str, ...] = Field(min_length=1)
    edition: Literal["2011", "2022"] | None = None
    cell_m: Literal[100] = 100
    source: Source | None = None


class DistrictsFile(File):
    """Districts of one level, such as Stadtbezirk."""

    level: Text
    geometry_status: str = "official"


class BuildingsFile(File):
    """Footprints: a file, or ``format = "modelled"`` for seeded ones from the census counts."""

    format: Literal["citygml", "osm", "vector", "modelled"] | None = None
    grade: Literal["A", "B", "C", "D"] | None = None
    seed: int = 1

    @property
    def kind(self) -> str:
        """Format, by the file's ending where it is not stated."""
        name = self.file.lower().removesuffix(".zip").removesuffix(".gz")
        return self.format or FORMAT_OF.get(Path(name).suffix, "vector")

    @property
    def data_grade(self) -> str:
        """A official, B OpenStreetMap or other, D modelled; as stated, if it is."""
        return self.grade or GRADE_OF[self.kind]


class IndicatorsFile(File):
    """Figures by district; `scale` turns the file's unit into ours, as ``{ sgb2_rate = 0.01 }`` does with percent."""

    scale: dict[str, Annotated[float, Field(gt=0)]] = {}


class IndicatorPointsFile(File):
    """Points with a value of one indicator, in our unit once it is multiplied by `scale`."""

    indicator: Indicator
    scale: float = Field(1.0, gt=0)


class RasterFile(_Strict):
    """One band: NDVI (-1 to 1), canopy or sealing (shares, 0 to 1 after `scale`), land cover (`classes` by value)."""

    file: Text
    kind: RasterKind
    band: int | str = 1
    scale: float = Field(1.0, gt=0)
    classes: dict[str, str] = {}
    year: int | None = Field(None, ge=1900, le=2100)
    source: Source | None = None


class PublishedFigures(_Strict):
    """Published figures of a place that is not in the built-in table."""

    population: float | None = Field(None, gt=0)
    n_buildings: float | None = Field(None, gt=0)
    dwellings: float | None = Field(None, gt=0)
    living_area_m2: float | None = Field(None, gt=0)


class Thresholds(_Strict):
    """What counts as what.

    Attributes
    ----------
    min_heated_m2
        A smaller footprint is a shed or a garage.
    """

    min_heated_m2: float = Field(25.0, ge=0)


class Targets(_Strict):
    """What the place has set itself; 2045 is the national law."""

    net_zero_year: int = Field(2045, ge=2020, le=2100)


class OwnFigure(_Strict):
    """A city's own figure of a measure, in place of the catalogue's; emission factors are locked."""

    measure: str
    figure: str
    value: float
    reason: str
    date: str
    source: str


class Place(_Strict):
    """A municipality or a region.

    Attributes
    ----------
    key
        Official key (AGS, or any other country's), or the region's name.
    country
        Two letters; German figures (energy per head, prices) are used for DE only.
    members
        Keys of the municipalities it consists of; its own for a municipality.
    districts
        Levels, the coarsest first.
    osm
        A local OpenStreetMap file: its buildings, streets, land use, green and blue are taken.
    green, blue, streets, landuse
        The city's own; each takes the place of OpenStreetMap's.
    rasters
        At most one of each kind.
    folder
        What relative file names start from.
    """

    key: str = Field(pattern=r"^[A-Za-z0-9_-]{1,40}$")
    name: Text
    kind: Literal["municipality", "region"] = "municipality"
    crs: str = CRS_PLACE
    country: str = Field("DE", pattern=r"^[A-Z]{2}$")
    members: tuple[str, ...] = ()
    boundary: BoundaryFile | None = None
    districts: tuple[DistrictsFile, ...] = ()
    buildings: tuple[BuildingsFile, ...] = ()
    streets: tuple[File, ...] = ()
    landuse: tuple[File, ...] = ()
    sites: tuple[File, ...] = ()
    green: tuple[File, ...] = ()
    blue: tuple[File, ...] = ()
    trees: tuple[File, ...] = ()
    rasters: tuple[RasterFile, ...] = ()
    osm: File | None = None
    census: Census | None = None
    inventory: File | None = None
    indicators: tuple[IndicatorsFile, ...] = ()
    indicator_points: tuple[IndicatorPointsFile, ...] = ()
    low_income_areas: tuple[File, ...] = ()
    figures: PublishedFigures = PublishedFigures()
    thresholds: Thresholds = Thresholds()
    targets: Targets = Targets()
    measures: tuple[OwnFigure, ...] = ()
    folder: Path = Path()

    @field_validator("crs")
    @classmethod
    def _metres(cls, value: str) -> str:
        try:
            crs = CRS.from_user_input(value)
        except CRSError as error:
            message = f"'{value}' is no CRS"
            raise ValueError(message) from error
        if not crs.is_projected or any(axis.unit_name != "metre" for axis in crs.axis_info):
            message = f"'{value}' does not count metres; areas need a projected CRS such as EPSG:25832"
            raise ValueError(message)
        return value

    @model_validator(mode="after")
    def _own_member(self) -> Place:
        if self.kind == "municipality" and not self.members:
            object.__setattr__(self, "members", (self.key,))
        return self

    @property
    def net_zero_year(self) -> int:
        """Year of climate neutrality."""
        return self.targets.net_zero_year

    def files(self) -> list[File]:
        """All files that the place names."""
        single = [f for f in (self.boundary, self.osm, self.inventory) if f is not None]
        several = [*self.districts, *self.buildings, *self.streets, *self.landuse, *self.sites, *self.indicators]
        several += [*self.green, *self.blue, *self.trees, *self.low_income_areas, *self.indicator_points]
        others = [File(file=raster.file, source=raster.source) for raster in self.rasters]
        others += [File(file=name) for name in self.census.files] if self.census else []
        return [f for f in [*single, *several, *others] if f.file]


def load(path: Path, *, data: Path | None = None) -> Place:
    """Read a `place.toml`.

    Parameters
    ----------
    path
        The file, or the folder that holds it.
    data
        What relative file names start from; the folder of the file when None.

    Raises
    ------
    PlaceError
        The file is missing or no TOML, a key is unknown or has an impossible value, a file that it names is missing.
    """
    file = path / FILE if path.is_dir() else path
    try:
        settings = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise PlaceError(Problem(file.name, f"cannot be read ({error})", EXAMPLE)) from None
    place, problems = _parse(settings, file.name, folder=(data or file.parent).resolve())
    if problems:
        raise PlaceError(problems)
    return place


def parse_all(path: Path, *, data: Path | None = None) -> tuple[Place | None, list[Problem]]:
    """Read a `place.toml` as far as it goes: problems with files leave the place usable for looking at the rest."""
    file = path / FILE if path.is_dir() else path
    try:
        settings = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        return None, [Problem(file.name, f"cannot be read ({error})", EXAMPLE)]
    return _parse(settings, file.name, folder=(data or file.parent).resolve())


def _parse(settings: dict[str, Any], where: str, *, folder: Path) -> tuple[Place, list[Problem]]:
    problems: list[Problem] = []
    place, seen = None, set()
    # each round takes out what is wrong, so that a misspelt key does not hide a missing file
    while place is None:
        try:
            place = Place(**settings, folder=folder)
        except ValidationError as error:
            taken = False
            for found in error.errors():
                if found["loc"] not in seen:
                    problems.append(Problem(f"{where}, {_dotted(found['loc'])}", _said(found), _remedy(found)))
                seen.add(found["loc"])
                taken |= _take_out(settings, found["loc"])
            if not taken:
                break
    if place is None:
        raise PlaceError(problems)
    return place, problems + _check_files(place, where)


def _check_files(place: Place, where: str) -> list[Problem]:
    problems = []
    for file in place.files():
        target = place.folder / file.file
        name = f"{where}, file {file.file}"
        if not target.is_file():
            problems.append(Problem(name, f"is not in {place.folder}", "Put it there or mend the name."))
        elif not target.resolve().is_relative_to(place.folder):
            problems.append(Problem(name, "leaves the folder", "Copy it into the folder."))
    for i, buildings in enumerate(place.buildings):
        if not buildings.file and buildings.kind != "modelled":
            remedy = 'Name it, or use format = "modelled".'
            problems.append(Problem(f"{where}, buildings.{i}.file", "is missing", remedy))
    return problems + _check_rasters(place, where)


def _check_rasters(place: Place, where: str) -> list[Problem]:
    problems = []
    kinds = [raster.kind for raster in place.rasters]
    for i, raster in enumerate(place.rasters):
        here = f"{where}, rasters.{i}"
        if raster.kind in kinds[:i]:
            problems.append(Problem(f"{here}.kind", f"is a second {raster.kind}", "Merge the files (gdalbuildvrt)."))
        if raster.classes and raster.kind != "land_cover":
            problems.append(Problem(f"{here}.classes", f"are given for {raster.kind}", "Leave them out."))
        for value, name in raster.classes.items():
            try:
                float(value)
            except ValueError:
                problems.append(Problem(f"{here}.classes.{value}", "is no number", "Give values of the raster."))
            if name and name not in LAND_COVERS:
                near = get_close_matches(name, LAND_COVERS, n=1)
                remedy = f"Did you mean {near[0]}?" if near else f"Use one of {', '.join(LAND_COVERS)}."
                problems.append(Problem(f"{here}.classes.{value}", f"'{name}' is no class", remedy))
    return problems


def _dotted(location: tuple[Any, ...]) -> str:
    return ".".join(str(part) for part in location)


def _said(found: Any) -> str:  # noqa: ANN401 - pydantic's error
    if found["type"] == "extra_forbidden":
        return "is no setting"
    value = "" if found["type"] == "missing" else f" ({found['input']!r})"
    return f"{found['msg'].removeprefix('Value error, ')}{value}"


def _remedy(found: Any) -> str:  # noqa: ANN401 - pydantic's error
    if found["type"] == "extra_forbidden":
        near = get_close_matches(str(found["loc"][-1]), list(_known_keys(found["loc"])), n=1)
        return f"Did you mean {near[0]}?" if near else "Remove it; docs/places.md lists all settings."
    return "docs/places.md lists all settings and what they may be."


def _known_keys(location: tuple[Any, ...]) -> Iterable[str]:
    models: dict[str, type[BaseModel]] = {
        "boundary": BoundaryFile,
        "census": Census,
        "districts": DistrictsFile,
        "buildings": BuildingsFile,
        "indicators": IndicatorsFile,
        "indicator_points": IndicatorPointsFile,
        "rasters": RasterFile,
        "figures": PublishedFigures,
        "thresholds": Thresholds,
        "targets": Targets,
    }
    if len(location) == 1:
        return Place.model_fields
    return (models.get(str(location[0])) or File).model_fields


def _take_out(settings: dict[str, Any], location: tuple[Any, ...]) -> bool:
    """Remove what a problem is about; False where it is needed and missing, so nothing can be taken out."""
    holder: Any = settings
    for part in location[:-1]:
        try:
            holder = holder[part]
        except (KeyError, IndexError, TypeError):
            return False
    try:
        del holder[location[-1]]
    except (KeyError, IndexError, TypeError):
        return False
    return True


def places(figures: Figures, imported: Path | None = None) -> dict[str, Place]:
    """All places by key, regions first, then those of the table, then those that were imported.

    Parameters
    ----------
    figures
        Built-in tables.
    imported
        Folder of imported places (`home/imported`); an imported place replaces a built-in one of the same key.
    """
    table = figures["municipalities"].sort_values("ags")
    found = {}
    configured = {path.stem: tomllib.loads(path.read_text(encoding="utf-8")) for path in sorted(FOLDER.glob("*.toml"))}
    for key, settings in configured.items():
        if settings.get("kind") == "region":
            found[key] = Place(**settings, members=tuple(table["ags"]))
    for ags, name in zip(table["ags"], table["name"], strict=True):
        settings = configured.get(ags, {"key": ags, "name": name})
        found[ags] = Place(**settings, folder=FOLDER.parent / "tables")
    for path in sorted(imported.glob(f"*/{FILE}")) if imported is not None else []:
        place = Place(**tomllib.loads(path.read_text(encoding="utf-8")), folder=path.parent)
        found[place.key] = place
    return found


def with_footprints(wanted: Iterable[Place], known: dict[str, Place]) -> list[Place]:
    """Give every municipality among `wanted`, and in its regions, modelled footprints where it has no buildings."""
    out = []
    for place in wanted:
        for member in (known[key] for key in place.members if key != place.key):
            out.append(_drawn(member))
        out.append(place if place.kind == "region" else _drawn(place))
    return out


def _drawn(place: Place) -> Place:
    if place.buildings or place.osm:
        return place
    return place.model_copy(update={"buildings": (BuildingsFile(format="modelled"),)})


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
