"""`revier bench`: our kernels and the libraries a user would pick, in turn, on the same data.

Answers are compared first. Nothing is installed: a peer that is missing is named and left out. Data are synthetic
(`api.bench.synthetic`) and made only for the work that is asked for.
"""

from __future__ import annotations

import os
import platform
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from api.bench import (
    access,
    allocate,
    builds,
    concentration,
    cooling,
    files,
    impact_http,
    moran,
    nearest,
    scenario,
    serve,
    shares,
    siting,
    synthetic,
    zonal,
)
from api.bench.case import Case, measure

# each makes the cases of one id, or rows that it measured itself: for a number of buildings, with a folder for files
WORK: dict[str, Callable[[int, Path], Iterator[Case | dict[str, Any]]]] = {
    "allocate-area": allocate.areas,
    "locate": allocate.points,
    "zonal": zonal.cases,
    "nearest": nearest.cases,
    "scenario": scenario.cases,
    "scenario-shares": shares.cases,
    "impact-http": impact_http.rows,
    "serve": serve.rows,
    "files": files.cases,
    "concentration": concentration.cases,
    "moran": moran.cases,
    "access": access.cases,
    "cooling": cooling.cases,
    "siting": siting.cases,
    "build-city": builds.city,
    "build-region": builds.region,
}
IDS = tuple(WORK)
LIBRARIES = (
    "numpy",
    "scipy",
    "numba",
    "pyarrow",
    "shapely",
    "geopandas",
    "rasterio",
    "tobler",
    "sedonadb",
    "exactextract",
    "rasterstats",
    "dask",
    "polars",
    "esda",
    "access",
)


def run(ids: list[str], *, large: bool, repeats: int = 5, served: serve.Options | None = None) -> dict[str, Any]:
    """Measure and compare.

    Parameters
    ----------
    ids
        Of `IDS`; all when empty.
    large
        Also 1.6 million sources.
    repeats
        Runs of which the median is taken; a peer slower than 20 s runs once.
    served
        How `serve` is measured.

    Returns
    -------
    dict
        `machine` and `rows`, as `revier bench --json` writes them.
    """
    sizes = sorted(synthetic.SIZES)
    rows = []
    work = WORK | {"serve": partial(serve.rows, options=served)}
    for n in sizes if large else sizes[:1]:
        for name in ids or IDS:
            with tempfile.TemporaryDirectory() as folder:
                for made in work[name](n, Path(folder)):
                    rows.append(measure(made, repeats) if isinstance(made, Case) else made)
    return {"machine": machine(), "rows": rows}


def machine() -> dict[str, Any]:
    """Processor, cores and versions that the figures belong to."""
    versions = {name: found for name in LIBRARIES if (found := _version(name)) is not None}
    return {"cores": os.cpu_count(), "system": platform.platform(), "python": platform.python_version(), **versions}


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
