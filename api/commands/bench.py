"""Command that measures the kernels against what else a user would pick."""
# ruff: noqa: FBT002 - options of the command line

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from api.terminal import err, out

cli = typer.Typer()


@cli.command()
def bench(
    ids: Annotated[list[str] | None, typer.Argument(help="Pieces of work; all when omitted.")] = None,
    output: Annotated[Path | None, typer.Option("--json", help="File to write the figures to.")] = None,
    large: Annotated[bool, typer.Option(help="Also with 1.6 million buildings (minutes, 8 GB).")] = False,
) -> None:
    """Measure the kernels against the libraries a user would pick, in the same run."""
    from api import bench as benchmarks  # noqa: PLC0415 - numba and its peers are slow to import

    unknown = sorted(set(ids or []) - set(benchmarks.IDS))
    if unknown:
        err.print(f"unknown work {', '.join(unknown)}; there is {', '.join(benchmarks.IDS)}", highlight=False)
        raise typer.Exit(2)
    with err.status("Measuring"):
        result = benchmarks.run(ids or [], large=large)
    table = Table(
        "work", "n", "ours s", "peer", "peer s", "ratio", "same answer", "extra MB", title=str(result["machine"])
    )
    for row in result["rows"]:
        goal = row.get("goal_s")
        theirs = (
            ("", f"goal {goal:g} s", "met" if row["ours_s"] <= goal else "MISSED")
            if goal
            else ("not installed", "", "")
            if row["peer_s"] is None
            else (f"{row['peer_s']:.3f}", f"{row['ratio']:.0f} x", "yes" if row["agree"] else "NO")
        )
        table.add_row(
            f"{row['id']}: {row['work']}",
            f"{row['n']:,}",
            f"{row['ours_s']:.4f}",
            row["peer"],
            *theirs,
            str(row["peak_mb"]),
        )
    out.print(table)
    if output is not None:
        output.write_text(json.dumps(result, indent=1), encoding="utf-8")
    if any(row["agree"] is False for row in result["rows"]):
        raise typer.Exit(1)
