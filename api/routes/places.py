"""Places, the impact of measures placed in one, and scenarios."""

from __future__ import annotations

import io
from functools import partial
from typing import Annotated, Literal

import pyarrow.csv as pc
import pyarrow.parquet as pq
from fastapi import APIRouter, Body, Query, Response

from api import responses
from api.deps import BaseUrl, CatalogueDep, ETag, WantsHtml
from api.responses import link
from data.schema import SCENARIOS
from geo.errors import Problem
from layers.catalogue import Catalogue
from layers.compare import comparison, tidy, trajectory
from layers.errors import PlacementError, PlannerOnlyError
from layers.findings import document
from layers.scenarios import STANDARD_BODY, Placements, Scenario, frozen, run

router = APIRouter(prefix="/places", tags=["Places"])
Detail = Annotated[bool, Query(description="With money by payer, rents, fair shares and drivers: takes longer.")]
Units = Annotated[bool, Query(description="With every unit of the stock that is treated.")]


@router.get("", summary="All places")
def places(catalogue: CatalogueDep, html: WantsHtml, etag: ETag) -> Response:
    """Places of the served release: balance, what the census withholds, districts."""
    listed = [{"key": key, **entry} for key, entry in catalogue.places.items()]
    listed.sort(key=lambda p: (p["kind"] != "region", p["name"]))
    if html:
        return responses.page("places.html", etag, places=listed)
    return responses.json({"places": listed}, etag)


@router.post("/{key}/impact", summary="Impact of placements")
def post_impact(
    key: str,
    catalogue: CatalogueDep,
    detail: Detail = False,  # noqa: FBT002 - a query parameter
    units: Units = False,  # noqa: FBT002 - a query parameter
    placements: Annotated[Placements, Body()] = STANDARD_BODY,
) -> Response:
    """Tonnes per year to 2045, cost, and the share that goes to each population quintile.

    Without a body, the standard programme: retrofit of what was built until 1918, in the whole place.
    """
    result = run(catalogue.planning(key), placements)
    social = partial(catalogue.social, key)
    return responses.json(document(result, detail=detail, units=units, social=social))


@router.get("/{key}/scenarios", summary="Scenarios of a place")
def scenarios(key: str, catalogue: CatalogueDep, base: BaseUrl, etag: ETag) -> Response:
    """Standard scenarios and users' own, with what each is made of."""
    found = [_described(catalogue.scenario(key, name), base) for name in catalogue.scenario_names(key)]
    return responses.json({"place": key, "scenarios": found}, etag)


@router.post("/{key}/scenarios", status_code=201, summary="Keep a scenario")
def post_scenario(key: str, catalogue: CatalogueDep, base: BaseUrl, scenario: Annotated[Scenario, Body()]) -> Response:
    """Keep placements, external path, activity and seed under an id; refused if they cannot be computed."""
    return _kept(key, catalogue, base, scenario, replace=False)


@router.put("/{key}/scenarios/{name}", summary="Replace a scenario")
def put_scenario(
    key: str, name: str, catalogue: CatalogueDep, base: BaseUrl, scenario: Annotated[Scenario, Body()]
) -> Response:
    """Replace a user's own scenario, or keep a new one under this id."""
    if scenario.id != name:
        raise PlacementError(Problem("id", f"'{scenario.id}' is not '{name}'", "Send the id that the address names."))
    return _kept(key, catalogue, base, scenario, replace=True)


def _kept(key: str, catalogue: CatalogueDep, base: BaseUrl, scenario: Scenario, *, replace: bool) -> Response:
    planning = catalogue.planning(key)
    if scenario.place not in {"", key}:
        what = f"is a scenario of {scenario.place}"
        raise PlacementError(Problem("place", what, f"Send it to /places/{scenario.place}/scenarios, or leave it out."))
    run(planning, scenario)
    kept = frozen(planning, scenario)
    catalogue.store.put(kept, replace=replace)
    response = responses.json(_described(kept, base))
    response.status_code = 200 if replace else 201
    response.headers["Location"] = f"{base}/places/{key}/scenarios/{kept.id}"
    return response


