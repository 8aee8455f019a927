"""CQL2 as the standard has it (OGC 21-065r2): its sample expressions and its abstract tests.

The samples are those of the standard's repository, as text and as JSON; tables and rows that each must find are ours.
"""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapely

from geo.errors import InputError
from layers.filter_columns import Kind
from layers.filter_spatial import ShapelyValues
from layers.filters import OF_API, Column, parse, parse_json

START, END = "1991-10-07T08:21:06.393262Z", "2010-02-10T05:29:20.073225Z"
OTTAWA = "fa7e1920-9107-422d-a3db-c468cbc5d6df"


def op(name: str, *args: Any) -> dict[str, Any]:
    return {"op": name, "args": list(args)}


def p(name: str) -> dict[str, str]:
    return {"property": name}


def span(start: Any, end: Any) -> dict[str, Any]:
    return {"interval": [start, end]}


def geojson(wkt: str) -> dict[str, Any]:
    """GeoJSON by an independent writer."""
    document: dict[str, Any] = json.loads(shapely.to_geojson(shapely.from_wkt(wkt)))
    return document


def ring(numbers: str) -> str:
    return f"POLYGON(({numbers}))"


LIVED, KEPT = span(p("starts_at"), p("ends_at")), span(START, END)
LIVED_TEXT, KEPT_TEXT = "INTERVAL(starts_at, ends_at)", f"INTERVAL('{START}', '{END}')"
SCENE = ring(
    "-77.117938 38.936860, -77.040604 39.995648, -76.910536 38.892912, -77.039359 38.791753, -77.047906 38.841462, "
    "-77.034183 38.840655, -77.033142 38.857490, -77.117938 38.936860"
)
FOOTPRINT = ring(
    "43.5845 -79.5442, 43.6079 -79.4893, 43.5677 -79.4632, 43.6129 -79.3925, 43.6223 -79.3238, 43.6576 -79.3163, "
    "43.7945 -79.1178, 43.8144 -79.1542, 43.8555 -79.1714, 43.7509 -79.6390, 43.5845 -79.5442"
)
QUARTER = ring(
    "43.7286 -79.2986, 43.7311 -79.2996, 43.7323 -79.2972, 43.7326 -79.2971, 43.7350 -79.2981, 43.7350 -79.2982, "
    "43.7352 -79.2982, 43.7357 -79.2956, 43.7337 -79.2948, 43.7343 -79.2933, 43.7339 -79.2923, 43.7327 -79.2947, "
    "43.7320 -79.2942, 43.7322 -79.2937, 43.7306 -79.2930, 43.7303 -79.2930, 43.7299 -79.2928, 43.7286 -79.2986"
)
ROAD = (
    "LINESTRING(43.72992 -79.2998, 43.73005 -79.2991, 43.73006 -79.2984, 43.73140 -79.2956, 43.73259 -79.2950, "
    "43.73266 -79.2945, 43.73320 -79.2936, 43.73378 -79.2936, 43.73486 -79.2917)"
)
POINTS = "MULTIPOINT ((180.0 -0.5), (179.0 -47.121701), (180.0 -0.0), (33.470475 -0.99999), (179.0 -15.333062))"
STAR = "POLYGON ((-0.333333 89.0, -102.723546 -0.5, -179.0 -89.0, -1.9 89.0, -0.0 89.0, 2.00001 -1.9, -0.333333 89.0))"
MIXED = (
    "GEOMETRYCOLLECTION (POINT (1.9 2.00001), POINT (0.0 -2.00001), MULTILINESTRING ((-2.00001 -0.0, "
    "-77.292642 -0.5, -87.515626 -0.0, -180.0 12.502773, 21.204842 -1.5, -21.878857 -90.0)), POINT (1.9 0.5), "
    "LINESTRING (179.0 1.179148, -148.192487 -65.007816, 0.5 0.333333))"
)
HIGH = (
    "((-49.88024 0.5 -75993.341684, -1.5 -0.99999 -100000.0, 0.0 0.5 -0.333333, -49.88024 0.5 -75993.341684), "
    "(-65.887123 2.00001 -100000.0, 0.333333 -53.017711 -79471.332949, 180.0 0.0 1852.616704, "
    "-65.887123 2.00001 -100000.0))"
)
ZIGZAG = (
    "LINESTRING (172.03086 1.5, 1.1 -90.0, -159.757695 0.99999, -180.0 0.5, -12.111235 81.336403, -0.5 64.43958, "
    "0.0 81.991815, -155.93831 90.0)"
)
LINES = (
    "MULTILINESTRING ((-1.9 -0.99999, 75.292574 1.5, -0.5 -4.016458, -31.708594 -74.743801, 179.0 -90.0),"
    "(-1.9 -1.1, 1.5 8.547371))"
)
SLIVER = "MULTIPOLYGON (((144.022387 45.176126, -1.1 0.0, 180.0 47.808086, 144.022387 45.176126)))"

