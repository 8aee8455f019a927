"""What OpenStreetMap tags mean here: uses and types of buildings, storeys, years, road classes, kinds of land.

One rule for each tag, whether the elements come from a server or from a file. A value that no rule covers stays
unknown or missing and is listed; nothing is guessed.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np

from data.inputs import INPUTS, LAND_USES, RESIDENTIAL, UNHEATED, UNKNOWN
from data.report import Report

if TYPE_CHECKING:
    import pandas as pd

# The order of the keys decides `kind` where an element has several: what a place is for (leisure) before what the
# ground is used for (landuse) before what grows there (natural). `leisure=pitch` is left out: many pitches are
# artificial turf or ash and locked by a club; a grass pitch in a park is part of the park's own outline.
GREEN_TAGS: dict[str, list[str]] = {
    "leisure": ["park", "garden", "playground", "nature_reserve"],
    "landuse": ["forest", "grass", "meadow", "recreation_ground", "allotments", "cemetery", "village_green"],
    "natural": ["wood", "scrub", "heath", "grassland"],
}
BLUE_TAGS: dict[str, list[str]] = {
    "natural": ["water"],
    "waterway": ["riverbank", "dock"],
    "landuse": ["reservoir", "basin"],
}
# what is asked for; True stands for every value, so that values without a rule are counted, not missed
LAYER_TAGS: dict[str, Mapping[str, list[str] | bool]] = {
    "buildings": {"building": True},
    "streets": {"highway": True},
    "landuse": {"landuse": list(LAND_USES)},
    "green": GREEN_TAGS,
    "blue": BLUE_TAGS,
}

# Open to everybody unless `access` says otherwise. Forest and unused open country may be entered by law in Germany
# (BWaldG § 14, BNatSchG § 59); cemeteries are open by day and free of charge, so they count. Not public unless
# `access` says so: allotments (let plots behind a gate), gardens (mostly private), grass (verges, front lawns),
# meadow (farmed), and docks, reservoirs and basins (fenced works). An entrance fee does not make a park private.
PUBLIC_KINDS = frozenset(
    {"park", "playground", "nature_reserve", "forest", "recreation_ground", "cemetery", "village_green"}
    | {"wood", "scrub", "heath", "grassland", "water", "riverbank"}
)
OPEN_ACCESS = frozenset({"yes", "public", "permissive", "designated"})
CLOSED_ACCESS = frozenset(
    {"private", "no", "customers", "members", "residents", "permit", "military", "agricultural", "forestry", "delivery"}
)


def _each(use: str, values: str) -> dict[str, str]:
    return dict.fromkeys(values.split(), use)


# tag -> building type; all of these are residential. Apartments are MFH or GMH by their size, which no tag tells.
BUILDING_TYPE = {
    **_each("EFH", "detached house bungalow farm villa"),
    **_each("RH", "semidetached_house terrace"),
    "dormitory": "GMH",
    **_each("", "apartments residential"),
}
BUILDING_USE = {
    **dict.fromkeys(BUILDING_TYPE, RESIDENTIAL),
    **_each("school", "school university college"),
    **_each("kita", "kindergarten"),
    **_each("hospital", "hospital clinic"),
    **_each("retail", "retail supermarket kiosk shop mall"),
    **_each("office", "office commercial public government civic"),
    **_each("hotel", "hotel"),
    **_each("sports_hall", "sports_hall sports_centre stadium"),
    **_each("pool", "swimming_pool"),
    **_each("workshop", "workshop"),
    **_each("industry", "industrial manufacture factory"),
    **_each("warehouse", "warehouse hangar"),
    **_each("church", "church chapel mosque synagogue temple cathedral religious"),
    **_each("other", "fire_station train_station museum library"),
    **_each(UNHEATED, "garage garages shed carport roof hut greenhouse ruins construction transformer_tower service"),
    **_each(UNHEATED, "storage_tank silo barn cowshed stable sty farm_auxiliary parking bunker canopy container"),
}
SWIMMING_POOL = "swimming_pool"
ANY = "*"
# what decides about `building=yes`, first key first; `*` stands for every other value that is not in NOTHING
USE_OF_YES = {
    "amenity": {
        **_each("school", "school university college music_school language_school driving_school"),
        **_each("kita", "kindergarten childcare"),
        **_each("hospital", "hospital clinic"),
        **_each("office", "bank doctors dentist townhall courthouse police post_office public_building"),
        **_each("retail", "pharmacy marketplace"),
        **_each("church", "place_of_worship"),
        **_each("other", "restaurant cafe fast_food pub bar biergarten cinema theatre arts_centre nightclub library"),
        **_each("other", "fire_station community_centre social_centre research_institute veterinary"),
        **_each("pool", "public_bath"),
        **_each(UNHEATED, "parking bicycle_parking motorcycle_parking shelter toilets recycling"),
    },
    "shop": {ANY: "retail"},
    "office": {ANY: "office"},
    "tourism": {**_each("hotel", "hotel hostel guest_house motel"), **_each("other", "museum gallery")},
    "leisure": {**_each("sports_hall", "sports_hall sports_centre stadium fitness_centre"), SWIMMING_POOL: "pool"},
}
NOTHING = frozenset({"no", "vacant", "disused"})
OUTDOOR = {"indoor": "no", "covered": "no", "location": "outdoor"}

ROOFS = {
    "flat": "flat",
    **_each("pitched", "gabled hipped half-hipped half_hipped side_hipped skillion pyramidal gambrel mansard saltbox"),
    **_each("pitched", "double_saltbox hipped-and-gabled quadruple_saltbox sawtooth butterfly round dome onion cone"),
    **_each("pitched", "crosspitched cross_gabled side_half-hipped gabled_height_moved conical"),
}
CARRIER_KEYS = ("heating", "heating:fuel", "heating:source", "building:heating")
# a heat pump takes ambient heat and electricity: two carriers, so it is none here
CARRIER_OF = {
    **_each("natural_gas", "gas natural_gas"),
    **_each("heating_oil", "oil heating_oil"),
    "lpg": "lpg",
    "coal": "hard_coal",
    **_each("wood", "wood pellets wood_pellets firewood wood_chips"),
    **_each("district_heating", "district_heating district"),
    **_each("electricity", "electric electricity"),
}
YEAR_KEYS = ("start_date", "building:year_built", "construction_date")

_LINKED = ("motorway", "trunk", "primary", "secondary", "tertiary")
ROAD_CLASS = {
    **{name: name for name in (*_LINKED, "residential", "living_street", "service")},
    **{f"{name}_link": name for name in _LINKED},
    "unclassified": "residential",
}
ONE_WAY = frozenset({"yes", "true", "1", "-1"})

_KEYS = {
    "buildings": {
        *chain(USE_OF_YES, OUTDOOR, CARRIER_KEYS, YEAR_KEYS),
        *("building", "building:levels", "height", "building:height", "building:flats", "roof:shape"),
    },
    "streets": {"highway", "oneway", "junction", "area", "motor_vehicle"},
    "landuse": {"landuse"},
    "green": {*GREEN_TAGS, "access", "name"},
    "blue": {*BLUE_TAGS, "access", "name"},
}
# `type` makes a relation an area, `area` decides whether a closed way is one
KEYS = {layer: frozenset(keys | {"type", "area"}) for layer, keys in _KEYS.items()}
_LISTED = 12


def matches(layer: str, tags: Mapping[str, str]) -> bool:
    """Say whether an element belongs to a layer, as Overpass decides it."""
    return any(
        key in tags and (values is True or (isinstance(values, list) and tags[key] in values))
        for key, values in LAYER_TAGS[layer].items()
    )


def column(tags: pd.DataFrame, key: str) -> pd.Series:
    """Return the values of one key as texts; None where an element, or every element, is without it."""
    import pandas as pd  # noqa: PLC0415 - slow to import

    if key not in tags:
        return pd.Series(None, index=tags.index, dtype=object)
    found = tags[key].astype(object)
    return found.where(found.notna(), None)


def listed(values: Iterable[object]) -> str:
    """Name values and how often they occur, most frequent first."""
    found = Counter(map(str, values)).most_common()
    rest = f" and {len(found) - _LISTED} other values" if len(found) > _LISTED else ""
    return ", ".join(f"{value[:40]} {times}" for value, times in found[:_LISTED]) + rest


# --- buildings -------------------------------------------------------------------------------------------------------


def buildings(tags: pd.DataFrame, report: Report, where: str) -> pd.DataFrame:
    """Read the attributes of buildings.

    Parameters
    ----------
    tags
        One row per element; `osm_id` and any of `KEYS["buildings"]`, missing where an element is without the key.
    report
        Receives a line for each kind of value that no rule covers; the building stays, the attribute is missing.
    where
        Source named in the report.

    Returns
    -------
    DataFrame
        Same index; the columns of `INPUTS["buildings"]`. Missing texts are empty, missing numbers NaN. `storeys` as
        `building:levels`, without the levels of the roof; the mean where several are given ("3;4" is 3.5).
    """
    import pandas as pd  # noqa: PLC0415 - slow to import

    ids = tags["osm_id"]
    use, building_type = _uses(tags, report, where)
    roof = column(tags, "roof:shape")
    unread = roof.notna() & ~roof.isin(ROOFS.keys())
    report.add(where, f"with a roof:shape without a rule ({listed(roof[unread])})", ids[unread], "kept")

    def numbers(name: str, keys: tuple[str, ...], parse: Callable[[str], float]) -> pd.Series:
        return _numbers(tags, name, keys, parse, (report, where))

    return pd.DataFrame(
        {
            "building_id": ids,
            "use": use,
            "building_type": building_type,
            "storeys": numbers("storeys", ("building:levels",), storeys),
            "height_m": numbers("height_m", ("height", "building:height"), metres),
            "roof": roof.map(ROOFS).fillna("").astype(object),
            "year_built": numbers("year_built", YEAR_KEYS, year),
            "dwellings": numbers("dwellings", ("building:flats",), plain),
            "living_area_m2": np.nan,  # no tag in general use tells it
            "carrier": _carrier(tags, report, where),
        },
        index=tags.index,
    )


def _uses(tags: pd.DataFrame, report: Report, where: str) -> tuple[pd.Series, pd.Series]:
    """Give use and building type; `building=yes` is decided by what else the element is."""
    import pandas as pd  # noqa: PLC0415 - slow to import

    value = column(tags, "building")
    yes = value == "yes"
    unread = ~yes & ~value.isin(BUILDING_USE.keys())
    report.add(
        where,
        f"with a building tag without a rule ({listed(value[unread])}); their use is unknown",
        tags["osm_id"][unread],
        "kept",
    )
    use = value.map(BUILDING_USE)
    for key, rules in USE_OF_YES.items():
        found = column(tags, key)
        told = found.map(rules)
        if ANY in rules:
            told = told.where(told.notna() | found.isna() | found.isin(NOTHING), rules[ANY])
        use = use.where(use.notna() | ~yes, told)
    outdoor = pd.Series(False, index=tags.index)
    for key, answer in OUTDOOR.items():
        outdoor |= column(tags, key) == answer
    basin = (value == SWIMMING_POOL) | (yes & (column(tags, "leisure") == SWIMMING_POOL))
    use = use.mask((use == "pool") & basin & outdoor, UNHEATED)
    return use.fillna(UNKNOWN).astype(object), value.map(BUILDING_TYPE).fillna("").astype(object)


def _carrier(tags: pd.DataFrame, report: Report, where: str) -> pd.Series:
    """Give the carrier where the tags name exactly one."""
    import pandas as pd  # noqa: PLC0415 - slow to import

    values = pd.DataFrame({key: column(tags, key) for key in CARRIER_KEYS})
    given = values.notna().any(axis=1)
    carrier = pd.Series("", index=tags.index, dtype=object)
    for row in tags.index[given]:
        named = {CARRIER_OF.get(str(value).replace(" ", "_")) for value in values.loc[row].dropna()}
        if len(named) == 1:
            carrier[row] = named.pop() or ""
    unread = given & (carrier == "")
    shown = listed(values[unread].stack()) if unread.any() else ""
    report.add(where, f"whose heating tags do not name one carrier ({shown})", tags["osm_id"][unread], "kept")
    return carrier


def _numbers(
    tags: pd.DataFrame,
    name: str,
    keys: tuple[str, ...],
    parse: Callable[[str], float],
    to: tuple[Report, str],
) -> pd.Series:
    """Read numbers from the first key that holds a usable one; what is unusable is missing and reported."""
    import pandas as pd  # noqa: PLC0415 - slow to import

    declared = INPUTS["buildings"].column(name)
    low, high = declared.low or 0.0, declared.high or np.inf
    number = pd.Series(np.nan, index=tags.index)
    unread: dict[str, pd.Series] = {}
    for key in keys:
        text = column(tags, key)
        read = text.map({value: parse(str(value)) for value in text.dropna().unique()}).astype(float)
        read = read.where(read.between(low, high))
        unread[key] = text.where(text.notna() & read.isna())
        number = number.where(number.notna(), read)
    texts = pd.DataFrame(unread)
    lost = number.isna() & texts.notna().any(axis=1)
    shown = listed(texts[lost].to_numpy()[texts[lost].notna().to_numpy()])
    what = f"whose {' or '.join(keys)} gives no {name} from {low:g} to {high:g} ({shown}); it is missing"
    report, where = to
    report.add(where, what, tags["osm_id"][lost], "kept")
    return number


_NUMBER = r"\d+(?:[.,]\d+)?"
_STOREYS = re.compile(rf"\s*{_NUMBER}(?:\s*[;-]\s*{_NUMBER})*\s*")
_METRES = re.compile(rf"\s*({_NUMBER})\s*(m|metres|meters|ft|feet|')?\s*")
_FEET_INCHES = re.compile(rf"\s*(\d+)\s*(?:'|ft)\s*({_NUMBER})\s*(?:\"|''|in)\s*")
_YEAR = re.compile(r"(?<!\d)(1\d{3}|20\d{2})(?!\d)")
_FOOT_M = 0.3048


def plain(text: str) -> float:
    """Read a plain number; NaN for anything else."""
    return float(text.replace(",", ".")) if re.fullmatch(rf"\s*{_NUMBER}\s*", text) else np.nan


def storeys(text: str) -> float:
    """Read `building:levels`; the mean of several ("3;4", "3-4"), NaN for what is no number."""
    if not _STOREYS.fullmatch(text):
        return np.nan
    return float(np.mean([float(one.replace(",", ".")) for one in re.findall(_NUMBER, text)]))


def metres(text: str) -> float:
    """Read a height in metres or feet ("12", "12 m", "12,5", "40 ft", "40'", feet and inches); NaN otherwise."""
    if both := _FEET_INCHES.fullmatch(text):
        return (float(both[1]) + float(both[2].replace(",", ".")) / 12) * _FOOT_M
    found = _METRES.fullmatch(text)
    if found is None:
        return np.nan
    number = float(found[1].replace(",", "."))
    return number * _FOOT_M if found[2] in {"ft", "feet", "'"} else number


def year(text: str) -> float:
    """Read the first year of a date ("1950-05-01", "1950s", "~1900", "before 1900"); NaN where none is named."""
    found = _YEAR.search(text)
    return float(found[0]) if found else np.nan


# --- streets, land use, green, blue ----------------------------------------------------------------------------------


def road_class(tags: pd.DataFrame) -> pd.Series:
    """Give the class of each road; None for what is no road for motor traffic (paths, stops, roads being built)."""
    found = column(tags, "highway").map(ROAD_CLASS).astype(object)
    return found.where(found.notna(), None)


def streets(tags: pd.DataFrame, classes: pd.Series) -> pd.DataFrame:
    """Give the attributes of roads.

    Parameters
    ----------
    tags
        One row per road; `osm_id` and any of `KEYS["streets"]`.
    classes
        From `road_class`, none missing.

    Returns
    -------
    DataFrame
        `street_id`, `road_class`, `aadt_veh_d` and `heavy_share` (always missing: OpenStreetMap counts no traffic) and
        `oneway`. A road with two carriageways is two rows here, each one-way, and a default traffic figure stands for
        both: a one-way row carries half of it.
    """
    import pandas as pd  # noqa: PLC0415 - slow to import

    oneway = column(tags, "oneway")
    implied = column(tags, "highway").isin(["motorway", "motorway_link"]) | (column(tags, "junction") == "roundabout")
    return pd.DataFrame(
        {
            "street_id": tags["osm_id"],
            "road_class": classes.astype(object),
            "aadt_veh_d": np.nan,
            "heavy_share": np.nan,
            "oneway": oneway.isin(ONE_WAY) | (implied & oneway.isna()),
        },
        index=tags.index,
    )


def grounds(layer: str, tags: pd.DataFrame) -> pd.DataFrame:
    """Give kind, name and publicness of green, blue and used land.

    Parameters
    ----------
    layer
        ``"green"``, ``"blue"`` or ``"landuse"``.
    tags
        One row per element; `osm_id` and any of `KEYS[layer]`.

    Returns
    -------
    DataFrame
        `osm_id`, `kind` (the tag value), and for green and blue `name` (None = not named) and `public`.
    """
    import pandas as pd  # noqa: PLC0415 - slow to import

    kind = pd.Series(None, index=tags.index, dtype=object)
    for key, values in LAYER_TAGS[layer].items():
        found = column(tags, key)
        kind = kind.where(kind.notna(), found.where(found.isin(values if isinstance(values, list) else ()), None))
    made = pd.DataFrame({"osm_id": tags["osm_id"], "kind": kind}, index=tags.index)
    if layer == "landuse":
        return made
    access = column(tags, "access")
    public = (kind.isin(PUBLIC_KINDS) & ~access.isin(CLOSED_ACCESS)) | access.isin(OPEN_ACCESS)
    return made.assign(name=column(tags, "name"), public=public.astype(bool))
