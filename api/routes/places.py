"""Places, and the impact of a measure placed in one."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import numpy as np
import orjson
import shapely
from fastapi import APIRouter, Body, Response
from pydantic import BaseModel, ConfigDict, Field
from pyproj import Transformer

from api import responses
from api.deps import CatalogueDep, ETag, WantsHtml
from geo.errors import Problem
from layers.errors import PlacementError
from layers.findings import document
from layers.impact import impact
from layers.planning import FIRST_YEAR, LAST_YEAR, SCENARIO, Placement

router = APIRouter(prefix="/places", tags=["Places"])


class Properties(BaseModel):
    """What is placed, and when."""

    model_config = ConfigDict(extra="forbid")

    measure: str = Field(default=SCENARIO, max_length=100)
    ages: list[str] = Field(default=["until_1918"], min_length=1, max_length=10, description="Age classes treated.")
    start: int = Field(default=FIRST_YEAR, description="Year in which the uptake is still 0.")
    end: int = Field(default=LAST_YEAR, description="Year in which the uptake is reached.")
    uptake: float | None = Field(
        default=None, description="Share of the eligible living area; catalogue maximum if null."
    )


class Feature(BaseModel):
    """One placement: a polygon in WGS 84, or null for the whole place."""

    type: Literal["Feature"]
    geometry: dict[str, Any] | None
    properties: Properties = Properties()


class Placements(BaseModel):
    """Placements as GeoJSON."""

    type: Literal["FeatureCollection"]
    features: list[Feature] = Field(max_length=100)


WHOLE_PLACE = Placements(type="FeatureCollection", features=[Feature(type="Feature", geometry=None)])


@router.get("", summary="All places")
def places(catalogue: CatalogueDep, html: WantsHtml, etag: ETag) -> Response:
    """Places of the served release: balance, what the census withholds, districts."""
    listed = [{"key": key, **entry} for key, entry in catalogue.release.places.items()]
    listed.sort(key=lambda p: (p["kind"] != "region", p["name"]))
    if html:
        return responses.page("places.html", etag, places=listed)
    return responses.json({"places": listed}, etag)


@router.post("/{key}/impact", summary="Impact of placements")
def post_impact(key: str, catalogue: CatalogueDep, placements: Annotated[Placements, Body()] = WHOLE_PLACE) -> Response:
    """Tonnes per year to 2045, cost, and the share that goes to each population quintile.

    Without a body, the standard programme: retrofit of what was built until 1918, in the whole place.
    """
    planning = catalogue.planning(key)
    found, problems = [], []
    project = Transformer.from_crs("OGC:CRS84", planning.shapes.crs, always_xy=True)
    for i, feature in enumerate(placements.features):
        shape = None
        if feature.geometry is not None:
            try:
                shape = shapely.from_geojson(orjson.dumps(feature.geometry))
                shape = shapely.transform(shape, lambda xy: np.column_stack(project.transform(xy[:, 0], xy[:, 1])))
            except (shapely.errors.ShapelyError, ValueError, TypeError) as error:
                problems.append(Problem(f"placement {i}, geometry", f"is no GeoJSON ({error})", "Draw a polygon."))
        found.append(
            Placement(**{**feature.properties.model_dump(), "ages": tuple(feature.properties.ages)}, geometry=shape)
        )
    if problems:
        raise PlacementError(problems)
    return responses.json(document(impact(planning, found)))
