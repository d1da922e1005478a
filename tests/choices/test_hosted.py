"""The hosted form: what it asks, what it tells, what becomes of it, and who is kept away."""

from __future__ import annotations

import json

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from tests.choices.conftest import address
from tests.making import make_contact

from sayso.choices import manage, tokens
from sayso.choices.models import Form, Submission
from sayso.choices.submit import take
from sayso.choices.topics import create as make_topic
from sayso.consent import settings as consent_settings
from sayso.consent import wordings
from sayso.consent.models import ConsentState, Evidence, LedgerEntry, TopicChoice
from sayso.contacts.apply import apply
from sayso.contacts.changes import ContactChange, Profile, Source
from sayso.contacts.models import Contact
from sayso.shops.tenancy import enter_shop


def taken(shop) -> None:
    enter_shop(shop.pk)
    take(shop.pk)


def test_no_box_is_ticked_and_terms_and_privacy_are_linked(make_form, visitor):
    page = visitor.get(address(make_form())).content.decode()
    assert "checked" not in page
    assert "https://shop.example/privacy" in page
    assert "https://shop.example/terms" in page
    assert "set-cookie" not in {name.lower() for name in visitor.get(address(make_form())).headers}


def test_submitting_makes_a_contact_and_an_opt_in_with_its_evidence(make_form, visitor, ready):
    form = make_form(asks_name=True)
    answer = visitor.fill(address(form) + "?lang=de", phone="0151 12345678", name="Grete")
    assert answer.status_code == 422  # the shop is in the United States: this is no number there
    answer = visitor.fill(
        address(form) + "?lang=de", phone="+49 151 12345678", name="Grete", email="dropped@example.com"
    )
    assert (answer.status_code, answer["Location"]) == (303, f"{address(form)}/thanks?lang=de")
    taken(ready)
    contact = Contact.objects.get()
    assert (contact.phone, contact.first_name, contact.email, contact.source) == (
        "+4915112345678",
        "Grete",
        None,
        "form",
    )
    entry = LedgerEntry.objects.get(event="OPT_IN")
    assert (entry.source, entry.outcome, entry.to_state, entry.language) == (
        "hosted_form",
        "ACCEPTED",
        "SUBSCRIBED",
        "de",
    )
    assert entry.wording_version == "hosted_form/whatsapp/de/1"
    evidence = json.loads(Evidence.objects.get(ledger_id=entry.pk).data)
    submission = Submission.objects.get()
    assert evidence["wording"].startswith("Ich möchte von")
    assert evidence["page"] == f"http://testserver{address(form)}"
    assert (evidence["ip"], evidence["user_agent"]) == ("203.0.113.7", "Testing/1")
    assert (evidence["form"], evidence["form_version"], evidence["reference"]) == (form.pk, 1, submission.pk)
    assert submission.given is None and submission.contacts == [contact.pk]


def test_double_opt_in_is_the_doors(make_form, visitor, ready):
    consent_settings.change(ready, actor_kind="staff", opt_in_confirmation={"whatsapp": "DOUBLE"})
    visitor.fill(address(make_form()))
    taken(ready)
    assert ConsentState.objects.get().whatsapp_state == "PENDING"


def test_the_answer_is_the_same_for_known_and_unknown_and_looks_nothing_up(make_form, visitor, ready):
    form = make_form()
    make_contact(phone="+4915112345678")
    told = []
    for phone in ("+4915112345678", "+4915187654321"):
        token = visitor.token(address(form))
        with CaptureQueriesContext(connection) as queries:
            answer = visitor.fill(address(form), phone=phone, shown=token)
        told.append((answer.status_code, dict(answer.headers), answer.content))
        assert not [query for query in queries if '"contact"' in query["sql"] or "consent_state" in query["sql"]]
        enter_shop(ready.pk)
    assert told[0] == told[1]


