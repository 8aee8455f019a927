"""Buildings of a CityGML file (1.0, 2.0, 3.0; LoD0 to LoD3): one row for a building, read as a stream.

The file comes from anywhere, so nothing in it is trusted: a document type (entities, other files) is refused, as are
archives that unpack to more than they may; only one building at a time is held in memory.
"""

from __future__ import annotations

import itertools
import math
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Literal

import geopandas as gpd
import numpy as np
import shapely
from lxml import etree
from lxml.etree import _Element as Element
from numpy.typing import NDArray
from pyproj import CRS, Transformer

from data.alkis import ALKIS_USES
from data.archive import documents
from data.inputs import INPUTS, UNHEATED, UNKNOWN
from data.report import Line, Report
from data.srs_names import Reference, reference
from geo.errors import CRSMismatchError, InputError, Problem

FloatArray = NDArray[np.float64]
Kind = Literal["roof", "wall", "ground"]
Done = Literal["dropped", "repaired", "kept"]

COLUMNS = ("building_id", "use", "storeys", "height_m", "roof", "year_built", "roof_area_m2", "wall_area_m2")
LIMIT_BYTES = 8 * 2**30  # unpacked; the largest open data sets come in tiles far below
PROLOG_BYTES = 2**20  # before the first element there is at most a comment
BUILDING_BYTES = 64 * 2**20  # held in memory at once; a cathedral in LoD3 has a few
MAX_CORNERS = 20_000  # of one outline; crossings grow with the square, so that a hostile one never ends
MAX_CROSSING_CORNERS = 2_000
FLAT_MAX_DEG = 10.0  # the usual limit between flat and pitched
WALL_MIN_DEG = 80.0  # steeper than this is a wall where surfaces have no names
COLLAPSED_M2 = 1e-4
MAX_COORDINATE = 1e9  # nothing on Earth is farther from an origin; keeps products finite
AREA_MARGIN_DEG = 3.0  # official data of a zone reach over its rim: Bavaria is in zone 32 as far as 13.8° E

_GML = ("http://www.opengis.net/gml", "http://www.opengis.net/gml/3.2")
_CITYGML = "http://www.opengis.net/citygml/"
_KNOWN = frozenset(
    {*_GML}
    | {f"{_CITYGML}{version}" for version in ("1.0", "2.0", "3.0")}
    | {f"{_CITYGML}{module}/{version}" for module in ("building", "construction") for version in ("1.0", "2.0", "3.0")}
)
_HREF = "{http://www.w3.org/1999/xlink}href"
_MEMBERS = frozenset({"cityObjectMember", "featureMember"})
_BOUNDARIES = frozenset({"boundedBy", "boundary"})
_PARTS = frozenset({"consistsOfBuildingPart", "buildingPart"})
_SURFACES: dict[str, Kind] = {"RoofSurface": "roof", "WallSurface": "wall", "GroundSurface": "ground"}
_SURFACE_LODS = ("lod2MultiSurface", "lod3MultiSurface", "lod4MultiSurface")
_BODY_LODS = tuple(f"lod{lod}{body}" for lod in (2, 1, 3, 4) for body in ("Solid", "MultiSurface"))
_OUTLINE_LODS = ("lod0FootPrint", "lod0MultiSurface", "lod0RoofEdge")


def _gml(*names: str) -> tuple[str, ...]:
    return tuple(f"{{{uri}}}{name}" for uri in _GML for name in names)


_POLYGONS = _gml("Polygon", "PolygonPatch", "Triangle", "Rectangle")
_IDS = _gml("id")
_RINGS = _gml("LinearRing")
_NUMBERS = _gml("posList", "pos", "coordinates")

_ALKIS_CODE = re.compile(r"(?:31001_(?P<code>\d{4})|(?P<bare>\d{4})|(?P<structure>5100\d_\d{4}))")
_METRES_PER = {
    **dict.fromkeys(("m", "metre", "metres", "meter", "meters", "9001"), 1.0),
    **dict.fromkeys(("ft", "foot", "feet", "[ft_i]", "9002"), 0.3048),
    **dict.fromkeys(("us-ft", "ftus", "[ft_us]", "9003"), 1200 / 3937),
    "mm": 0.001,
    "cm": 0.01,
    "dm": 0.1,
    "km": 1000.0,
}


