"""Command that serves the release."""

from __future__ import annotations

import gc
import os
import tempfile
from typing import TYPE_CHECKING, Annotated, Any

import typer

from api.terminal import Home, err, reported, settings
from layers.release import current

if TYPE_CHECKING:
    from api.settings import Settings

cli = typer.Typer()
KEEP_ALIVE_S = 15
SHUTDOWN_S = 20
BACKLOG = 2048


@cli.command()
def serve(
    home: Home = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on (REVIER_HOST, 127.0.0.1).")] = None,
    port: Annotated[int | None, typer.Option(help="Port (REVIER_PORT, 8000).", min=1, max=65535)] = None,
    workers: Annotated[int | None, typer.Option(help="Processes (REVIER_WORKERS, 1).", min=1, max=64)] = None,
) -> None:
    """Serve the release: map, OGC API, tiles."""
    with reported():
        chosen = settings(home)
        given = {"host": host, "port": port, "workers": workers}
        chosen = chosen.model_copy(update={name: value for name, value in given.items() if value is not None})
        # files are compared with their hashes by each worker
        current(chosen.home, verify=False)
        shown = f"[{chosen.host}]" if ":" in chosen.host else chosen.host
        shown = "127.0.0.1" if chosen.host in {"0.0.0.0", "::"} else shown  # noqa: S104 - compared, not bound
        address = f"http://{shown}:{chosen.port}"
        if "base_url" not in chosen.model_fields_set:
            chosen = chosen.model_copy(update={"base_url": address})
        err.print(f"Revier serves the map at {address}/map (all layers: {address}/)", soft_wrap=True)
        _say_who(chosen)
        _run(chosen)


def _say_who(chosen: Settings) -> None:
    if chosen.planner_tokens:
        return
    if chosen.is_local:
        err.print("Whoever uses this machine is the planner.", style="dim", soft_wrap=True)
    else:
        told = "No planner can sign in, all are the public: single buildings are not shown. Set REVIER_PLANNER_TOKENS."
        err.print(told, style="yellow", soft_wrap=True)


def _run(chosen: Settings) -> None:
    import uvicorn  # noqa: PLC0415 - slow to import

    from api.protocol import Protocol  # noqa: PLC0415 - slow to import

    how: dict[str, Any] = {
        "host": chosen.host,
        "port": chosen.port,
        "loop": "uvloop",
        "http": Protocol,
        "log_level": "warning",
        "access_log": False,
        "proxy_headers": False,
        "server_header": False,
        "limit_concurrency": chosen.max_connections,
        "backlog": BACKLOG,
        "timeout_keep_alive": KEEP_ALIVE_S,
        "timeout_graceful_shutdown": SHUTDOWN_S,
    }
    if chosen.workers == 1:
        gc.disable()
        from api.app import create_app  # noqa: PLC0415 - workers import it themselves

        gc.enable()
        uvicorn.run(create_app(chosen), **how)
        return
    with tempfile.TemporaryDirectory(prefix="revier-metrics-") as counters:
        # workers read their settings from the environment
        os.environ.update(_environment(chosen) | {"PROMETHEUS_MULTIPROC_DIR": counters})
        # threads that each keep memory of their own would keep a lot of it
        os.environ.setdefault("MALLOC_ARENA_MAX", "2")
        uvicorn.run("api.app:create_app", factory=True, workers=chosen.workers, **how)


def _environment(chosen: Settings) -> dict[str, str]:
    """Settings from the command line as variables; the others are in the environment already."""
    names = ("home", "host", "port", "workers", "base_url")
    return {f"REVIER_{name.upper()}": str(getattr(chosen, name)) for name in names}
