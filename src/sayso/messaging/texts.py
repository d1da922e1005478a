"""What sayso's own messages say, by language: the shop's own text, else the built-in one (``reply_texts.csv``)."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path

from sayso.consent.settings import Settings

_PLACE = re.compile(r"\{\{\s*(shop\.name|link)\s*\}\}")

OWN_TEXTS = {"OPT_OUT_ACK": "opt_out_text", "CONFIRMATION": "confirmation_text", "NOTICE": "notice_text"}
"""Purpose → the setting that holds the shop's texts, language → text."""


@lru_cache
def built_in(purpose: str) -> dict[str, str]:
    """Language → text with ``{{shop.name}}`` (and ``{{link}}``)."""
    with (Path(__file__).parent / "reply_texts.csv").open(newline="", encoding="utf-8") as file:
        return {row["language"]: row["text"] for row in csv.DictReader(file) if row["purpose"] == purpose}


def pick(texts: Mapping[str, str], languages: Iterable[str | None]) -> str | None:
    """The text in the first of the wanted languages that there is one for: exactly ("pt-PT"), else without the country,
    else in another country's form. Source of the order: RFC 4647 §3.4, lookup."""
    by_tag = {_tag(name): text for name, text in texts.items()}
    for language in languages:
        wanted = _tag(language or "")
        while wanted:
            if wanted in by_tag:
                return by_tag[wanted]
            wanted = wanted.rpartition("-")[0]
        primary = _tag(language or "").partition("-")[0]
        if primary and (near := next((name for name in sorted(by_tag) if name.startswith(f"{primary}-")), None)):
            return by_tag[near]
    return None


def compose(
    purpose: str, chosen: Settings, languages: Iterable[str | None], *, shop_name: str, link: str | None = None
) -> str:
    """The text of one answer. ``languages`` in the order of preference; the last resort is English.

    A confirmation that has a link ends with it, unless the shop's own text has put it elsewhere.
    """
    wanted = [*languages, "en"]
    own: Mapping[str, str] = getattr(chosen, OWN_TEXTS[purpose])
    # The shop's text in the person's language, else ours in it, else the shop's in any other.
    text = next(
        (found for language in wanted for texts in (own, built_in(purpose)) if (found := pick(texts, [language]))),
        "",
    )
    if purpose == "CONFIRMATION" and link and "{{link}}" not in text.replace(" ", ""):
        text = f"{text}\n{pick(built_in('CONFIRMATION_LINK'), wanted)}"
    filled = {"shop.name": shop_name, "link": link or ""}
    return _PLACE.sub(lambda place: filled[place[1]], text).strip()


def _tag(language: str) -> str:
    tag = language.replace("_", "-").lower()
    # Norwegian is written as Bokmål where nobody says; Chinese in Taiwan and Hong Kong is written traditionally.
    return {"no": "nb", "iw": "he", "in": "id", "fil": "tl", "zh-hk": "zh-tw", "zh-hant": "zh-tw"}.get(tag, tag)