def read(path: Path, report: Report, *, limit_bytes: int = LIMIT_BYTES) -> gpd.GeoDataFrame:
    """Read the buildings of a CityGML file.

    Parameters
    ----------
    path
        ``.gml`` or ``.xml``, plain, as ``.gz``, or one or more in a ``.zip`` (tiles of one CRS).
    report
        Gets what was dropped, repaired or kept with a gap; buildings in = rows out + dropped, under the file's name.
        Objects of other kinds are counted under ``"<file>, other objects"``. Untouched when an error is raised.
    limit_bytes
        Unpacked size above which the file is refused.

    Returns
    -------
    geopandas.GeoDataFrame
        One row for each Building, its parts merged, in the order of the file: `building_id` (gml:id), `use` (see
        `data.inputs.USES`), `storeys`, `height_m` (measured, else highest roof minus lowest ground), `roof` ("flat",
        "pitched", "" = unknown), `year_built`, `roof_area_m2` and `wall_area_m2` (areas in space; walls between
        neighbours count on both sides; NaN where a surface is missing or broken), `geometry` (footprint, valid Polygon
        or MultiPolygon, x east, y north, horizontal CRS of the file). A missing number is NaN, never 0.

    Raises
    ------
    InputError
        Not readable, damaged, cut off, no CityGML, no building in it, with a document type, or too large.
    CRSMismatchError
        No srsName, an unknown one, several that differ, or coordinates that do not lie where the CRS is used.
    """
    if limit_bytes <= 0:
        raise InputError(Problem("limit_bytes", f"{limit_bytes} is not a size", "Give bytes above 0."))
    city = _City(path.name)
    for entry, chunks in documents(path, limit_bytes):
        _parse(city, entry, chunks)
    return city.frame(report)


# --- the document: a pull parser that forgets what was read -------------------------------------------------------


@lru_cache(maxsize=4096)
def _name(tag: str) -> str:
    """Local name of a tag of CityGML or GML; empty for any other namespace."""
    uri, _, local = tag[1:].rpartition("}")
    return local if uri in _KNOWN else ""


def _parse(city: _City, entry: str, chunks: Iterable[bytes]) -> None:
    where = city.where if entry == city.where else f"{city.where}, {entry}"
    # lxml and not defusedxml: both refuse entities, but lxml builds the tree in C and can drop finished parts of it
    parser = etree.XMLPullParser(
        events=("start",),
        tag="{*}CityModel",
        resolve_entities=False,
        load_dtd=False,
        dtd_validation=False,
        no_network=True,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )
    root: Element | None = None
    held = 0
    try:
        for chunk in chunks:
            if root is None and b"<!DOCTYPE" in chunk.replace(b"\0", b"").partition(b"CityModel")[0]:
                raise _doctype(where)
            parser.feed(chunk)
            held += len(chunk)
            if root is None:
                root = _root(parser, where)
            if root is None and held > PROLOG_BYTES:
                raise _no_citygml(where)
            if root is not None and _sweep(city, root, entry):
                held = len(chunk)
            if held > BUILDING_BYTES:
                what = f"has one building (or envelope) of more than {BUILDING_BYTES:,} bytes"
                raise InputError(Problem(where, what, "Check the file; split the building into parts."))
        parser.close()
    except etree.XMLSyntaxError as error:
        what = f"is broken XML or cut off ({error.msg})"
        raise InputError(Problem(where, what, "Download it again, or validate it.")) from error
    if root is None:
        raise _no_citygml(where)
    for child in root:
        _take(city, child, entry)


def _root(parser: etree.XMLPullParser[Element], where: str) -> Element | None:
    """Return the outermost element once it is there; it must be a CityModel without a document type."""
    for _, element in parser.read_events():
        if not isinstance(element, etree._Element) or element.getparent() is not None:  # noqa: SLF001 lxml's only name
            raise _no_citygml(where)
        if element.getroottree().docinfo.internalDTD is not None:
            raise _doctype(where)
        if _name(str(element.tag)) == "CityModel":
            return element
        raise _no_citygml(where)
    return None


def _doctype(where: str) -> InputError:
    what = "has a document type (DOCTYPE), which could pull in other files; CityGML has none"
    return InputError(Problem(where, what, "Remove the DOCTYPE and all entities."))


def _no_citygml(where: str) -> InputError:
    what = "does not begin as CityGML 1.0, 2.0 or 3.0 (element CityModel)"
    return InputError(Problem(where, what, "Give a CityGML file; convert CityJSON with citygml-tools."))


def _sweep(city: _City, root: Element, entry: str) -> bool:
    """Take and drop what is complete; all but the last child is. Returns whether memory was freed."""
    done = root[:-1]
    for child in done:
        _take(city, child, entry)
    del root[: len(done)]
    if not len(root):
        return True
    last = root[-1]
    if _name(str(last.tag)) == "featureMembers":
        return _sweep_members(city, last, entry) or bool(done)
    member = _name(str(last.tag)) in _MEMBERS
    if member and len(last) and _name(str(last[0].tag)) != "Building":
        return _prune(last)
    return bool(done) if member else _prune(last) or bool(done)


