"""The service around its routes: start, ids, log, counters, compression, HEAD, CORS, limits, reload, errors."""

from __future__ import annotations

import asyncio
import errno
import gzip
import io
import json
import logging
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import brotli
import pytest
import zstandard
from fastapi import FastAPI, Request, Response
from fastapi.responses import StreamingResponse
from fastapi.testclient import TestClient
from prometheus_client.parser import text_string_to_metric_families

from api import settings as declared
from api.app import create_app
from api.middleware.compression import negotiated
from api.middleware.log import WithRequestId, writer
from api.middleware.visit import Visit
from api.settings import Settings
from layers.release import current, pointer, staging

ROOT = Path(__file__).parents[1]
LARGE = b'{"a": "' + b"0123456789" * 20_000 + b'"}'
NO_GZIP = {"Accept-Encoding": "identity"}
DECODED = {
    "zstd": lambda body: zstandard.ZstdDecompressor().decompressobj().decompress(body),
    "br": brotli.decompress,
    "gzip": gzip.decompress,
}


def release(home: Path, text: str) -> str:
    """Make a release without places whose one file holds a text; return its id."""
    with staging(home, {"inputs": {}, "method_version": "test", "places": {}, "sources": [], "measures": []}) as path:
        path("none", "file").write_text(text, encoding="utf-8")
    return current(home).id


