"""Tests, benches and checks of the code, from a checkout."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import typer

from .terminal import CommandError, replace_process, say

PASS_ON = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}
SUITES = {
    "crash": ["-m", "crash", "-n", "0"],  # kills processes and times what is left: alone
    "browser": ["-m", "browser"],
    # with each cell of the table, random histories, and what makes a redacted person messageable: nothing
    "conformance": [
        "-m",
        "conformance or not crash and not browser",
        "tests/conformance",
        "tests/consent/test_record.py",
        "tests/consent/test_stateful.py",
        "tests/consent/test_ledger.py",
        "tests/privacy/test_redact.py",
        "tests/intake/test_endpoint.py",
        "tests/intake/test_drain.py",
    ],
}
WITHOUT_BROWSER = "not crash and not browser"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")


def register(app: typer.Typer) -> None:
    app.command(context_settings=PASS_ON)(test)
    app.command(context_settings=PASS_ON)(bench)
    app.command()(lint)


def test(context: typer.Context) -> None:
    """Run the tests, on two processes. The word crash, browser or conformance runs those alone; the rest goes to pytest."""
    _need("pytest")
    arguments = list(context.args)
    chosen = SUITES[arguments.pop(0)] if arguments and arguments[0] in SUITES else []
    found = chromium()
    if not found and chosen == SUITES["browser"]:
        raise CommandError("the browser tests need Chromium; on Debian: apt install chromium")
    if not found and "-m" not in [*chosen, *arguments]:
        say("no Chromium here: the browser tests are skipped")
        chosen = ["-m", WITHOUT_BROWSER]
    workers = [] if {"-n", "--pdb", "--numprocesses"} & {*chosen, *arguments} else ["-n", "2"]
    # The program has named its own settings in the environment by now, and pytest-django would take those.
    raise typer.Exit(_run([sys.executable, "-m", "pytest", "--ds=tests.settings", *workers, *chosen, *arguments]))


def bench(context: typer.Context) -> None:
    """Measure: ./sayso bench lists what can be measured, ./sayso bench smoke does it in small, to see that it works."""
    _need("pytest")
    os.chdir(_checkout())
    replace_process([sys.executable, "-m", "bench", *context.args])


def lint() -> None:
    """Look at the code: ruff, formatting, types, and which room imports which."""
    _need("ruff", "mypy", "importlinter")
    programs = Path(sys.executable).parent
    steps = (
        [str(programs / "ruff"), "check", "--quiet"],
        [str(programs / "ruff"), "format", "--check", "--quiet"],
        [str(programs / "mypy")],
        [str(programs / "lint-imports")],
    )
    failed = [" ".join([Path(step[0]).name, *step[1:2]]) for step in steps if _run(step)]
    if failed:
        raise CommandError(f"not clean: {', '.join(failed)}")
    say("clean")


def chromium() -> str | None:
    """Where Chromium is, if it is."""
    return next((path for name in BROWSERS if (path := shutil.which(name))), None)


def _checkout() -> Path:
    from sayso.config.environment import repository

    path = repository()
    if not (path / "tests").is_dir():
        raise CommandError("this needs a checkout of the repository; an installed package has no tests")
    return path


def _run(arguments: Sequence[str]) -> int:
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join(["src", os.environ.get("PYTHONPATH", "")]).strip(os.pathsep)
    }
    environment.pop("DATABASE_URL", None)  # tests bring their own database
    return subprocess.run(list(arguments), cwd=_checkout(), env=environment, check=False).returncode


def _need(*modules: str) -> None:
    for module in modules:
        if importlib.util.find_spec(module) is None:
            raise CommandError(f"{module} is not installed here; start this through ./sayso, which installs it")