def _sweep_members(city: _City, members: Element, entry: str) -> bool:
    done = members[:-1]
    for thing in done:
        _take_object(city, thing, entry)
    del members[: len(done)]
    return bool(done)


def _prune(node: Element) -> bool:
    """Drop what is complete inside something that is not wanted: terrain can be larger than memory."""
    if _name(str(node.tag)) == "boundedBy":
        return False  # holds the CRS
    while len(node):
        del node[:-1]
        node = node[-1]
    return True


def _take(city: _City, child: Element, entry: str) -> None:
    name = _name(str(child.tag))
    if name == "boundedBy":
        city.note_crs(child)
    elif name in _MEMBERS or name == "featureMembers":
        for thing in child:
            _take_object(city, thing, entry)
        if not len(child):
            city.others["reference to another file" if child.get(_HREF) else "empty member"] += 1


def _take_object(city: _City, thing: Element, entry: str) -> None:
    if _name(str(thing.tag)) == "Building":
        city.take(thing, entry)
    else:
        city.others[str(thing.tag).rpartition("}")[2]] += 1


# --- surfaces -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Face:
    """One polygon in space: closed rings, the outer one first, each of shape (n, 3), x east, y north, CRS units."""

    rings: tuple[FloatArray, ...]
    area_m2: float  # NaN without heights
    up: float  # vertical share of the normal: 1 flat, 0 upright

    def outline(self) -> shapely.Polygon:
        return shapely.Polygon(self.rings[0][:, :2], [ring[:, :2] for ring in self.rings[1:]])


def _normal(ring: FloatArray, metres: FloatArray) -> FloatArray:
    """Vector of a closed ring's area in m2, by Newell; relative to its first corner for the sake of the last digits."""
    x, y, z = ((ring - ring[0]) * metres).T
    return 0.5 * np.array(
        [y[:-1] @ z[1:] - z[:-1] @ y[1:], z[:-1] @ x[1:] - x[:-1] @ z[1:], x[:-1] @ y[1:] - y[:-1] @ x[1:]]
    )


class _Reader:
    """Turns the polygons of one building into faces and remembers what was wrong with them."""

    def __init__(self, building: Element, reference: Reference) -> None:
        self.building = building
        self.reference = reference
        self.faults: set[str] = set()
        self.metres: FloatArray | None = None
        self._mixed = building.xpath("boolean(.//@srsDimension[. != '3'])") is True
        self._by_id: dict[str, Element] | None = None

    def faces(self, container: Element) -> tuple[list[_Face], bool]:
        """Return the faces below an element, following references, and whether all of them could be read."""
        polygons = list(container.iter(*_POLYGONS))
        whole = True
        for href in _attributes(container, _HREF):
            found = self._referenced(href)
            polygons += found
            whole &= bool(found)
        if not whole:
            self.faults.add("reference")
        faces = []
        for polygon in polygons:
            rings = self._rings(polygon)
            if rings is None:
                self.faults.add("number")
                whole = False
                continue
            face = self._face(rings)
            if face is None:
                self.faults.add("collapsed")
            else:
                faces.append(face)
        return faces, whole

    def _face(self, rings: tuple[FloatArray, ...]) -> _Face | None:
        """Measure a polygon; None if it has no area."""
        if self.metres is None:
            self.metres = self.reference.metres(float(rings[0][0, 1]))
        # without heights the plan still tells whether there is an area at all
        known = math.isfinite(self.metres[2]) and not any(math.isnan(ring[0, 2]) for ring in rings)
        if known:
            normals = [_normal(ring, self.metres) for ring in rings]
        else:
            metres = np.nan_to_num(self.metres, nan=1.0)
            normals = [_normal(np.nan_to_num(ring), metres) for ring in rings]
        areas = [math.hypot(*normal) for normal in normals]
        holes = [i for i in range(1, len(rings)) if areas[i] >= COLLAPSED_M2]
        area = areas[0] - sum(areas[i] for i in holes)
        if area < COLLAPSED_M2:
            return None
        kept = (rings[0], *(rings[i] for i in holes))
        return _Face(kept, area if known else math.nan, abs(normals[0][2]) / areas[0])

    def _rings(self, polygon: Element) -> tuple[FloatArray, ...] | None:
        outer: list[FloatArray | None] = []
        inner: list[FloatArray | None] = []
        for child in polygon:
            rings = [self._ring(ring) for ring in child.iter(*_RINGS)]
            (outer if _name(str(child.tag)) in {"exterior", "outerBoundaryIs"} else inner).extend(rings)
        found = [ring for ring in (*outer, *inner) if ring is not None]
        return tuple(found) if len(outer) == 1 and len(found) == 1 + len(inner) else None

    def _ring(self, element: Element) -> FloatArray | None:
        """Corners of a ring, closed; None if they are no numbers."""
        tuples = [_corners(numbers, self._dimension(numbers)) for numbers in element.iter(*_NUMBERS)]
        found = [corners for corners in tuples if corners is not None]
        if not found or len(found) < len(tuples):
            return None
        ring = found[0] if len(found) == 1 else np.concatenate(found)
        if self.reference.north_first:
            ring = ring[:, [1, 0, 2]]
        if not (ring[0, :2] == ring[-1, :2]).all():
            self.faults.add("open")
            ring = np.concatenate([ring, ring[:1]])
        return ring

    def _dimension(self, numbers: Element) -> int:
        if not self._mixed:
            return 3
        for element in (numbers, *numbers.iterancestors()):
            if element.get("srsDimension"):
                return 2 if element.get("srsDimension") == "2" else 3
        return 3

    def _referenced(self, reference: str) -> list[Element]:
        if self._by_id is None:
            every = ((element.get(_IDS[0]) or element.get(_IDS[1]), element) for element in self.building.iter())
            self._by_id = {gml_id: element for gml_id, element in every if gml_id}
        # a face bounds once: who refers to the same thing a thousand times wants us to read it a thousand times
        element = self._by_id.pop(reference.removeprefix("#"), None) if reference.startswith("#") else None
        return [] if element is None else list(element.iter(*_POLYGONS))


