"""Make what is generated: the OpenAPI file, the pages on layers, settings and sources, and the README's picture.

`make docs`. A test compares the texts with what the code says, so that they cannot go stale.
"""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

from playwright.sync_api import sync_playwright

from api.app import create_app
from api.settings import Settings
from data import figures as built_in
from data.place import places
from layers import columns
from layers.build import build

FOLDER = Path(__file__).parent
THEMES = {
    "{region}.municipalities": ("Municipalities of a region", columns.MUNICIPALITIES),
    "{place}.districts": ("Districts of a municipality", columns.DISTRICTS),
    "{place}.stock": ("Building stock on census cells of 200 m", columns.STOCK),
    "{place}.green, {place}.blue": ("Green and blue areas, after `revier fetch`", columns.OSM),
    "{place}.{theme}.retrofit": ("Result of the standard retrofit programme, besides keys and people", columns.IMPACT),
}
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
    settings = ["# Settings\n", "| variable | default | meaning |", "|---|---|---|"]
    for name, field in Settings.model_fields.items():
        default = "`~/.local/share/revier`" if name == "home" else f"`{field.default}`"
        settings.append(f"| `REVIER_{name.upper()}` | {default} | {field.description} |")
    sources = ["# Sources and licences\n", "| id | title | publisher | year | licence | attribution | reference |"]
    sources += ["|---|---|---|---|---|---|---|"]
    for row in built_in.read()["sources"].itertuples():
        cells = (row.source_id, row.title, row.publisher, row.year, row.licence, row.attribution, row.reference)
        sources.append("| " + " | ".join(map(str, cells)) + " |")
    openapi = create_app(Settings(home=Path("unused"))).openapi()
    return {
        "layers.md": made + "\n".join(layers) + "\n",
        "settings.md": made + "\n".join(settings) + "\n",
        "sources.md": made + "\n".join(sources) + "\n",
        "openapi.json": json.dumps(openapi, indent=1, ensure_ascii=False) + "\n",
    }


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
                page.goto(f"{address}/map#place=05913000&view=need&lang=en")
                page.wait_for_selector("body[data-drawn=true][data-ready]", timeout=60_000)
                page.wait_for_timeout(1000)
                page.evaluate("document.querySelector('#panel').scrollTop = 330")
                page.screenshot(path=target)
                browser.close()
        finally:
            service.terminate()
            service.wait(20)


if __name__ == "__main__":
    for name, text in pages().items():
        (FOLDER / name).write_text(text, encoding="utf-8")
    picture(FOLDER / "map.png")
