"""Documentation that is rendered from the code is of the code. ``python -m tests.test_docs`` writes it again."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from sayso.config.environment import VARIABLES, repository
from sayso.consent.events import State
from sayso.consent.transitions import GUARDS, cells

DOCS = repository() / "docs"


def settings_table() -> str:
    """docs/settings.md"""
    lines = ["# Environment variables", "", "| variable | default | meaning |", "|---|---|---|"]
    lines += [f"| `{name}` | {default} | {meaning} |" for name, (default, meaning) in VARIABLES.items()]
    return "\n".join([*lines, "", "Rendered from `src/sayso/config/environment.py`."]) + "\n"


def transitions_table() -> str:
    """docs/consent-transitions.md"""
    states = [state.value for state in State]
    lines = [
        "# What each event does to each state of consent",
        "",
        "The code decides from this table alone: it is rendered from `src/sayso/consent/transitions.csv`,",
        "which every migrate loads into the database.",
        "",
        "**→ STATE** the contact moves to it · **→ fold** to what the newest times then give · **=** accepted,",
        "nothing changes, the evidence is kept · **✗ CODE** refused, and the refusal stands in the ledger.",
        "A bracketed word is a condition:",
        "",
        *(f"- *{name}*: {meaning}" for name, meaning in GUARDS.items()),
        "",
        f"| event | {' | '.join(states)} |",
        "|---" * (len(states) + 1) + "|",
    ]
    rows: dict[str, list[str]] = {}
    for cell in cells():
        then = _words(cell.outcome, cell.to_state, cell.code)
        if cell.guard:
            then += f" [{cell.guard}], else {_words(cell.else_outcome or '', None, cell.else_code)}"
        rows.setdefault(cell.event, []).append(then)
    lines += [f"| `{event}` | {' | '.join(row)} |" for event, row in rows.items()]
    return "\n".join(lines) + "\n"


def _words(outcome: str, state: str | None, code: str | None) -> str:
    if outcome == "REFUSED":
        return f"✗ {code}"
    return "=" if outcome == "NO_CHANGE" else f"→ {state or 'fold'}"


RENDERED = {"settings.md": settings_table, "consent-transitions.md": transitions_table}


@pytest.mark.parametrize("name", RENDERED)
def test_rendered_files_agree_with_the_code(name):
    assert (DOCS / name).read_text() == RENDERED[name](), "write it again: python -m tests.test_docs"


def test_links_between_documents_lead_somewhere():
    for path in [*repository().glob("*.md"), *DOCS.glob("*.md")]:
        for target in re.findall(r"\]\(([^)#:]+)\)", path.read_text()):
            assert (path.parent / target).exists(), f"{path.name} → {target}"


def test_the_readme_names_commands_that_exist():
    from typer.main import get_command

    from sayso.cli import app

    command = get_command(app)
    known = set(command.commands)  # type: ignore[attr-defined]
    text = "\n".join(Path(path).read_text() for path in [*repository().glob("*.md"), *DOCS.glob("*.md")])
    assert set(re.findall(r"\./sayso ([a-z]+)", text)) <= known


if __name__ == "__main__":
    for name, render in RENDERED.items():
        (DOCS / name).write_text(render())