def _attributes(element: Element, name: str) -> list[str]:
    if name == _HREF:
        return [value for one in element.iter(*_gml("surfaceMember", "baseSurface")) if (value := one.get(_HREF))]
    found = element.xpath(f".//@{name}")
    return [str(value) for value in found] if isinstance(found, list) else []


def _corners(numbers: Element, dimension: int) -> FloatArray | None:
    """Tuples of coordinates, shape (n, 3), without heights NaN; None if they are no such tuples."""
    text = numbers.text or ""
    if _name(str(numbers.tag)) == "coordinates":
        dimension = len(text.split()[0].split(numbers.get("cs", ","))) if text.split() else dimension
        text = text.replace(numbers.get("cs", ","), " ").replace(numbers.get("decimal", "."), ".")
    try:
        values = np.array(text.split(), dtype=np.float64)
    except ValueError:
        return None
    if values.size == 0 or values.size % dimension or dimension not in {2, 3}:
        return None
    corners = values.reshape(-1, dimension)
    if not (np.abs(corners) < MAX_COORDINATE).all():
        return None
    if dimension == 3:
        return corners
    return np.column_stack([corners, np.full(len(corners), np.nan)])


# --- one building -------------------------------------------------------------------------------------------------


@dataclass
class _Unit:
    """A Building or BuildingPart: its own surfaces and values."""

    element: Element
    unit_id: str
    faces: dict[Kind, list[_Face]] = field(default_factory=lambda: {"roof": [], "wall": [], "ground": []})
    broken: set[Kind] = field(default_factory=set)
    footprint: shapely.Geometry | None = None
    named: bool = False  # whether the file says what is roof, wall and ground

    def __post_init__(self) -> None:
        self._properties: dict[str, list[Element]] = {}
        for child in self.element:
            self._properties.setdefault(_name(str(child.tag)), []).append(child)

    def children(self, *names: str) -> list[Element]:
        """Own properties of these names."""
        return [child for name in names for child in self._properties.get(name, ())]

    def texts(self, *names: str) -> list[Element]:
        """Own values, empty ones left out."""
        return [child for child in self.children(*names) if (child.text or "").strip()]

    def heights(self) -> tuple[float, float]:
        """Lowest ground and highest roof in units of the file; NaN where they are missing or broken."""
        tops = self.faces["roof"] or self.faces["wall"]
        feet = self.faces["ground"] or self.faces["wall"]
        if not tops or not feet or self.broken:
            return math.nan, math.nan
        top = max(float(face.rings[0][:, 2].max()) for face in tops)
        return min(float(face.rings[0][:, 2].min()) for face in feet), top

    def roof(self) -> str:
        """Flat or pitched by the slope of most of the roof; empty if the file draws none."""
        area = sum(face.area_m2 for face in self.faces["roof"])
        level = math.cos(math.radians(FLAT_MAX_DEG))
        flat = sum(face.area_m2 for face in self.faces["roof"] if face.up >= level)
        if not area > 0 or "roof" in self.broken:
            return ""
        if flat <= area / 2:
            return "pitched"
        return "flat" if self.named else ""  # a block of LoD1 is always level: that says nothing


