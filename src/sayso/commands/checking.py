"""The doctor."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import typer

from .terminal import Json, database

if TYPE_CHECKING:
    from sayso.config.check import Finding


def register(app: typer.Typer) -> None:
    app.command()(check)


def check(as_json: Json = False) -> None:
    """Look whether everything is as it must be; status 1 where something is not."""
    if os.environ.get("DATABASE_URL"):
        import django

        django.setup()
        findings = _examine()
    else:
        with database():
            findings = _examine()
    if as_json:
        print(json.dumps([vars(one) for one in findings], indent=2))
    else:
        from rich.console import Console
        from rich.text import Text

        console = Console(highlight=False, soft_wrap=True)
        colours = {"ok": "green", "warning": "yellow", "failed": "red"}
        for one in findings:
            line = Text(f"{one.status:8}", style=colours[one.status])
            console.print(line.append(f"{one.name}: {one.detail}", style="default"))
            if one.remedy:
                console.print(Text(f"{'':8}→ {one.remedy}", style="bold"))
    raise typer.Exit(1 if any(one.status == "failed" for one in findings) else 0)


def _examine() -> list[Finding]:
    from sayso.config import check as doctor  # knows models, so Django comes first

    return doctor.examine()
