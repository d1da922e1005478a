"""Every language says everything; every colour is legible."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sayso.choices import brand, texts


def test_every_language_says_everything_with_the_same_names():
    english = texts._file()["en"]
    for tag in texts.languages():
        own = texts._file()[tag]
        assert english.keys() - own.keys() <= {"whatsapp", "sms"}, tag
        for name, text in own.items():
            assert set(re.findall(r"{\w+}", text)) == set(re.findall(r"{\w+}", english[name])), (tag, name)


@given(st.from_regex(r"[0-9a-f]{6}", fullmatch=True))
def test_whatever_the_colour_letters_can_be_read(colour):
    for surface in (brand.LIGHT_SURFACE, brand.DARK_SURFACE):
        shown = brand.legible(colour, surface)
        assert brand.contrast(shown, surface) >= brand.ENOUGH
        assert brand.contrast(shown, brand.ink_on(shown)) >= brand.ENOUGH


def test_a_legible_colour_stays_and_the_sheet_is_kept(client, db):
    assert brand.legible("0a6b4d", brand.LIGHT_SURFACE) == "0a6b4d"
    answer = client.get("/brand/0a6b4d.css")
    assert answer["Content-Type"].startswith("text/css") and "immutable" in answer["Cache-Control"]
    assert "#0a6b4d" in answer.content.decode()


@pytest.mark.parametrize("bad", ["0A6B4D", "fff", "zzzzzz", "0a6b4d}"])
def test_what_is_no_colour(client, db, bad):
    assert client.get(f"/brand/{bad}.css").status_code == 404
