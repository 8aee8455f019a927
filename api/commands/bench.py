"""Command that measures the kernels against what else a user would pick."""
# ruff: noqa: FBT002 - options of the command line

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from api.terminal import err, out

cli = typer.Typer()


@cli.command()
def bench(
    ids: Annotated[list[str] | None, typer.Argument(help="Pieces of work; all when omitted.")] = None,
    output: Annotated[Path | None, typer.Option("--json", help="File to write the figures to.")] = None,
    large: Annotated[bool, typer.Option(help="Also with 1.6 million buildings (minutes, 8 GB).")] = False,
    repeats: Annotated[int, typer.Option(help="Runs of which the median is taken.", min=1)] = 5,
    peers: Annotated[
        Path | None,
        typer.Option(envvar="REVIER_BENCH_PEERS", help="serve: environment that tipg and pygeoapi are installed in."),
    ] = None,
    soak: Annotated[float, typer.Option(help="serve: minutes of mixed load at the end.", min=0)] = 0.0,
) -> None:
    """Measure the kernels against the libraries a user would pick, in the same run."""
    from api import bench as benchmarks  # noqa: PLC0415 - numba and its peers are slow to import

    unknown = sorted(set(ids or []) - set(benchmarks.IDS))
    if unknown:
        err.print(f"unknown work {', '.join(unknown)}; there is {', '.join(benchmarks.IDS)}", highlight=False)
        raise typer.Exit(2)
    with err.status("Measuring"):
        served = benchmarks.serve.Options(repeats=repeats, soak_min=soak, venv=peers)
        result = benchmarks.run(ids or [], large=large, repeats=repeats, served=served)
    table = Table(
        "work", "n", "ours s", "peer", "peer s", "ratio", "same answer", "extra MB", title=str(result["machine"])
    )
    for row in result["rows"]:
        note = f"\n{row['note']}" if row["id"] == "serve" else ""
        table.add_row(
            f"{row['id']}: {row['work']}{note}",
            f"{row['n']:,}",
            f"{row['ours_s']:.4f}",
            row["peer"],
            *_compared(row),
            str(row["peak_mb"]),
        )
    out.print(table)
    if output is not None:
        output.write_text(json.dumps(result, indent=1), encoding="utf-8")
    if any(row["agree"] is False for row in result["rows"]):
        raise typer.Exit(1)


def _compared(row: dict[str, Any]) -> tuple[str, str, str]:
    """Time of the peer, ratio or goal, and whether the answers are the same or the goal is met."""
    if "goal_s" in row:
        return "", f"goal {row['goal_s']:g} s", "met" if row["ours_s"] <= row["goal_s"] else "MISSED"
    goal = f"goal {row['goal']}" if row.get("goal") else ""
    met = ("met" if row["is_met"] else "MISSED") if goal else ""
    if row["peer_s"] is None:
        return ("", goal, met) if goal and not row["peer"] else ("not installed", goal, "")
    same = {True: "yes", False: "NO", None: "not compared"}[row["agree"]]
    return f"{row['peer_s']:.4f}", f"{row['ratio']:.1f} x {goal}".strip(), f"{same} {met}".strip()
