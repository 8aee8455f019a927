"""What all commands of the command line share: where they print, what they take, how they fail."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from geo.errors import RevierError

if TYPE_CHECKING:
    from api.settings import Settings

IMPORTED = "imported"
out = Console()
err = Console(stderr=True)

Home = Annotated[Path | None, typer.Option("--home", help="Folder of releases (REVIER_HOME).")]
Data = Annotated[Path | None, typer.Option("--data", help="Folder that file names in a place.toml start from.")]
Json = Annotated[bool, typer.Option("--json", help="Answer as JSON, for scripts.")]


@contextmanager
def reported() -> Iterator[None]:
    """End with exit code 2 and all problems, one a line, when the input can be mended."""
    try:
        yield
    except RevierError as error:
        lines = [str(p) for p in error.problems] or [str(error)]
        for line in lines:
            err.print(f"[red]error[/red] {line}", soft_wrap=True, highlight=False, markup=True)
        if len(lines) > 1:
            err.print(f"{len(lines)} problems; nothing was changed.", highlight=False)
        raise typer.Exit(2) from error


@contextmanager
def library_output_to_stderr() -> Iterator[None]:
    """Keep what a compiled library prints (HiGHS does at times) out of what scripts read."""
    sys.stdout.flush()
    kept = os.dup(1)
    try:
        os.dup2(2, 1)
        yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)


def settings(home: Path | None) -> Settings:
    """Settings with the folder from the command line, if given."""
    from api.settings import Settings  # noqa: PLC0415 - slow to import

    return Settings() if home is None else Settings(home=home)


def key_of(place: str, home: Path) -> str:
    """Key of a place given by key or name."""
    from data import figures as built_in  # noqa: PLC0415 - slow to import
    from data.place import find  # noqa: PLC0415 - slow to import
    from data.place import places as all_places  # noqa: PLC0415 - slow to import

    return find([place], all_places(built_in.read(), home / IMPORTED))[0].key
