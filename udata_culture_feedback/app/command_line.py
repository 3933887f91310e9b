"""Register `udata feedback` lazily: the commands, and the imports and migrations that only they
need, are loaded when a command is looked up, not by each process that serves."""

from __future__ import annotations

from typing import Any

import click


class CommandLine(click.Group):
    """The group of `commands.py`, loaded on first use."""

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        from .commands import cli

        return cli.get_command(ctx, name)

    def list_commands(self, ctx: click.Context) -> list[str]:
        from .commands import cli

        return cli.list_commands(ctx)

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command. What it refuses, a file that cannot be read and a database that is down
        are said in a line, with exit 1: a traceback is for faults of ours."""
        from ..web import csv_reading, database_down, refusals

        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            raise
        except (refusals.Refusal, csv_reading.Unreadable, OSError) as error:
            raise click.ClickException(str(error)) from error
        except Exception as error:
            if not database_down.is_passing(error):
                raise
            raise click.ClickException(f"The database does not answer: {error}") from error


cli = CommandLine("feedback", help="Feedback on datasets (udata-culture-feedback).")
