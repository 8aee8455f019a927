"""The map says who gains, how sure that is, and where the next euro should go: in Chromium, against the API."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from playwright.sync_api import Page, Route

from tests.test_clients import WAIT_MS, browser, page, ready  # noqa: F401 - fixtures

Tab = tuple[Page, list[str], list[str]]
PLACE = "/places/05913000"


def ask(tab: Page, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    """What the API itself answers, asked from the page."""
    text = tab.evaluate(
        """([path, body]) => fetch(path, {method: 'POST', body: body && JSON.stringify(body),
             headers: {'Content-Type': 'application/json'}}).then(r => r.text())""",
        [f"{PLACE}{path}", body],
    )
    found: dict[str, Any] = json.loads(text)
    return found


def opened(server: str, tab: Page, more: str = "") -> None:
    tab.goto(f"{server}/map#place=05913000&lang=en{more}")
    ready(tab, "05913000 60")


def found(tab: Page, panel: str) -> None:
    tab.wait_for_selector(f"#{panel}[data-state=found]", timeout=WAIT_MS)


def told(figure: dict[str, Any], digits: int = 2) -> str:
    """A figure with its interval, as the page writes it."""
    value, low, high = (f"{figure[name]:,.{digits}f}".replace("-", "\u2212") for name in ("value", "low", "high"))
    return f"{value} [{low} to {high}]"


def test_who_gains_is_told_as_the_api_tells_it(server: str, page: Tab) -> None:  # noqa: F811
    """A planner quotes the sentence and the ratio of every zoning: none may differ from the API's."""
    tab, errors, asked = page
    opened(server, tab)
    quick = ask(tab, "/impact?detail=false")["equity"]
    for name, digits in (("equity_ratio", 2), ("concentration_index", 3)):
        both = {"value": quick[name], "low": quick[f"{name}_low"], "high": quick[f"{name}_high"]}
        assert told(both, digits) in tab.inner_text("#who")
    tab.click("#gains-ask")
    found(tab, "gains")
    body = ask(tab, "/equity")
    text = tab.inner_text("#gains")
    for sentence in body["sentences"]:
        assert sentence["en"] in text
    saving = body["metrics"][0]
    chart = tab.locator("#gains svg[role=img]").first
    label, drawn = chart.get_attribute("aria-label") or "", chart.text_content() or ""
    for zoning in saving["equity_ratio"]["zonings"]:
        verdict = {"above": "more", "below": "less", "unclear": "unclear"}[zoning["verdict"]]
        assert f"{zoning['en']}: {told(zoning)}, {verdict}" in label
        assert f"{told(zoning)} · p\u00a0=\u00a0{zoning['p']:.2f} · {verdict}" in drawn
    assert saving["equity_ratio"]["stability"].capitalize() in tab.inner_text("#gains .grade")
    assert told(saving["concentration_index"], 3) in text
    for fifth in saving["quintiles"]:
        share = fifth["share"]
        words = f"{share['value']:.1%} [{share['low']:.1%} to {share['high']:.1%}]"
        assert words in (tab.locator("#gains svg[role=img]").nth(1).get_attribute("aria-label") or "")
    # each chart has its figures in a table
    assert tab.locator("#gains details table").count() == tab.locator("#gains svg[role=img]").count() == 3
    assert errors == []
    assert [url for url in asked if not url.startswith((server, f"blob:{server}"))] == []


def test_another_order_of_the_same_programme_is_compared(server: str, page: Tab) -> None:  # noqa: F811
    tab, errors, _ = page
    opened(server, tab)
    tab.click("#orders-ask")
    found(tab, "orders")
    body, text = ask(tab, "/equity/orders"), tab.inner_text("#orders")
    assert tab.locator("#orders tbody tr").count() == 3
    for order in body["orders"]:
        assert f"{order['t_co2e_saved_cumulative']:,.0f}" in text
        assert told(order["bill_saving"]["equity_ratio"]) in text
    assert f"{abs(body['price']['t_co2e_given_up_cumulative']):,.0f} t CO2e" in text
    assert errors == []