def _units(building: Element, building_id: str, reader: _Reader) -> list[_Unit]:
    """Return the building, if it has surfaces of its own or no parts, and its parts."""
    unit = _unit(building, building_id, reader)
    parts = [
        nested
        for holder in unit.children(*_PARTS)
        for part in holder
        if _name(str(part.tag)) == "BuildingPart"
        for nested in _units(part, part.get(_IDS[0]) or part.get(_IDS[1]) or f"{building_id}, a part", reader)
    ]
    empty = unit.footprint is None and not unit.broken and not any(unit.faces.values())
    return parts if parts and empty else [unit, *parts]


def _unit(element: Element, unit_id: str, reader: _Reader) -> _Unit:
    unit = _Unit(element, unit_id)
    for surface in itertools.chain.from_iterable(unit.children(*_BOUNDARIES)):
        kind = _SURFACES.get(_name(str(surface.tag)))
        container = _first(surface, _SURFACE_LODS)
        if kind is not None and container is not None:
            unit.named = True
            faces, whole = reader.faces(container)
            unit.faces[kind] += faces
            if not whole:
                unit.broken.add(kind)
    if not unit.named:
        _sort_body(unit, reader)
    unit.footprint = _footprint(unit, reader)
    return unit


def _first(element: Element, names: tuple[str, ...]) -> Element | None:
    by_name = {_name(str(child.tag)): child for child in element}
    return next((by_name[name] for name in names if name in by_name), None)


def _sort_body(unit: _Unit, reader: _Reader) -> None:
    """Tell ground, walls and roof of a body without named surfaces apart: by slope, and the ground by lying lowest."""
    body = _first(unit.element, _BODY_LODS)
    faces, whole = reader.faces(body) if body is not None else ([], True)
    if not whole:
        unit.broken |= {"roof", "wall", "ground"}
    if not faces:
        return
    reader.faults.add("unnamed")
    lowest = min(float(face.rings[0][:, 2].min()) for face in faces)
    for face in faces:
        if face.up < math.cos(math.radians(WALL_MIN_DEG)):
            unit.faces["wall"].append(face)
        elif face.rings[0][:, 2].max() <= lowest + 0.01:
            unit.faces["ground"].append(face)
        else:
            unit.faces["roof"].append(face)


def _footprint(unit: _Unit, reader: _Reader) -> shapely.Geometry | None:
    if unit.faces["ground"] and "ground" not in unit.broken:
        outline = _union(unit.faces["ground"], reader)
        if outline is not None:
            return outline
    container = _first(unit.element, _OUTLINE_LODS)
    faces, whole = reader.faces(container) if container is not None else ([], False)
    if faces and whole:
        reader.faults.add("lod0")
        return _union(faces, reader)
    if unit.faces["roof"] and "roof" not in unit.broken:
        reader.faults.add("roof outline")
        return _union(unit.faces["roof"], reader)
    return None


def _union(faces: list[_Face], reader: _Reader) -> shapely.Geometry | None:
    """Outline of faces seen from above; None if there is none (upright faces)."""
    level = math.cos(math.radians(WALL_MIN_DEG))
    shapes = np.array([face.outline() for face in faces if face.up > level], dtype=object)
    corners = shapely.get_num_coordinates(shapes)
    valid = shapely.is_valid(shapes)
    if corners.sum() > MAX_CORNERS or corners[~valid].sum() > MAX_CROSSING_CORNERS:
        return None
    if not valid.all():
        reader.faults.add("crossing")
        shapes[~valid] = shapely.make_valid(shapes[~valid])
    merged = shapes[0] if len(shapes) == 1 else shapely.union_all(shapes)
    parts = shapely.get_parts(shapely.get_parts(merged))  # twice: make_valid may nest a multipolygon in a collection
    square_m = 1.0 if reader.metres is None else float(reader.metres[0] * reader.metres[1])
    polygons = parts[(shapely.get_dimensions(parts) == 2) & (shapely.area(parts) * square_m > COLLAPSED_M2)]
    if not len(polygons):
        return None
    return polygons[0] if len(polygons) == 1 else shapely.MultiPolygon(list(polygons))


# --- values -------------------------------------------------------------------------------------------------------


def _by_size(units: list[_Unit]) -> list[_Unit]:
    """Order in which units are asked for a word: the building itself, then its parts, the largest first."""
    sizes = [0.0 if unit.footprint is None else float(shapely.area(unit.footprint)) for unit in units]
    order = sorted(range(len(units)), key=lambda i: -sizes[i])
    return [units[i] for i in order]


def _asked(building: Element, building_id: str, units: list[_Unit]) -> list[_Unit]:
    own = next((unit for unit in units if unit.element is building), None) or _Unit(building, building_id)
    return [own, *(unit for unit in _by_size(units) if unit is not own)]


def _number(text: str | None, column: str) -> float:
    """Value of a column of the input table; NaN if it is no number or out of its range."""
    declared = INPUTS["buildings"].column(column)
    try:
        value = float(text or "")
    except ValueError:
        return math.nan
    low, high = declared.low or 0.0, declared.high or math.inf
    return value if low <= value <= high else math.nan


