"""The ``sayso`` command. What each word does is in :mod:`sayso.commands`; they import what they need when they run, so
that ``./sayso --help`` answers at once."""

from __future__ import annotations

import os
import sys

import typer

from sayso.commands import (
    access,
    checking,
    consent,
    data,
    development,
    groups,
    ledger,
    privacy,
    running,
    shopify,
    shops,
    sync,
)
from sayso.commands.terminal import CommandError

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    help="Contact and consent hub for Shopify stores: messages only on your customers' say-so.",
)
for room in (running, data, checking, shops, shopify, sync, access, consent, groups, ledger, privacy, development):
    room.register(app)


def main() -> None:
    """Run one command. Trouble is one line on standard error and exit status 1, a wrong call 2."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "sayso.config.settings")
    try:
        app(prog_name="sayso")
    except CommandError as error:
        print(f"sayso: {error}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
