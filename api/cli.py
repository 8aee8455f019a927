"""Command line `revier`."""

from __future__ import annotations

import gc
import sys
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup
from typer.main import get_group

# in which module of `api.commands` a command is: the others are not imported when it is called
COMMANDS = {
    "build": "build",
    "serve": "serve",
    "fetch": "fetch",
    "import": "build",
    "doctor": "build",
    "places": "places",
    "measures": "places",
    "impact": "impact",
    "equity": "equity",
    "siting": "equity",
    "audit": "equity",
    "map": "export",
    "export": "export",
    "publish": "publish",
    "unpublish": "publish",
    "published": "publish",
    "bench": "bench",
}


class Commands(TyperGroup):
    """Commands by name; the module of one is imported when it is asked for."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ANN401, ARG002 - click calls it so
        """Return all names, in the order of the help."""
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ANN401, ARG002 - click calls it so
        """Return a command; None where there is none of this name."""
        if cmd_name not in COMMANDS:
            return None
        # nothing that an import makes is garbage: looking for it takes a tenth of the time
        gc.disable()
        module = import_module(f"api.commands.{COMMANDS[cmd_name]}")
        gc.enable()
        return get_group(module.cli).commands[cmd_name]


cli = typer.Typer(
    cls=Commands, no_args_is_help=True, add_completion=False, help=__doc__, pretty_exceptions_enable=False
)


@cli.callback()
def revier() -> None:
    """Command line of Revier: build, serve and ask."""


if __name__ == "__main__":
    sys.exit(cli())