def with_routes(settings: Settings) -> FastAPI:  # noqa: C901 - many small routes
    """Add routes that do what routes may do."""
    app = create_app(settings)

    @app.get("/test/large")
    def large(request: Request) -> Response:
        headers = {"ETag": '"abc"', "Cache-Control": "no-cache", "Vary": "Accept"}
        if '"abc"' in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=headers)
        return Response(LARGE, media_type="application/json", headers=headers)

    @app.get("/test/stream")
    def stream() -> Response:
        return StreamingResponse((LARGE[i : i + 999] for i in range(0, len(LARGE), 999)), media_type="application/json")

    @app.get("/test/picture")
    def picture() -> Response:
        return Response(LARGE, media_type="image/tiff; application=geotiff", headers={"Accept-Ranges": "bytes"})

    @app.get("/test/fails/{how}")
    def fails(how: str) -> Response:
        if how == "memory":
            raise MemoryError
        raise OSError(errno.ENOSPC if how == "disk" else errno.EIO, "secret-path")

    @app.get("/test/breaks")
    def breaks() -> Response:
        def pieces() -> Iterator[bytes]:
            yield b"begun"
            msg = "secret-path"
            raise ValueError(msg)

        return StreamingResponse(pieces(), media_type="text/plain")

    @app.get("/test/slow")
    async def slow() -> Response:
        await asyncio.sleep(0.4)
        return Response("late")

    @app.post("/test/body")
    async def body(request: Request) -> Response:
        return Response(str(len(await request.body())))

    return app


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Home with a release that holds next to nothing."""
    home = tmp_path_factory.mktemp("small")
    release(home, "first")
    return home


@pytest.fixture(scope="module")
def guest(made: Path) -> Iterator[TestClient]:
    """Client of a service on the small home."""
    with TestClient(with_routes(Settings(home=made)), raise_server_exceptions=False) as client:
        yield client


def asked(made: Path, **chosen: Any) -> TestClient:
    """Client of a service with settings of its own."""
    return TestClient(with_routes(Settings(home=made, **chosen)), raise_server_exceptions=False)


# ------------------------------------------------------------------ start
def test_nothing_slow_is_imported_before_the_first_answer() -> None:
    """The service answers within 3 s of its start; an `import pandas` at the top of a module costs a fifth of it."""
    slow = ("numba", "pandas", "scipy", "geopandas", "rasterio", "dask", "openpyxl", "osmnx", "folium")
    code = "import sys, {}; print([m for m in {} if m in sys.modules])"
    for module, kept_out in (
        ("api.app", slow),
        ("api.commands.build", (*slow, "fastapi")),
        ("api.cli", (*slow, "pyarrow")),
    ):
        told = subprocess.run(
            [sys.executable, "-c", code.format(module, kept_out)], cwd=ROOT, capture_output=True, text=True, check=True
        )
        assert told.stdout.strip() == "[]", module


def test_settings_say_all_that_is_wrong_without_the_secret() -> None:
    with pytest.raises(ValueError, match=r"planner_tokens") as error:
        Settings(planner_tokens="short", trusted_proxies="10.0.0.0/99", rate_limit="many", base_url="javascript:x")
    told = str(error.value)
    assert "short" not in told
    assert all(name in told for name in ("trusted_proxies", "rate_limit", "base_url"))


def test_lists_in_the_environment_are_words_or_json(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REVIER_HOSTS", "a.example, b.example")
    monkeypatch.setenv("REVIER_TRUSTED_PROXIES", '["10.1.2.3/8"]')
    monkeypatch.setenv("REVIER_PLANNER_TOKENS", "0123456789abcdef fedcba9876543210")
    found = Settings()
    assert found.hosts == ("a.example", "b.example")
    assert found.trusted_proxies == ("10.0.0.0/8",)
    assert [t.get_secret_value() for t in found.planner_tokens] == ["0123456789abcdef", "fedcba9876543210"]
    assert "0123456789abcdef" not in repr(found)


def test_the_page_on_settings_names_every_one() -> None:
    text = declared.page()
    assert all(f"`REVIER_{name.upper()}`" in text for name in Settings.model_fields)
    assert str(Path.home()) not in text


# ------------------------------------------------------------------ ids, log, counters
def test_a_request_keeps_its_id_if_it_is_a_sane_one(guest: TestClient) -> None:
    assert guest.get("/healthz", headers={"X-Request-ID": "a-B.3_x"}).headers["x-request-id"] == "a-B.3_x"
    for bad in ("a b", "x" * 65, "a\tb", "<script>", "ä"):
        given = guest.get("/healthz", headers=[(b"X-Request-ID", bad.encode("latin-1"))]).headers["x-request-id"]
        assert re.fullmatch(r"[0-9a-f]{24}", given)


def test_the_log_has_a_line_for_each_request_and_no_secret(
    made: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    token = "0123456789abcdef0123"  # noqa: S105 - of this test
    with asked(made, access_log="json", planner_tokens=(token,)) as client:
        client.get("/healthz?f=secret", headers={"Authorization": f"Bearer {token}", "X-Request-ID": "one"})
        client.get("/collections/secret/items", headers={"X-Request-ID": "two"})
    lines = [json.loads(line) for line in capfdbinary.readouterr().out.splitlines()]
    one, two = ({k: v for k, v in line.items() if k not in {"ms", "timestamp", "bytes"}} for line in lines)
    assert one == {
        "event": "request", "id": "one", "client": "testclient", "role": "planner", "method": "GET",
        "route": "/healthz", "status": 400,
    }  # fmt: skip
    assert two["role"] == "public"
    assert "{" in two["route"]
    assert all(line["ms"] >= 0 and line["bytes"] > 0 for line in lines)
    assert "secret" not in json.dumps(lines)
    assert token not in json.dumps(lines)


def test_a_laptop_logs_no_requests_and_a_server_does() -> None:
    assert writer(Settings(host="127.0.0.1")) is None
    assert writer(Settings(host="0.0.0.0")) is not None  # noqa: S104 - not bound
    assert writer(Settings(host="0.0.0.0", access_log="off")) is None  # noqa: S104 - not bound


def counted(client: TestClient, **headers: str) -> dict[tuple[str, ...], float]:
    families = text_string_to_metric_families(client.get("/metrics", headers=headers).text)
    samples = (s for family in families if family.name == "revier_requests" for s in family.samples)
    return {
        (s.labels["method"], s.labels["route"], s.labels["status"]): s.value
        for s in samples
        if s.name.endswith("_total")
    }


def test_counters_have_routes_as_labels_whatever_is_asked(made: Path) -> None:
    with asked(made) as client:
        for i in range(30):
            client.get(f"/no/such/{i}")
            client.get(f"/collections/c{i}")
            client.get(f"/static/{i}.js")
            client.request("FROB", f"/healthz?{i}")
        found = counted(client)
    assert found["GET", "unmatched", "404"] == 30
    assert (
        found[
            "GET",
            "/collections/{collectionId}"
            if ("GET", "/collections/{collectionId}", "404") in found
            else "/collections/{collection}",
            "404",
        ]
        == 30
    )
    assert found["other", "/healthz", "405"] == 30
    assert len(found) <= 5


def test_counters_are_for_planners_and_this_machine() -> None:
    settings = Settings(host="0.0.0.0", planner_tokens=("0123456789abcdef",))  # noqa: S104 - not bound
    app = create_app(settings)
    afar = TestClient(app, client=("203.0.113.9", 1))
    assert afar.get("/metrics").status_code == 401
    assert afar.get("/metrics", headers={"Authorization": "Bearer 0123456789abcdef"}).status_code == 200
    here = TestClient(app, client=("127.0.0.1", 1))
    assert here.get("/metrics").status_code == 200
    # a proxy on this machine asks for somebody else
    assert here.get("/metrics", headers={"X-Forwarded-For": "203.0.113.9"}).status_code == 401


# ------------------------------------------------------------------ compression, HEAD, methods
@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("", None),
        ("identity", None),
        ("gzip", "gzip"),
        ("gzip, deflate, br, zstd", "zstd"),
        ("gzip, deflate, br", "br"),
        ("zstd;q=0.5, gzip;q=0.9", "gzip"),
        ("br;q=0, gzip;q=0", None),
        ("*", "zstd"),
        ("*;q=0.1, gzip", "gzip"),
        ("zstd;q=0, *", "br"),
        ("gzip;q=0.5, identity", None),
        ("gzip;q=x", None),
        ("GZIP ; Q=1.0", "gzip"),
    ],
)
def test_the_best_liked_encoding_is_taken(header: str, expected: str | None) -> None:
    assert negotiated(header.encode()) == expected


@pytest.mark.parametrize("encoding", ["zstd", "br", "gzip"])
@pytest.mark.parametrize("path", ["/test/large", "/test/stream"])
def test_what_is_compressed_is_the_same(guest: TestClient, encoding: str, path: str) -> None:
    with guest.stream("GET", path, headers={"Accept-Encoding": encoding}) as answer:
        raw = b"".join(answer.iter_raw())
    assert answer.headers["content-encoding"] == encoding
    assert "Accept-Encoding" in answer.headers["vary"]
    assert len(raw) < len(LARGE) / 5
    assert DECODED[encoding](raw) == LARGE
    if "content-length" in answer.headers:
        assert int(answer.headers["content-length"]) == len(raw)


def test_small_answers_and_pictures_stay_as_they_are(guest: TestClient) -> None:
    for path in ("/healthz", "/test/picture"):
        answer = guest.get(path, headers={"Accept-Encoding": "gzip"})
        assert "content-encoding" not in answer.headers


def test_each_encoding_has_a_tag_of_its_own_and_is_known_again(guest: TestClient) -> None:
    """One tag for two encodings would let a cache put pieces of one into the other."""
    tags = {e: guest.get("/test/large", headers={"Accept-Encoding": e}).headers["etag"] for e in ("identity", *DECODED)}
    assert tags == {"identity": '"abc"', "zstd": '"abc-zstd"', "br": '"abc-br"', "gzip": '"abc-gzip"'}
    for encoding, tag in tags.items():
        for given in (tag, f'"other", {tag}'):
            answer = guest.get("/test/large", headers={"Accept-Encoding": encoding, "If-None-Match": given})
            assert answer.status_code == 304
            assert answer.headers["etag"] == tag
            assert answer.content == b""


@pytest.mark.parametrize("given", ["{tag}", "W/{tag}", '"x", W/"y" , {tag}', "*"])
def test_what_a_client_holds_is_not_sent_again(guest: TestClient, given: str) -> None:
    first = guest.get("/conformance", headers=NO_GZIP)
    again = guest.get("/conformance", headers={**NO_GZIP, "If-None-Match": given.format(tag=first.headers["etag"])})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == first.headers["etag"]
    other = guest.get("/conformance", headers={**NO_GZIP, "If-None-Match": first.headers["etag"].replace('"', '"x', 1)})
    assert other.status_code == 200


def test_head_is_get_without_a_body(guest: TestClient) -> None:
    """GDAL asks for sizes by HEAD; a length that is not GET's breaks its ranges."""
    for path in ("/", "/healthz", "/conformance", "/test/large", "/test/picture", "/static/revier.css", "/none"):
        for encoding in ("identity", "gzip"):
            headers = {"Accept-Encoding": encoding}
            get, head = guest.get(path, headers=headers), guest.head(path, headers=headers)
            assert head.content == b""
            assert head.status_code == get.status_code
            unlike = {"x-request-id", "date"}
            assert {k: v for k, v in head.headers.items() if k not in unlike} == {
                k: v for k, v in get.headers.items() if k not in unlike
            }


