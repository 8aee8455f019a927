"""The API's own description: valid OpenAPI 3.0 that GDAL reads, and true; generated requests find nothing else.

`REVIER_FUZZ=3000` asks that many questions instead of some 300.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any
from unittest import SkipTest

import pytest
import schemathesis
from fastapi import FastAPI
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from openapi_spec_validator import OpenAPIV30SpecValidator
from schemathesis import GenerationMode
from schemathesis.config import SchemathesisConfig
from starlette.routing import Mount

from api import openapi
from api.app import create_app
from api.openapi_schemas import PAGES
from api.settings import Settings
from data.figures import Figures
from data.place import places
from layers.build import build

DOCUMENT = openapi.described(create_app(Settings(home=Path("nowhere"))))
OPERATIONS = [(method, path) for path, method, _ in openapi.operations(DOCUMENT)]
REQUESTS = int(os.environ.get("REVIER_FUZZ", "300"))
TOWN = "05954004"
# what takes seconds is asked less often
SLOW = ("/equity", "/audit", "/siting", "/impact", "/low-income", "/compare", "/table")
ITEMS = "/collections/{collectionId}/items"


def test_it_is_valid_openapi_3_0() -> None:
    assert DOCUMENT["openapi"] == "3.0.3"
    OpenAPIV30SpecValidator(DOCUMENT).validate()


def test_nothing_of_openapi_3_1_is_left() -> None:
    """A validator lets unknown words of a schema pass; generators of clients do not."""
    found: list[str] = []

    def walk(part: Any, where: str) -> None:
        if isinstance(part, dict):
            for key, value in part.items():
                if key in {"const", "examples", "prefixItems"} or value == {"type": "null"}:
                    found.append(f"{where}/{key}")
                if key == "type" and isinstance(value, list):
                    found.append(f"{where}/{key}")
                if key.startswith("exclusive") and not isinstance(value, bool):
                    found.append(f"{where}/{key}")
                walk(value, f"{where}/{key}")
        elif isinstance(part, list):
            for i, one in enumerate(part):
                walk({"type": "null"} if one == {"type": "null"} else one, f"{where}/{i}")
                if one == {"type": "null"}:
                    found.append(f"{where}/{i}")

    walk(DOCUMENT["components"]["schemas"], "schemas")
    walk(DOCUMENT["paths"], "paths")
    assert found == []


def test_every_route_is_in_it_or_says_that_it_is_not() -> None:
    app = create_app(Settings(home=Path("nowhere")))
    hidden = {"/map", "/docs", "/readyz", "/metrics", "/sign-in"}
    with TestClient(app) as guest:
        for path in hidden:
            assert guest.get(path).status_code in {200, 303, 401, 503}, path
    assert not hidden & set(DOCUMENT["paths"])
    assert sum(not isinstance(route, Mount) for route in app.routes) >= 10


def test_operation_ids_are_names_and_each_is_one() -> None:
    ids = [operation["operationId"] for _, _, operation in openapi.operations(DOCUMENT)]
    assert len(set(ids)) == len(ids)
    assert all(one.isidentifier() for one in ids)
    assert {"getLandingPage", "getCollectionsByCollectionIdItems"} <= set(ids)


def test_problems_are_documented_where_they_can_happen() -> None:
    for path, method, operation in openapi.operations(DOCUMENT):
        answers = operation["responses"]
        assert {"400", "401", "429", "503"} <= set(answers), path
        assert ("404" in answers) or "{" not in path, path
        if "requestBody" in operation:
            assert {"403", "413", "422"} <= set(answers), path
        if method == "get" and path != "/healthz":
            assert "304" in answers, path
        for code, answer in answers.items():
            if code[0] in "45" and "content" in answer:
                assert "application/problem+json" in answer["content"] or path.startswith("/wmts"), (path, code)


def test_clients_find_the_largest_page() -> None:
    """QGIS and GDAL take pages as large as the description allows."""
    parameters = {one["name"]: one for one in DOCUMENT["paths"][ITEMS]["get"]["parameters"]}
    assert parameters["limit"]["schema"]["maximum"] == 10_000
    assert parameters["limit"]["schema"]["type"] == "integer"
    # GDAL pushes filters down where it finds this name of the language
    assert "cql-text" in parameters["filter-lang"]["schema"]["enum"]


def test_a_translated_schema_takes_what_the_first_took() -> None:
    """Worked example of each difference between the two dialects."""
    nothing = {"nullable": True, "enum": [None]}
    given_schema = {
        "type": "object",
        "properties": {
            "const": {"const": "Feature", "default": "Feature"},
            "geometry": {"anyOf": [{"$ref": "#/x"}, {"type": "null"}], "title": "Where"},
            "share": {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1, "examples": [0.5, 0.6]},
            "either": {"anyOf": [{"type": "string"}, {"type": "number"}, {"type": "null"}]},
        },
    }
    assert openapi.translated_schema(given_schema) == {
        "type": "object",
        "properties": {
            "const": {"enum": ["Feature"], "default": "Feature"},
            "geometry": {"anyOf": [{"$ref": "#/x"}, nothing], "title": "Where"},
            "share": {
                "type": "number",
                "minimum": 0,
                "exclusiveMinimum": True,
                "maximum": 1,
                "exclusiveMaximum": True,
                "example": 0.5,
            },
            "either": {"anyOf": [{"type": "string"}, {"type": "number"}, nothing]},
        },
    }


def test_the_description_is_served_as_gdal_asks_for_it(app: FastAPI) -> None:
    answer = TestClient(app).get("/api", headers={"Accept": openapi.MEDIA_TYPE})
    assert answer.headers["content-type"] == openapi.MEDIA_TYPE
    assert answer.json() == openapi.described(app)
    landing = TestClient(app).get("/", headers={"Accept": "application/json"}).json()
    assert [one["type"] for one in landing["links"] if one["rel"] == "service-desc"] == [openapi.MEDIA_TYPE]


REAL = {"collectionId": f"{TOWN}.stock", "featureId": "0", "tileMatrixSetId": "WebMercatorQuad", "key": TOWN}
REAL |= {"name": "reference", "measure": "envelope_usual", "styleId": "default"}
ASKED = {
    path: re.sub(r"{(\w+)}", lambda found: REAL.get(found[1], found[0]), path)
    for method, path in OPERATIONS
    if method == "get"
}
QUICK = [path for path, url in ASKED.items() if "{" not in url and not any(word in path for word in SLOW)]


@pytest.mark.parametrize("path", QUICK)
def test_pages_for_people_are_where_it_says(app: FastAPI, path: str) -> None:
    """A browser gets a page exactly where one is documented."""
    answer = TestClient(app).get(ASKED[path], headers={"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"})
    assert answer.status_code in {200, 400}, answer.text
    content = DOCUMENT["paths"][path]["get"]["responses"]["200"].get("content", {})
    if answer.status_code == 200:
        assert answer.headers["content-type"].startswith("text/html") == ("text/html" in content)
    assert (path in PAGES) <= ("text/html" in content)


# ------------------------------------------------------------------ generated requests
@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory, figures: Figures) -> FastAPI:
    """Service of a small town: answers come quickly, and what is changed is nobody else's."""
    folder = tmp_path_factory.mktemp("town")
    build(folder, [places(figures)[TOWN]], figures)
    return create_app(Settings(home=folder))


