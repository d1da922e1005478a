"""Running sayso, and the sandbox alone."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from .terminal import replace_process


def register(app: typer.Typer) -> None:
    app.command()(up)
    app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []})(
        sandbox
    )


def up(
    sandbox: Annotated[bool, typer.Option(help="Start the sandbox where no real shop is connected.")] = True,
    port: Annotated[int | None, typer.Option(min=1, max=65535, help="Default: 8000, or the next free one.")] = None,
    host: Annotated[str | None, typer.Option(help="The address to listen on. Default: 127.0.0.1.")] = None,
) -> None:
    """Run everything: database, web server, worker, and a sandbox to play with where no real shop is connected."""
    from sayso.config.supervisor import up as run

    raise typer.Exit(run(host=host, port=port, sandbox=sandbox))


def sandbox(context: typer.Context) -> None:
    """Run the sandbox alone: a fake Shopify and WhatsApp on this machine. Its options: ./sayso sandbox --help."""
    replace_process([sys.executable, "-m", "sayso.sandbox", *context.args])