def test_a_known_contact_is_left_as_it_is(make_form, visitor, ready):
    """By number and e-mail address two people may be meant; nobody at a form has proved to be either."""
    by_phone = make_contact(phone="+4915112345678")
    [by_mail] = apply([ContactChange(source=Source.API, profile=Profile(first_name="Bea", email="bea@example.com"))])
    before = {one.pk: (one.first_name, one.phone, one.email) for one in Contact.objects.all()}
    form = make_form(asks_name=True)
    visitor.fill(address(form), channels=["whatsapp", "email"], email="BEA@example.com", name="Mallory")
    taken(ready)
    assert {one.pk: (one.first_name, one.phone, one.email) for one in Contact.objects.all()} == before
    states = ConsentState.objects.in_bulk()
    assert states[by_phone].whatsapp_state == "SUBSCRIBED" and states[by_phone].email_state == "UNKNOWN"
    assert states[by_mail.contact_id].email_state == "SUBSCRIBED"


def test_shopify_says_later_what_is_so(make_form, visitor, ready):
    visitor.fill(address(make_form(asks_name=True)), name="Typed")
    taken(ready)
    old = Contact.objects.get()
    change = ContactChange(
        source=Source.SHOPIFY, at=tokens._EPOCH, shopify_customer_id=7,
        profile=Profile(first_name="Grete", phone="+4915112345678", email="g@example.com"),
    )  # fmt: skip
    [applied] = apply([change])
    assert applied.contact_id == old.pk
    assert Contact.objects.get().first_name == "Grete"


def test_two_at_once_with_one_new_number_are_one_contact(make_form, visitor, ready):
    form = make_form()
    visitor.fill(address(form))
    enter_shop(ready.pk)
    visitor.fill(address(form), channels=["whatsapp", "email"], email="x@example.com")
    taken(ready)
    assert Contact.objects.filter(phone="+4915112345678").count() == 1
    assert Submission.objects.filter(taken_at__isnull=False).count() == 2
    assert take(ready.pk) == 0


def test_topics_are_switched_on_and_one_is_needed(make_form, visitor, ready):
    make_topic("New arrivals")
    make_topic("Sale")
    form = make_form(topics=["new-arrivals", "sale"])
    assert "Choose at least one subject" in visitor.fill(address(form)).content.decode()
    enter_shop(ready.pk)
    visitor.fill(address(form), topics=["sale", "unknown"])
    taken(ready)
    assert list(TopicChoice.objects.values_list("channel", "topic", "wanted")) == [("whatsapp", "sale", True)]


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({"channels": []}, "Tick at least one box"),
        ({"phone": ""}, "Give your mobile number"),
        ({"phone": "12"}, "This is not a phone number"),
        ({"channels": ["email"]}, "Give your e-mail address"),
        ({"channels": ["email"], "email": "a@b"}, "This is not an e-mail address"),
        ({"shown": "forged"}, "open for a long time"),
        ({"channels": ["sms"]}, "Tick at least one box"),  # not offered
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_kept(make_form, visitor, ready, data, said):
    answer = visitor.fill(address(make_form()), **data)
    assert answer.status_code == 422
    assert said in answer.content.decode()
    enter_shop(ready.pk)
    assert not Submission.objects.exists()


def test_a_token_of_another_form_or_version_is_shown_again(make_form, visitor, ready):
    one, two = make_form(), make_form()
    token = visitor.token(address(one))
    assert visitor.fill(address(two), shown=token).status_code == 422
    enter_shop(ready.pk)
    wordings.add("hosted_form", "whatsapp", "en", "Another text")
    assert visitor.fill(address(one), shown=token).status_code == 422
    answer = visitor.fill(address(one))
    assert answer.status_code == 303
    taken(ready)
    assert LedgerEntry.objects.get(event="OPT_IN").wording_version == "hosted_form/whatsapp/en/2"


def test_one_page_counts_once_and_robots_not_at_all(make_form, visitor, ready):
    form = make_form()
    token = visitor.token(address(form))
    for data in ({"shown": token}, {"shown": token}, {"website": "http://spam.example"}):
        assert visitor.fill(address(form), **data).status_code == 303
    enter_shop(ready.pk)
    assert Submission.objects.count() == 1


