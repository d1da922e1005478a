"""The words of the public pages in each language, from ``texts.toml``, and which language a visitor gets."""

from __future__ import annotations

import tomllib
from collections.abc import Collection, Iterable
from functools import lru_cache
from pathlib import Path
from types import SimpleNamespace

from django.http import HttpRequest
from django.utils.translation.trans_real import parse_accept_lang_header

DEFAULT = "en"


@lru_cache
def _file() -> dict[str, dict[str, str]]:
    with (Path(__file__).parent / "texts.toml").open("rb") as file:
        return tomllib.load(file)


def version() -> int:
    """Of the texts; part of what the ledger names as the wording of the preference page."""
    return int(_file()["meta"]["version"])


def languages() -> dict[str, str]:
    """Tag → the language's own name."""
    return {tag: words["language"] for tag, words in _file().items() if tag != "meta"}


class Words(SimpleNamespace):
    """The texts of one language as attributes; what a language lacks is there in English."""

    tag: str

    def say(self, name: str, **values: str) -> str:
        """A text with its names filled in: ``{shop}``, ``{channel}``."""
        text: str = getattr(self, name)
        for key, value in values.items():
            text = text.replace(f"{{{key}}}", value)
        return text


@lru_cache
def words(tag: str) -> Words:
    """The texts of a language, by its tag or the primary part of it; English where there are none."""
    known = _file()
    best = next(
        (one for one in (tag, tag.split("-", maxsplit=1)[0].lower(), DEFAULT) if one in known and one != "meta"),
        DEFAULT,
    )
    return Words(**known[DEFAULT] | known[best], tag=best)


def choose(request: HttpRequest, offered: Collection[str], *, person: Iterable[str | None] = (), shop: str = "") -> str:
    """Which of the ``offered`` languages to show: ``?lang``, then what is known of the person, then what the browser asks
    for, then the shop's, then the first offered."""
    asked = [request.GET.get("lang", ""), *person]
    asked += [tag for tag, _ in parse_accept_lang_header(request.headers.get("Accept-Language", "")) if tag != "*"]
    return best([*asked, shop], offered) or next(iter(offered), DEFAULT)


def best(asked: Iterable[str | None], offered: Collection[str]) -> str | None:
    """The first asked-for language that is offered: exactly, else another form of the same language."""
    by_tag = {tag.lower(): tag for tag in offered}
    by_primary = {tag.lower().split("-")[0]: tag for tag in reversed(list(offered))}
    for tag in asked:
        wanted = (tag or "").replace("_", "-").lower()
        if wanted and (found := by_tag.get(wanted) or by_primary.get(wanted.split("-")[0])):
            return found
    return None
