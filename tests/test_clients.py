"""Real clients: GDAL reads the OGC API, Chromium draws the map and asks nobody else."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from html import escape
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import rasterio
from fastapi.testclient import TestClient
from playwright.sync_api import Browser, Page, Route, sync_playwright

from data.figures import Figures
from data.place import places
from layers import assets
from layers.build import build
from layers.catalogue import Catalogue
from layers.html_map import html, write
from layers.query import Box, Query, select
from layers.release import current

FLAGS = [
    *("--no-sandbox", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"),
]
# a slow machine compiles and draws for minutes; a wait that is met costs nothing
WAIT_MS = 240_000
ON_CI = bool(os.environ.get("CI"))


def need(program: str) -> str:
    """Path of a program; on CI it must be there, elsewhere the test is skipped without it."""
    path = shutil.which(program)
    if path is None:
        assert not ON_CI, f"{program} is missing; .ci/run installs it"
        pytest.skip(f"{program} is not installed")
    return path


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    path = need("chromium")
    if not assets.ready():
        assets.fetch()
    with sync_playwright() as play:
        chromium = play.chromium.launch(executable_path=path, args=FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[tuple[Page, list[str], list[str]]]:
    """A page, what went wrong on it, and every address it asked for."""
    context = browser.new_context(viewport={"width": 1280, "height": 900}, locale="en-GB")
    tab = context.new_page()
    errors: list[str] = []
    asked: list[str] = []
    tab.on("console", lambda m: errors.append(m.text) if m.type in {"error", "warning"} else None)
    tab.on("pageerror", lambda e: errors.append(str(e)))
    tab.on("request", lambda r: asked.append(r.url))
    yield tab, errors, asked
    context.close()


def ogr(*arguments: str) -> str:
    program = need("ogrinfo")
    # the library's own proxies and caches must not answer for the server
    return subprocess.run([program, *arguments], check=True, capture_output=True, text=True, timeout=120).stdout


def test_gdal_lists_all_layers_of_a_city(
    tmp_path: Path, figures: Figures, serving: Callable[[Path], AbstractContextManager[str]]
) -> None:
    """GDAL asks every collection for a page to list it: a city has some 25 of them, the region over 800."""
    build(tmp_path, [places(figures)["05954004"]], figures)
    names = Catalogue(current(tmp_path)).ids()
    assert len(names) > 10
    with serving(tmp_path) as address:
        listed = ogr(f"OAPIF:{address}")
    for name in names:
        assert f" {name} (title: " in listed


def test_gdal_reads_all_53(server: str) -> None:
    summed = ogr(
        "-q",
        f"OAPIF:{server}",
        "-dialect",
        "sqlite",
        "-sql",
        "SELECT count(*) AS n, sum(population) AS people FROM 'ruhr.municipalities'",
    )
    assert "n (Integer) = 53" in summed
    assert "people (Integer) = 5094817" in summed


def test_gdal_pages_through_all_cells_and_filters_by_box(server: str, catalogue: Catalogue) -> None:
    counted = ogr("-ro", "-so", f"OAPIF:{server}", "05913000.stock")
    assert f"Feature Count: {len(catalogue.layer('05913000.stock'))}" in counted
    box = ("7.42", "51.50", "7.48", "51.53")
    found = ogr("-ro", "-so", "-spat", *box, f"OAPIF:{server}", "05913000.stock")
    # GDAL counts by true geometry, the box parameter by boxes: never less
    count = int(found.split("Feature Count: ")[1].split()[0])
    assert (
        0
        < count
        <= len(
            select(
                catalogue.layer("05913000.stock"),
                Query(Box(float(box[0]), float(box[1]), float(box[2]), float(box[3]))),
            )
        )
    )


def ready(tab: Page, state: str) -> None:
    tab.wait_for_selector(f'body[data-drawn=true][data-ready="{state}"]', timeout=WAIT_MS)


@pytest.mark.filterwarnings("ignore:Dataset has no geotransform")  # a screenshot has none
def test_the_map_draws_without_an_error_and_asks_no_other_host(
    server: str, page: tuple[Page, list[str], list[str]], tmp_path: Path
) -> None:
    tab, errors, asked = page
    tab.goto(f"{server}/map#place=05913000&view=emissions&lang=en")
    ready(tab, "05913000 60")
    tab.screenshot(path=tmp_path / "map.png")
    assert errors == []
    assert [url for url in asked if not url.startswith((server, f"blob:{server}"))] == []
    assert any("/tiles/WebMercatorQuad/" in url for url in asked)
    with rasterio.open(tmp_path / "map.png") as picture:
        pixels = picture.read()[:3].reshape(3, -1).T
    for colour in ((254, 153, 41), (224, 112, 15), (254, 217, 142)):  # three classes of the emissions scale
        assert (pixels == colour).all(axis=1).sum() > 1000, "the cells are not drawn"


def test_the_map_shows_the_same_figures_as_the_api(server: str, page: tuple[Page, list[str], list[str]]) -> None:
    tab, errors, _ = page
    tab.goto(f"{server}/map#place=05913000&view=measure&lang=en")
    ready(tab, "05913000 60")
    body: dict[str, Any] = json.loads(
        tab.evaluate("fetch('/places/05913000/impact', {method: 'POST'}).then(r => r.text())")
    )
    totals = tab.inner_text("#totals")
    assert f"{body['totals']['t_co2e_saved_last_year']:,.0f}" in totals
    assert f"{body['totals']['invest_eur'] / 1e6:,.1f}" in totals
    chart = tab.get_attribute("#who svg", "aria-label") or ""
    for q in body["quintiles"]:
        assert f"Fifth {q['quintile']}: {q['bill_saving_share']:.1%}" in chart
    # the slider moves all of it
    tab.focus("#uptake-0")
    for _ in range(5):
        tab.keyboard.press("ArrowLeft")
    ready(tab, "05913000 55")
    assert f"{body['totals']['t_co2e_saved_last_year'] * 55 / 60:,.0f}" in tab.inner_text("#totals")
    assert errors == []


def test_the_map_speaks_german_and_english_and_every_place_opens(
    server: str, page: tuple[Page, list[str], list[str]]
) -> None:
    tab, errors, _ = page
    tab.goto(f"{server}/map#lang=de")
    ready(tab, "05913000 60")
    assert "Wem es nützt" in tab.inner_text("#panel")
    assert tab.evaluate("document.documentElement.lang") == "de"
    tab.select_option("#place", "ruhr")
    ready(tab, "ruhr 60")
    tab.select_option("#place", "05113000")
    ready(tab, "05113000 60")
    assert "Weniger als fünf Gebiete" in tab.inner_text("#who")
    tab.click("button[data-lang=en]")
    assert "Fewer than five areas" in tab.inner_text("#who")
    same = tab.evaluate(
        """import('/static/i18n.js').then(({WORDS}) =>
             JSON.stringify(Object.keys(WORDS.de).sort()) === JSON.stringify(Object.keys(WORDS.en).sort()))"""
    )
    assert same, "a word is missing in one language"
    assert errors == []


def test_the_map_works_by_keyboard_and_names_its_parts(server: str, page: tuple[Page, list[str], list[str]]) -> None:
    """Every control is reached by Tab and has a name that a screen reader can say."""
    tab, _, _ = page
    tab.goto(f"{server}/map#lang=en")
    ready(tab, "05913000 60")
    nameless = tab.evaluate(
        """() => [...document.querySelectorAll("button, select, input, a, summary, [role=img], [role=region]")]
            .filter(n => !(n.getAttribute("aria-label") || n.getAttribute("title") || n.textContent.trim()
              || (n.labels && [...n.labels].some(l => l.textContent.trim()))))
            .map(n => n.outerHTML.slice(0, 100))"""
    )
    assert nameless == []
    reached = set()
    for _ in range(40):
        tab.keyboard.press("Tab")
        reached.add(
            tab.evaluate("document.activeElement.id || document.activeElement.name || document.activeElement.className")
        )
    assert {"place", "view", "level", "uptake-0"} <= reached
    assert any("maplibregl-canvas" in r for r in reached)
    headings = tab.evaluate("[...document.querySelectorAll('#panel h1, #panel h2, #panel h3')].map(h => +h.tagName[1])")
    assert headings[0] == 1
    assert all(b - a <= 1 for a, b in pairwise(headings)), "a heading level is skipped"


def impact_of(tab: Page, *properties: dict[str, Any]) -> dict[str, Any]:
    """What the API itself answers for placements in Dortmund."""
    body = {"type": "FeatureCollection", "features": [{"geometry": None, "properties": p} for p in properties]}
    text = tab.evaluate(
        """body => fetch('/places/05913000/impact?detail=false', {method: 'POST', body: JSON.stringify(body),
             headers: {'Content-Type': 'application/json'}}).then(r => r.text())""",
        body,
    )
    found: dict[str, Any] = json.loads(text)
    return found


def saved(answer: dict[str, Any]) -> str:
    return f"{answer['totals']['t_co2e_saved_last_year']:,.0f}"


def test_a_planner_places_measures_in_districts_and_a_link_brings_them_back(
    server: str, page: tuple[Page, list[str], list[str]]
) -> None:
    """A measure found by typing, a district ticked and one clicked, a second measure: the API says the same."""
    tab, errors, _ = page
    tab.goto(f"{server}/map#place=05913000&view=plan&lang=en")
    ready(tab, "05913000 60")
    tab.get_by_label("Change: Usual retrofit of the envelope").click()
    tab.click("#measure-0")
    tab.keyboard.type("boiler pump air")
    tab.keyboard.press("Enter")
    tab.fill("#rule-0", "")
    tab.check("[name=where-0][value=districts]")
    tab.check("[name=district-0][value='05913000.Eving']")
    ready(tab, "05913000 55")
    middle = tab.locator("#map canvas").bounding_box()
    assert middle is not None
    tab.mouse.click(middle["x"] + middle["width"] / 2, middle["y"] + middle["height"] / 2)
    tab.wait_for_function("() => document.querySelectorAll('[name=district-0]:checked').length === 2")
    chosen = tab.evaluate("[...document.querySelectorAll('[name=district-0]:checked')].map(n => n.value)")
    ready(tab, "05913000 55")
    pump = {"measure": "heat_pump_air", "uptake": 0.55, "districts": chosen}
    assert saved(impact_of(tab, pump)) in tab.inner_text("#totals")
    tab.click("#add")
    tab.click("#measure-1")
    tab.keyboard.type("street tree")
    tab.keyboard.press("Enter")
    tab.fill("#quantity-1", "5000")
    ready(tab, "05913000 55")
    both = impact_of(tab, pump, {"measure": "street_tree", "quantity": 5000})
    assert saved(both) in tab.inner_text("#totals")
    # what plants bind stands beside the balance, in no total
    assert f"{both['totals']['sink_t_last_year']:,.0f} t CO2e/a" in tab.inner_text("#beside")
    tab.reload()
    ready(tab, "05913000 55")
    assert saved(both) in tab.inner_text("#totals")
    tab.get_by_label("Remove: Air-source heat pump instead of a boiler").click()
    ready(tab, "05913000 0")
    assert saved(both) not in tab.inner_text("#totals")
    # the one refusal is the server's: nobody knows how many trees there could be
    assert [e for e in errors if "422" not in e] == []


def test_a_problem_stands_beside_its_input_and_no_figure_outlives_it(
    server: str, page: tuple[Page, list[str], list[str]]
) -> None:
    tab, _, _ = page
    tab.goto(f"{server}/map#lang=en")
    ready(tab, "05913000 60")
    tab.get_by_label("Change: Usual retrofit of the envelope").click()
    tab.fill("#rule-0", "class <= 'Z'")
    tab.wait_for_selector("#rule-0-problem .problem-text")
    assert "Z" in tab.inner_text("#rule-0-problem")
    assert tab.get_attribute("#rule-0", "aria-invalid") == "true"
    assert tab.get_attribute("#rule-0", "aria-describedby") == "rule-0-problem"
    assert tab.inner_text("#totals") == "", "figures of another plan are shown"
    tab.fill("#rule-0", "class <= 'B'")
    tab.fill("#end-0", "2024")
    tab.wait_for_selector("#years-0-problem .problem-text")
    tab.fill("#end-0", "2045")
    ready(tab, "05913000 60")
    assert tab.locator(".problem-text").count() == 0
    assert "t CO2e/a" in tab.inner_text("#totals")


def test_only_the_latest_answer_is_shown(server: str, page: tuple[Page, list[str], list[str]]) -> None:
    """A slow answer to an earlier setting must not overwrite the one at hand."""
    tab, errors, _ = page
    tab.goto(f"{server}/map#lang=en")
    ready(tab, "05913000 60")
    held: list[Route] = []

    def hold(route: Route) -> None:
        if held:
            route.continue_()
        else:
            held.append(route)

    tab.route("**/impact*", hold)
    tab.focus("#uptake-0")
    tab.keyboard.press("Home")
    tab.wait_for_timeout(400)
    assert held, "nothing was asked for while the slider moved"
    tab.keyboard.press("End")
    ready(tab, "05913000 100")
    held[0].continue_()
    tab.wait_for_timeout(500)
    whole = impact_of(tab, {"uptake": 1, "rule": "class <= 'B'"})
    assert saved(whole) in tab.inner_text("#totals")
    assert errors == []


def test_an_area_is_drawn_by_keys_alone(server: str, page: tuple[Page, list[str], list[str]]) -> None:
    tab, errors, _ = page
    tab.goto(f"{server}/map#view=plan&lang=en")
    ready(tab, "05913000 60")
    whole = tab.inner_text("#totals")
    tab.get_by_label("Change: Usual retrofit of the envelope").press("Enter")
    tab.focus("[name=where-0][value=drawn]")
    tab.keyboard.press("Space")
    for turn in ("ArrowUp", "ArrowRight", "ArrowDown"):
        tab.keyboard.press("Space")
        tab.keyboard.press(turn)
        tab.wait_for_timeout(700)  # the map glides
    with tab.expect_request("**/impact*") as asked:
        tab.keyboard.press("Enter")
    sent = json.loads(asked.value.post_data or "")
    ring = sent["features"][0]["geometry"]["coordinates"][0]
    assert len({tuple(point) for point in ring}) == 3
    assert ring[0] == ring[-1]
    ready(tab, "05913000 60")
    assert tab.evaluate("document.activeElement.id") == "draw-0", "the focus is lost"
    assert tab.inner_text("#totals") not in {"", whole}
    assert errors == []


def test_scenarios_are_shown_compared_kept_and_deleted(server: str, page: tuple[Page, list[str], list[str]]) -> None:
    tab, errors, asked = page
    tab.on("dialog", lambda dialog: dialog.accept())
    tab.goto(f"{server}/map#place=05913000&view=scenario&scenario=climate_plan&against=reference&year=2035&lang=en")
    tab.wait_for_selector("body[data-scenario='05913000 climate_plan reference']", timeout=WAIT_MS)
    found = json.loads(tab.evaluate("fetch('/places/05913000/scenarios/climate_plan').then(r => r.text())"))
    path = found["trajectory"]
    text = tab.inner_text("#trajectory")
    assert f"+{path['targets']['linear']['gap_t'][10]:,.0f} t" in text
    assert f"{path['change']['external_path'][10]:,.0f}".replace("-", "\u2212") in text
    assert str(path["budget"]["used_up_year"]) in text
    assert "Climate plan less Reference" in text
    tab.wait_for_function(
        "() => performance.getEntriesByType('resource').some(r => r.name.includes('.cells.climate_plan/tiles/'))"
    )
    tab.click("#plan > details > summary")
    tab.fill("#keep-name", "Größerer Plan")
    tab.press("#keep-name", "Enter")
    tab.wait_for_selector("body[data-scenario^='05913000 groesserer_plan']", timeout=WAIT_MS)
    assert "scenario=groesserer_plan" in tab.evaluate("location.hash")
    tab.wait_for_function(
        "() => performance.getEntriesByType('resource').some(r => r.name.includes('.cells.groesserer_plan/tiles/'))"
    )
    tab.click("text=What it is made of")
    tab.click("#trajectory .danger")
    tab.wait_for_selector("body[data-scenario^='05913000 climate_plan']", timeout=WAIT_MS)
    assert "Größerer Plan" not in tab.inner_text("#scenario")
    assert errors == []
    assert [url for url in asked if not url.startswith((server, f"blob:{server}"))] == []


def test_the_page_of_measures_shows_every_figure(client: TestClient) -> None:
    """A figure without its source or how sure it is would be taken for a fact."""
    page = client.get("/measures", params={"f": "html"}).text
    for measure in client.get("/measures").json()["measures"]:
        section = page.split(f'<h2 id="{measure["measure"]}">')[1].split("</section>")[0]
        for text in (measure["name_en"], measure["name_de"], measure["caution_de"]):
            assert escape(text).replace("&#x27;", "&#39;").replace("&quot;", "&#34;") in section
        rows = section.split("<tr>")[2:]
        assert len(rows) == len(measure["figures"])
        for row, (name, figure) in zip(rows, measure["figures"].items(), strict=True):
            assert f">{name}</a>" in row
            assert f"<td>{figure['status']}</td>" in row
            assert str(figure["price_year"] or "") in row
            assert str(figure["source"]["year"]) in row


def test_the_api_documentation_is_self_hosted(server: str, page: tuple[Page, list[str], list[str]]) -> None:
    tab, errors, asked = page
    tab.goto(f"{server}/docs")
    tab.wait_for_selector("text=Impact of placements")
    assert errors == []
    assert [url for url in asked if not url.startswith((server, "data:"))] == []


def test_the_html_map_asks_no_host_at_all(
    catalogue: Catalogue, page: tuple[Page, list[str], list[str]], tmp_path: Path
) -> None:
    """One file to mail: any request would leave a reader offline without a map, and tell a third party who reads it."""
    tab, errors, asked = page
    path = tmp_path / "map.html"
    write(catalogue, "05913000", path)
    tab.goto(path.as_uri())
    tab.wait_for_selector(".leaflet-control-layers")
    tab.wait_for_timeout(500)
    assert errors == []
    assert [url for url in asked if not url.startswith((path.as_uri(), "data:"))] == []
    assert "modelled" in tab.inner_text("details")
    assert "approximate" in html(catalogue, "05913000")
    tab.click("text=School social index, 9 = highest burden (districts)")
    assert errors == []
