"""A planner's slider: one uptake after the other, each answered by the real service in a process of its own.

Nobody else does this work, so there is no peer; the goal stands beside the time that 95 of 100 answers keep.
"""

from __future__ import annotations

import http.client
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np

from api.bench.builds import CITY, LARGE
from api.settings import Settings
from geo.errors import RevierError
from layers.release import current

UPTAKES = np.random.default_rng(8).permutation(np.linspace(0.01, 0.6, 100))
GOAL_S = 0.1
START_S = 120
# the city's centre, and a circle of 2 km across around it, drawn by hand
CENTRE, RADIUS_M, CORNERS = (7.466, 51.514), 1000.0, 24
PLACED: dict[str, tuple[str, bool]] = {
    "envelope of the whole city": ("envelope_usual", False),
    "heat pumps in the whole city": ("heat_pump_air", False),
    "envelope in a drawn area of 2 km": ("envelope_usual", True),
}


def rows(n: int, folder: Path) -> Iterator[dict[str, Any]]:
    """Ask for the impact of one placement a hundred times, each time with another uptake.

    Parameters
    ----------
    n
        Once only: nothing is asked of 1.6 million.
    folder
        Dortmund is built there, with footprints modelled from the census, unless the release in `REVIER_HOME` has it.

    Yields
    ------
    dict
        As `api.bench.case.measure` returns it, `ours_s` being the 95th percentile; with `p50_ms` and `p95_ms`. `agree`
        says whether more uptake saved more, `peak_mb` is all memory of the server.
    """
    if n >= LARGE:
        return
    with _served(_home(folder)) as (port, process), closing(http.client.HTTPConnection("127.0.0.1", port)) as line:
        units = _ask(line, "GET", f"/collections/{CITY}.stock/items?limit=1")["numberMatched"]
        for work, (measure, drawn) in PLACED.items():
            # the first compiles, or reads what was compiled, and is not timed
            _ask(line, "POST", f"/places/{CITY}/impact", placement(measure, 0.3, drawn=drawn))
            seconds, saved = [], []
            for uptake in UPTAKES:
                body = placement(measure, float(uptake), drawn=drawn)
                start = time.perf_counter()
                answer = _ask(line, "POST", f"/places/{CITY}/impact", body)
                seconds.append(time.perf_counter() - start)
                saved.append(answer["totals"]["t_co2e_saved_cumulative"])
            p50, p95 = np.percentile(seconds, [50, 95]).tolist()
            yield {
                "id": "impact-http",
                "work": f"impact of {work}, answered by the service",
                "n": units,
                "ours_s": p95,
                "p50_ms": 1000 * p50,
                "p95_ms": 1000 * p95,
                "peer": "",
                "peer_s": None,
                "ratio": None,
                "agree": bool((np.diff(np.array(saved)[np.argsort(UPTAKES)]) > 0).all()),
                "peak_mb": _peak_mb(process),
                "goal_s": GOAL_S,
            }


def placement(measure: str, uptake: float, *, drawn: bool) -> dict[str, Any]:
    """Body of a request: one measure with one uptake, in the whole place or in a drawn circle."""
    geometry = None
    if drawn:
        angle = np.linspace(0, 2 * np.pi, CORNERS, endpoint=False)
        m_per_degree = 111_200.0
        x = CENTRE[0] + RADIUS_M * np.cos(angle) / (m_per_degree * np.cos(np.radians(CENTRE[1])))
        ring = np.column_stack([x, CENTRE[1] + RADIUS_M * np.sin(angle) / m_per_degree]).tolist()
        geometry = {"type": "Polygon", "coordinates": [[*ring, ring[0]]]}
    properties = {"measure": measure, "uptake": uptake}
    feature = {"type": "Feature", "geometry": geometry, "properties": properties}
    return {"type": "FeatureCollection", "features": [feature]}


def _home(folder: Path) -> Path:
    given = Settings()
    if "home" in given.model_fields_set:
        with suppress(RevierError):
            if CITY in current(given.home, verify=False).places:
                return given.home
    home = folder / "home"
    command = [sys.executable, "-m", "api.cli", "build", CITY, "--modelled", "--home", str(home), "--json"]
    subprocess.run(command, check=True, capture_output=True, env=_environment())  # noqa: S603 - our own
    return home


@contextmanager
def _served(home: Path) -> Iterator[tuple[int, int]]:
    """Start the service as a user does; gives its port and process."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    command = [sys.executable, "-m", "api.cli", "serve", "--home", str(home), "--port", str(port)]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL, env=_environment()) as process:  # noqa: S603 - our own
        try:
            _wait(port, process)
            yield port, process.pid
        finally:
            process.terminate()


def _environment() -> dict[str, str]:
    # compiled modules are kept between runs, as they are for a user
    return {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}


def _wait(port: int, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + START_S
    while time.monotonic() < end and process.poll() is None:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.2)
    message = f"the service did not start within {START_S} s"
    raise RuntimeError(message)


def _ask(line: http.client.HTTPConnection, method: str, path: str, body: dict[str, Any] | None = None) -> Any:  # noqa: ANN401 - JSON
    sent = None if body is None else json.dumps(body)
    line.request(method, path, sent, {"Content-Type": "application/json", "Accept": "application/json"})
    answer = line.getresponse()
    text = answer.read()
    if answer.status != http.HTTPStatus.OK:
        message = f"{method} {path}: {answer.status} {text[:500].decode(errors='replace')}"
        raise RuntimeError(message)
    return json.loads(text)


def _peak_mb(process: int) -> int | None:
    """Most memory that a process has held so far, in MB; None where the system does not tell."""
    try:
        lines = Path(f"/proc/{process}/status").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) // 1024 for line in lines if line.startswith("VmHWM")), None)
