"""Who gains: low income, equity of placements and scenarios, past investments, and where the next euro should go."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Body, Depends, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from api import responses
from api.deps import CatalogueDep, ETag
from layers import siting as sitings
from layers.audit import MAX_INVESTMENTS, REACH_M, audit, of_features
from layers.catalogue import Catalogue
from layers.equity import Asked
from layers.judgement import described, judgement, orders
from layers.planning import FIRST_YEAR, LAST_YEAR
from layers.scenarios import STANDARD_BODY, Placements, run
from layers.siting import MEASURES, Ask, siting
from layers.social import DEFINITIONS, Social
from layers.social_sources import SCHOOLS

router = APIRouter(prefix="/places", tags=["Equity"])


def social_of(
    key: str,
    catalogue: CatalogueDep,
    indicator: Annotated[str, Query(max_length=40, description="What areas are ranked by.")] = SCHOOLS,
    students_poor_share: Annotated[
        float | None,
        Query(ge=0, le=1, description="Leaves students out of a rate that counts this share of them as poor."),
    ] = None,
) -> Social:
    """Who lives where in the place."""
    return catalogue.social(key, indicator, students_poor_share=students_poor_share)


SocialDep = Annotated[Social, Depends(social_of)]


def asked(
    definition: Annotated[
        str, Query(max_length=40, description=f"Of low income: {', '.join(DEFINITIONS)}.")
    ] = "quintile",
    zoning: Annotated[
        str | None, Query(max_length=40, description="cell, km, district, …; the place's main one when omitted.")
    ] = None,
    permutations: Annotated[int, Query(ge=99, le=9_999, description="Of the test against chance.")] = 999,
    draws: Annotated[int, Query(ge=99, le=999, description="Of the intervals.")] = 499,
    seed: Annotated[int, Query(ge=0, le=2**31, description="Same seed, same answer.")] = 2026,
) -> Asked:
    """Read how an amount is judged."""
    return Asked(definition, zoning, permutations, draws, seed)


How = Annotated[Asked, Depends(asked)]


def _once(
    catalogue: Catalogue, key: str, social: Social, asked_for: tuple[Any, ...], make: Callable[[], dict[str, Any]]
) -> dict[str, Any]:
    """Answer a question that was answered before without working it out again: a judgement takes seconds."""
    by = (social.indicator.name, social.students_poor_share)
    return catalogue.planning(key).remembered((*by, *asked_for), make)


@router.get("/{key}/low-income", summary="Low income, by several definitions")
def low_income(key: str, catalogue: CatalogueDep, etag: ETag, how: How, social: SocialDep) -> Response:
    """Who lives in low-income areas by every definition that the indicator allows, and how sure that is."""
    head = {"place": key, "release": catalogue.release.id, "modelled": True}
    return responses.json(head | described(social, how), etag)


@router.get("/{key}/scenarios/{name}/equity", summary="Who gains from a scenario")
def scenario_equity(key: str, name: str, catalogue: CatalogueDep, etag: ETag, how: How, social: SocialDep) -> Response:
    """Every figure with its interval, a p-value against chance, and whether other zonings say the same."""
    made = catalogue.scenario(key, name).model_dump_json()
    body = _once(
        catalogue, key, social, ("scenario", made, how), lambda: judgement(catalogue.run(key, name), social, how)
    )
    return responses.json(body, etag)


@router.post("/{key}/equity", summary="Who gains from placements")
def post_equity(
    key: str,
    catalogue: CatalogueDep,
    how: How,
    social: SocialDep,
    placements: Annotated[Placements, Body()] = STANDARD_BODY,
) -> Response:
    """As for a scenario. Without a body, the standard programme."""
    asked_for = ("placements", placements.model_dump_json(), how)
    body = _once(
        catalogue, key, social, asked_for, lambda: judgement(run(catalogue.planning(key), placements), social, how)
    )
    return responses.json(body)


@router.post("/{key}/equity/orders", summary="The same programme in different orders")
def post_orders(
    key: str,
    catalogue: CatalogueDep,
    how: How,
    social: SocialDep,
    placements: Annotated[Placements, Body()] = STANDARD_BODY,
) -> Response:
    """Worst buildings first, everybody alike, low-income areas first: who gains, and the price in tonnes."""
    asked_for = ("orders", placements.model_dump_json(), how)
    body = _once(catalogue, key, social, asked_for, lambda: orders(catalogue.planning(key), social, placements, how))
    return responses.json(body)


class Investment(BaseModel):
    """One investment: where, `eur`, and `year` and `name` if known."""

    type: Literal["Feature"] = "Feature"
    geometry: dict[str, Any] | None = None
    properties: dict[str, Any] = {}


class InvestmentCollection(BaseModel):
    """Past investments as GeoJSON, WGS 84."""

    type: Literal["FeatureCollection"] = "FeatureCollection"
    features: list[Investment] = Field(max_length=MAX_INVESTMENTS)


@router.post("/{key}/audit", summary="Who gained from past investments")
def post_audit(
    key: str,
    catalogue: CatalogueDep,
    how: How,
    investments: Annotated[InvestmentCollection, Body()],
    social: SocialDep,
    reach_m: Annotated[float, Query(gt=0, le=5_000, description="An investment is for those within reach.")] = REACH_M,
) -> Response:
    """Load points, lines or areas with amounts, and see whom they reached, as for a scenario."""
    planning = catalogue.planning(key)
    made = of_features(planning, [one.model_dump() for one in investments.features])
    return responses.json(audit(planning, social, made, how, reach_m=reach_m))


class SitingQuestion(BaseModel):
    """What to choose from."""

    model_config = ConfigDict(extra="forbid")

    budget_eur: float = Field(description="What may be invested, before grants.")
    measures: list[str] = Field(default=list(MEASURES), max_length=10, description="Measures on homes.")
    zoning: str | None = Field(default=None, max_length=40, description="cell, km, district; km when null.")
    definition: str = Field(default="quintile", max_length=40)
    indicator: str = Field(default=SCHOOLS, max_length=40)
    uptake: float = Field(default=1.0, description="Share of what is eligible in a chosen zone.")
    rule: str = Field(default="", max_length=4000)
    start: int = FIRST_YEAR
    end: int = LAST_YEAR
    omega: float = Field(default=0.0, ge=0, le=100, description="What a tonne in a low-income home counts more.")
    floor: float | None = Field(default=None, description="Least share of the most that low-income areas could get.")
    cap_eur: float | None = Field(default=None, gt=0, description="Most for each district.")
    path: str = Field(default="central", max_length=20)


@router.post("/{key}/siting", summary="Where should the next euro go?")
def post_siting(
    key: str,
    catalogue: CatalogueDep,
    question: Annotated[SitingQuestion, Body()],
    geometry: Annotated[bool, Query(description="With the outline of each chosen zone.")] = False,  # noqa: FBT002
) -> Response:
    """Measures and zones that save most under a budget, the front of tonnes against low income, the price of equity."""
    values = question.model_dump(exclude={"indicator"})
    ask = Ask(**values | {"measures": tuple(question.measures)})
    planning = catalogue.planning(key, coarse=True)
    social = catalogue.social(key, question.indicator, coarse=True)
    return responses.json(sitings.document(siting(planning, social, ask), geometry=geometry))