# of each kind and name five rows, of which the last knows nothing
SCALARS: dict[Kind, dict[str, list[Any]]] = {
    "number": {
        "floors": [3, 6, 7, 5, None],
        "taxes": [500, 501, 0, 1000, None],
        "value": [10, 20, 3, 25, None],
        "foo": [0.2, 3, 6, 40, None],
        "bar": [1, 0, 16 * 6.1234, 5, None],
        "x": [1, 2, 1, 0, None],
        "category": [1, 5, 4, 6, None],
        "balance": [150, 150.5, 0, 900, None],
        "vehicle_height": [4, 3, 5, 2.9, None],
        "bridge_clearance": [5, 4, 4, 4, None],
        "depth": [100, 125.5, 150, 99, None],
        "eo:cloud_cover": [0.1, 0.15, 0.2, 0.05, None],
        "landsat:wrs_row": [28, 28, 28, 28, None],
        "landsat:wrs_path": [203, 203, 204, 203, None],
    },
    "flag": {"swimming_pool": [True, True, False, False, None]},
    "text": {
        "material": ["brick", "brickwork", "redbrick", "wood", None],
        "owner": ["Mike Jones", "mike smith", "Somebody Else", "Beyoncé", None],
        "name": ["Smithson", "foobar", "FOO", "bar", None],
        "city": ["Toronto", "Bochum", "Tokyo", "Essen", None],
        "cityName": ["Toronto", "Bochum", "Tokyo", "Essen", None],
        "id": ["a", OTTAWA, "b", "c", None],
        "eo:instrument": ["OLI_TIRS", "TIRS", "OLI", "MSI", None],
        "landsat:scene_id": ["", "LC82030282019133LGN00", "LC", "LC8", None],
        "beamMode": ["ScanSAR Narrow", "ScanSAR Narrow", "Standard", "ScanSAR Narrow", None],
        "swathDirection": ["ascending"] * 4 + [None],
        "polarization": ["HH+VV+HV+VH", "HH+VV+HV+VH", "HH+VV+HV+VH", "HH", None],
        "road_class": ["ΟΔΟΣ", "STRASSE", "Strasse", "Weg", None],
        "geophys:SURVEY_NAME": ["Survey of CALCUTTA", "Calcutta North", "Kolkata", "calcutt", None],
        "etat_vol": ["debarquer", "débarqué", "débárquér", "DEBARQUER", None],
    },
    "date": {
        "updated": ["1969-12-31", "1970-01-01", "2020-05-05", "2030-01-01", "NaT"],
        "built": ["2012-06-05", "2014-12-31", "2015-01-01", "2020-01-01", "NaT"],
    },
    "timestamp": {
        "event_time": ["1969-07-20T20:17:40", "1969-07-24T16:50:36", "1969-07-16", "2000-01-01", "NaT"],
        "touchdown": ["1969-07-20T20:17:40", "1969-07-01", "1969-07-16T13:32:01", "2000-01-01", "NaT"],
        "liftOff": ["1969-07-21T17:54:00", "1969-07-21", "1969-07-30", "2000-01-02", "NaT"],
        "updated_at": ["1851-04-29T12:00", "2010-02-10T23:59:59", "2010-02-11", "2012-08-10T05:30:00", "NaT"],
    },
    "geometry": {
        "geometry": ["POINT(-117.95 33.9)", "POLYGON((-118 33.8,-117.9 33.8,-117.95 34,-118 33.8))", "POINT(0 0)"],
        "location": ["POINT(-117.95 33.9)", "POINT(-118 33.8)", "POLYGON((-118 33,-117 33,-117 35,-118 33))"],
        "road": [ROAD, "LINESTRING(43 -79, 44 -79)", "LINESTRING(43.731 -79.296, 43.732 -79.296)"],
        "footprint": ["POINT(-77 38.9)", "POINT(-77 38)", "POINT(43.7 -79.4)"],
    },
}
# the second row lies within the first one's life, the third after it, and so on
LIVES = [
    (START, END),
    ("2005-06-01", "2009-01-01"),
    ("2010-10-07T12:00", "2012-01-01"),
    (END, "2010-06-01"),
    (START, "1992-01-01"),
    ("1990-01-01", "1992-06-01"),
    ("2017-06-10T08:00", "2017-06-11T10:00"),
    ("2000-01-01", END),
    ("2001-01-01", "2004-01-01"),
    ("1980-01-01", END),
    ("NaT", "NaT"),
]
SHAPES = ["POINT(36.319836 32.288087)", "POLYGON((-10 -10,10 -10,10 10,-10 10,-10 -10))", POINTS, STAR, MIXED]
SHAPES += ["POLYGON((-180 -90,180 -90,180 90,-180 90,-180 -90))", "POLYGON((1.5 8.547371,3 9,1 9,1.5 8.547371))"]