def _use(asked: list[_Unit]) -> tuple[str, list[str]]:
    """Use by the first function that is in the table, and the functions that are not."""
    strange = []
    for unit in asked:
        for element in unit.texts("function", "usage"):
            use = _use_of(element)
            if use is not None:
                return use, []
            strange.append((element.text or "").strip())
    return UNKNOWN, strange


def _use_of(element: Element) -> str | None:
    # 1120 is "housing with shops" in ALKIS and "office building" in the list of the SIG 3D
    code_list = element.get("codeSpace", "").lower()
    code = _ALKIS_CODE.fullmatch((element.text or "").strip())
    if code is None or (code_list and "adv" not in code_list and "alkis" not in code_list):
        return None
    return UNHEATED if code["structure"] else ALKIS_USES.get(code["code"] or code["bare"])


def _roof(asked: list[_Unit], units: list[_Unit]) -> str:
    """Roof by its code, else by slope. 1000 is flat in the lists of AdV and SIG 3D; 9999 is "other"."""
    codes = [(element.text or "").strip().rpartition("_")[2] for unit in asked for element in unit.texts("roofType")]
    known = [code for code in codes if code != "9999"]
    if known:
        return "flat" if known[0].lower() in {"1000", "flat"} else "pitched"
    return next((roof for unit in _by_size(units) if (roof := unit.roof())), "")


def _height_m(unit: _Unit, faults: set[str]) -> float:
    """Measured height in metres; NaN where there is none or its unit is not known."""
    measured = unit.texts("measuredHeight") or [
        value
        for height in unit.children("height")
        for value in height.iter()
        if _name(str(value.tag)) == "value" and (value.text or "").strip()
    ]
    if not measured:
        return math.nan
    uom = measured[0].get("uom")
    unit_name = re.split(r"[:#/]", (uom or "m").strip().lower())[-1]
    factor = _METRES_PER.get(unit_name)
    if uom is None:
        faults.add("no unit")
    if factor is None:
        faults.add("strange unit")
        return math.nan
    if factor != 1:
        faults.add("converted")
    try:
        value = float(measured[0].text or "") * factor
    except ValueError:
        value = math.nan
    value = _number(str(value), "height_m")
    if math.isnan(value):
        faults.add("height")
    return value


def _tallest_m(own: _Unit, units: list[_Unit], reader: _Reader) -> float:
    """Height of the building as measured, else of its tallest part if all are measured, else by its surfaces."""
    measured = _height_m(own, reader.faults)
    parts = [unit for unit in units if unit.element is not own.element]
    if math.isnan(measured) and parts and len(parts) == len(units):
        measured = float(np.max([_height_m(part, reader.faults) for part in parts]))
    if not math.isnan(measured):
        return measured
    z_unit = math.nan if reader.metres is None else float(reader.metres[2])
    feet, tops = np.array([unit.heights() for unit in units if unit.footprint is not None]).T
    drawn = float(tops.max() - feet.min()) * z_unit
    height = _number(str(drawn), "height_m")
    if math.isnan(height) and not math.isnan(drawn):
        reader.faults.add("drawn")
    return height


def _storeys(asked: list[_Unit], faults: set[str]) -> float:
    own, *parts = ([element.text for element in unit.texts("storeysAboveGround")] for unit in asked)
    texts = own or list(itertools.chain.from_iterable(parts))
    values = [_number(text, "storeys") for text in texts]
    good = [value for value in values if value == math.floor(value)] if not np.isnan(values).any() else []
    if len(good) < len(values):
        faults.add("storeys")
        return math.nan
    return max(good, default=math.nan)


def _year(asked: list[_Unit], faults: set[str]) -> float:
    texts = [element.text for unit in asked for element in unit.texts("yearOfConstruction", "dateOfConstruction")]
    if not texts:
        return math.nan
    year = _number((texts[0] or "").strip()[:4], "year_built")
    if math.isnan(year):
        faults.add("year")
    return year


def _area_m2(units: list[_Unit], kind: Kind) -> float:
    """Sum of the faces of a kind; NaN if there is none, one is broken, or a part has nothing that can be read."""
    faces = [face.area_m2 for unit in units for face in unit.faces[kind]]
    if not faces or any(kind in unit.broken or unit.footprint is None for unit in units):
        return math.nan
    return float(sum(faces))


# --- all of them --------------------------------------------------------------------------------------------------