def test_a_method_that_is_not_there_names_those_that_are(guest: TestClient) -> None:
    answer = guest.delete("/healthz")
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD, OPTIONS")
    assert answer.headers["content-type"] == "application/problem+json"
    # two routes of one address
    assert guest.delete("/places/x/scenarios").headers["allow"] == "GET, HEAD, OPTIONS, POST"
    told = guest.options("/places/x/scenarios")
    assert (told.status_code, told.headers["allow"]) == (204, "GET, HEAD, OPTIONS, POST")
    assert guest.options("/none").status_code == 404


# ------------------------------------------------------------------ limits
def test_bodies_are_bounded_whether_they_say_their_size_or_not(made: Path) -> None:
    with asked(made, max_body_mb=0.01) as client:
        most = int(0.01 * 2**20)
        assert client.post("/test/body", content=b"x" * most).text == str(most)
        for content in (b"x" * (most + 1), iter([b"x" * 1000] * 20)):
            answer = client.post("/test/body", content=content)
            assert answer.status_code == 413
            assert answer.headers["connection"] == "close"
            assert answer.headers["x-content-type-options"] == "nosniff"


def test_an_answer_that_takes_too_long_is_given_up(made: Path) -> None:
    with asked(made, request_s=0.1) as client:
        answer = client.get("/test/slow")
        assert answer.status_code == 503
        assert int(answer.headers["retry-after"]) > 0
        assert answer.json()["status"] == 503
        assert client.get("/healthz").status_code == 200


