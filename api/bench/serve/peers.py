"""tipg and pygeoapi on a PostGIS of their own, started where they are installed and removed at the end.

Both get what makes them quick: rows in the order of their places, a spatial index, fresh statistics, a table in the
reference system of what is asked (degrees for pages, web Mercator for tiles), memory for all of it, and no compiling of
queries (`jit`), which costs more than it brings here.
"""

from __future__ import annotations

import json
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import geopandas as gpd
import numpy as np
import pyarrow as pa
import pyarrow.csv
import shapely

from api.bench.serve.data import COLUMNS, Addresses
from api.bench.serve.server import STOP_S, Server, free_port, running

TIPG = Addresses(
    "/collections/public.buildings",
    "/tiles/WebMercatorQuad/{z}/{x}/{y}",
    more=(("filter-lang", "cql2-text"),),
    tiles_of="/collections/public.mercator",
)
PYGEOAPI = Addresses("/collections/buildings", "", "INTERSECTS", (("filter-lang", "cql-text"),))
# for two cores and the gigabyte that the tables take
SETTINGS = {
    "shared_buffers": "2GB",
    "effective_cache_size": "6GB",
    "work_mem": "64MB",
    "maintenance_work_mem": "512MB",
    "random_page_cost": "1.1",
    "max_wal_size": "8GB",
    "max_parallel_workers_per_gather": "0",
    "jit": "off",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    # on this machine alone
    "listen_addresses": "127.0.0.1",
}
# as ours: two processes; tipg opens up to ten connections in each, as it does when it is not told otherwise
WORKERS = 2
USER = "postgres"


@dataclass(frozen=True)
class Database:
    """A PostGIS that runs: folder of its socket, and port."""

    socket: Path
    port: int

    def sql(self, text: str, *, source: Path | None = None) -> None:
        """Run statements; one that copies reads from `source`."""
        command = [_binary("psql"), "-h", str(self.socket), "-p", str(self.port), "-U", USER, "-d", "postgres"]
        command += ["-v", "ON_ERROR_STOP=1", "-q", "-c", text]
        with (source or Path(os.devnull)).open("rb") as given:
            subprocess.run(command, check=True, stdin=given, capture_output=True)  # noqa: S603 - our own


def missing(venv: Path | None) -> str:
    """What is not installed; nothing where both peers can run."""
    if _binary("initdb") == "" or _binary("psql") == "":
        return "PostgreSQL is not installed (Debian: postgresql-15-postgis-3)"
    if venv is None or not _module(venv, "tipg"):
        return "tipg is not installed: name its environment by --peers"
    return ""


def has_pygeoapi(venv: Path) -> bool:
    """Whether an environment holds pygeoapi with what its PostgreSQL provider needs."""
    return all(_module(venv, name) for name in ("pygeoapi", "geoalchemy2", "psycopg2"))


def version(venv: Path, name: str) -> str:
    """Return a package's name and version."""
    found = next(iter(venv.glob(f"lib/python*/site-packages/{name}-*.dist-info")), None)
    return name if found is None else f"{name} {found.name.removesuffix('.dist-info').rpartition('-')[2]}"


@contextmanager
def postgis() -> Iterator[Database]:
    """Start a PostGIS in a folder of its own, which is removed at the end."""
    folder = Path(tempfile.mkdtemp(prefix="revier-bench-"))
    # PostgreSQL refuses to run as root
    user = USER if os.geteuid() == 0 else None
    try:
        if user:
            entry = pwd.getpwnam(user)
            os.chown(folder, entry.pw_uid, entry.pw_gid)
        data = folder / "data"
        _as(user, [_binary("initdb"), "-D", str(data), "-U", USER, "-A", "trust", "-E", "UTF8", "--no-sync"])
        port = free_port()
        command = [_binary("postgres"), "-D", str(data), "-k", str(folder), "-p", str(port)]
        command += [part for name, value in SETTINGS.items() for part in ("-c", f"{name}={value}")]
        with (
            (folder / "log").open("wb") as log,
            subprocess.Popen(  # noqa: S603 - our own
                command, cwd=folder, stdout=log, stderr=log, user=user, group=user, extra_groups=[] if user else None
            ) as process,
        ):
            try:
                _as(user, [_binary("pg_isready"), "-h", str(folder), "-p", str(port)], tries=100)
                database = Database(folder, port)
                database.sql("CREATE EXTENSION postgis")
                yield database
            finally:
                # at once, and in order
                process.send_signal(signal.SIGINT)
                with suppress(subprocess.TimeoutExpired):
                    process.wait(STOP_S)
                if process.poll() is None:
                    process.kill()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def fill(database: Database, frame: gpd.GeoDataFrame, folder: Path) -> None:
    """Load the buildings, once in degrees and once in web Mercator, with keys, spatial indexes and statistics."""
    columns = ", ".join(f"{name} {kind}" for name, kind in COLUMNS.items())
    for table, epsg in (("buildings", 4326), ("mercator", 3857)):
        database.sql(f"CREATE TABLE {table} ({columns}, geometry geometry(Polygon, {epsg}))")
        path = folder / f"{table}.csv"
        shapes = np.asarray(frame.geometry.to_crs(epsg))
        wkb = shapely.to_wkb(shapely.set_srid(shapes, epsg), hex=True, include_srid=True)
        written = pa.table({name: pa.array(frame[name]) for name in COLUMNS} | {"geometry": pa.array(wkb)})
        options = pyarrow.csv.WriteOptions(include_header=False, quoting_style="none")
        pyarrow.csv.write_csv(written, path, write_options=options)
        database.sql(f"COPY {table} FROM STDIN WITH (FORMAT csv)", source=path)
        path.unlink()
        database.sql(f"ALTER TABLE {table} ADD PRIMARY KEY (id)")
        database.sql(f"CREATE INDEX ON {table} USING gist (geometry)")
        database.sql(f"VACUUM ANALYZE {table}")
    database.sql("CREATE EXTENSION pg_prewarm; SELECT pg_prewarm('buildings'), pg_prewarm('mercator')")