@router.get("/{key}/scenarios/{name}", summary="One scenario")
def scenario(key: str, name: str, catalogue: CatalogueDep, base: BaseUrl, etag: ETag) -> Response:
    """What a scenario is made of, and its emissions along the years against targets and the carbon budget."""
    body = _described(catalogue.scenario(key, name), base)
    found = catalogue.scenario(key, name)
    return responses.json(body | {"trajectory": trajectory(catalogue.run(key, name), found)}, etag)


@router.delete("/{key}/scenarios/{name}", status_code=204, summary="Delete a scenario")
def delete_scenario(key: str, name: str, catalogue: CatalogueDep) -> Response:
    """Delete a user's own scenario."""
    if name in SCENARIOS:
        raise PlacementError(Problem("id", f"'{name}' is a standard scenario", "It cannot be deleted."))
    catalogue.store.delete(key, name)
    return Response(status_code=204)


@router.get("/{key}/scenarios/{name}/impact", summary="Impact of a scenario")
def scenario_impact(
    key: str,
    name: str,
    catalogue: CatalogueDep,
    etag: ETag,
    detail: Detail = False,  # noqa: FBT002 - a query parameter
    units: Units = False,  # noqa: FBT002 - a query parameter
) -> Response:
    """Return what its placements do together, as for `POST /places/{key}/impact`."""
    if units:
        catalogue.planning(key)  # refuses the public: units are single buildings
    if detail:
        _by_district(catalogue, key)
    social = partial(catalogue.social, key)
    return responses.json(document(catalogue.run(key, name), detail=detail, units=units, social=social), etag)


def _by_district(catalogue: Catalogue, key: str) -> None:
    """Refuse figures by district where some has too few buildings for the public."""
    if not catalogue.areas_meet(key):
        what = "has districts with few buildings, homes or people"
        raise PlannerOnlyError(Problem(f"place '{key}'", what, f"Sign in, or see the collection {key}.districts."))


@router.get("/{key}/scenarios/{name}/compare", summary="Compare two scenarios")
def compare(
    key: str,
    name: str,
    catalogue: CatalogueDep,
    etag: ETag,
    against: Annotated[str, Query(max_length=40, description="Id of the other scenario.")] = "reference",
) -> Response:
    """Return the differences of two scenarios by year, sector and district: the first less the other."""
    _by_district(catalogue, key)
    pair = [(catalogue.scenario(key, n), catalogue.run(key, n)) for n in (name, against)]
    return responses.json(comparison(*pair), etag)


@router.get(
    "/{key}/scenarios/{name}/table",
    summary="Scenario as a tidy table",
    responses={200: {"content": {"text/csv": {}, "application/vnd.apache.parquet": {}}}},
)
def table(
    key: str,
    name: str,
    catalogue: CatalogueDep,
    etag: ETag,
    kind: Annotated[Literal["csv", "parquet"], Query(description="csv or parquet.")] = "csv",
) -> Response:
    """One row for each district, sector and year, for notebooks and spreadsheets."""
    _by_district(catalogue, key)
    rows, buffer = tidy(catalogue.scenario(key, name), catalogue.run(key, name)), io.BytesIO()
    if kind == "parquet":
        pq.write_table(rows, buffer)
        media = "application/vnd.apache.parquet"
    else:
        pc.write_csv(rows, buffer)
        media = "text/csv"
    headers = {
        "ETag": etag,
        "Cache-Control": "no-cache",
        "Content-Disposition": f'attachment; filename="{key}.{name}.{kind}"',
    }
    return Response(buffer.getvalue(), media_type=media, headers=headers)


def _described(found: Scenario, base: str) -> dict[str, object]:
    url = f"{base}/places/{found.place}/scenarios/{found.id}"
    links = [
        link(url, "self", "application/json", found.name),
        link(f"{url}/impact", "related", "application/json", "Impact of its placements together"),
        link(f"{url}/compare?against=reference", "related", "application/json", "Against the reference"),
        link(f"{url}/table?kind=csv", "alternate", "text/csv", "Tidy table"),
    ]
    return found.model_dump() | {"links": links}
