"""The `feedmill` command. Each command's module is loaded when it is asked for: `feedmill status` needs no Kafka."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup
from typer.main import get_command

from feedmill.runtime.settings import SettingsError

COMMANDS = {
    "up": "platform_commands:up",
    "down": "platform_commands:down",
    "status": "look_commands:status",
    "logs": "look_commands:logs",
    "reset": "platform_commands:reset",
    "doctor": "look_commands:doctor",
    "demo": "demo:demo",
    "load": "load_commands:app",
    "trace": "trace:trace",
    "dlq": "dlq_commands:app",
    "keys": "keys_commands:app",
    "topics": "topics_commands:app",
    "migrate": "store_commands:migrate",
    "digest": "store_commands:digest",
    "rebuild": "store_commands:rebuild",
    "restored": "store_commands:restored",
    "import": "import_commands:app",
    "audit": "audit_commands:app",
    "feeds": "feeds_commands:feeds",
    "saga": "saga_commands:app",
    "routes": "routes_command:routes",
}
"""Name -> `module:attribute` under feedmill.cli, in the order `--help` shows them; a function or a typer app."""


class Commands(TyperGroup):
    """Finds commands in COMMANDS."""

    def list_commands(self, ctx: Any) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name not in self.commands and cmd_name in COMMANDS:
            self.commands[cmd_name] = loaded(cmd_name)
        return self.commands.get(cmd_name)


def loaded(name: str) -> Any:
    module, _, attribute = COMMANDS[name].partition(":")
    found = getattr(import_module(f"feedmill.cli.{module}"), attribute)
    if not isinstance(found, typer.Typer):
        holder = typer.Typer(add_completion=False)
        holder.command(name)(found)
        found = holder
    command = get_command(found)
    command.name = name
    return command


app = typer.Typer(
    name="feedmill",
    cls=Commands,
    help="Feedmill mills a stream of social events into feeds and answers. Start with: feedmill up",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)


@app.callback()
def feedmill() -> None:
    """Feedmill mills a stream of social events into feeds and answers. Start with: feedmill up"""


def main() -> None:
    try:
        app()
    except SettingsError as error:
        raise SystemExit(f"feedmill: {error}") from None