def values(kind: Kind, column: list[Any], rows: int = 5) -> Any:
    if kind == "geometry":
        made = [shapely.make_valid(shapely.from_wkt(wkt)) for wkt in column]
        return ShapelyValues(np.array(made + [None] * (rows - len(column)), dtype=object))
    if kind in {"date", "timestamp"}:
        return np.array([text.rstrip("Z") for text in column], dtype="M8[D]" if kind == "date" else "M8[us]")
    return column


TABLES: dict[str, tuple[list[Column], dict[str, Any]]] = {
    "scalars": (
        [Column(name, kind) for kind, columns in SCALARS.items() for name in columns],
        {name: values(kind, column) for kind, columns in SCALARS.items() for name, column in columns.items()},
    ),
    "codes": (
        [Column("value", "text"), Column("landsat:wrs_path", "text")],
        {"value": ["a", "d", None], "landsat:wrs_path": ["153", "15", "15X"]},
    ),
    "lives": (
        [Column("starts_at", "timestamp"), Column("ends_at", "timestamp")],
        {name: values("timestamp", [life[end] for life in LIVES]) for end, name in enumerate(("starts_at", "ends_at"))},
    ),
    "shapes": ([Column("geometry", "geometry")], {"geometry": values("geometry", SHAPES, 8)}),
}

VALUE, ROW, PATH = p("value"), op("=", p("landsat:wrs_row"), 28), op("=", p("landsat:wrs_path"), 203)
LIKE_FOO, OWNER = op("like", p("name"), "foo%"), p("owner")
CLOUDS, POOL = p("eo:cloud_cover"), op("=", p("swimming_pool"), True)
LANDSAT = "landsat:wrs_row=28 AND landsat:wrs_path=203"
CASE_OF_ROADS = op("in", op("casei", p("road_class")), [op("casei", "Οδος"), op("casei", "Straße")])
ARITHMETIC = op(
    "=",
    VALUE,
    op("-", op("+", op("*", op("*", -1, p("foo")), 2.0), op("/", p("bar"), 6.1234)), op("^", p("x"), 2.0)),
)

