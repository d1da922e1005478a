"""The texts that people are shown when they agree: versions, and which of them stood at what moment.

A version never changes; another text is another version. Of several versions of one language the one that became valid
last counts, from ``valid_from`` on.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime

from django.db.models import Max
from django.utils import timezone

from sayso.shops.models import Shop
from sayso.shops.tenancy import current_shop_id

from .events import Channel
from .models import Wording

CHECKOUT, HOSTED_FORM, IN_STORE_FORM = "checkout", "hosted_form", "in_store_form"
PURPOSES = {CHECKOUT: "Checkout", HOSTED_FORM: "Hosted form", IN_STORE_FORM: "In-store form"}

Asked = tuple[str, str | None, datetime]
"""(channel, language, moment)"""


def at(purpose: str, channel: str, language: str | None, moment: datetime) -> Wording | None:
    """What was shown for ``channel`` at ``moment`` to somebody who reads ``language``; None where nothing is stored.

    Looks for the exact tag (``pt-BR``), then its primary language (``pt``), then the shop's language.
    """
    return at_many(purpose, [(channel, language, moment)])[0]


def at_many(purpose: str, asked: Sequence[Asked]) -> list[Wording | None]:
    """:func:`at` for many at once, in two queries: a shop has dozens of versions, an import a million moments."""
    if not asked:
        return []
    shop_language = Shop.objects.values_list("language", flat=True).get(pk=current_shop_id())
    versions = _by_language(purpose, {channel for channel, _, _ in asked})
    return [_find(versions, channel, language, shop_language, moment) for channel, language, moment in asked]


class _Line:
    """The versions of one language, in the order in which they became valid."""

    def __init__(self) -> None:
        self.from_: list[datetime] = []
        self.wordings: list[Wording] = []

    def at(self, moment: datetime) -> Wording | None:
        position = bisect_right(self.from_, moment)
        return self.wordings[position - 1] if position else None


def _by_language(purpose: str, channels: Iterable[str]) -> dict[tuple[str, str], _Line]:
    lines: dict[tuple[str, str], _Line] = defaultdict(_Line)
    kept = Wording.objects.filter(purpose=purpose, channel__in=list(channels))
    for wording in kept.order_by("valid_from", "version"):
        line = lines[wording.channel, wording.language.lower()]
        line.from_.append(wording.valid_from)
        line.wordings.append(wording)
    return dict(lines)


def _find(
    versions: dict[tuple[str, str], _Line], channel: str, language: str | None, shop_language: str, moment: datetime
) -> Wording | None:
    for tag in fall_back(language, shop_language):
        line = versions.get((channel, tag))
        found = line.at(moment) if line else None
        if found:
            return found
    return None


def fall_back(language: str | None, shop_language: str) -> list[str]:
    """The tags to look under, in order, lower case and each once: ``pt-BR`` → ``pt-br``, ``pt``, the shop's."""
    wanted = [tag.replace("_", "-").lower() for tag in (language or "", shop_language) if tag]
    return list(dict.fromkeys(form for tag in wanted for form in (tag, tag.split("-")[0])))


def add(
    purpose: str, channel: str, language: str, text: str, *, valid_from: datetime | None = None, created_by: str = ""
) -> Wording:
    """Store a text as the next version of the current shop; a text equal to the newest version is that version.

    ``valid_from``: since when it is shown; None for now. Raises ValueError for an unknown purpose or channel, or an
    empty text. Needs a transaction with a shop.
    """
    if purpose not in PURPOSES or channel not in set(Channel) or not text.strip():
        raise ValueError(f"no wording: {purpose!r}, {channel!r}, {text[:40]!r}")
    shop_id = current_shop_id()
    Shop.objects.select_for_update().get(pk=shop_id)  # of two at once the second sees the first's number
    same = Wording.objects.filter(purpose=purpose, channel=channel, language=language)
    newest = same.order_by("-version").first()
    if newest and newest.text == text.strip() and valid_from is None:
        return newest
    last: int = same.aggregate(last=Max("version"))["last"] or 0
    return Wording.objects.create(
        shop_id=shop_id, purpose=purpose, channel=channel, language=language, version=last + 1, text=text.strip(),
        valid_from=valid_from or timezone.now(), created_by=created_by,
    )  # fmt: skip


def history(purpose: str) -> dict[tuple[str, str], list[Wording]]:
    """(channel, language) → its versions, the newest first."""
    kept: dict[tuple[str, str], list[Wording]] = defaultdict(list)
    for wording in Wording.objects.filter(purpose=purpose).order_by("channel", "language", "-valid_from", "-version"):
        kept[wording.channel, wording.language].append(wording)
    return dict(kept)


def current(purpose: str, language: str, channels: Iterable[str]) -> dict[str, Wording]:
    """Channel → the version of exactly this language that is shown now."""
    lines, now = _by_language(purpose, channels), timezone.now()
    found = {channel: line.at(now) for (channel, tag), line in lines.items() if tag == language.lower()}
    return {channel: wording for channel, wording in found.items() if wording}


def named(names: Iterable[str]) -> dict[str, Wording]:
    """Name (as the ledger has it) → the version, for those that exist."""
    wanted = [name.split("/") for name in names]
    parts = [part for part in wanted if len(part) == 4 and part[3].isdecimal()]
    rows = Wording.objects.filter(
        purpose__in={part[0] for part in parts},
        channel__in={part[1] for part in parts},
        language__in={part[2] for part in parts},
        version__in={int(part[3]) for part in parts},
    )
    known = {"/".join(part) for part in parts}
    return {row.name: row for row in rows if row.name in known}