def test_a_client_that_asks_too_often_waits_and_others_do_not(made: Path) -> None:
    app = create_app(Settings(home=made, rate_limit="3/hour"))
    one, other = (TestClient(app, client=(f"192.0.2.{i}", 1)) for i in (1, 2))
    assert [one.get("/healthz").status_code for _ in range(5)] == [200, 200, 200, 429, 429]
    assert 3000 < int(one.get("/healthz").headers["retry-after"]) <= 3600
    assert other.get("/healthz").status_code == 200
    assert one.get("/healthz").headers["access-control-allow-origin"] == "*"


def test_a_forged_address_does_not_get_around_the_rate(made: Path) -> None:
    app = create_app(Settings(home=made, rate_limit="2/hour"))
    client = TestClient(app, client=("192.0.2.1", 1))
    codes = [client.get("/healthz", headers={"X-Forwarded-For": f"198.51.100.{i}"}).status_code for i in range(4)]
    assert codes == [200, 200, 429, 429]


# ------------------------------------------------------------------ errors
@pytest.mark.parametrize(("how", "status"), [("memory", 503), ("disk", 507), ("else", 500)])
def test_a_full_machine_is_told_and_the_service_lives(guest: TestClient, how: str, status: int) -> None:
    answer = guest.get(f"/test/fails/{how}")
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["content-security-policy"]
    assert "secret" not in answer.text
    assert "Traceback" not in answer.text
    assert guest.get("/healthz").status_code == 200