_NO_SURFACE = "buildings without a usable ground, outline or roof"
_REPEATED = "buildings with the id of an earlier one"
_OUTSIDE = "buildings outside the area for which the CRS is made"
_FAULTS: dict[str, tuple[str, Done, str]] = {
    "part": ("parts without a usable surface, left out of their building", "kept", "Its areas are missing."),
    "number": (
        "buildings with surfaces whose coordinates are no numbers",
        "kept",
        "Areas that need these surfaces are missing.",
    ),
    "reference": (
        "buildings with surfaces that refer to something not in the building",
        "kept",
        "Areas that need these surfaces are missing.",
    ),
    "open": ("buildings with rings that are not closed", "repaired", ""),
    "collapsed": ("buildings with surfaces of no area", "repaired", ""),
    "crossing": ("buildings with a self-crossing outline", "repaired", ""),
    "lod0": ("buildings without a ground surface, outline taken from LoD0", "kept", ""),
    "roof outline": ("buildings without a ground surface, outline taken from the roof", "kept", "Eaves are included."),
    "unnamed": ("buildings whose surfaces have no names, told apart by slope", "kept", ""),
    "no unit": ("heights without a unit, taken as metres", "kept", "Write uom on measuredHeight."),
    "converted": ("heights in other units, converted to metres", "repaired", ""),
    "strange unit": ("heights in an unknown unit, not used", "kept", 'Write uom="m" on measuredHeight.'),
    "height": ("measured heights that are no height of a building, not used", "kept", "Check measuredHeight."),
    "drawn": ("buildings drawn too low or too high for one, height missing", "kept", "Check the unit of heights."),
    "storeys": ("storeys that are no number of storeys, missing", "kept", "Check storeysAboveGround."),
    "year": ("years of construction that are no year, missing", "kept", "Check yearOfConstruction."),
    "no function": ("buildings without a function, use unknown", "kept", "Join the use from the cadastre."),
    "no id": ("buildings without a gml:id, numbered", "kept", "Give ids: numbers change when the file does."),
    "no heights": (
        "buildings in degrees without a height system, areas and heights by surfaces missing",
        "kept",
        "Name the height system in srsName.",
    ),
}


