"""Make what is generated: the OpenAPI file, the pages on layers, settings and sources, and the README's picture.

`make docs`. A test compares the texts with what the code says, so that they cannot go stale.
"""

from __future__ import annotations

import json
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import Any

from playwright.sync_api import sync_playwright
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from api.app import create_app
from api.openapi import described
from api.settings import Settings
from api.settings import page as settings_page
from data import figures as built_in
from data.inputs import INPUTS
from data.measures import catalogue
from data.place import (
    BoundaryFile,
    BuildingsFile,
    Census,
    DistrictsFile,
    File,
    IndicatorPointsFile,
    IndicatorsFile,
    OwnFigure,
    Place,
    PublishedFigures,
    RasterFile,
    Source,
    Targets,
    Thresholds,
    places,
)
from data.schema import LAND_COVERS, Column
from layers import columns
from layers import theme_columns as themes
from layers.build import build
from layers.planning import RULE_COLUMNS

FOLDER = Path(__file__).parent
THEMES = {
    "{region}.municipalities": ("Municipalities of a region", columns.MUNICIPALITIES),
    "{place}.districts": ("Districts of a municipality; further levels are `districts-{level}`", columns.DISTRICTS),
    "{place}.stock": ("Building stock: footprints, and census cells of 200 m for what has none", columns.STOCK),
    "{place}.cells": ("The same on census cells, where the stock has footprints", columns.CELLS),
    "{place}.green, {place}.blue": ("Green and blue areas, once fetched or brought", columns.OSM),
    "{place}.green": ("Published totals of the municipality, where no single areas are known", themes.GREEN_TOTALS),
    "{place}.blue": ("The same of water", themes.BLUE_TOTALS),
    "{place}.access": ("Green and water within reach, on cells of 200 m, where any is known", themes.ACCESS),
    "{place}.heat": ("Warm and cool air on cells of 200 m, also where nobody lives", themes.HEAT),
    "{place}.low_income": ("Who lives where, by all definitions of low income", themes.LOW_INCOME),
    "{place}.priority": (
        "High need and low supply of cool nights and green",
        (*themes.PRIORITY, *themes.PRIORITY_GREEN),
    ),
    "{place}.benefits.{scenario}": ("What homes get from a scenario, and clusters of need against it", themes.BENEFITS),
    "{place}.priority.{scenario}": ("High need, and little of a scenario's benefit", themes.PRIORITY_BENEFIT),
    "{place}.{stock, cells}.{scenario}": ("Result of a scenario on the stock, besides keys and people", columns.IMPACT),
    "{place}.{districts, municipalities}.{scenario}": ("The same by area, all sectors", columns.IMPACT_AREAS),
}
SETTINGS: dict[str, type[BaseModel]] = {
    "place.toml": Place,
    "[targets]": Targets,
    "[thresholds]": Thresholds,
    "[[measures]]": OwnFigure,
    "[figures]": PublishedFigures,
    "[boundary]": BoundaryFile,
    "[[districts]]": DistrictsFile,
    "[[buildings]]": BuildingsFile,
    "[census]": Census,
    "[[rasters]]": RasterFile,
    "[[indicators]]": IndicatorsFile,
    "[[indicator_points]]": IndicatorPointsFile,
    "[osm], [[streets]], [[landuse]], [[sites]], [[green]], [[blue]], [[trees]], [[low_income_areas]], [inventory]": (
        File
    ),
    "[….source]": Source,
}
BRING = """A place is a `place.toml` and the files that it names, no code. `revier doctor FOLDER` names everything that
is wrong with them, `revier import FOLDER` takes them over, `revier build KEY` builds them; `revier build FOLDER` does
both. A key of the built-in table (an AGS of the Ruhr) keeps its published figures and census cells. What is not brought
is listed in `/places` and lowers the grade; it never stops a build and never counts as zero. More examples are in
[docs/places](places).
"""
CHROMIUM = ["--no-sandbox", "--disable-quic", "--no-first-run", "--disable-background-networking"]
CHROMIUM += ["--disable-component-update", "--disable-sync", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]


def pages() -> dict[str, str]:
    """Return the generated texts by file name."""
    made = "<!-- made by docs/make.py -->\n\n"
    layers = ["# Layers and their attributes\n"]
    for name, (title, layout) in THEMES.items():
        layers += [
            f"\n## `{name}`\n\n{title}.\n",
            "| attribute | unit | meaning | Bedeutung | status |",
            "|---|---|---|---|---|",
        ]
        layers += [f"| `{c.name}` | {c.unit} | {c.en} | {c.de} | {c.how} |" for c in layout]
    sources = ["# Sources and licences\n", "| id | title | publisher | year | licence | attribution | reference |"]
    sources += ["|---|---|---|---|---|---|---|"]
    for row in built_in.read()["sources"].itertuples():
        cells = (row.source_id, row.title, row.publisher, row.year, row.licence, row.attribution, row.reference)
        sources.append("| " + " | ".join(map(str, cells)) + " |")
    return {
        "layers.md": made + "\n".join(layers) + "\n",
        "settings.md": made + settings_page(),
        "sources.md": made + "\n".join(sources) + "\n",
        "places.md": made + places_page(),
        "measures.md": made + measures_page(),
        "openapi.json": json.dumps(described(create_app(Settings(home=Path("unused")))), indent=1, ensure_ascii=False)
        + "\n",
    }


