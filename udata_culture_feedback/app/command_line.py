"""`udata feedback` as udata sees it: the commands themselves, and the imports and migrations that
only they need, are loaded when one is looked for, not by each process that serves."""

from __future__ import annotations

import click


class CommandLine(click.Group):
    """The group of `commands.py`, once somebody asks for it."""

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        from .commands import cli

        return cli.get_command(ctx, name)

    def list_commands(self, ctx: click.Context) -> list[str]:
        from .commands import cli

        return cli.list_commands(ctx)


cli = CommandLine("feedback", help="Feedback on datasets (udata-culture-feedback).")