Sample = tuple[str, dict[str, Any], list[int]]
SAMPLES: dict[str, list[Sample]] = {
    "scalars": [
        ("floors>5", op(">", p("floors"), 5), [2, 3]),
        ("taxes <= 500", op("<=", p("taxes"), 500), [1, 3]),
        ("city='Toronto'", op("=", p("city"), "Toronto"), [1]),
        ("owner LIKE '%Jones%'", op("like", OWNER, "%Jones%"), [1]),
        ("owner LIKE 'Mike%'", op("like", OWNER, "Mike%"), [1]),
        ("owner NOT LIKE '%Mike%'", op("not", op("like", OWNER, "%Mike%")), [2, 3, 4]),
        ("swimming_pool = true", POOL, [1, 2]),
        ("floors>5 AND swimming_pool=true", op("and", op(">", p("floors"), 5), POOL), [2]),
        (
            "swimming_pool=true AND (floors>5 \n OR  material LIKE 'brick%'\n OR  material LIKE '%brick')",
            op(
                "and",
                POOL,
                op(
                    "or",
                    op(">", p("floors"), 5),
                    op("like", p("material"), "brick%"),
                    op("like", p("material"), "%brick"),
                ),
            ),
            [1, 2],
        ),
        (
            "(floors>5 AND material='brick') OR swimming_pool=true",
            op("or", op("and", op(">", p("floors"), 5), op("=", p("material"), "brick")), POOL),
            [1, 2],
        ),
        ("NOT (floors<5) OR swimming_pool=true", op("or", op("not", op("<", p("floors"), 5)), POOL), [1, 2, 3, 4]),
        (
            "(owner LIKE 'mike%' OR owner LIKE 'Mike%') AND floors<4",
            op("and", op("or", op("like", OWNER, "mike%"), op("like", OWNER, "Mike%")), op("<", p("floors"), 4)),
            [1],
        ),
        ("name LIKE 'Smith%'", op("like", p("name"), "Smith%"), [1]),
        ("\"name\" LIKE 'foo%'", LIKE_FOO, [2]),
        ("\"name\" NOT LIKE 'foo%'", op("not", LIKE_FOO), [1, 3, 4]),
        ("NOT \"name\" LIKE 'foo%'", op("not", LIKE_FOO), [1, 3, 4]),
        ('"name" NOT LIKE \'foo%\' AND "value" > 10', op("and", op("not", LIKE_FOO), op(">", VALUE, 10)), [4]),
        ('(NOT "name" LIKE \'foo%\' AND "value" > 10)', op("and", op("not", LIKE_FOO), op(">", VALUE, 10)), [4]),
        ("\"name\" LIKE CASEI('FOO%')", op("like", p("name"), op("casei", "FOO%")), [2]),
        ('"value" < 10', op("<", VALUE, 10), [3]),
        ('"value" <= 10', op("<=", VALUE, 10), [1, 3]),
        ('"value" > 10', op(">", VALUE, 10), [2, 4]),
        ('"value" >= 10', op(">=", VALUE, 10), [1, 2, 4]),
        ('"value" BETWEEN 10 AND 20', op("between", VALUE, 10, 20), [1, 2]),
        ('"value" NOT BETWEEN 10 AND 20', op("not", op("between", VALUE, 10, 20)), [3, 4]),
        ('NOT "value" BETWEEN 10 AND 20', op("not", op("between", VALUE, 10, 20)), [3, 4]),
        ('"value" IS NULL', op("isNull", VALUE), [5]),
        ('"value" IS NOT NULL', op("not", op("isNull", VALUE)), [1, 2, 3, 4]),
        ('NOT "value" IS NULL', op("not", op("isNull", VALUE)), [1, 2, 3, 4]),
        (
            '("value" IS NULL OR "value" BETWEEN 10 AND 20)',
            op("or", op("isNull", VALUE), op("between", VALUE, 10, 20)),
            [1, 2, 5],
        ),
        ('"value" IN (1.0, 2.0, 3.0)', op("in", VALUE, [1.0, 2.0, 3.0]), [3]),
        ('"value" > ("foo" + 10)', op(">", VALUE, op("+", p("foo"), 10)), [2]),
        ('"value" < ("foo" - 10)', op("<", VALUE, op("-", p("foo"), 10)), [4]),
        ('"value" <> (22.1 * "foo")', op("<>", VALUE, op("*", 22.1, p("foo"))), [1, 2, 3, 4]),
        ('"value" = (2 / "foo")', op("=", VALUE, op("/", 2, p("foo"))), [1]),
        ('"value" <= (2 ^ "foo")', op("<=", VALUE, op("^", 2, p("foo"))), [3, 4]),
        ('0 = ("foo" % 2)', op("=", 0, op("%", p("foo"), 2)), [3, 4]),
        ('1 = ("foo" div 2)', op("=", 1, op("div", p("foo"), 2)), [2]),
        ('value = - foo * 2.0 + "bar" / 6.1234 - "x" ^ 2.0', ARITHMETIC, [3]),
        ('"value" = ((((-1 * "foo") * 2.0) + ("bar" / 6.1234)) - ("x" ^ 2.0))', ARITHMETIC, [3]),
        (
            "cityName IN ('Toronto','Frankfurt','Tokyo','New York')",
            op("in", p("cityName"), ["Toronto", "Frankfurt", "Tokyo", "New York"]),
            [1, 3],
        ),
        ("category NOT IN (1,2,3,4)", op("not", op("in", p("category"), [1, 2, 3, 4])), [2, 4]),
        ("balance-150.0 > 0", op(">", op("-", p("balance"), 150.0), 0), [2, 4]),
        (
            "vehicle_height > (bridge_clearance-1)",
            op(">", p("vehicle_height"), op("-", p("bridge_clearance"), 1)),
            [3],
        ),
        (f"\"id\" = '{OTTAWA}'", op("=", p("id"), OTTAWA), [2]),
        (f"\"id\" <> '{OTTAWA}'", op("<>", p("id"), OTTAWA), [1, 3, 4]),
        ("depth BETWEEN 100.0 and 150.0", op("between", p("depth"), 100.0, 150.0), [1, 2, 3]),
        (
            f"    eo:cloud_cover >= 0.1\nAND eo:cloud_cover <= 0.2\nAND {LANDSAT}",
            op("and", op(">=", CLOUDS, 0.1), op("<=", CLOUDS, 0.2), ROW, PATH),
            [1, 2],
        ),
        (
            f"eo:cloud_cover BETWEEN 0.1 AND 0.2 AND {LANDSAT}",
            op("and", op("between", CLOUDS, 0.1, 0.2), ROW, PATH),
            [1, 2],
        ),
        (f"eo:cloud_cover < 0.1 AND {LANDSAT}", op("and", op("<", CLOUDS, 0.1), ROW, PATH), [4]),
        ("eo:cloud_cover=0.1 OR eo:cloud_cover=0.2", op("or", op("=", CLOUDS, 0.1), op("=", CLOUDS, 0.2)), [1, 3]),
        ("eo:cloud_cover IN (0.1,0.2)", op("in", CLOUDS, [0.1, 0.2]), [1, 3]),
        ("eo:instrument LIKE 'OLI%'", op("like", p("eo:instrument"), "OLI%"), [1, 3]),
        (
            "landsat:scene_id = 'LC82030282019133LGN00'",
            op("=", p("landsat:scene_id"), "LC82030282019133LGN00"),
            [2],
        ),
        ("CASEI(road_class) IN (CASEI('Οδος'),CASEI('Straße'))", CASE_OF_ROADS, [1, 2, 3]),
        (
            "CASEI(geophys:SURVEY_NAME) LIKE CASEI('%calcutta%')",
            op("like", op("casei", p("geophys:SURVEY_NAME")), op("casei", "%calcutta%")),
            [1, 2],
        ),
        (
            "ACCENTI(etat_vol) = ACCENTI('débárquér')",
            op("=", op("accenti", p("etat_vol")), op("accenti", "débárquér")),
            [1, 3],
        ),
        ("CASEI(\"owner\") = CASEI('somebody else')", op("=", op("casei", OWNER), op("casei", "somebody else")), [3]),
        (
            "ACCENTI(\"owner\") = ACCENTI('Beyonce\u0301')",
            op("=", op("accenti", OWNER), op("accenti", "Beyonce\u0301")),
            [4],
        ),
        ("updated >= date('1970-01-01')", op(">=", p("updated"), {"date": "1970-01-01"}), [2, 3, 4]),
        ("T_BEFORE(built, DATE('2015-01-01'))", op("t_before", p("built"), {"date": "2015-01-01"}), [1, 2]),
        ("T_AFTER(built,DATE('2012-06-05'))", op("t_after", p("built"), {"date": "2012-06-05"}), [2, 3, 4]),
        ("T_EQUALS(\"updated_at\", DATE('1851-04-29'))", op("t_equals", p("updated_at"), {"date": "1851-04-29"}), [1]),
        ("T_AFTER(\"updated_at\", DATE('2010-02-10'))", op("t_after", p("updated_at"), {"date": "2010-02-10"}), [3, 4]),
        (
            "T_BEFORE(updated_at, TIMESTAMP('2012-08-10T05:30:00.000000Z'))",
            op("t_before", p("updated_at"), {"timestamp": "2012-08-10T05:30:00Z"}),
            [1, 2, 3],
        ),
        (
            "T_INTERSECTS(event_time, INTERVAL('1969-07-16T05:32:00Z', '1969-07-24T16:50:35Z'))",
            op("t_intersects", p("event_time"), span("1969-07-16T05:32:00Z", "1969-07-24T16:50:35Z")),
            [1],
        ),
        (
            "T_DURING(INTERVAL(touchdown, liftOff), INTERVAL('1969-07-16T13:32:00Z', '1969-07-24T16:50:35Z'))",
            op("t_during", span(p("touchdown"), p("liftOff")), span("1969-07-16T13:32:00Z", "1969-07-24T16:50:35Z")),
            [1],
        ),
        (
            "floors>5 AND S_WITHIN(geometry,BBOX(-118,33.8,-117.9,34))",
            op("and", op(">", p("floors"), 5), op("s_within", p("geometry"), {"bbox": [-118, 33.8, -117.9, 34]})),
            [2],
        ),
        (
            "S_WITHIN(location,BBOX(-118,33.8,-117.9,34))",
            op("s_within", p("location"), {"bbox": [-118, 33.8, -117.9, 34]}),
            [1],  # the second lies on the corner, which is not within
        ),
        (f"S_CROSSES(road,{QUARTER})", op("s_crosses", p("road"), geojson(QUARTER)), [1]),
        (f"S_CROSSES({ROAD}, {QUARTER})", op("s_crosses", geojson(ROAD), geojson(QUARTER)), [1, 2, 3, 4, 5]),
        (
            (
                "    beamMode='ScanSAR Narrow'\nAND swathDirection='ascending'\nAND polarization='HH+VV+HV+VH'\n"
                f"AND s_intersects(footprint,{SCENE})"
            ),
            op(
                "and",
                op("=", p("beamMode"), "ScanSAR Narrow"),
                op("=", p("swathDirection"), "ascending"),
                op("=", p("polarization"), "HH+VV+HV+VH"),
                op("s_intersects", p("footprint"), geojson(SCENE)),
            ),
            [1],
        ),
        (
            f"eo:instrument LIKE 'OLI%' AND S_INTERSECTS(footprint,{FOOTPRINT})",
            op("and", op("like", p("eo:instrument"), "OLI%"), op("s_intersects", p("footprint"), geojson(FOOTPRINT))),
            [3],
        ),
    ],
    "codes": [
        ("\"value\" NOT IN ('a', 'b', 'c')", op("not", op("in", VALUE, ["a", "b", "c"])), [2]),
        ("NOT \"value\" IN ('a', 'b', 'c')", op("not", op("in", VALUE, ["a", "b", "c"])), [2]),
        ("landsat:wrs_path IN ('153','154','15X')", op("in", p("landsat:wrs_path"), ["153", "154", "15X"]), [1, 3]),
    ],
    "lives": [
        (
            f"T_DURING({LIVED_TEXT}, INTERVAL('2005-01-10', '2010-02-10'))",
            op("t_during", LIVED, span("2005-01-10", "2010-02-10")),
            [2],
        ),
        (
            f"T_MEETS(INTERVAL('2005-01-10', '2010-02-10'), {LIVED_TEXT})",
            op("t_meets", span("2005-01-10", "2010-02-10"), LIVED),
            [4],
        ),
        (
            f"T_FINISHES({LIVED_TEXT}, INTERVAL('1991-10-07', '{END}'))",
            op("t_finishes", LIVED, span("1991-10-07", END)),
            [8],
        ),
        (f"T_STARTS({LIVED_TEXT}, INTERVAL('{START}', '..'))", op("t_starts", LIVED, span(START, "..")), [1, 5]),
        (
            f"T_CONTAINS(INTERVAL('2000-01-01T00:00:00Z', '2005-01-10T01:01:01.393216Z'), {LIVED_TEXT})",
            op("t_contains", span("2000-01-01T00:00:00Z", "2005-01-10T01:01:01.393216Z"), LIVED),
            [9],
        ),
        (f"T_INTERSECTS({LIVED_TEXT}, {KEPT_TEXT})", op("t_intersects", LIVED, KEPT), [1, 2, 4, 5, 6, 8, 9, 10]),
        (f"T_FINISHEDBY({LIVED_TEXT}, {KEPT_TEXT})", op("t_finishedBy", LIVED, KEPT), [10]),
        (
            f"T_DURING({LIVED_TEXT}, INTERVAL('2017-06-10T07:30:00Z', '2017-06-11T10:30:00Z'))",
            op("t_during", LIVED, span("2017-06-10T07:30:00Z", "2017-06-11T10:30:00Z")),
            [7],
        ),
        (f"T_STARTEDBY({KEPT_TEXT}, {LIVED_TEXT})", op("t_startedBy", KEPT, LIVED), [5]),
        (
            f"T_METBY(INTERVAL('{END}', '2010-10-07'), {LIVED_TEXT})",
            op("t_metBy", span(END, "2010-10-07"), LIVED),
            [1, 8, 10],
        ),
        (f"T_OVERLAPPEDBY({KEPT_TEXT}, {LIVED_TEXT})", op("t_overlappedBy", KEPT, LIVED), [6]),
        (
            f"T_OVERLAPS({LIVED_TEXT}, INTERVAL('{START}', '1992-10-09T08:08:08.393473Z'))",
            op("t_overlaps", LIVED, span(START, "1992-10-09T08:08:08.393473Z")),
            [6],
        ),
        (
            f"T_DISJOINT(INTERVAL('..', '2005-01-10T01:01:01.393216Z'), {LIVED_TEXT})",
            op("t_disjoint", span("..", "2005-01-10T01:01:01.393216Z"), LIVED),
            [2, 3, 4, 7],
        ),
        (
            (
                "T_DURING(INTERVAL('1969-07-20T20:17:40Z', '1969-07-21T17:54:00Z'), "
                "INTERVAL('1969-07-16T13:32:00Z', '1969-07-24T16:50:35Z'))"
            ),
            op(
                "t_during",
                span("1969-07-20T20:17:40Z", "1969-07-21T17:54:00Z"),
                span("1969-07-16T13:32:00Z", "1969-07-24T16:50:35Z"),
            ),
            [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11],
        ),
    ],
    "shapes": [
        (
            "S_INTERSECTS(geometry,POINT(36.319836 32.288087))",
            op("s_intersects", p("geometry"), {"type": "Point", "coordinates": [36.319836, 32.288087]}),
            [1, 6],
        ),
        (
            "S_INTERSECTS(geometry,POLYGON((-10.0 -10.0,10.0 -10.0,10.0 10.0,-10.0 -10.0)))",
            op(
                "s_intersects",
                p("geometry"),
                {"type": "Polygon", "coordinates": [[[-10, -10], [10, -10], [10, 10], [-10, -10]]]},
            ),
            [2, 4, 5, 6],
        ),
        (
            'S_INTERSECTS("geometry", BBOX(-128.098193, -1.1, -99999.0, 180.0, 90.0, 100000.0))',
            op("s_intersects", p("geometry"), {"bbox": [-128.098193, -1.1, -99999.0, 180.0, 90.0, 100000.0]}),
            [1, 2, 3, 4, 5, 6, 7],
        ),
        (
            'S_CONTAINS("geometry", POINT (-3.508362 -1.754181))',
            op("s_contains", p("geometry"), {"type": "Point", "coordinates": [-3.508362, -1.754181]}),
            [2, 6],
        ),
        (
            'S_OVERLAPS("geometry", BBOX(-179.912109, 1.9, 180.0, 16.897016))',
            op("s_overlaps", p("geometry"), {"bbox": [-179.912109, 1.9, 180.0, 16.897016]}),
            [2, 4],
        ),
        (f'S_DISJOINT("geometry", {SLIVER})', op("s_disjoint", p("geometry"), geojson(SLIVER)), [1, 3, 7]),
        (f'S_EQUALS({POINTS}, "geometry")', op("s_equals", geojson(POINTS), p("geometry")), [3]),
        (f'S_EQUALS({STAR}, "geometry")', op("s_equals", geojson(STAR), p("geometry")), [4]),
        (f'S_EQUALS({MIXED}, "geometry")', op("s_equals", geojson(MIXED), p("geometry")), [5]),
        (
            f'S_WITHIN(POLYGON Z {HIGH}, "geometry")',
            op("s_within", geojson(f"POLYGON Z {HIGH}"), p("geometry")),
            [6],
        ),
        (f'S_WITHIN(POLYGON {HIGH}, "geometry")', op("s_within", geojson(f"POLYGON Z {HIGH}"), p("geometry")), [6]),
        (f'S_CROSSES("geometry", {ZIGZAG})', op("s_crosses", p("geometry"), geojson(ZIGZAG)), [4, 5]),
        (f'S_TOUCHES("geometry", {LINES})', op("s_touches", p("geometry"), geojson(LINES)), [7]),
        ("geometry IS NOT NULL", op("not", op("isNull", p("geometry"))), [1, 2, 3, 4, 5, 6, 7]),
    ],
}
NAMED = [(table, *sample) for table, samples in SAMPLES.items() for sample in samples]


