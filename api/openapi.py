"""The API's own description as OpenAPI 3.0.3, which GDAL and QGIS read; FastAPI writes 3.1.

Beside translating, it says of each operation what may be answered: pages for people, `304`, and every problem.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from fastapi import FastAPI

from api.openapi_schemas import ANSWERS, NULL, PAGES, PROBLEM_MEDIA, SCHEMAS

MEDIA_TYPE = "application/vnd.oai.openapi+json;version=3.0"
VERSION = "3.0.3"
LICENCE_URL = "https://www.apache.org/licenses/LICENSE-2.0"
METHODS = ("get", "head", "post", "put", "patch", "delete")
FEATURES = "/collections/{collectionId}/items"
JSON, HTML = "application/json", "text/html"
# what these answer does not come from the release: no ETag, nothing to be missing
ALIVE = ("/healthz",)
PROBLEMS = {
    400: "A parameter is unknown or wrong; all problems are listed.",
    401: "A token is unknown, or this needs a signed-in planner.",
    403: "Another site's page asks to change something.",
    404: "There is no such thing.",
    408: "The body did not come in time.",
    409: "Something of this name exists already.",
    413: "The body is too large.",
    422: "The body cannot be used; all problems are listed.",
    429: "Too many requests; `Retry-After` says when to come back.",
    503: "Nothing is served yet, or too much is asked for at once.",
    507: "The disk is full; nothing was changed.",
}
ALWAYS, OF_PATHS = (400, 401, 429, 503), (404,)
OF_BODIES, OF_CHANGES = (408, 413, 422), (403, 404, 409, 422, 507)
# as OGC API Features Part 1 wants them, word for word; what FastAPI reads as text
STANDARD: dict[str, dict[str, Any]] = {
    "bbox": {"type": "array", "minItems": 4, "maxItems": 6, "items": {"type": "number"}},
    "datetime": {"type": "string"},
}
_PARAMETER = re.compile(r"\{(\w+)\}")


def described(app: FastAPI) -> dict[str, Any]:
    """Return the description of a service, made when first asked for.

    Returns
    -------
    dict
        OpenAPI 3.0.3 document with every operation, its parameters and all that it may answer.
    """
    found = app.openapi()
    if found["openapi"] != VERSION:
        # FastAPI keeps it as long as no route is added
        app.openapi_schema = found = _translated(found)
    return found


def _translated(given: dict[str, Any]) -> dict[str, Any]:
    components = given.get("components", {})
    schemas = {k: v for k, v in components.get("schemas", {}).items() if "ValidationError" not in k}
    info = given["info"]
    document: dict[str, Any] = {
        "openapi": VERSION,
        "info": {
            "title": info["title"],
            "version": info["version"],
            "description": info["summary"],
            "license": {"name": "Apache-2.0", "url": LICENCE_URL},
        },
        "paths": {path: dict(item) for path, item in given["paths"].items()},
        "components": {
            "schemas": {**{name: translated_schema(one) for name, one in schemas.items()}, **SCHEMAS},
            "responses": {_name(code): _problem(what) for code, what in PROBLEMS.items()},
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer", "description": "A planner's token."},
                "password": {"type": "http", "scheme": "basic", "description": "Any name; a token as password."},
            },
        },
        # what the public may see needs no token
        "security": [{}, {"token": []}, {"password": []}],
    }
    for path, method, operation in operations(document):
        document["paths"][path][method] = _operation(path, method, operation)
    features = document["paths"].get(FEATURES, {}).get("get", {}).get("parameters", [])
    # where QGIS looks for the largest page
    document["components"]["parameters"] = {one["name"]: one for one in features if one["name"] == "limit"}
    return document


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Path, method and operation of all that a document describes."""
    for path, item in document["paths"].items():
        for method in METHODS:
            if method in item:
                yield path, method, item[method]


def _operation(path: str, method: str, given: dict[str, Any]) -> dict[str, Any]:
    found = {**given, "operationId": _operation_id(path, method)}
    if "parameters" in given:
        found["parameters"] = [_parameter(one) for one in given["parameters"]]
    if "requestBody" in given:
        found["requestBody"] = _told(given["requestBody"])
    found["responses"] = _answers(path, method, found)
    return found


def _answers(path: str, method: str, operation: dict[str, Any]) -> dict[str, Any]:
    """What an operation may answer: what its route says, and what can happen to any of its kind."""
    given = {code: one for code, one in operation["responses"].items() if not _is_fastapis(code, one)}
    found = {code: _success(path, method, one) for code, one in given.items() if code[0] == "2"}
    if method in {"get", "head"} and path not in ALIVE:
        found["304"] = {"description": "The client has it already."}
    problems = {*ALWAYS, *(OF_PATHS if "{" in path else ())}
    if "requestBody" in operation:
        problems.update(OF_BODIES)
    if method not in {"get", "head"}:
        problems.update(OF_CHANGES)
    found |= {str(code): {"$ref": f"#/components/responses/{_name(code)}"} for code in problems}
    # what a route says itself is known better there
    found |= {code: _told(one) for code, one in given.items() if code[0] != "2"}
    return dict(sorted(found.items()))


