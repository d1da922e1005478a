"""What is held about a person can be handed out, and what names them erased."""

from __future__ import annotations

from tests.choices.conftest import address
from tests.choices.test_hosted import taken

from sayso.choices import preferences, tokens
from sayso.choices.holdings import ALL
from sayso.choices.models import Feedback
from sayso.consent.events import Channel
from sayso.contacts.models import Contact
from sayso.shops import personal


def test_submissions_and_feedback_are_declared_told_and_scrubbed(make_form, visitor, ready):
    visitor.fill(address(make_form()))
    taken(ready)
    contact = Contact.objects.get().pk
    preferences.keep_reason(tokens.Person(ready.pk, contact, Channel.WHATSAPP, ""), "OTHER", "Ada says no")
    subject = personal.Subject(contact_ids=[contact])
    told = {one.name: list(one.collect(subject)) for one in ALL}
    assert told["form_submissions"][0]["channels"] == ["whatsapp"]
    assert told["unsubscribe_feedback"][0]["text"] == "Ada says no"
    assert {"form_submission", "unsubscribe_feedback"} <= personal.declared_tables()
    assert [one.scrub(subject) for one in ALL if one.scrub] == [1]
    assert Feedback.objects.get().text == ""
