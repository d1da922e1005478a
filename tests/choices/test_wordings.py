"""Which text stood when, in which language."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from sayso.consent import wordings
from sayso.consent.models import Wording

JAN, FEB, MAR = (datetime(2026, month, 1, tzinfo=UTC) for month in (1, 2, 3))


def stored(language: str, text: str, since: datetime, channel: str = "sms") -> Wording:
    return wordings.add("checkout", channel, language, text, valid_from=since)


def test_exact_tag_then_primary_then_the_shops(shop):
    shop.language = "fr"
    shop.save()
    general, brazil, french = stored("pt", "pt", JAN), stored("pt-BR", "pt-BR", FEB), stored("fr", "fr", JAN)

    def at(language, moment=MAR):
        return wordings.at("checkout", "sms", language, moment)

    assert at("pt-BR") == at("pt_br") == brazil
    assert at("pt-BR", JAN) == general  # the Brazilian one did not stand yet
    assert at("pt-PT") == general
    assert at("de") == at(None) == french
    assert at("de", JAN - timedelta(seconds=1)) is None
    assert wordings.at("checkout", "whatsapp", "pt", MAR) is None
    assert wordings.at("hosted_form", "sms", "pt", MAR) is None


def test_the_version_that_became_valid_last_stands(shop):
    one, three = stored("en", "first", JAN), stored("en", "third", MAR)
    two = stored("en", "found later", FEB)
    assert [one.version, three.version, two.version] == [1, 2, 3]
    asked = [("sms", "en", moment) for moment in (JAN, FEB - timedelta(microseconds=1), FEB, MAR)]
    with CaptureQueriesContext(connection) as queries:
        assert wordings.at_many("checkout", asked) == [one, one, two, three]
    assert len(queries) <= 3
    assert wordings.at_many("checkout", []) == []


def test_the_same_text_is_the_same_version_and_another_is_another(shop):
    one = wordings.add("hosted_form", "email", "en", "I agree")
    assert wordings.add("hosted_form", "email", "en", " I agree ") == one
    assert wordings.add("hosted_form", "email", "en", "I agree!").name == "hosted_form/email/en/2"
    assert wordings.named([one.name, "hosted_form/email/en/9", "x", "a/b/c/d"]) == {one.name: one}


def test_nobody_changes_a_version(shop):
    one = wordings.add("hosted_form", "email", "en", "I agree")
    for statement in (
        "update consent_wording set text = 'x' where id = %s",
        "delete from consent_wording where id = %s",
    ):
        with pytest.raises(Exception, match="permission denied"), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement, [one.pk])


@pytest.mark.parametrize(
    "bad", [("x", "sms", "en", "t"), ("checkout", "fax", "en", "t"), ("checkout", "sms", "en", " ")]
)
def test_what_is_no_wording(shop, bad):
    with pytest.raises(ValueError, match="no wording"):
        wordings.add(*bad)