def _is_fastapis(code: str, answer: dict[str, Any]) -> bool:
    """Whether it is FastAPI's own 422, which this service never gives."""
    return code == "422" and "HTTPValidationError" in str(answer)


def _success(path: str, method: str, answer: dict[str, Any]) -> dict[str, Any]:
    content = {media: _told(one) for media, one in answer.get("content", {}).items()}
    described = ANSWERS.get(path, {}) if method == "get" else {}
    content |= described
    if described and JSON not in described:
        content.pop(JSON, None)
    if path in PAGES:
        content[HTML] = {"schema": {"type": "string"}}
    found = {"description": answer.get("description", "Done"), **({"content": content} if content else {})}
    return found | ({"headers": answer["headers"]} if "headers" in answer else {})


def _told(answer: dict[str, Any]) -> dict[str, Any]:
    """Answer as a route says it, its schemas translated."""
    if "content" in answer:
        return {**answer, "content": {media: _told(one) for media, one in answer["content"].items()}}
    return {**answer, "schema": translated_schema(answer["schema"])} if "schema" in answer else answer


def _parameter(given: dict[str, Any]) -> dict[str, Any]:
    """Query parameters are texts or numbers, never null; their arrays are separated by commas."""
    found = {**given, "schema": dict(STANDARD.get(given["name"], translated_schema(given["schema"])))}
    found["schema"].pop("nullable", None)
    if "anyOf" in found["schema"]:
        found["schema"]["anyOf"] = [one for one in found["schema"]["anyOf"] if one != NULL]
    if found["schema"].get("default", "") is None:
        del found["schema"]["default"]
    if given["in"] == "query":
        found |= {"style": "form", "explode": False}
    return found


def translated_schema(given: dict[str, Any]) -> dict[str, Any]:
    """Translate a JSON Schema of 2020-12 to the dialect of OpenAPI 3.0."""
    found = {key: _part(key, value) for key, value in given.items()}
    if "const" in found:
        found["enum"] = [found.pop("const")]
    for bound in ("Minimum", "Maximum"):
        if f"exclusive{bound}" in found:
            found[bound.lower()] = found[f"exclusive{bound}"]
            found[f"exclusive{bound}"] = True
    if "examples" in found:
        found["example"] = found.pop("examples")[0]
    if "anyOf" in found:
        found = _without_null(found)
    if "$ref" in found and len(found) > 1:
        found["allOf"] = [{"$ref": found.pop("$ref")}]
    return found


def _part(key: str, value: Any) -> Any:  # noqa: ANN401 - any part of a schema
    """Translate what holds schemas; names of properties, defaults and examples stay as they are."""
    if key == "properties":
        return {name: translated_schema(one) for name, one in value.items()}
    if key in {"default", "enum", "const", "examples", "example", "required"}:
        return value
    if isinstance(value, list):
        return [translated_schema(one) if isinstance(one, dict) else one for one in value]
    return translated_schema(value) if isinstance(value, dict) else value


def _without_null(found: dict[str, Any]) -> dict[str, Any]:
    """Say `nullable` instead of listing null among others."""
    others = [one for one in found["anyOf"] if one != {"type": "null"}]
    rest = {key: value for key, value in found.items() if key != "anyOf"}
    is_nullable = len(others) < len(found["anyOf"])
    if len(others) == 1 and "$ref" not in others[0]:
        only: dict[str, Any] = others[0]
        return only | rest | ({"nullable": True} if is_nullable else {})
    return rest | {"anyOf": [*others, NULL] if is_nullable else others}


def _operation_id(path: str, method: str) -> str:
    """Name for generated clients: `getCollectionsByCollectionIdItems`."""
    words = []
    for segment in path.strip("/").split("/"):
        text = _PARAMETER.sub(lambda found: f" by {found[1][0].upper()}{found[1][1:]} ", segment)
        words += [word for word in re.split(r"[^A-Za-z0-9]+", text) if word]
    return method + "".join(word[0].upper() + word[1:] for word in words or ["landingPage"])


def _name(code: int) -> str:
    return f"Problem{code}"


def _problem(what: str) -> dict[str, Any]:
    return {"description": what, "content": {PROBLEM_MEDIA: {"schema": {"$ref": "#/components/schemas/problem"}}}}
