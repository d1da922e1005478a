"""What the templates of every room may use: icons, badges, times, money, addresses of filtered pages."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django import template
from django.contrib.humanize.templatetags.humanize import intcomma
from django.template import Context
from django.template.loader import render_to_string
from django.utils import formats, timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from sayso.messaging.codes import CODES
from sayso.shops import roles
from sayso.shops.pages import Panel
from sayso.ui import words
from sayso.ui.icons import ICONS

register = template.Library()

TONE_OF_UNKNOWN_WORD = "calm"
CODED = {"status", "financial_status", "fulfillment_status", "cancel_reason", "state"}
CODE = re.compile(r"\b[A-Z][A-Z_]{2,}\b")
TIME = re.compile(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(?:\.\d+)?(?: UTC|Z|[+-]\d\d:\d\d)")
STEPS = ((60, 1, "second"), (3600, 60, "minute"), (86_400, 3600, "hour"), (30 * 86_400, 86_400, "day"))


@register.simple_tag
def icon(name: str) -> SafeString:
    """An icon beside words that say the same; screen readers skip it."""
    return format_html(
        '<svg class="icon" viewBox="0 0 20 20" aria-hidden="true" focusable="false"><path d="{}"/></svg>', ICONS[name]
    )


@register.simple_tag
def badge(vocabulary: str, value: str | None, prefix: str = "") -> SafeString:
    """The badge of a state, in the words of :mod:`sayso.ui.words`; ``prefix`` says of what."""
    if not value:
        return SafeString("")
    known = words.VOCABULARIES[vocabulary].get(value)
    text, tone = known or (words.sentence(value), TONE_OF_UNKNOWN_WORD)
    return format_html('<span class="badge {}">{}{}</span>', tone, f"{prefix}: " if prefix else "", text)


@register.filter
def named(value: str | None, vocabulary: str) -> str:
    """A source, event, refusal, basis or channel in words."""
    table: dict[str, str] = getattr(words, vocabulary)
    return table.get(value or "", words.sentence(value)) if value else ""


@register.filter
def subject(fold_key: str) -> str:
    """What a delivery is about: ``orders:17`` is "Order 17". What has no name of its own stays as it is."""
    kind, _, number = fold_key.partition(":")
    return f"{words.OF_STORE[kind]} {number}" if kind in words.OF_STORE else fold_key


@register.filter
def refusal(detail: str) -> str:
    """Why a consent was refused, as a run keeps it: ``sms: REDACTED``."""
    channel, _, code = detail.partition(": ")
    return f"{named(channel, 'CHANNELS')}: {named(code, 'REFUSALS')}"


@register.filter
def found_value(value: str | None, field: str) -> str:
    """A value that a comparison found: states and times as people write them, everything else as it is."""
    if not value:
        return ""
    if field.endswith(("_at", "_consent")):
        value = TIME.sub(_local, value)
    if field in CODED or field.endswith("_consent"):
        value = CODE.sub(lambda code: words.ORDER.get(code[0], (words.sentence(code[0]),))[0], value)
    return value


def _local(written: re.Match[str]) -> str:
    at = datetime.fromisoformat(written[0].replace(" UTC", "+00:00"))
    return formats.date_format(timezone.localtime(at), "j M Y, H:i:s")


@register.filter
def sentence(code: str) -> str:
    """A state that has no badge, in words: ``PARTIALLY_REFUNDED``."""
    return words.sentence(code)


@register.filter
def error_title(code: str) -> str:
    """What went wrong, in words."""
    known = CODES.get(code)
    return known.title[:1].upper() + known.title[1:] if known else words.sentence(code)


@register.filter
def error_remedy(code: str) -> str:
    """What to do about it; "" where nothing is known."""
    known = CODES.get(code)
    return known.remedy if known else ""


@register.filter
def percent_of(part: int, whole: int) -> str:
    return f"{100 * part / whole:.0f} %" if whole else ""


@register.simple_tag
def rate(share: float | None) -> str:
    """A share of 0 to 1 in per cent; small ones with two digits, because 0.4 % and 0.04 % are not the same."""
    if share is None:
        return "–"
    return f"{100 * share:.1f} %" if share >= 0.1 or not share else f"{100 * share:.2f} %"


@register.simple_tag
def meter(share: float | None, whole: float, tone: str) -> SafeString:
    """A share drawn beside its number, against the largest of its column."""
    width = 100 * (share or 0) / whole if whole else 0
    return format_html(
        '<svg class="meter" viewBox="0 0 100 6" preserveAspectRatio="none" aria-hidden="true">'
        '<rect width="100" height="6" class="fill-line"/><rect width="{}" height="6" class="fill-{}"/></svg>',
        f"{width:.1f}",
        tone,
    )


@register.filter
def get(mapping: dict[Any, Any], key: Any) -> Any:
    return mapping.get(key)


@register.simple_tag
def ago(moment: datetime | None, empty: str = "never") -> SafeString | str:
    """How long ago, with the exact time behind it; a date from thirty days on."""
    if moment is None:
        return empty
    seconds = (timezone.now() - moment).total_seconds()
    local = timezone.localtime(moment)
    text = formats.date_format(local, "j M Y") if seconds >= STEPS[-1][0] else _distance(seconds)
    return format_html(
        '<time datetime="{}" title="{}">{}</time>',
        moment.isoformat(),
        formats.date_format(local, "j M Y, H:i:s e"),
        text,
    )


def _distance(seconds: float) -> str:
    if seconds < 0:
        return formats.date_format(timezone.localtime(timezone.now() + timedelta(seconds=-seconds)), "j M Y, H:i")
    if seconds < 5:
        return "just now"
    size, unit = next((size, unit) for limit, size, unit in STEPS if seconds < limit)
    number = int(seconds // size)
    return f"{number} {unit}{'' if number == 1 else 's'} ago"


@register.simple_tag
def moment(at: datetime | None, empty: str = "–") -> SafeString | str:
    """The exact time in the shop's zone."""
    if at is None:
        return empty
    local = timezone.localtime(at)
    return format_html(
        '<time datetime="{}" title="{}">{}</time>',
        at.isoformat(),
        formats.date_format(local, "j M Y, H:i:s.u e"),
        formats.date_format(local, "j M Y, H:i"),
    )


