"""The set-up checklist: every choice about consent that a shop makes or has not made yet, from what is really so.

``choices/checklist.html`` shows it as a fragment: include it with ``items=checklist.items(shop)``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from django.db.models import Count
from django.urls import NoReverseMatch, reverse
from django.utils import timezone

from sayso.consent import settings as consent_settings
from sayso.consent import wordings
from sayso.consent.models import ConsentState, Topic
from sayso.consent.settings import Settings
from sayso.consent.words import QUICK_REPLY_PAYLOAD, is_opt_out
from sayso.contacts.models import Contact
from sayso.messaging.models import Sender, Template
from sayso.shops.models import Shop

from .forms import CHANNELS
from .models import Form

DONE, TODO, ADVICE = "DONE", "TODO", "ADVICE"
LOCALES = 6
"""Of the shop's customers the languages that are asked for: the most frequent ones."""


@dataclass(frozen=True)
class Item:
    """One choice. ``state``: DONE, TODO (needed), ADVICE (a choice that is made, and what speaks for the other)."""

    key: str
    state: str
    title: str
    detail: str
    url: str = ""


def items(shop: Shop) -> list[Item]:
    """The whole list for the current shop; a handful of small queries."""
    decided = consent_settings.of(shop)
    checks: list[Callable[[Shop, Settings], Iterator[Item]]] = [
        _pages, _option, _double_opt_in, _coverage, _again, _checkout, _opt_out_texts, _templates, _forms, _topics,
    ]  # fmt: skip
    return [item for check in checks for item in check(shop, decided)]


def open_items(shop: Shop) -> list[Item]:
    return [item for item in items(shop) if item.state == TODO]


def _page(*names: str) -> str:
    """The address of the first page that exists: Settings → Consent is another room's."""
    for name in names:
        try:
            return reverse(name)
        except NoReverseMatch:
            continue
    return ""


def _decisions() -> str:
    return _page("consent_settings", "consent_rules")


def _pages(shop: Shop, decided: Settings) -> Iterator[Item]:
    lacking = [
        name for name, url in (("privacy policy", decided.privacy_policy_url), ("terms", decided.terms_url)) if not url
    ]
    yield Item(
        "public_pages", TODO if lacking else DONE, "Privacy policy and terms",
        f"The address of the {' and the '.join(lacking)} is missing; no form can be published without."
        if lacking else "Linked from every form.",
        reverse("public_pages"),
    )  # fmt: skip


def _option(shop: Shop, decided: Settings) -> Iterator[Item]:
    chosen = "consent_option" in shop.settings
    if decided.consent_option == "INFERRED":
        yield Item(
            "option", ADVICE, "Explicit or inferred consent",
            "Inferred: SMS goes to everybody who gave a number and did not refuse. Check that this is lawful where they live.",
            _decisions(),
        )  # fmt: skip
    else:
        detail = "Explicit: only who opted in gets marketing." + (
            "" if chosen else " This is the default, nobody chose it yet."
        )
        yield Item("option", DONE if chosen else ADVICE, "Explicit or inferred consent", detail, _decisions())


def _double_opt_in(shop: Shop, decided: Settings) -> Iterator[Item]:
    words = {
        "NONE": "An opt-in counts at once.",
        "NOTICE": "An opt-in counts at once, and a message says how to stop.",
        "DOUBLE": "Nothing is sent before the person confirmed.",
    }
    used = {decided.primary_channel, *Sender.objects.values_list("channel", flat=True)}
    for channel in CHANNELS:
        if channel in used:
            chosen = channel in decided.opt_in_confirmation
            way = decided.confirmation(channel)
            detail = words[way] + ("" if chosen else " This is the default, nobody chose it yet.")
            state, title = DONE if chosen else ADVICE, f"Confirmation on {CHANNELS[channel]}"
            yield Item(f"confirmation_{channel}", state, title, detail, _decisions())
            if way == "DOUBLE" and channel == "whatsapp" and not decided.confirmation_template:
                yield Item(
                    "confirmation_template", TODO, "Template that asks to confirm",
                    "Double opt-in is on, but WhatsApp allows no message to somebody who has not written without a template.",
                    _decisions(),
                )  # fmt: skip


def _coverage(shop: Shop, decided: Settings) -> Iterator[Item]:
    chosen = "phone_consent_covers_whatsapp" in shop.settings
    said = (
        "Consent for SMS in Shopify counts for WhatsApp too. Its wording must say so."
        if decided.phone_consent_covers_whatsapp
        else "Consent for SMS in Shopify does not count for WhatsApp."
    )
    yield Item(
        "phone_consent", DONE if chosen else ADVICE, "Whether phone consent covers WhatsApp",
        said + ("" if chosen else " This is the default, nobody chose it yet."), _decisions(),
    )  # fmt: skip