@pytest.mark.parametrize(("table", "text", "document", "rows"), NAMED, ids=[sample[1][:50] for sample in NAMED])
def test_samples_of_the_standard(table: str, text: str, document: dict[str, Any], rows: list[int]) -> None:
    columns, held = TABLES[table]
    for found in (parse(text, columns, "filter", OF_API), parse_json(document, columns, "filter", OF_API)):
        assert (np.flatnonzero(found.mask(held)) + 1).tolist() == rows


def test_the_contrary_of_a_sample_finds_the_other_rows_that_are_known() -> None:
    """Three values of logic hold for places and times too: no row is both, what lacks a place or time is neither."""
    for table, text, _, rows in NAMED:
        columns, held = TABLES[table]
        contrary = (np.flatnonzero(parse(f"NOT ({text})", columns, "filter", OF_API).mask(held)) + 1).tolist()
        assert not set(contrary) & set(rows)
        if table in {"shapes", "lives"} and "starts_at" in text:
            assert sorted(rows + contrary) == list(range(1, len(LIVES) if table == "lives" else len(SHAPES) + 1))


@pytest.mark.parametrize(
    ("text", "document", "name"),
    [
        ("avg(windSpeed) < 4", op("<", op("avg", p("windSpeed")), 4), "avg"),
        ("avg(windSpeed)", op("avg", p("windSpeed")), "avg"),
        ('Foo("geometry") = TRUE', op("=", op("Foo", p("geometry")), True), "Foo"),
        (
            "FALSE <> Bar(\"geometry\", 100, 'a', 'b', FALSE)",
            op("<>", False, op("Bar", p("geometry"), 100, "a", "b", False)),
            "Bar",
        ),
        (
            "S_WITHIN(road,Buffer(geometry,10,'m'))",
            op("s_within", p("road"), op("Buffer", p("geometry"), 10, "m")),
            "Buffer",
        ),
    ],
)
def test_samples_with_functions_that_are_not_offered_name_them(text: str, document: Any, name: str) -> None:
    columns = [*TABLES["scalars"][0], Column("windSpeed", "number")]
    for read, given in ((parse, text), (parse_json, copy.deepcopy(document))):
        with pytest.raises(InputError, match=rf"there is no function '{name}'"):
            read(given, columns, "filter")