@contextmanager
def tipg(venv: Path, database: Database, folder: Path) -> Iterator[Server]:
    """Run tipg; its tiles reach as far over their edge as ours."""
    port = free_port()
    env = _environment() | {
        "DATABASE_URL": f"postgresql://{USER}@127.0.0.1:{database.port}/postgres",
        "TIPG_TILE_BUFFER": "64",
    }
    path = f"{TIPG.base}?f=json"
    with running(_uvicorn(venv, "tipg.main:app", port), port, path, env=env, folder=folder) as server:
        yield server


@contextmanager
def pygeoapi(venv: Path, database: Database, frame: gpd.GeoDataFrame, folder: Path) -> Iterator[Server]:
    """Run pygeoapi on the same table."""
    port = free_port()
    config, document = folder / "pygeoapi.yml", folder / "pygeoapi-openapi.json"
    config.write_text(json.dumps(_pygeoapi(port, database, frame)), encoding="utf-8")
    env = _environment() | {"PYGEOAPI_CONFIG": str(config), "PYGEOAPI_OPENAPI": str(document)}
    made = [str(venv / "bin" / "pygeoapi"), "openapi", "generate", str(config), "-of", str(document), "-f", "json"]
    done = subprocess.run(made, check=False, env=env, cwd=folder, capture_output=True, text=True)  # noqa: S603 - our own
    if done.returncode:
        message = f"pygeoapi does not take its configuration: {done.stderr[-500:]}"
        raise RuntimeError(message)
    command = _uvicorn(venv, "pygeoapi.starlette_app:APP", port)
    with running(command, port, f"{PYGEOAPI.base}?f=json", env=env, folder=folder) as server:
        yield server


def _pygeoapi(port: int, database: Database, frame: gpd.GeoDataFrame) -> dict[str, object]:
    west, south, east, north = frame.geometry.iloc[[0]].to_crs(4326).total_bounds.tolist()
    text = {"title": "buildings", "description": "buildings", "keywords": ["buildings"]}
    person = {"name": "benchmark", "url": "http://127.0.0.1"}
    connection = {"host": "127.0.0.1", "port": database.port, "dbname": "postgres", "user": USER, "password": "none"}
    provider = {
        "type": "feature",
        "name": "PostgreSQL",
        "data": {**connection, "search_path": ["public"]},
        "id_field": "id",
        "table": "buildings",
        "geom_field": "geometry",
    }
    return {
        "server": {
            "bind": {"host": "127.0.0.1", "port": port},
            "url": f"http://127.0.0.1:{port}",
            "mimetype": "application/json; charset=UTF-8",
            "encoding": "utf-8",
            "gzip": False,
            "language": "en-US",
            "limits": {"default_items": 10, "max_items": 10_000},
            "map": {"url": "http://127.0.0.1/{z}/{x}/{y}.png", "attribution": "none"},
        },
        "logging": {"level": "ERROR"},
        "metadata": {
            "identification": {**text, "keywords_type": "theme", "terms_of_service": "none", "url": person["url"]},
            "license": {"name": "none", "url": person["url"]},
            "provider": person,
            "contact": person,
        },
        "resources": {
            "buildings": {
                "type": "collection",
                **text,
                "links": [],
                "extents": {"spatial": {"bbox": [west, south, east, north], "crs": CRS84}},
                "providers": [provider],
            }
        },
    }


CRS84 = "http://www.opengis.net/def/crs/OGC/1.3/CRS84"


def _uvicorn(venv: Path, app: str, port: int) -> list[str]:
    command = [str(venv / "bin" / "uvicorn"), app, "--host", "127.0.0.1", "--port", str(port)]
    return [*command, "--workers", str(WORKERS), "--no-access-log", "--log-level", "warning"]


def _environment() -> dict[str, str]:
    """Without our own modules and settings in it."""
    return {
        k: v for k, v in os.environ.items() if k not in {"PYTHONPATH", "VIRTUAL_ENV"} and not k.startswith("REVIER")
    }


def _as(user: str | None, command: list[str], *, tries: int = 1) -> None:
    """Run a command as another user, again where it may take a while to succeed."""
    for left in range(tries, 0, -1):
        done = subprocess.run(  # noqa: S603 - our own
            command, check=left == 1, capture_output=True, user=user, group=user, cwd="/", timeout=STOP_S
        )
        if done.returncode == 0:
            return
        with suppress(subprocess.TimeoutExpired):
            subprocess.run(["sleep", "0.1"], check=True, timeout=1)  # noqa: S607 - of every system


def _module(venv: Path, name: str) -> bool:
    return any(True for _ in venv.glob(f"lib/python*/site-packages/{name}"))


def _binary(name: str) -> str:
    """Path of a program of PostgreSQL, the newest; Debian keeps its server's out of PATH."""
    found = shutil.which(name)
    if found is not None and name != "psql":
        return found
    debian = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), key=lambda p: int(p.parts[4]))
    return str(debian[-1]) if debian else found or ""