@dataclass
class _City:
    """Rows and findings of one file so far."""

    where: str
    received: int = 0
    unplaced: int = 0
    reference: Reference | None = None
    crs_names: Counter[str] = field(default_factory=Counter)
    others: Counter[str] = field(default_factory=Counter)
    codes: Counter[str] = field(default_factory=Counter)
    coded: list[str] = field(default_factory=list)
    ids: set[str] = field(default_factory=set)
    rows: list[tuple[object, ...]] = field(default_factory=list)
    shapes: list[shapely.Geometry] = field(default_factory=list)
    found: dict[str, list[str]] = field(default_factory=dict)

    def note_crs(self, element: Element) -> None:
        """Note every srsName below; the first that is known counts, the others must agree in the end."""
        for name in _attributes(element, "srsName"):
            self.crs_names[name] += 1
            if self.reference is None:
                self.reference = reference(name)

    def take(self, building: Element, entry: str) -> None:
        """Add one Building, or note why not."""
        self.received += 1
        self.note_crs(building)
        if self.reference is None:
            self.unplaced += 1
            return
        gml_id = building.get(_IDS[0]) or building.get(_IDS[1])
        building_id = gml_id or f"{entry}#{self.received}"
        if building_id in self.ids:
            self._note(_REPEATED, building_id)
            return
        self.ids.add(building_id)
        reader = _Reader(building, self.reference)
        units = _units(building, building_id, reader)
        outlines = [unit.footprint for unit in units if unit.footprint is not None]
        if not outlines:
            self._note(_NO_SURFACE, building_id)
            return
        if gml_id is None:
            reader.faults.add("no id")
        if math.isnan(self.reference.z_unit):
            reader.faults.add("no heights")
        for unit in units:
            if unit.footprint is None:
                self._note("part", f"{building_id}/{unit.unit_id}")
        self.shapes.append(outlines[0] if len(outlines) == 1 else shapely.union_all(outlines))
        self.rows.append(self._row(building, building_id, units, reader))
        for fault in reader.faults:
            self._note(fault, building_id)

    def _row(self, building: Element, building_id: str, units: list[_Unit], reader: _Reader) -> tuple[object, ...]:
        asked = _asked(building, building_id, units)
        use, strange = _use(asked)
        if strange:
            self.codes.update(strange)
            self.coded.append(building_id)
        elif use == UNKNOWN:
            reader.faults.add("no function")
        return (
            building_id,
            use,
            _storeys(asked, reader.faults),
            _tallest_m(asked[0], units, reader),
            _roof(asked, units),
            _year(asked, reader.faults),
            _area_m2(units, "roof"),
            _area_m2(units, "wall"),
        )

    def _note(self, fault: str, building_id: str) -> None:
        self.found.setdefault(fault, []).append(building_id)

    def frame(self, report: Report) -> gpd.GeoDataFrame:
        """Return what was read and report what was not, once it is sure that the whole file can be used."""
        if self.received == 0:
            held = ", ".join(f"{count} {kind}" for kind, count in self.others.most_common(10)) or "nothing"
            raise InputError(Problem(self.where, f"holds no building, but {held}", "Give the file of the buildings."))
        crs = self._crs()
        frame = gpd.GeoDataFrame(
            {name: [row[i] for row in self.rows] for i, name in enumerate(COLUMNS)}, geometry=self.shapes, crs=crs
        ).astype({name: np.float64 for name in COLUMNS if name not in {"building_id", "use", "roof"}})
        outside = _outside(frame, crs)
        if outside.mean() > 0.5 if len(frame) else False:
            raise CRSMismatchError(self._misplaced(frame, crs))
        for building_id in frame["building_id"][outside]:
            self._note(_OUTSIDE, building_id)
        kept = frame[~outside].reset_index(drop=True)
        self._report(report, len(kept))
        return kept

    def _crs(self) -> CRS:
        """Return the one CRS of the file."""
        remedy = "Name one CRS by its EPSG code in srsName, as urn:ogc:def:crs:EPSG::25832 for UTM zone 32."
        if not self.crs_names:
            raise CRSMismatchError(Problem(self.where, "names no CRS (srsName)", remedy))
        problems = [
            Problem(self.where, f"srsName '{name}' ({count} times) is not known or not a map's", remedy)
            for name, count in self.crs_names.items()
            if reference(name) is None
        ]
        if len({reference(name) for name in self.crs_names}) > 1:
            names = ", ".join(f"'{name}' ({count} times)" for name, count in self.crs_names.items())
            problems.append(Problem(self.where, f"mixes reference systems: {names}", "Give one file for each."))
        if self.unplaced and not problems:
            problems.append(Problem(self.where, f"{self.unplaced} buildings stand before the first srsName", remedy))
        if problems or self.reference is None:
            raise CRSMismatchError(problems)
        return self.reference.crs

    def _misplaced(self, frame: gpd.GeoDataFrame, crs: CRS) -> Problem:
        x, y = frame.total_bounds[:2]
        names = ", ".join(f"'{name}'" for name in self.crs_names)
        what = f"coordinates (x {x:.10g}, y {y:.10g} and on) are not where {names} ({crs.name}) is used"
        remedy = (
            "Check srsName: URNs and URLs of the OGC mean the axis order of the authority, EPSG:… means east first; "
            "eastings with the zone number in front are another CRS (EPSG:4647 for zone 32)."
        )
        return Problem(self.where, what, remedy)

    def _report(self, report: Report, kept: int) -> None:
        for what in (_NO_SURFACE, _REPEATED, _OUTSIDE):
            report.add(self.where, what, self.found.get(what, ()), "dropped", "Check them in the source.")
        for fault, (what, done, remedy) in _FAULTS.items():
            report.add(self.where, what, self.found.get(fault, ()), done, remedy)
        if self.codes:
            codes = ", ".join(f"{code} ({count})" for code, count in self.codes.most_common(20))
            remedy = "Translate them to the codes of ALKIS (31001_…), or join the use from another source."
            what = f"buildings whose function has no use in the table: {codes}{', …' if len(self.codes) > 20 else ''};"
            report.add(self.where, f"{what} use unknown", self.coded, "kept", remedy)
        report.count(self.where, self.received, kept)
        others = f"{self.where}, other objects"
        if self.others:
            kinds = ", ".join(f"{count} {kind}" for kind, count in self.others.most_common(20))
            report.lines.append(
                Line(others, f"objects that are no buildings ({kinds})", self.others.total(), "dropped")
            )
            report.count(others, self.others.total(), 0)


def _outside(frame: gpd.GeoDataFrame, crs: CRS) -> NDArray[np.bool_]:
    """Tell which footprints lie clear of the area of the CRS: swapped axes, a zone number in front, a stray zero."""
    area = crs.area_of_use
    if area is None or crs.geodetic_crs is None or area.west > area.east:
        return np.zeros(len(frame), np.bool_)
    box = frame.geometry.bounds.to_numpy()
    to_degrees = Transformer.from_crs(crs, crs.geodetic_crs, always_xy=True)
    lon, lat = to_degrees.transform((box[:, 0] + box[:, 2]) / 2, (box[:, 1] + box[:, 3]) / 2)
    margin = AREA_MARGIN_DEG
    inside = (lon >= area.west - margin) & (lon <= area.east + margin)
    inside &= (lat >= area.south - margin) & (lat <= area.north + margin)
    return np.asarray(~inside, dtype=np.bool_)