MEUSE = (
    "6.043073357781111 50.128051662794235,6.242751092156993 49.90222565367873,6.186320428094177 49.463802802114515,"
    "5.897759230176348 49.44266714130711,5.674051954784829 49.529483547557504,5.782417433300907 50.09032786722122,"
    "6.043073357781111 50.128051662794235"
)


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("S_INTERSECTS(BBOX(0,40,10,50),geom)", 8),
        ("S_INTERSECTS(BBOX(150,-90,-150,90),geom)", 10),
        ("S_INTERSECTS(POINT(7.02 49.92),geom)", 1),
        ("S_INTERSECTS(POLYGON((0 40,10 40,10 50,0 50,0 40)),geom)", 8),
        ("S_INTERSECTS(LINESTRING(0 40,10 50),geom)", 4),
        ("S_DISJOINT(BBOX(0,40,10,50),geom)", 169),
        ("S_DISJOINT(POLYGON((0 40,10 40,10 50,0 50,0 40)),geom)", 169),
        ("S_DISJOINT(LINESTRING(0 40,10 50),geom)", 173),
        ("S_DISJOINT(POINT(7.02 49.92),geom)", 176),
        (f"S_TOUCHES(POLYGON(({MEUSE})),geom)", 3),
        ("S_TOUCHES(POINT(6.043073357781111 50.128051662794235),geom)", 3),
        ("S_TOUCHES(POINT(6.242751092156993 49.90222565367873),geom)", 2),
        (f"S_TOUCHES(LINESTRING({','.join(MEUSE.split(',')[:2])}),geom)", 3),
        ("S_CONTAINS(BBOX(-180,-90,0,90),geom)", 44),
        ("S_WITHIN(BBOX(7,50,8,51),geom)", 1),
        ("S_WITHIN(LINESTRING(7 50,8 51),geom)", 1),
        ("S_WITHIN(POINT(7.02 49.92),geom)", 1),
        ("S_OVERLAPS(BBOX(-180,-90,0,90),geom)", 11),
    ],
)
def test_counts_of_the_abstract_tests_on_countries_of_the_world(text: str, count: int) -> None:
    """The standard's annex A counts Natural Earth's 177 countries, which pyogrio brings along for its own tests."""
    import pyogrio

    path = Path(pyogrio.__file__).parent / "tests/fixtures/naturalearth_lowres/naturalearth_lowres.shp"
    if not path.exists():
        pytest.skip("this build of pyogrio comes without its tests")
    countries = ShapelyValues(shapely.from_wkb(pyogrio.raw.read(path)[2]))
    assert len(countries) == 177
    found = parse(text, [Column("geom", "geometry")], "filter", OF_API)
    assert found.mask({"geom": countries}).sum() == count