CONFIG: dict[str, Any] = {
    "request-timeout": 300,
    "checks": {
        # a schema cannot say what is a filter, an attribute of this collection, or a place that a plan can use
        "positive_data_acceptance": {"expected-statuses": ["2xx", "304", "400", "401", "403", "404", "409", "422"]},
    },
}


@pytest.fixture(scope="module")
def schema(app: FastAPI) -> Any:
    openapi.described(app)
    return schemathesis.openapi.from_asgi("/api", app, config=SchemathesisConfig.from_dict(CONFIG))


@st.composite
def cases(draw: st.DrawFn, operation: Any, ids: list[str]) -> Any:
    """A request, mostly of something that there is: what does not exist is all answered alike."""
    mode = draw(st.sampled_from([GenerationMode.POSITIVE, GenerationMode.NEGATIVE]))
    try:
        case = draw(operation.as_strategy(generation_mode=mode))
    except SkipTest:  # nothing of it can be wrong
        case = draw(operation.as_strategy())
    real = {name: [value] for name, value in REAL.items()}
    real |= {"collectionId": ids, "name": ["reference", "climate_plan"], "featureId": ["0", "7"]}
    for name in case.path_parameters or {}:
        if name in real and draw(st.integers(0, 9)) > 0 and case.method not in {"PUT", "DELETE"}:
            case.path_parameters[name] = draw(st.sampled_from(real[name]))
    return case


# rdflib's own, of its reader and writer
@pytest.mark.filterwarnings("ignore:ConjunctiveGraph is deprecated:DeprecationWarning")
@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_generated_requests_get_documented_answers(app: FastAPI, schema: Any, method: str, path: str) -> None:
    """Valid and broken requests: no 5xx, no status, media type, header or schema that is not documented."""
    ids = app.state.served.catalogue().ids()
    operation = schema[path][method.upper()]
    share = REQUESTS / len(OPERATIONS)
    examples = max(2, round(share / 3 if any(word in path for word in SLOW) else share * 1.1))

    @settings(
        max_examples=examples,
        deadline=None,
        derandomize=True,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=cases(operation, ids))
    def ask(case: Any) -> None:
        case.call_and_validate()

    ask()
