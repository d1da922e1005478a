"""Words that end messages: what a person may reply, in any language of ``stop_words.csv``.

A message counts only as a whole: normalised, with polite words at both ends dropped, it must be one of the words. "I
love your nonstop flights" is not (features §6.10).
"""

from __future__ import annotations

import csv
import re
import unicodedata
from functools import lru_cache
from pathlib import Path

QUICK_REPLY_PAYLOAD = "SAYSO_STOP"
"""The hidden value of our own opt-out button."""

POLITE = (
    "please", "pls", "thanks", "thank you", "now", "por favor", "gracias", "obrigado", "obrigada", "s'il vous plaît",
    "svp", "merci", "bitte", "danke", "per favore", "grazie", "alstublieft",
)  # fmt: skip

_NOT_A_WORD = re.compile(r"[^\w\s]|_", re.UNICODE)


def normalise(text: str) -> str:
    """NFKC, case folded, without accents, punctuation, symbols and repeated spaces."""
    decomposed = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", text).casefold())
    plain = "".join(character for character in decomposed if unicodedata.category(character) != "Mn")
    # Marks that are part of a script's letters (Devanagari vowel signs are "Mc") stay; \w lacks them.
    kept = "".join(
        character if character.isalnum() or unicodedata.category(character).startswith("M") else " "
        for character in _NOT_A_WORD.sub(lambda match: "" if match[0] in "'’" else match[0], plain)
    )
    return " ".join(kept.split())


@lru_cache
def stop_words() -> frozenset[str]:
    """All opt-out words, normalised."""
    with (Path(__file__).parent / "stop_words.csv").open(newline="", encoding="utf-8") as file:
        return frozenset(normalise(row["word"]) for row in csv.DictReader(file))


@lru_cache
def _polite() -> tuple[str, ...]:
    return tuple(sorted((normalise(word) for word in POLITE), key=len, reverse=True))


def is_opt_out(text: str | None, payload: str | None = None) -> bool:
    """Whether a whole message, or the payload of a tapped button, asks to be left alone."""
    if payload == QUICK_REPLY_PAYLOAD:
        return True
    if not text or len(text) > 200:
        return False
    said = normalise(text)
    while said not in stop_words():
        shorter = _without_courtesy(said)
        if shorter == said:
            return False
        said = shorter
    return True


def _without_courtesy(said: str) -> str:
    for word in _polite():
        if said.startswith(word + " "):
            return said[len(word) + 1 :]
        if said.endswith(" " + word):
            return said[: -len(word) - 1]
    return said