def measures_page() -> str:
    """Describe the catalogue of measures, and what rules may name."""
    lines = ["# Measures\n", "Every figure with range, source and how sure it is: `/measures`, or `revier measures`.\n"]
    lines += ["| measure | | name | acts on | unit | EUR per unit | prices of | how sure | life, a | who may take it |"]
    lines += ["|---|---|---|---|---|---|---|---|---|---|"]
    for one in catalogue(built_in.read()).values():
        cost = one.figures["invest_eur_unit"]
        band = "" if cost.low is None or cost.high is None else f" ({cost.low:,.0f} to {cost.high:,.0f})"
        rule = f"`{one.eligibility}`" if one.eligibility else "all"
        cells = (
            f"`{one.measure}`",
            one.catalogue_id,
            one.name_en,
            one.acts_on,
            one.unit_en,
            f"{cost.value:,.0f}{band}",
        )
        rest = (cost.price_year, cost.status, f"{one.value('lifetime_a'):g}", rule)
        lines.append("| " + " | ".join(map(str, (*cells, *rest))) + " |")
    lines += ["\n## What a rule may name\n", "Comparisons (`=`, `<>`, `<`, `<=`, `>`, `>=`, `in`, `between`, `like`,"]
    lines += ["`is null`), `and`, `or`, `not`, arithmetic, brackets: `class <= 'F' and carrier = 'natural_gas'`.\n"]
    lines += ["| name | kind | values | meaning |", "|---|---|---|---|"]
    lines += [f"| `{c.name}` | {c.kind} | {', '.join(c.choices or ())} | {c.en} |" for c in RULE_COLUMNS]
    return "\n".join(lines) + "\n"


def places_page() -> str:
    """Page on `place.toml`: an example, every setting, every column that a city can bring."""
    example = (FOLDER / "places" / "essen-lod2.toml").read_text(encoding="utf-8")
    lines = [
        "# Bring your own place\n",
        BRING,
        "```toml\n" + example + "```\n",
        "## Settings\n",
    ]
    for title, model in SETTINGS.items():
        about = (model.__doc__ or "").strip().splitlines()[0]
        lines += [f"### {title}\n", f"{about}\n", "| key | kind | default |", "|---|---|---|"]
        for name, setting in model.model_fields.items():
            if name not in {"members", "folder"}:
                lines.append(f"| `{name}` | {_kind(setting.annotation)} | {_default(setting)} |")
        lines.append("")
        if model is RasterFile:
            lines.append(f"Classes: {', '.join(LAND_COVERS)}; an empty one is no data.\n")
    lines.append("## What files may hold\n")
    for name, declared in INPUTS.items():
        kind = declared.geometry or "table"
        lines += [f"### {name}\n", f"{declared.about} {kind.capitalize()}.\n"]
        if declared.columns:
            lines += ["| column | kind | required | range or values |", "|---|---|---|---|"]
        for column in declared.columns:
            span = "" if column.kind == "text" else _span(column)
            limits = ", ".join(column.choices) or span
            lines.append(f"| `{column.name}` | {column.kind} | {'yes' if column.required else ''} | {limits} |")
        lines.append("")
    return "\n".join(lines)


def _span(column: Column) -> str:
    low, high = ("any" if limit is None else f"{limit:g}" for limit in (column.low, column.high))
    return "any" if low == high == "any" else f"{low} to {high}"


def _kind(annotation: Any) -> str:  # noqa: ANN401 - any type
    text = str(annotation).replace("typing.", "").replace("data.place.", "").replace("NoneType", "None")
    text = re.sub(r"Annotated\[(\w+), [^]]*\](\))?\]?", r"\1", re.sub(r"<class '(?:[\w.]+\.)?(\w+)'>", r"\1", text))
    return "`" + text.replace("|", "or") + "`"


def _default(setting: FieldInfo) -> str:
    if setting.is_required():
        return "required"
    value = setting.get_default(call_default_factory=True, validated_data={})
    return "" if value in (None, "", (), {}) or isinstance(value, BaseModel) else f"`{value}`"


def picture(target: Path) -> None:
    """Start the service on the built-in data and take the README's picture."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with tempfile.TemporaryDirectory() as home:
        figures = built_in.read()
        build(Path(home), [places(figures)["ruhr"]], figures)
        command = [sys.executable, "-m", "api.cli", "serve", "--home", home, "--port", str(port)]
        service = subprocess.Popen(command, cwd=FOLDER.parent)
        try:
            address = f"http://127.0.0.1:{port}"
            for _ in range(120):
                try:
                    urllib.request.urlopen(f"{address}/healthz", timeout=5).close()  # noqa: S310 - our own address
                    break
                except OSError:
                    time.sleep(0.5)
            with sync_playwright() as play:
                browser = play.chromium.launch(executable_path=shutil.which("chromium"), args=CHROMIUM)
                page = browser.new_page(viewport={"width": 1400, "height": 1000}, locale="en-GB")
                page.goto(f"{address}/map#place=05913000&view=plan&lang=en")
                page.wait_for_selector("body[data-drawn=true][data-ready]", timeout=120_000)
                page.get_by_role("button", name="What if low-income areas came first?").click()
                page.wait_for_selector("#orders table", timeout=120_000)
                page.select_option("#view", "low_income")
                page.wait_for_timeout(5000)
                page.evaluate("document.querySelector('#orders').scrollIntoView()")
                page.evaluate("document.querySelector('#panel').scrollTop -= 90")
                page.screenshot(path=target)
                browser.close()
        finally:
            service.terminate()
            service.wait(20)


if __name__ == "__main__":
    for name, text in pages().items():
        (FOLDER / name).write_text(text, encoding="utf-8")
    picture(FOLDER / "map.png")