def test_a_scenario_is_judged_and_another_scenario_is_not_shown_its_figures(server: str, page: Tab) -> None:  # noqa: F811
    tab, errors, _ = page
    opened(server, tab, "&view=benefits&scenario=climate_plan")
    tab.wait_for_selector("body[data-scenario='05913000 climate_plan']", timeout=WAIT_MS)
    tab.click("#scenario-ask")
    found(tab, "scenario-gains")
    body = json.loads(tab.evaluate(f"fetch('{PLACE}/scenarios/climate_plan/equity').then(r => r.text())"))
    assert body["sentences"][0]["en"] in tab.inner_text("#scenario-gains")
    tab.select_option("#scenario", "reference")
    tab.wait_for_selector("body[data-scenario='05913000 reference']", timeout=WAIT_MS)
    assert body["sentences"][0]["en"] not in tab.inner_text("#scenario-gains")
    assert tab.input_value("#view") == "benefits", "choosing a scenario must not change what is shown of it"
    assert errors == []


def test_no_figure_outlives_what_was_asked(server: str, page: Tab) -> None:  # noqa: F811
    """An answer under way when the measures change is about other measures: it is cancelled and never shown."""
    tab, errors, _ = page
    opened(server, tab)
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    tab.route("**/equity*", hold)
    tab.click("#gains-ask")
    tab.wait_for_selector("#gains[data-state=busy]")
    assert tab.get_attribute("#gains [role=status]", "role") == "status"
    assert "some seconds" in tab.inner_text("#gains [role=status]")
    with tab.expect_event("requestfailed", lambda r: "/equity" in r.url):
        tab.focus("#uptake-0")
        tab.keyboard.press("ArrowLeft")
    ready(tab, "05913000 59")
    assert tab.get_attribute("#gains", "data-state") == "idle"
    tab.unroute("**/equity*")
    tab.click("#gains-ask")
    found(tab, "gains")
    tab.focus("#gains-definition")
    tab.select_option("#gains-definition", "relative_rate")
    tab.select_option("#gains-definition", "robust")
    found(tab, "gains")
    body = ask(
        tab,
        "/equity?definition=robust",
        {"type": "FeatureCollection", "features": [{"properties": {"uptake": 0.59, "rule": "class <= 'B'"}}]},
    )
    assert body["sentences"][0]["en"] in tab.inner_text("#gains")
    assert tab.evaluate("document.activeElement.id") == "gains-definition", "the focus is lost"
    tab.press("#uptake-0", "ArrowLeft")
    ready(tab, "05913000 58")
    assert tab.locator("#gains .sentence").count() == 0, "figures of another plan are shown"
    assert errors == []


def outlines(tab: Page, path: Path) -> int:
    """Pixels of the colour of outlines on the map."""
    tab.locator("#map").screenshot(path=path)
    with rasterio.open(path) as picture:
        pixels = picture.read()[:3].reshape(3, -1).T
    return int(np.all(pixels == (20, 33, 43), axis=1).sum())


@pytest.mark.filterwarnings("ignore:Dataset has no geotransform")  # a screenshot has none
def test_the_next_euro_is_sited_and_its_price_in_tonnes_told(server: str, page: Tab, tmp_path: Path) -> None:  # noqa: F811
    tab, errors, _ = page
    opened(server, tab)
    tab.wait_for_timeout(1000)
    before = outlines(tab, tmp_path / "before.png")
    tab.press("#siting > summary", "Enter")
    tab.fill("#siting-budget", "20")
    tab.press("#siting-budget", "Enter")
    found(tab, "siting-answer")
    question = {"budget_eur": 20e6, "measures": ["envelope_usual", "heat_pump_air"], "floor": None}
    body, text = ask(tab, "/siting?geometry=true", question), tab.inner_text("#siting-answer")
    assert f"{len(body['chosen'])} zones are chosen" in text
    assert f"{body['t_co2e_saved_cumulative']:,.0f}" in text
    assert f"{body['t_co2e_saved_cumulative_in_low_income']:,.0f}" in text
    assert f"({body['low_income_share']:.0%})" in text
    assert tab.locator("#siting-answer .scroll:last-of-type tbody tr").count() >= len(body["chosen"])
    tab.wait_for_timeout(1000)
    assert outlines(tab, tmp_path / "after.png") > before + 200, "the zones are not outlined on the map"
    points = body["front"]["points"]
    assert tab.locator("#siting-answer [role=radio]").count() == len(points)
    tab.focus("#siting-answer [role=radio][aria-checked=true]")
    for _ in range(len(points) - 1):
        tab.keyboard.press("ArrowRight")
    last = points[-1]
    assert f"{last['t_co2e_saved_cumulative']:,.0f} t in all" in tab.inner_text("#siting-answer")
    assert "More is not possible" in tab.inner_text("#siting-answer")
    tab.wait_for_selector("#siting-answer[data-state=busy]")
    found(tab, "siting-answer")
    assert tab.evaluate("document.activeElement.getAttribute('role')") == "radio", "the focus is lost"
    floor = float(tab.input_value("#siting-floor")) / 100
    assert floor > 0.99
    assert "zones are chosen" in tab.inner_text("#siting-answer")
    # another budget is another question: neither figures nor zones of this one stay
    tab.fill("#siting-budget", "10")
    assert tab.inner_text("#siting-answer").strip() == ""
    assert errors == []


