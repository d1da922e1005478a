"""Receipts that other programs understand: Kantara Consent Receipt v1.1.0, and W3C DPV after ISO/IEC TS 27560:2023.

Sources: Kantara Initiative, *Consent Receipt Specification* v1.1.0 (its JSON fields, section 4); W3C DPVCG, *Consent
Records and Receipts as per ISO/IEC TS 27560:2023 using DPV* (``dpv-27560``). Aligned with the latter, not certified:
nobody certifies against it.
"""

from __future__ import annotations

import uuid
from typing import Any

from sayso.consent.events import Channel, State
from sayso.consent.ledger import keys
from sayso.consent.transitions import effect_of, events

from .collect import Proof, Step
from .words import named

GIVES = {"opt_in", "pending", "weak", "chat", "confirm", "resume"}
"""Effects (of ``transitions.csv``) of events by which consent is given."""

STATUS = {
    State.SUBSCRIBED: "dpv:ConsentGiven",
    State.PENDING: "dpv:ConsentRequested",
    State.UNSUBSCRIBED: "dpv:ConsentWithdrawn",
    State.REDACTED: "dpv:ConsentInvalidated",
    State.INVALID: "dpv:ConsentInvalidated",
    State.NOT_SUBSCRIBED: "dpv:ConsentUnknown",
    State.UNKNOWN: "dpv:ConsentUnknown",
}
PERSONAL_DATA = {"whatsapp": "pd:TelephoneNumber", "sms": "pd:TelephoneNumber", "email": "pd:EmailAddress"}
KANTARA_DATA = {"whatsapp": ["Contact"], "sms": ["Contact"], "email": ["Contact"]}
KANTARA_PURPOSE = ["Marketing"]

CONTEXT = {
    "dpv": "https://w3id.org/dpv#",
    "pd": "https://w3id.org/dpv/pd#",
    "loc": "https://w3id.org/dpv/loc#",
    "dct": "http://purl.org/dc/terms/",
    "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
    "xsd": "http://www.w3.org/2001/XMLSchema#",
}
RECORD = "https://w3id.org/dpv/schema/dpv-27560#record"
RECEIPT = "https://w3id.org/dpv/schema/dpv-27560#receipt"


def given(proof: Proof) -> list[Step]:
    """The entries by which a person said yes, and it counted: at once, or to be confirmed."""
    return [step for step in proof.steps if step.entry.outcome == "ACCEPTED" and _gives(step)]


def _gives(step: Step) -> bool:
    known = step.entry.event in events() and effect_of(step.entry.event) in GIVES
    return known and step.entry.to_state in {State.SUBSCRIBED, State.PENDING}


def kantara(proof: Proof) -> list[dict[str, Any]]:
    """One receipt for each time consent was given, the oldest first. An opt-in that still had to be confirmed is none: the
    receipt is that of its confirmation."""
    return [_kantara(proof, step) for step in given(proof) if step.entry.to_state == State.SUBSCRIBED]


def _kantara(proof: Proof, step: Step) -> dict[str, Any]:
    entry, channel = step.entry, named(proof.language, "channels", step.entry.channel)
    signer = proof_key(step)
    return {
        "version": "KI-CR-v1.1.0",
        "jurisdiction": proof.shop.country,
        "consentTimestamp": int((entry.occurred_at or entry.recorded_at).timestamp()),
        "collectionMethod": entry.source,
        "consentReceiptID": receipt_id(step),
        "publicKey": signer or "",
        "language": (entry.language or proof.language).split("-")[0].lower(),
        "piiPrincipalId": principal(proof),
        "piiControllers": [
            {
                "piiController": proof.controller,
                "onBehalf": False,
                "contact": proof.controller_contact or proof.controller,
                "piiControllerUrl": f"https://{proof.shop.domain}",
            }
        ],
        "policyUrl": proof.privacy_policy,
        "services": [
            {
                "service": proof.shop.name,
                "purposes": [
                    {
                        "purpose": f"Marketing: {channel}",
                        "purposeCategory": KANTARA_PURPOSE,
                        "consentType": "IMPLICIT" if entry.basis == "INFERRED" else "EXPLICIT",
                        "piiCategory": KANTARA_DATA[entry.channel],
                        "primaryPurpose": False,
                        "termination": "Until the person opts out: a STOP reply, the unsubscribe link, or on request",
                        "thirdPartyDisclosure": True,
                        "thirdPartyName": _carrier(entry.channel),
                    }
                ],
            }
        ],
        "sensitive": False,
        "spiCat": [],
    }


def dpv(proof: Proof) -> dict[str, Any]:
    """A consent receipt (JSON-LD) that holds one consent record for each channel that was ever spoken of."""
    spoken = {step.entry.channel for step in proof.steps}
    return {
        "@context": CONTEXT,
        "@id": f"urn:uuid:{_uuid(proof, 'receipt')}",
        "@type": "dpv:ConsentReceipt",
        "dct:identifier": str(_uuid(proof, "receipt")),
        "dct:conformsTo": {"@id": RECEIPT},
        "dct:created": _time(proof.made_at.isoformat()),
        "dct:description": "Aligned with ISO/IEC TS 27560:2023 through the W3C DPV profile dpv-27560; not certified.",
        "dct:publisher": _controller(proof),
        "dpv:hasRecordOfActivity": [_record(proof, channel.value) for channel in Channel if channel.value in spoken],
    }


