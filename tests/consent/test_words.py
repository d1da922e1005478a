"""What counts as an opt-out, and what does not (features §6.10, §21.1)."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sayso.consent import words
from sayso.consent.words import (
    QUICK_REPLY_PAYLOAD,
    is_opt_in,
    is_opt_out,
    is_yes,
    normalise,
    opt_out,
    possible_opt_out,
    table,
    verdict,
)

STOP = [word for word in table() if word.kind == "stop"]
with (Path(__file__).parent / "ordinary_words.csv").open(newline="", encoding="utf-8") as file:
    ORDINARY = [(row["language"], row["word"]) for row in csv.DictReader(file)]


def test_the_file_is_whole():
    assert {word.kind for word in table()} == {"stop", "hint", "start", "yes", "polite"}
    assert len({word.language for word in STOP}) >= 35
    assert [word for word in table() if not word.source.strip() or not word.word.strip()] == []
    rows = [(word.kind, word.language, word.word) for word in table()]
    assert len(rows) == len(set(rows))
    assert [word.word for word in table() if not normalise(word.word)] == []


def test_what_the_feature_list_demands_is_there():
    demanded = (
        "STOP, STOPALL, STOP ALL, UNSUBSCRIBE, END, QUIT, CANCEL, REVOKE, OPTOUT, OPT-OUT, REMOVE, TD, PARE, ARRÊT, ARRET,"
        " STOPPEN, DETENER, SALIR, PARAR, CANCELAR, NO MÁS, BAJA, ABMELDEN, DESINSCRIRE"
    )
    assert [word for word in demanded.split(", ") if not is_opt_out(word)] == []


def test_no_word_says_two_things():
    """A stop word that is also a yes, a start or a courtesy would act against what somebody meant."""
    for kind in ("yes", "start", "polite"):
        assert words.words("stop") & words.words(kind) == set(), kind


@pytest.mark.parametrize("word", STOP, ids=lambda word: f"{word.language}-{word.word}")
def test_every_word_in_every_dress(word):
    """As written, in other cases, decorated, in full width, decomposed, with courtesy of its language, said twice."""
    import unicodedata

    text = word.word
    dresses = [
        text, text.lower(), text.upper(), text.title(), f"  {text}!!! ", f"«{text}».", f"{text} 🛑🙏", f"*{text}*", f"¡{text}!",
        unicodedata.normalize("NFD", text), unicodedata.normalize("NFKC", text), f"\u200f{text}\u200e", f"{text}\n",
        f"{text}. {text}.", f"please {text}", f"{text} thanks",
    ]  # fmt: skip
    courtesies = [one.word for one in table() if one.kind == "polite" and one.language == word.language]
    dresses += [f"{text} {courtesy}" for courtesy in courtesies] + [f"{courtesy}, {text}" for courtesy in courtesies]
    tokens = normalise(text).split()
    assert [
        dress for dress in dresses if not is_opt_out(dress) and not (dress == dresses[13] and len(tokens) > 1)
    ] == []


@pytest.mark.parametrize(
    "text",
    [
        "STOP", "stop", " Stop! ", "PARE", "ARRÊT", "arret", "STOPPEN", "no más", "No mas.", "UNSUBSCRIBE", "opt-out",
        "Stop please", "por favor pare", "STOP 🛑", "ｓｔｏｐ", "s'il vous plaît arrêt", "s’il vous plait ARRÊT", "СТОП", "停止", "إيقاف",
        "إِيقَاف", "बंद करो", "Bitte STOPP danke", "İptal", "iptal", "IPTAL", "ΣΤΟΠ", "στοπ", "hủy", "HUY", "请退订", "停止してください", "수신 거부",
        "중지해주세요", "ยกเลิกค่ะ", "لغو۱۱", "לַהֲסִיר", "Hallo, bitte abmelden. Danke!", "stop now please", "STOP STOP STOP", "REZYGNUJE",
    ],
)  # fmt: skip
def test_opt_outs(text):
    assert is_opt_out(text)


@pytest.mark.parametrize(
    ("text", "how"),
    [
        ("S T O P", "spelled"), ("s.t.o.p.", "spelled"), ("s-t-o-p", "spelled"), ("停 止", "spelled"), ("А Б", None),
        ("sto p", "torn"), ("un subscribe", "torn"), ("b aja", "torn"), ("cance l", "torn"),
        ("stooop", "stretched"), ("STOPPPP", "stretched"), ("sssstop", "stretched"), ("unsubscribeeee", "stretched"),
        ("unsubcribe", "exact"), ("unsubscibe", "mistyped"), ("unsubsrcibe", "mistyped"), ("desinscrirre", "mistyped"),
        ("abbesttellen", "mistyped"), ("leiratkozs", "mistyped"), ("leiratkoás", "mistyped"), ("STOPP", "exact"),
    ],
)  # fmt: skip
def test_near_words(text, how):
    found = opt_out(text)
    assert (found.how if found else None) == how


@pytest.mark.parametrize(
    "text",
    [
        "stoop", "quitt", "anmelden", "y a", "a tura", "s top", "en d", "e nd", "stp", "no", "nope", "stopped", "unsubscribes",
        "I love your nonstop flight deals", "dont stop believing", "please restart", "can you stop by the shop?", "don't stop",
        "don’t stop", "nonstop", "non stop", "please", "bitte danke", "stop" * 80, "I want to cancel my order", "取消订单",
        "no thanks", "start", "Christopher", "", None, "🛑", "...", "\x00", "please don't stop", "never stop", "nicht abmelden",
    ],
)  # fmt: skip
def test_no_opt_outs(text):
    assert not is_opt_out(text)


@pytest.mark.parametrize(("language", "word"), ORDINARY)
def test_ordinary_words_near_a_stop_word_never_act(language, word):
    assert not is_opt_out(word), f"{word} is an ordinary word ({language})"


@pytest.mark.parametrize(
    "text",
    [
        "can you stop by the shop?", "don't stop", "dont stop believing", "nonstop", "please restart", "stopping by later",
        "I love your nonstop flight deals", "I want to cancel my order", "no quiero nada más", "je ne veux plus de ça",
        "取消订单", "bitte nicht mehr so viele Nachrichten", "how do I unsubscribe from this", "this is spam", "хватит",
    ],
)  # fmt: skip
def test_ambiguous_messages_raise_a_suggestion(text):
    assert not is_opt_out(text)
    assert possible_opt_out(text)


@pytest.mark.parametrize(
    "text", ["hello", "Where is my order?", "Christopher", "thank you", "ok", "ça marche", "", None, "🎉"]
)
def test_most_messages_raise_none(text):
    assert possible_opt_out(text) is None


def test_a_shop_adds_words_and_removes_none():
    assert not is_opt_out("Schluss jetzt mit lustig")
    assert is_opt_out("schluss jetzt mit LUSTIG!", extra=["Schluss jetzt mit lustig"])
    assert is_opt_out("bitte Feierabend", extra=["feierabend"])
    assert is_opt_out("STOP", extra=[])
    assert not is_opt_out("feierabennd", extra=["feierabend"]), "a shop's own words are taken as they are"


def test_the_button():
    assert is_opt_out("Whatever it says", QUICK_REPLY_PAYLOAD)
    assert not is_opt_out("Whatever it says", "sayso_stop")


@pytest.mark.parametrize(
    "text", ["YES", "Sí", "si", "Oui!", "Ja bitte", "SIM 🙏", "Да", "نعم", "はい", "네", "START", "是的"]
)
def test_yes(text):
    assert is_yes(text)


@pytest.mark.parametrize("text", ["no", "yes but stop", "STOP", "maybe", "ok", "", None, "yesterday"])
def test_no_yes(text):
    assert not is_yes(text)


def test_start_words_are_the_shops_choice_and_never_a_stop_word():
    assert not is_opt_in("START", [])
    assert is_opt_in("start please", ["START"])
    assert not is_opt_in("stop", ["stop", "START"])


def test_a_stop_goes_before_everything_else():
    assert verdict("stop", extra=["x"], opt_in_words=["stop"]) == ("OPT_OUT", "stop")
    assert verdict("start", opt_in_words=["start"])[0] == "OPT_IN"
    assert verdict("start")[0] == "YES"
    assert verdict("don't stop") == ("POSSIBLE", "stop")
    assert verdict("hello") == ("NOTHING", "")


anything = st.text(max_size=300) | st.lists(st.sampled_from([word.word for word in table()]), max_size=6).map(" ".join)


@given(anything)
def test_normalising_twice_changes_nothing(text):
    once = normalise(text)
    assert normalise(once) == once
    assert once == " ".join(once.split())


@given(anything)
def test_no_text_is_too_strange(text):
    kind, word = verdict(text, extra=["ende"], opt_in_words=["start"])
    assert kind in ("OPT_OUT", "OPT_IN", "YES", "POSSIBLE", "NOTHING")
    assert bool(word) == (kind != "NOTHING")


@given(st.sampled_from([word for word in STOP if not word.typos]), st.sampled_from("bcdfghjklmnpqrtvxz"))
def test_a_letter_more_makes_no_stop_word_unless_it_is_marked_for_it(word, letter):
    """Only marked words forgive a slip: a letter put before any other makes it another word, or none."""
    said = letter + normalise(word.word)
    assert is_opt_out(said) == (said in words.stop_words())