def test_a_budget_that_is_none_is_refused_beside_the_form(server: str, page: Tab) -> None:  # noqa: F811
    tab, _, _ = page
    opened(server, tab)
    tab.click("#siting > summary")
    tab.fill("#siting-budget", "0")
    tab.click("#siting-ask")
    tab.wait_for_selector("#siting-answer .problem-text", timeout=WAIT_MS)
    assert "is no budget" in tab.inner_text("#siting-answer")


def test_every_theme_has_a_legend_units_and_sources(server: str, page: Tab) -> None:  # noqa: F811
    """What is not known of a place cannot be chosen; what can be chosen is drawn, explained and sourced."""
    tab, errors, _ = page
    opened(server, tab, "&scenario=reference")
    choices = tab.evaluate("[...document.querySelectorAll('#view option')].map(o => [o.value, o.disabled, o.text])")
    assert [words for _, disabled, words in choices if disabled and "not known here" not in words] == []
    known = [view for view, disabled, _ in choices if not disabled]
    assert {"low_income", "green", "blue", "benefits", "clusters", "priorities"} <= set(known)
    for view in known:
        tab.select_option("#view", view)
        tab.wait_for_selector("#legend-sources li", state="attached", timeout=WAIT_MS)
        tab.wait_for_timeout(300)
        legend = tab.inner_text("#legend")
        assert "undefined" not in legend
        assert "view_" not in legend
        assert "about_" not in legend
        assert "dl-de/by-2-0" in (tab.text_content("#legend-sources") or "")
    tab.select_option("#view", "priorities")
    assert "HL" in tab.inner_text("#legend"), "told by colour alone"
    tab.click("button[data-lang=de]")
    assert "hoher Bedarf, wenig Ersparnis" in tab.inner_text("#legend")
    tab.select_option("#view", "low_income")
    middle = tab.locator("#map canvas").bounding_box()
    assert middle is not None
    tab.wait_for_timeout(1500)
    for across in range(0, 200, 20):
        tab.mouse.click(middle["x"] + middle["width"] / 2 + across, middle["y"] + middle["height"] / 2)
        tab.wait_for_timeout(300)
        if tab.locator(".maplibregl-popup-content dl").count():
            break
    assert "Schulsozialindex" in (tab.text_content(".maplibregl-popup-content") or "")
    assert errors == []


def test_all_of_it_is_reached_and_named_by_keyboard(server: str, page: Tab) -> None:  # noqa: F811
    tab, errors, _ = page
    opened(server, tab)
    tab.focus("#gains-ask")
    tab.keyboard.press("Enter")
    assert tab.evaluate("document.activeElement.id") == "gains-cancel", "a keyboard user is thrown out of the panel"
    found(tab, "gains")
    assert tab.evaluate("document.activeElement.textContent") == "Who gains, and how sure"
    reached = []
    for _ in range(8):
        tab.keyboard.press("Tab")
        reached.append(tab.evaluate("document.activeElement.id"))
    assert [name for name in reached if name] == ["gains-definition", "gains-zoning", "orders-ask"]
    tab.press("#siting > summary", "Enter")
    for wanted in ("siting-budget", "siting-measure", "siting-floor", "siting-ask"):
        for _ in range(6):
            tab.keyboard.press("Tab")
            if wanted == tab.evaluate("document.activeElement.id || document.activeElement.name"):
                break
        else:
            pytest.fail(f"{wanted} is not reached by Tab")
    nameless = tab.evaluate(
        """() => [...document.querySelectorAll("button, select, input, summary, [role=img], [role=radio], progress")]
            .filter(n => !(n.getAttribute("aria-label") || n.textContent.trim()
              || (n.labels && [...n.labels].some(l => l.textContent.trim()))))
            .map(n => n.outerHTML.slice(0, 100))"""
    )
    assert nameless == []
    levels = tab.evaluate("[...document.querySelectorAll('#panel h2, #panel h3, #panel h4')].map(h => +h.tagName[1])")
    assert all(b - a <= 1 for a, b in pairwise(levels)), "a heading level is skipped"
    assert errors == []
