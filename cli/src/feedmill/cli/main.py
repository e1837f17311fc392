"""The `feedmill` command."""

from __future__ import annotations

import typer

from feedmill.cli import platform_commands

app = typer.Typer(
    name="feedmill",
    help="Feedmill mills a stream of social events into feeds and answers. Start with: feedmill up",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
platform_commands.register(app)


def main() -> None:
    app()