def _record(proof: Proof, channel: str) -> dict[str, Any]:
    state = next(one for one in proof.states if one.channel == channel)
    own = [step for step in proof.steps if step.entry.channel == channel]
    opt_in = next((step for step in reversed(own) if step in given(proof)), None)
    notice: dict[str, Any] = {"@type": "dpv:ConsentNotice"}
    if proof.privacy_policy:
        notice["dct:source"] = {"@id": proof.privacy_policy}
    if opt_in and opt_in.entry.wording_version:
        notice |= {"dct:identifier": opt_in.entry.wording_version}
    if opt_in and opt_in.wording:
        notice |= {"dct:description": opt_in.wording}
    language = (opt_in and opt_in.entry.language) or proof.language
    return {
        "@id": f"urn:uuid:{_uuid(proof, channel)}",
        "@type": "dpv:ConsentRecord",
        "dct:identifier": str(_uuid(proof, channel)),
        "dct:conformsTo": {"@id": RECORD},
        "dpv:hasDataSubject": {
            "@id": f"urn:sayso:{principal(proof)}",
            "@type": "dpv:Customer",
            "dct:identifier": principal(proof),
        },
        "dpv:hasDataController": _controller(proof),
        "dpv:hasJurisdiction": {"@id": f"loc:{proof.shop.country}"},
        "dpv:hasLegalBasis": {
            "@id": "dpv:ExplicitlyExpressedConsent" if state.basis != "INFERRED" else "dpv:ImpliedConsent"
        },
        "dpv:hasNotice": notice,
        "dct:language": language,
        "dpv:hasProcess": {
            "@type": "dpv:Process",
            "dpv:hasService": f"{proof.shop.name}: {named('en', 'channels', channel)}",
            "dpv:hasPurpose": {"@id": "dpv:DirectMarketing"},
            "dpv:hasPersonalData": {
                "@type": PERSONAL_DATA[channel],
                "dpv:hasNecessity": {"@id": "dpv:Optional"},
                "dpv:hasDataSource": {"@id": "dpv:DataSubject"},
            },
            "dpv:hasProcessing": [{"@id": "dpv:Store"}, {"@id": "dpv:Use"}],
            "dpv:hasRecipient": {"@type": "dpv:DataProcessor", "dpv:hasName": _carrier(channel)},
            "dpv:hasStorageCondition": [
                {"@type": "dpv:StorageLocation", "dpv:hasLocation": {"@id": f"loc:{proof.shop.country}"}},
                {"@type": "dpv:StorageDuration", "dpv:hasDuration": {"@id": "dpv:UntilEventDuration"}},
            ],
        },
        "dpv:hasConsentControl": {
            "@type": "dpv:WithdrawConsent",
            "dct:description": "STOP reply, unsubscribe link or preference page, or a request to the controller",
        },
        "dpv:hasConsentStatus": {"@id": STATUS[State(state.state)]},
        "dpv:hasActivity": [_activity(step) for step in own],
    }


def _activity(step: Step) -> dict[str, Any]:
    """One event of the record's life: who indicated what, when, how, and where the ledger has it."""
    entry = step.entry
    actor = {"customer": "dpv:DataSubject", "staff": "dpv:DataController", "shop": "dpv:DataController"}
    return {
        "@type": "dpv:ConsentStatus",
        "dct:identifier": f"entry {entry.pk}",
        "dpv:hasConsentStatus": {"@id": STATUS[State(entry.to_state)]},
        "dpv:isIndicatedBy": {"@id": actor.get(entry.actor_kind, "dpv:DataProcessor")},
        "dpv:isIndicatedAtTime": _time((entry.occurred_at or entry.recorded_at).isoformat()),
        "dpv:hasIndicationMethod": f"{entry.event} ({entry.source})",
        "dct:description": entry.outcome if not entry.refusal_code else f"{entry.outcome}: {entry.refusal_code}",
        "dct:isPartOf": f"sha256:{bytes(entry.hash).hex()}",
    }


def _controller(proof: Proof) -> dict[str, Any]:
    return {
        "@id": f"https://{proof.shop.domain}",
        "@type": "dpv:DataController",
        "dct:identifier": proof.shop.domain,
        "dpv:hasName": proof.controller,
        "dpv:hasAddress": proof.shop.country,
        "dpv:hasContact": proof.controller_contact or f"https://{proof.shop.domain}",
    }


def _carrier(channel: str) -> str:
    return {"whatsapp": "Meta Platforms (WhatsApp Business Platform)", "sms": "SMS provider of the shop"}.get(
        channel, "E-mail provider of the shop"
    )


def _time(text: str) -> dict[str, str]:
    return {"@type": "xsd:dateTime", "@value": text}


def principal(proof: Proof) -> str:
    """The person by number alone, so that a receipt names nobody by itself."""
    return f"{proof.shop.domain}:contact:{proof.contact_id}"


def receipt_id(step: Step) -> str:
    """The same receipt has the same id whenever it is made: a UUID (version 5) of the entry's hash."""
    return str(uuid.uuid5(uuid.NAMESPACE_OID, f"sayso:entry:{bytes(step.entry.hash).hex()}"))


def _uuid(proof: Proof, what: str) -> uuid.UUID:
    return uuid.uuid5(uuid.NAMESPACE_OID, f"sayso:{principal(proof)}:{what}")


def proof_key(step: Step) -> str | None:
    """The key that signed the checkpoint over the entry, in hexadecimal; else the one that will."""
    if step.cover:
        return step.cover.public_key.hex()
    known = keys.known()
    return known[-1].public.hex() if known else None
