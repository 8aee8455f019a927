"""The same layers from a file: an OpenStreetMap extract (.osm, .osm.pbf) that a city has or downloaded as a whole.

libosmium reads the file, osmnx builds the outlines: the very code that builds what a server sends. GDAL's driver was
tried and left: where a node or a member is missing, as at every edge of an extract, it gives the building another shape
or none, without a word.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import geopandas as gpd
import osmium
import osmnx
import shapely
from osmium.osm import NODE, RELATION, WAY, Node, Relation, Way, osm_entity_bits
from osmnx._errors import InsufficientResponseError
from pyproj import CRS
from pyproj.exceptions import CRSError
from shapely.errors import GEOSException

from data.osm_layers import area_of, build, in_metres, outline, unknown_layers
from data.osm_tags import KEYS, LAYER_TAGS, matches
from data.overpass import osmnx_settings
from data.report import Report
from geo.errors import CRSMismatchError, InputError, Problem

FORMATS = {".osm": "osm", ".pbf": "pbf"}
_HEAD_BYTES = 65_536
_NAMES = {"n": "node", "w": "way", "r": "relation"}

_Box = tuple[float, float, float, float]
_Element = Node | Way | Relation


def read_file(
    path: Path,
    layers: Sequence[str],
    report: Report,
    *,
    boundary: gpd.GeoDataFrame | None = None,
    crs: str | CRS = "EPSG:25832",
) -> dict[str, gpd.GeoDataFrame]:
    """Read layers from a file.

    Parameters
    ----------
    path
        OSM XML (.osm) or PBF (.osm.pbf, .pbf). Elements are held in memory: for a place in a large extract give
        its boundary.
    layers
        Any of ``"buildings"``, ``"streets"``, ``"landuse"``, ``"green"``, ``"blue"``.
    report
        For each layer (``"file.osm, buildings"``), receives what was dropped, repaired or left missing, and the counts.
    boundary
        Outline of the place in any CRS; None = everything in the file.
    crs
        Of the result: projected, in metres.

    Returns
    -------
    dict
        For each layer a frame as `data.osm_layers.build` makes it: the same ids, columns and outlines as from a server.

    Raises
    ------
    InputError
        The file is missing, of another kind, cut off or damaged, or declares XML entities; a layer is not known; the
        boundary is empty.
    CRSMismatchError
        The boundary has no CRS, or `crs` is not in metres.
    """
    file = _checked(path, layers)
    target = _target(crs)
    area = None
    if boundary is not None:
        area, _ = area_of(boundary if boundary.crs is None else boundary.to_crs(target))
    raw: dict[str, gpd.GeoDataFrame | None] = {}
    sent: dict[str, Counter[str]] = {}
    far: dict[str, list[str]] = {}
    try:
        with tempfile.TemporaryDirectory(prefix="revier-osm-") as made:
            if area is not None:
                box: _Box = shapely.bounds(outline(area, target)).tolist()
                file, far = _cut(file, layers, box, Path(made, "place.osm.pbf"))
            for layer in layers:
                raw[layer], sent[layer] = _features(file, layer, Path(made))
    except (RuntimeError, OSError, ValueError, KeyError, TypeError, IndexError, GEOSException) as error:
        what = f"cannot be read as OpenStreetMap data ({error})"
        remedy = "The file is cut off or damaged: download or export it again."
        raise InputError(Problem(path.name, what, remedy)) from error
    frames: dict[str, gpd.GeoDataFrame] = {}
    for layer in layers:
        where = f"{path.name}, {layer}"
        report.add(where, "far outside", far.get(layer, []), "dropped")
        frames[layer] = build(layer, raw.pop(layer), sent[layer], report, where, area=area, crs=target)
    return frames


def _target(crs: str | CRS) -> CRS:
    try:
        return in_metres(CRS.from_user_input(crs), "crs")
    except CRSError as error:
        raise CRSMismatchError(Problem("crs", f"'{crs}' is not known", "Use a code such as EPSG:25832.")) from error


def _checked(path: Path, layers: Sequence[str]) -> osmium.io.File:
    """Refuse what is no OSM file before a parser sees it."""
    problems = unknown_layers(layers)
    form = FORMATS.get(path.suffix.lower())
    if form is None:
        problems.append(
            Problem(path.name, "is not a file of OpenStreetMap", "Give a file that ends in .osm or .osm.pbf.")
        )
    elif not path.is_file():
        problems.append(Problem(str(path), "is not there", "Check the path."))
    elif form == "osm":
        with path.open("rb") as opened:
            head = opened.read(_HEAD_BYTES)
        # without the zeros of UTF-16; an entity that is declared further down is refused by libosmium itself
        if b"<!DOCTYPE" in head.replace(b"\0", b""):
            what = "declares a document type, which OpenStreetMap files do not have and which can hide entities"
            problems.append(Problem(path.name, what, "Export it anew from an OpenStreetMap tool."))
    if problems:
        raise InputError(problems)
    return osmium.io.File(str(path), form or "")


def _elements(
    file: osmium.io.File, kinds: osm_entity_bits, keys: Iterable[str], *, every_way: bool = False, located: bool = False
) -> Iterator[_Element]:
    """Stream the elements of some kinds that have one of the keys; each is valid until the next one is asked for."""
    chosen = osmium.filter.KeyFilter(*keys)
    if every_way:
        chosen.enable_for(NODE)
    reader = osmium.FileProcessor(file, kinds)
    if located:
        reader = reader.with_locations()
    for element in reader.with_filter(chosen):
        if isinstance(element, (Node, Way, Relation)):
            yield element


@contextmanager
def _complete(target: osmium.io.File, source: osmium.io.File) -> Iterator[osmium.BackReferenceWriter]:
    """Write elements to a file; nodes and members that they need are added, without tags, when the block ends."""
    writer = osmium.BackReferenceWriter(target, ref_src=source)
    try:
        with writer:
            yield writer
    finally:
        writer.tmpdir.cleanup()  # after an error pyosmium leaves it to the garbage collector, which warns


def _name(element: _Element) -> str:
    return f"{_NAMES[element.type_str()]}/{element.id}"


def _features(file: osmium.io.File, layer: str, folder: Path) -> tuple[gpd.GeoDataFrame | None, Counter[str]]:
    """Write the elements of one layer, and the nodes and members they need, to a small file; let osmnx build them."""
    sent: Counter[str] = Counter()
    complete = osmium.io.File(str(folder / f"{layer}.osm.pbf"), "pbf")
    with _complete(complete, file) as writer:
        for element in _elements(file, NODE | WAY | RELATION, LAYER_TAGS[layer]):
            tags = dict(element.tags)
            if matches(layer, tags):
                sent[_name(element)] += 1
                writer.add(element.replace(tags={key: tags[key] for key in KEYS[layer] & tags.keys()}))
    if not sent:
        return None, sent
    extract = folder / f"{layer}.osm"
    _write_sound(complete, osmium.io.File(str(extract), "osm,add_metadata=none"))
    try:
        with osmnx_settings(cache_only_mode=False, default_crs="EPSG:4326"):
            return osmnx.features.features_from_xml(extract, tags={**LAYER_TAGS[layer]}), sent
    except InsufficientResponseError:
        return None, sent


def _write_sound(source: osmium.io.File, target: osmium.io.File) -> None:
    """Leave out ways that lack nodes: osmnx breaks on an area with such a member, and drops one without a member."""
    nodes: set[int] = set()
    for element in osmium.FileProcessor(source, NODE):
        if isinstance(element, Node):
            nodes.add(element.id)
    with osmium.SimpleWriter(target) as writer:
        for element in osmium.FileProcessor(source, NODE | WAY | RELATION):
            refs = [node.ref for node in element.nodes] if isinstance(element, Way) else None
            if refs is None or (len(refs) > 1 and nodes.issuperset(refs)):
                writer.add(element)


def _cut(
    file: osmium.io.File, layers: Sequence[str], box: _Box, target: Path
) -> tuple[osmium.io.File, dict[str, list[str]]]:
    """Write what reaches into the box (degrees: west, south, east, north), so that osmnx need not build a whole state.

    What has no position, because its nodes or members are missing, stays in: the builder reports it.

    Returns
    -------
    tuple
        The new file, and for each layer the elements that were left out.
    """
    keys = {key for layer in layers for key in LAYER_TAGS[layer]}
    members = {way for relation in _elements(file, RELATION, keys) for way in _ways(relation)}
    left_out: dict[str, list[str]] = {layer: [] for layer in layers}
    near: set[int] = set()
    far: set[int] = set()
    with _complete(osmium.io.File(str(target), "pbf"), file) as writer:

        def sort(element: _Element, *, inside: bool) -> None:
            tags = dict(element.tags)
            of = [layer for layer in layers if matches(layer, tags)]
            if of and inside:
                writer.add(element)
            elif of:
                for layer in of:
                    left_out[layer].append(_name(element))

        for element in _elements(file, NODE | WAY, keys, every_way=True, located=True):
            if element.id in members or keys & {tag.k for tag in element.tags}:
                inside = _reaches(element, box)
                if isinstance(element, Way):
                    (near if inside else far).add(element.id)
                sort(element, inside=inside)
        for relation in _elements(file, RELATION, keys):
            ways = _ways(relation)
            sort(relation, inside=not ways.isdisjoint(near) or ways.isdisjoint(far))
    return osmium.io.File(str(target), "pbf"), left_out


def _ways(relation: _Element) -> set[int]:
    """Ways that make up a relation."""
    return (
        {member.ref for member in relation.members if member.type == "w"} if isinstance(relation, Relation) else set()
    )


def _reaches(element: _Element, box: _Box) -> bool:
    """Say whether the bounding box of an element meets the box; true where it has no position."""
    nodes = element.nodes if isinstance(element, Way) else [element] if isinstance(element, Node) else []
    known = [node.location for node in nodes if node.location.valid()]
    if not known:
        return True
    lon, lat = [one.lon for one in known], [one.lat for one in known]
    west, south, east, north = box
    return max(lon) >= west and min(lon) <= east and max(lat) >= south and min(lat) <= north
