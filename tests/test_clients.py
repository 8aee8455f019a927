"""Real clients: GDAL reads the OGC API, Chromium draws the map and asks nobody else."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import rasterio
from playwright.sync_api import Browser, Page, sync_playwright

from layers import assets
from layers.catalogue import Catalogue
from layers.html_map import html, write

FLAGS = [
    *("--no-sandbox", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"),
]
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


def test_gdal_lists_the_layers_and_reads_all_53(server: str) -> None:
    listed = ogr(f"OAPIF:{server}")
    for name in ("ruhr.municipalities", "05913000.districts", "05913000.stock"):
        assert f" {name} (title: " in listed
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
    assert 0 < count <= len(catalogue.layer("05913000.stock").within([float(b) for b in box]))


def ready(tab: Page, state: str) -> None:
    tab.wait_for_selector(f'body[data-drawn=true][data-ready="{state}"]', timeout=60_000)


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
    tab.focus("#uptake")
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
    assert {"place", "view", "level", "uptake"} <= reached
    assert any("maplibregl-canvas" in r for r in reached)
    headings = tab.evaluate("[...document.querySelectorAll('#panel h1, #panel h2, #panel h3')].map(h => +h.tagName[1])")
    assert headings[0] == 1
    assert all(b - a <= 1 for a, b in pairwise(headings)), "a heading level is skipped"


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
