"""The words of the proof that people read: ``texts.toml``, one table a language."""

from __future__ import annotations

import tomllib
from functools import lru_cache
from pathlib import Path

LANGUAGES = {"en": "English", "de": "Deutsch", "fr": "Français", "es": "Español", "pt": "Português"}
"""Language → its own name, for the choice on the page."""


@lru_cache
def _all() -> dict[str, dict[str, dict[str, str]]]:
    return tomllib.loads((Path(__file__).parent / "texts.toml").read_text())


def choose(*wanted: str | None) -> str:
    """The first wanted language (``pt-BR`` counts as ``pt``) that there is a text for; English where there is none."""
    for language in wanted:
        short = (language or "").replace("_", "-").split("-")[0].lower()
        if short in LANGUAGES:
            return short
    return "en"


def words(language: str) -> dict[str, str]:
    """Every word of the document."""
    return _all()["en"]["words"] | _all()[language]["words"]


def named(language: str, table: str, value: str | None) -> str:
    """A state, channel, actor, event or basis in words; as it is where it stands nowhere."""
    if not value:
        return ""
    return _all()[language].get(table, {}).get(value) or _all()["en"].get(table, {}).get(value) or value
