"""Register `udata feedback` lazily: the commands, and the imports and migrations that only they
need, are loaded when a command is looked up, not by each process that serves."""

from __future__ import annotations

import click


class CommandLine(click.Group):
    """The group of `commands.py`, loaded on first use."""

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        from .commands import cli

        return cli.get_command(ctx, name)

    def list_commands(self, ctx: click.Context) -> list[str]:
        from .commands import cli

        return cli.list_commands(ctx)


cli = CommandLine("feedback", help="Feedback on datasets (udata-culture-feedback).")
