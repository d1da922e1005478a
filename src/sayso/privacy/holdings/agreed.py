"""What the person agreed to: states, the ledger with its evidence, topics, and suppressed addresses."""

from __future__ import annotations

from collections.abc import Iterator

from sayso.shops.personal import Holding, Row, Subject

from ..rows import call, ids, stream

_STATES = """
    select st.contact_id, c.* from consent_state st cross join lateral (values
        ('whatsapp', whatsapp_state, whatsapp_since, whatsapp_basis, whatsapp_source, whatsapp_opt_in_at, phone_out_at),
        ('sms', sms_state, sms_since, sms_basis, sms_source, sms_opt_in_at, phone_out_at),
        ('email', email_state, email_since, email_basis, email_source, email_opt_in_at, email_out_at)
    ) as c (channel, state, since, basis, source, opted_in_at, opted_out_at)
    where st.contact_id = any(%s) order by st.contact_id, c.channel
"""


def _states(subject: Subject) -> Iterator[Row]:
    return stream(_STATES, ids(subject.contact_ids))


def _ledger(subject: Subject) -> Iterator[Row]:
    """Every entry, whole and as it was hashed, with the evidence that is bound to it."""
    return stream(
        """select l.id, l.contact_id, l.channel, l.topic, l.event, l.occurred_at, l.recorded_at, l.from_state,
            l.to_state, l.outcome, l.refusal_code, l.source, l.basis, l.wording_version, l.language, l.actor_kind,
            l.caused_by, (select string_agg(v.data, E'\\n' order by v.id) from consent_evidence v
                where v.shop_id = l.shop_id and v.ledger_id = l.id) as evidence,
            l.entry, l.hash
        from consent_ledger l where l.contact_id = any(%s) order by l.id""",
        ids(subject.contact_ids),
    )


def _topics(subject: Subject) -> Iterator[Row]:
    return stream(
        "select contact_id, channel, topic, wanted, at from topic_choice where contact_id = any(%s)"
        " order by contact_id, channel, topic",
        ids(subject.contact_ids),
    )


def _suppressions(subject: Subject) -> Iterator[Row]:
    return stream(
        "select kind, opted_out_at, source, reason, ended_at, address_key from suppression"
        " where address_key = any(%s) order by opted_out_at",
        list(subject.address_keys),
    )


def _scrub_evidence(subject: Subject) -> int:
    if subject.request_id is None:
        return 0
    return call("privacy_scrub_evidence", subject.request_id, ids(subject.contact_ids))


ALL = (
    Holding(
        "consent", "Consent, per channel", ("consent_state",), _states, None,
        why_kept="Says REDACTED and nothing of the person; the keys of addresses are taken out with the profile.",
    ),
    Holding(
        "consent_ledger", "Everything said about being messaged, with its evidence",
        ("consent_ledger", "consent_evidence"), _ledger, _scrub_evidence,
        why_kept="The entries, without their evidence: states, times, and a keyed hash of the address. They prove that"
        " consent was there when messages were sent (GDPR Art. 7(1), 17(3)(e)) and cannot be changed without a trace.",
    ),
    Holding("topics", "Topics chosen", ("topic_choice",), _topics, None),
    Holding(
        "suppressions", "Addresses that are not messaged", ("suppression",), _suppressions, None,
        why_kept="A keyed hash of each address, so that an objection (GDPR Art. 21(3)) and the erasure itself are"
        " honoured when the same address comes back.",
    ),
)  # fmt: skip