def test_limits_a_network_and_an_address(make_form, visitor, ready):
    form = make_form()
    answers = [visitor.fill(address(form), ip=f"198.51.100.{number}").status_code for number in range(6)]
    assert answers == [303] * 5 + [429]
    other = [visitor.fill(address(form), phone="x").status_code for _ in range(21)]
    assert other == [422] * 20 + [429]
    enter_shop(ready.pk)
    assert Submission.objects.count() == 5


def test_who_may_frame_it(make_form, visitor):
    plain = make_form()
    for path in (address(plain), f"{address(plain)}/embed"):
        answer = visitor.get(path)
        assert "frame-ancestors 'none'" in answer["Content-Security-Policy"]
        assert answer["X-Frame-Options"] == "DENY"
    form = make_form(origins=["https://shop.example"])
    answer = visitor.get(f"{address(form)}/embed", referer="https://shop.example/pages/news")
    assert "frame-ancestors https://shop.example" in answer["Content-Security-Policy"]
    assert "script-src 'none'" in answer["Content-Security-Policy"]
    assert "X-Frame-Options" not in answer
    assert visitor.get(address(form))["X-Frame-Options"] == "DENY"


def test_in_a_frame_the_evidence_names_the_page_around_it(make_form, visitor, ready):
    form = make_form(origins=["https://shop.example"])
    path = f"{address(form)}/embed"
    shown = visitor.client.get(path, headers={"referer": "https://shop.example/news"})
    token = shown.content.decode().split('name="shown" value="')[1].split('"')[0]
    answer = visitor.post(path, {"channels": ["whatsapp"], "phone": "+4915112345678", "shown": token})
    assert answer["Location"].startswith(f"{path}/thanks")
    taken(ready)
    assert json.loads(Evidence.objects.get().data)["page"] == "https://shop.example/news"


def test_drafts_and_closed_forms(make_form, visitor):
    form = make_form()
    assert visitor.get(f"/f/{form.shop_id}-wrong").status_code == 404
    assert visitor.get(f"/f/999999-{form.key}").status_code == 404
    assert visitor.get(f"/f/{2**70}-{form.key}").status_code == 404
    enter_shop(form.shop_id)
    manage.close(form, actor_id="1")
    assert visitor.get(address(form)).status_code == 410
    assert visitor.post(address(form)).status_code == 410


def test_language_by_choice_then_browser_then_shop(make_form, visitor):
    path = address(make_form())
    assert '<html lang="en">' in visitor.get(path).content.decode()
    assert '<html lang="de">' in visitor.get(path, **{"accept-language": "fr, de-AT;q=0.8"}).content.decode()
    assert '<html lang="en">' in visitor.get(f"{path}?lang=en", **{"accept-language": "de"}).content.decode()


def test_nothing_is_published_without_terms_privacy_and_wordings(shop):
    form = manage.create("HOSTED", actor_id="1", title="T", channels=["sms"], topics=[], languages=["en"])
    assert [one.link for one in manage.problems(form, shop)] == ["Set it", "Set it", "Write it"]


def test_a_form_of_another_shop_is_none_here(make_form, make_shop, visitor):
    form = make_form()
    other = make_shop()
    assert visitor.get(f"/f/{other.pk}-{form.key}").status_code == 404
    enter_shop(form.shop_id)
    assert Form.objects.count() == 1


def test_what_was_given_up_is_queued_again_each_hour(make_form, visitor, ready):
    from procrastinate.contrib.django.models import ProcrastinateJob

    from sayso.choices.tasks import take_up_again

    visitor.fill(address(make_form()))
    jobs = ProcrastinateJob.objects.filter(task_name="choices.take_up", args={"shop_id": ready.pk})
    assert jobs.count() == 1  # queued with the submission, in its transaction
    take_up_again(0)
    assert jobs.count() == 2
    taken(ready)
    take_up_again(0)
    assert jobs.count() == 2