DECIMALS = {"BHD": 3, "IQD": 3, "JOD": 3, "KWD": 3, "LYD": 3, "OMR": 3, "TND": 3}
"""Of the currencies with more than two (ISO 4217)."""


@register.filter
def money(amount: Decimal | None, currency: str) -> str:
    return "" if amount is None else f"{intcomma(f'{amount:.{DECIMALS.get(currency, 2)}f}')} {currency}"


@register.filter
def duration(seconds: float | None) -> str:
    """A time span in the two largest units: ``3 min 20 s``."""
    if seconds is None:
        return ""
    whole = max(0, int(seconds))
    parts = [(whole // 86_400, "d"), (whole // 3600 % 24, "h"), (whole // 60 % 60, "min"), (whole % 60, "s")]
    first = next((index for index, (number, _) in enumerate(parts) if number), 3)
    return " ".join(f"{number} {unit}" for number, unit in parts[first : first + 2] if number or unit == "s")


@register.simple_tag
def lag(delivery: Any) -> str:
    """How long a delivery took from its coming until it was applied."""
    if delivery.state != "DONE" or delivery.drained_at is None:
        return "–"
    seconds = (delivery.drained_at - delivery.received_at).total_seconds()
    return f"{1000 * seconds:.0f} ms" if seconds < 1 else f"{seconds:.1f} s" if seconds < 60 else duration(seconds)


@register.filter
def short_hash(value: bytes | memoryview | None) -> str:
    return bytes(value).hex()[:10] if value else ""


@register.simple_tag(takes_context=True)
def url_with(context: Context, **changes: Any) -> str:
    """This page's address with parameters changed; None removes one. Paging always starts over."""
    query = context["request"].GET.copy()
    for name in ("before", "after"):
        query.pop(name, None)
    for name, value in changes.items():
        query.pop(name, None)
        for one in value if isinstance(value, (list, tuple)) else [value]:
            if one not in (None, ""):
                query.appendlist(name, str(one))
    return "?" + query.urlencode()


@register.simple_tag(takes_context=True)
def url_without_tag(context: Context, tag: str) -> str:
    """This page's address with one of its tags taken off."""
    return url_with(context, tag=[other for other in context["request"].GET.getlist("tag") if other and other != tag])


@register.simple_tag(takes_context=True)
def may(context: Context, permission: str) -> bool:
    """Whether the signed-in role holds the permission; actions it may not take are not shown."""
    return roles.may(context.get("role"), permission)


def _variables(context: Context) -> dict[str, Any]:
    return {str(name): value for name, value in context.flatten().items()}


@register.simple_tag(takes_context=True)
def panel(context: Context, shown: Panel) -> str:
    """A room's panel inside this page."""
    return render_to_string(shown.template, _variables(context) | shown.context, request=context["request"])


@register.simple_tag(takes_context=True)
def nav_current(context: Context, *prefixes: str) -> SafeString:
    """``aria-current`` for the entry of the navigation that holds this page."""
    path = context["request"].path
    here = any(path == prefix or (prefix != "/" and path.startswith(prefix)) for prefix in prefixes)
    return SafeString('aria-current="page"' if here else "")


LEFT_OUT_TONES = ("calm", "warn", "info", "mute", "bad", "faint")
"""In the order in which the rows of the reach table take them."""


@register.simple_tag
def reach_bar(reach: Any) -> SafeString:
    """Who gets the message and who does not, as one bar that is the whole audience."""
    parts = [("good", "Get the message", reach.sendable)]
    for index, (code, number) in enumerate(reach.left_out):
        parts.append((LEFT_OUT_TONES[index % len(LEFT_OUT_TONES)], error_title(code), number))
    return _bar(parts, "Reach")


@register.simple_tag
def status_bar(figures: Any) -> SafeString:
    """What became of a campaign's messages, as one bar."""
    by_status = figures.by_status
    tones = {"READ": "good", "DELIVERED": "info", "SENT": "calm", "UNCONFIRMED": "mute", "FAILED": "bad",
             "SKIPPED": "warn", "SENDING": "faint", "QUEUED": "faint"}  # fmt: skip
    return _bar(
        [(tone, words.MESSAGE[status][0], by_status.get(status, 0)) for status, tone in tones.items()], "Messages"
    )


def _bar(parts: list[tuple[str, str, int]], name: str) -> SafeString:
    """Parts side by side. Widths are attributes: the security policy allows no style, and an SVG needs none."""
    total = sum(number for _, _, number in parts)
    if not total:
        return SafeString("")
    x, pieces = 0.0, []
    for tone, text, number in parts:
        width = 1000 * number / total
        if number:
            pieces.append((f"{x:.2f}", f"{max(width, 2):.2f}", tone, f"{text}: {number:,}"))
        x += width
    drawn = format_html_join(
        "", '<rect x="{}" y="0" width="{}" height="16" class="fill-{}"><title>{}</title></rect>', pieces
    )
    label = f"{name}: " + ", ".join(text for *_, text in pieces)
    return format_html(
        '<svg class="bar" viewBox="0 0 1000 16" preserveAspectRatio="none" role="img" aria-label="{}">{}</svg>',
        label,
        drawn,
    )
