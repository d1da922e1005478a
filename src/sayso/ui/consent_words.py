"""What a ledger entry says, in plain words: who said what, from where, and what became of it."""

from __future__ import annotations

from sayso.consent.models import LedgerEntry

from . import words

WHO = {"customer": "The customer", "staff": "Staff", "system": "sayso", "shop": "Shopify", "provider": "The provider"}

CHANNELS = words.CHANNELS | {"email": "e-mail"}
"""Inside a sentence."""

SAID = {
    "SHOP_SUBSCRIBED": "{who} says: subscribed to marketing by {channel}",
    "SHOP_PENDING": "{who} says: asked to confirm marketing by {channel}",
    "SHOP_NOT_SUBSCRIBED": "{who} says: not subscribed to marketing by {channel}",
    "SHOP_UNSUBSCRIBED": "{who} says: unsubscribed from marketing by {channel}",
    "SHOP_INVALID": "{who} says: the {address} does not work",
    "OPT_IN": "{who} agreed to marketing by {channel}",
    "OPT_IN_UNCONFIRMED": "{who} agreed to marketing by {channel}; still to be confirmed",
    "CONFIRM": "{who} confirmed marketing by {channel}",
    "PENDING_EXPIRED": "The request to confirm {channel} ran out unanswered",
    "RESUME": "{who} turned marketing by {channel} on again",
    "CHAT_START": "{who} started a chat on {channel}",
    "IMPORT_WITH_PROOF": "An import says the person agreed to marketing by {channel}, with proof",
    "STAFF_WITH_PROOF": "{who} recorded that the person agreed to marketing by {channel}, with proof",
    "API_WITH_PROOF": "A program recorded that the person agreed to marketing by {channel}, with proof",
    "INFERRED": "Consent to {channel} was inferred from the phone number that the person gave",
    "INFERRED_WITHDRAWN": "Inferred consent to {channel} was withdrawn",
    "OPT_OUT": "{who} asked for no more marketing by {channel}",
    "SUPPRESSED_ADDRESS": "The {address} had been opted out before",
    "ADDRESS_INVALID": "The {address} was found not to work",
    "ADDRESS_CHANGED": "The {address} changed",
    "ADDRESS_PROVEN": "The {address} proved to work",
    "REDACT": "The person was erased on a privacy request ({channel})",
    "MERGE": "Two contacts became one ({channel})",
    "TOPIC_ON": "{who} chose the topic {topic} on {channel}",
    "TOPIC_OFF": "{who} turned the topic {topic} off on {channel}",
    "EVIDENCE": "Evidence was added",
}

SAID_FOR_THEM = {"OPT_OUT": "{who} marked: wants no more marketing by {channel}"}
"""Where somebody else than the person spoke."""

ICONS = {
    "OPT_IN": "check", "CONFIRM": "check", "SHOP_SUBSCRIBED": "check", "RESUME": "check", "CHAT_START": "chat",
    "OPT_OUT": "close", "SHOP_UNSUBSCRIBED": "close", "SUPPRESSED_ADDRESS": "close", "TOPIC_OFF": "close",
    "OPT_IN_UNCONFIRMED": "clock", "SHOP_PENDING": "clock", "PENDING_EXPIRED": "clock",
    "ADDRESS_INVALID": "alert", "SHOP_INVALID": "alert", "ADDRESS_CHANGED": "sync", "MERGE": "people",
    "REDACT": "shield", "EVIDENCE": "info",
}  # fmt: skip

EVIDENCE = {
    "reference": "Reference",
    "order": "Order",
    "order_id": "Order",
    "checkout": "Checkout",
    "text": "Message",
    "payload": "Button",
    "wording": "Wording shown",
    "page": "Page",
    "page_url": "Page",
    "url": "Page",
    "form": "Form",
    "form_version": "Version of the form",
    "submission": "Submission",
    "submission_id": "Submission",
    "ip": "IP address",
    "user_agent": "Browser",
    "language": "Language",
    "actor_id": "Done by",
    "place": "Place",
    "staff": "Staff present",
    "reason": "Reason",
    "feedback": "Feedback",
    "source_text": "Where and how",
    "opt_in_level": "Opt-in level in Shopify",
    "collected_from": "Collected by",
    "detail": "Detail",
    "message_id": "Message id",
    "conversation_id": "Conversation",
    "import_digest": "Digest of the file",
    "row": "Row of the file",
}


REFERENCES = {
    "shopify": "Customer in Shopify",
    "shopify_sync": "Customer in Shopify",
    "shopify_checkout": "Order",
    "guest_checkout": "Order",
    "stop_reply": "Message id",
    "keyword": "Message id",
    "double_opt_in": "Message id",
    "meta_131050": "Message id",
    "hosted_form": "Submission",
    "preference_centre": "Submission",
    "in_store_form": "Submission",
    "bis_widget": "Subscription",
}
"""What ``reference`` names, by source (features §6.5)."""

CODES = {"opt_in_level", "collected_from"}


def said(entry: LedgerEntry) -> str:
    """One sentence without a full stop."""
    spoken = entry.actor_kind == "customer"
    text = SAID_FOR_THEM.get(entry.event) if not spoken else None
    text = text or SAID.get(entry.event) or "{who}: " + words.sentence(entry.event) + " ({channel})"
    return text.format(
        who="A program" if entry.source == "api" else WHO.get(entry.actor_kind, words.sentence(entry.actor_kind)),
        channel=CHANNELS.get(entry.channel, entry.channel),
        address="e-mail address" if entry.channel == "email" else "phone number",
        topic=f"“{entry.topic}”",
    )


def became(entry: LedgerEntry) -> str:
    """Why it was refused, or that nothing changed; "" where the states say it all."""
    if entry.outcome == "REFUSED":
        code = entry.refusal_code or ""
        return words.REFUSALS.get(code, words.sentence(code))
    return ""


def evidence_name(entry: LedgerEntry, name: str) -> str:
    """A field of evidence in words; what a reference refers to follows from the source."""
    if name == "reference" and entry.source in REFERENCES:
        return REFERENCES[entry.source]
    return EVIDENCE.get(name, words.sentence(name))


def evidence_value(name: str, value: str) -> str:
    """A value of evidence in words, where it is a code of Shopify's."""
    return words.sentence(value) if name in CODES and value.isupper() else value