def _again(shop: Shop, decided: Settings) -> Iterator[Item]:
    on = decided.resubscribe_needs_confirmation
    yield Item(
        "resubscribe", DONE if on else ADVICE, "Confirmation after an opt-out",
        "Who comes back after an opt-out has to confirm." if on
        else "Off. Recommended: it keeps others from subscribing somebody again who left.",
        _decisions(),
    )  # fmt: skip


def shop_locales(shop: Shop) -> list[str]:
    """The shop's language and those in which its customers mostly buy, the most frequent first."""
    counted = (
        Contact.objects.filter(locale__isnull=False, deleted_at__isnull=True)
        .values_list("locale").annotate(number=Count("id")).order_by("-number")[:LOCALES]
    )  # fmt: skip
    return list(dict.fromkeys([shop.language, *(locale.split("-")[0].split("_")[0].lower() for locale, _ in counted)]))


def missing_checkout_wordings(shop: Shop) -> list[tuple[str, str]]:
    """(channel, language) in which people agreed in Shopify, without a stored text of the checkout."""
    agreed = [
        channel for channel in CHANNELS
        if ConsentState.objects.filter(**{f"{channel}_shop_value": "SUBSCRIBED"}).exists()
    ]  # fmt: skip
    languages = shop_locales(shop) if agreed else []
    now = timezone.now()
    asked = [(channel, language, now) for channel in agreed for language in languages]
    stored = wordings.at_many(wordings.CHECKOUT, asked)
    return [
        (channel, language)
        for (channel, language, _), wording in zip(asked, stored, strict=True)
        if wording is None or wording.language.split("-")[0].lower() != language.split("-")[0].lower()
    ]


def _checkout(shop: Shop, decided: Settings) -> Iterator[Item]:
    lacking = missing_checkout_wordings(shop)
    named = ", ".join(f"{CHANNELS[channel]} {language}" for channel, language in lacking[:LOCALES])
    yield Item(
        "checkout_wording", TODO if lacking else DONE, "Wording of the checkout",
        f"Shopify does not hand over what its checkout showed. Store it for: {named}." if lacking
        else "Stored for every language in which people agreed.",
        reverse("wordings"),
    )  # fmt: skip


def _opt_out_texts(shop: Shop, decided: Settings) -> Iterator[Item]:
    lacking = [
        name
        for name, kept in (("a STOP", decided.opt_out_text), ("an unsubscribe link", decided.unsubscribe_text))
        if not kept
    ]
    yield Item(
        "opt_out_texts", ADVICE if lacking else DONE, "What people read after they stopped",
        f"After {' and '.join(lacking)} our own text is used." if lacking else "Your own texts are set.",
        _page("consent_texts", "consent_settings", "consent_rules"),
    )  # fmt: skip


def _templates(shop: Shop, decided: Settings) -> Iterator[Item]:
    marketing = Template.objects.filter(channel="whatsapp", category="MARKETING", status="APPROVED")
    lacking = sorted({one.name for one in marketing if not has_stop_button(one.components)})
    yield Item(
        "stop_button", ADVICE if lacking else DONE, "A way to stop in marketing templates",
        f"Without a quick reply that stops: {', '.join(lacking[:5])}{' …' if len(lacking) > 5 else ''}." if lacking
        else "Every approved marketing template has one.",
        reverse("senders") if lacking else "",
    )  # fmt: skip


def has_stop_button(components: list[dict[str, Any]]) -> bool:
    """Whether a template offers a quick reply that opts out."""
    buttons = [
        button
        for component in components
        if str(component.get("type", "")).upper() == "BUTTONS"
        for button in component.get("buttons", [])
    ]
    replies = [button for button in buttons if str(button.get("type", "")).upper() == "QUICK_REPLY"]
    return any(
        button.get("payload") == QUICK_REPLY_PAYLOAD or _stops(str(button.get("text", ""))) for button in replies
    )


def _stops(text: str) -> bool:
    """*STOP*, *Stop promotions*: whoever taps it is understood."""
    return is_opt_out(text) or "stop" in text.lower()


def _forms(shop: Shop, decided: Settings) -> Iterator[Item]:
    number = Form.objects.filter(status=Form.Status.PUBLISHED).count()
    yield Item(
        "forms", DONE if number else ADVICE, "A form of your own",
        f"{number} published." if number
        else "None is published. With one, people opt in by their own hand, and the proof is complete.",
        reverse("forms"),
    )  # fmt: skip


def _topics(shop: Shop, decided: Settings) -> Iterator[Item]:
    number = Topic.objects.count()
    yield Item(
        "topics", DONE if number else ADVICE, "Topics",
        f"People choose among {number}." if number else "None. With topics people can get less instead of leaving.",
        reverse("topics"),
    )  # fmt: skip
