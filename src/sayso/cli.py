"""The `sayso` command."""

import os

import typer

app = typer.Typer(
    no_args_is_help=True, pretty_exceptions_enable=False, help="Contact and consent hub for Shopify stores."
)


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "sayso.config.settings")
    app()