def test_an_answer_that_breaks_off_does_not_end_the_service(
    guest: TestClient, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("ERROR"):
        answer = guest.get("/test/breaks")
    assert "secret" not in answer.text
    assert guest.get("/healthz").status_code == 200


def test_an_error_is_logged_with_the_id_of_its_request(guest: TestClient) -> None:
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    handler.setFormatter(WithRequestId("%(levelname)s %(message)s"))
    logging.getLogger("revier").addHandler(handler)
    guest.get("/test/fails/else", headers={"X-Request-ID": "look-me-up"})
    logging.getLogger("revier").removeHandler(handler)
    assert written.getvalue().startswith("[look-me-up] ERROR unexpected error")


# ------------------------------------------------------------------ releases
def wait_for(state: Any, what: str) -> None:
    for _ in range(200):
        if state():
            return
        time.sleep(0.02)
    raise AssertionError(what)


def test_a_new_release_is_served_and_no_request_waits_for_it(tmp_path: Path) -> None:
    first = release(tmp_path, "first")
    app = create_app(Settings(home=tmp_path))
    reading, go_on = threading.Event(), threading.Event()

    def hold(_catalogue: object) -> None:
        reading.set()
        go_on.wait(20)

    app.state.served._warm = hold
    with TestClient(app) as client:
        tag = client.get("/conformance").headers["etag"]
        second = release(tmp_path, "second")
        assert client.get("/readyz").json()["release"] == first
        assert client.get("/conformance").headers["etag"] == tag
        assert reading.wait(20)
        # it is being read: everybody gets the old one at once
        assert client.get("/conformance").headers["etag"] == tag
        go_on.set()
        wait_for(lambda: client.get("/readyz").json()["release"] == second, "the new release is never served")
        assert client.get("/conformance").headers["etag"] != tag


@pytest.mark.parametrize("harm", ["cut", "flipped", "gone", "no manifest"])
def test_a_harmed_release_is_refused_and_the_old_one_served(tmp_path: Path, harm: str) -> None:
    first = release(tmp_path, "first")
    with TestClient(create_app(Settings(home=tmp_path))) as client:
        tag = client.get("/conformance").headers["etag"]
        other = tmp_path / "other"
        second = release(other, "second")
        (other / "releases" / second).rename(tmp_path / "releases" / second)
        file = tmp_path / "releases" / second / "places" / "none" / "file"
        if harm == "cut":
            file.write_bytes(file.read_bytes()[:-1])
        elif harm == "flipped":
            file.write_bytes(bytes([file.read_bytes()[0] ^ 1]) + file.read_bytes()[1:])
        elif harm == "gone":
            file.unlink()
        else:
            (file.parents[2] / "manifest.json").write_text("{", encoding="utf-8")
        pointer(tmp_path).write_text(second, encoding="utf-8")
        client.get("/conformance")
        wait_for(lambda: client.get("/readyz").json()["refused"], "what is refused is not told")
        ready = client.get("/readyz")
        assert (ready.status_code, ready.json()["release"]) == (200, first)
        assert client.get("/conformance").headers["etag"] == tag
        third = release(tmp_path, "third")
        client.get("/conformance")
        app_state: Any = client.app
        app_state.state.served._again_at = 0
        wait_for(
            lambda: client.get("/conformance") and client.get("/readyz").json()["release"] == third,
            "it does not recover",
        )
        assert client.get("/readyz").json()["refused"] is None


def test_a_service_without_release_says_so_until_there_is_one(tmp_path: Path) -> None:
    with TestClient(create_app(Settings(home=tmp_path))) as client:
        assert client.get("/healthz").status_code == 200
        assert client.get("/readyz").status_code == 503
        assert client.get("/collections").status_code == 503
        made = release(tmp_path, "first")
        assert client.get("/collections").status_code == 200
        assert client.get("/readyz").json() == {"status": "ready", "release": made, "refused": None}


def test_every_damaged_file_is_named_at_once(tmp_path: Path) -> None:
    with staging(tmp_path, {"inputs": {}, "method_version": "t", "places": {}, "sources": [], "measures": []}) as path:
        for name in ("a", "b", "c"):
            path("none", name).write_text(name, encoding="utf-8")
    folder = current(tmp_path).folder / "places" / "none"
    (folder / "a").write_text("z", encoding="utf-8")
    (folder / "c").unlink()
    with pytest.raises(ValueError, match=r"none/a: was changed") as error:
        current(tmp_path)
    assert "none/c: is missing" in str(error.value)
    assert "none/b" not in str(error.value)


def test_a_visit_is_public_until_the_gate_knows_better() -> None:
    headers: Mapping[bytes, bytes] = {}
    assert Visit("id", dict(headers), "192.0.2.1").role == "public"


def test_gzip_is_the_same_bytes_every_time(guest: TestClient) -> None:
    """A time in its header would make two answers of one tag differ."""
    bodies = set()
    for _ in range(2):
        with guest.stream("GET", "/test/large", headers={"Accept-Encoding": "gzip"}) as answer:
            bodies.add(b"".join(answer.iter_raw()))
    assert len(bodies) == 1
    assert gzip.GzipFile(fileobj=io.BytesIO(bodies.pop())).read() == LARGE
