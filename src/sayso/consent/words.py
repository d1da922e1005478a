"""Words by which people end, begin and confirm messages, in any language of ``stop_words.csv``.

The file has one row a word: ``kind``, ``language``, ``word``, ``typos`` (yes: see below) and the source or reason.

* ``stop`` ends marketing. A message acts only **as a whole**: normalised, and with ``polite`` words dropped at both ends,
  it must be one of the words, the same word said several times, or near it. "I love your nonstop flights" is not.
* ``hint`` and every longer stop word inside a message raise a *possible opt-out*, which a person decides.
* ``yes`` and ``start`` confirm an opt-in that waits to be confirmed, and do nothing else by themselves.

Near a word are these four, and no others:

1. **spelled out**: every letter on its own, at least four of them (two in scripts without spaces): "S T O P", "s.t.o.p";
2. **torn**: one letter of a word of four or more torn off, unless it is itself a word somewhere ("a", "y", "с"): "sto p";
   a word marked ``typos`` torn anywhere: "un subscribe";
3. **stretched**: some letter three times or more in a row, in a word of four or more letters: "stooop", "STOPPPP". "stoop"
   is a word of its own and does not count;
4. **mistyped**: a word marked ``typos`` (all have eight letters or more, and no neighbour that is a word) with one letter
   missing, doubled, replaced or swapped with its neighbour, the first and the last left alone: "unsuscribe".
"""

from __future__ import annotations

import csv
import re
import unicodedata
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal

QUICK_REPLY_PAYLOAD = "SAYSO_STOP"
"""The hidden value of our own opt-out button."""

LONGEST = 200  # characters of a message that may act as a whole
MOST_READINGS = 200  # of one message, by which polite words are dropped
LONGEST_SEARCHED = 4_000  # characters of a message that are searched for hints

Kind = Literal["stop", "hint", "start", "yes", "polite"]

_FOLDED = str.maketrans(
    {
        "ı": "i", "ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe", "ə": "e",
        "ي": "ی", "ى": "ی", "ك": "ک", "ة": "ه", "ـ": None, "'": None, "’": None, "ʻ": None, "ʼ": None, "‘": None,
        "`": None, "´": None,
    }
)  # fmt: skip
"""Letters that accents cannot be stripped from, letters that keyboards confuse, and apostrophes."""

# Marks that are accents or points: Latin, Greek and Cyrillic; Hebrew; Arabic; symbols. In other scripts marks are vowels.
_ACCENTS = re.compile(
    "[\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe00-\ufe0f\ufe20-\ufe2f"
    "\u0591-\u05c7\u0610-\u061a\u064b-\u065f\u0670\u06d6-\u06ed]"
)
# Scripts that put no spaces between words: Thai, Lao, Myanmar, Khmer, kana, Han, Hangul.
_UNSPACED = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af]")
_WORDS_OF_ONE_LETTER = frozenset("aehikosuvwyzабвжийікосуэяηο")
_STRETCHED = re.compile(r"([^\W\d])\1\1")
_RUN = re.compile(r"(.)\1+")


@dataclass(frozen=True, slots=True)
class Word:
    """One row of the file."""

    kind: Kind
    language: str
    word: str
    typos: bool
    source: str


@dataclass(frozen=True, slots=True)
class Match:
    """Which word a message is, and how: ``exact``, ``spelled``, ``torn``, ``stretched``, ``mistyped``, ``extra``."""

    word: str
    how: str


def normalise(text: str) -> str:
    """NFKC, case folded, without accents, punctuation, symbols, invisible characters and repeated spaces.

    Digits become ASCII. Idempotent; never raises. Source of the folding: Unicode, UAX #15 and UTS #39.
    """
    decomposed = text
    for _ in range(2):  # folding may uncover what decomposes again
        decomposed = unicodedata.normalize("NFKD", decomposed).casefold()
    plain = _ACCENTS.sub("", unicodedata.normalize("NFKD", decomposed)).translate(_FOLDED)
    kept = "".join(_kept(character) for character in plain)
    return " ".join(unicodedata.normalize("NFC", kept).split())


def _kept(character: str) -> str:
    category = unicodedata.category(character)
    if category[0] in "LM":
        return character
    if category == "Nd":
        return str(unicodedata.decimal(character))
    return "" if category == "Cf" else " "


@lru_cache
def table() -> tuple[Word, ...]:
    """The file, as it stands."""
    with (Path(__file__).parent / "stop_words.csv").open(newline="", encoding="utf-8") as file:
        return tuple(
            Word(row["kind"], row["language"], row["word"], row["typos"] == "yes", row["source"])  # type: ignore[arg-type]
            for row in csv.DictReader(file)
        )


@lru_cache
def words(kind: Kind) -> frozenset[str]:
    """All words of a kind, normalised."""
    return frozenset(normalise(word.word) for word in table() if word.kind == kind)


def stop_words() -> frozenset[str]:
    """All opt-out words, normalised."""
    return words("stop")


@lru_cache
def _tolerant() -> tuple[str, ...]:
    return tuple(sorted({normalise(word.word) for word in table() if word.typos}))


@lru_cache
def _squeezed() -> dict[str, str]:
    return {_RUN.sub(r"\1", word): word for word in stop_words() if len(word) >= 4 and not _UNSPACED.search(word)}


@lru_cache
def _polite() -> tuple[str, ...]:
    return tuple(sorted(words("polite"), key=len, reverse=True))


def opt_out(text: str | None, extra: Collection[str] = ()) -> Match | None:
    """The stop word that the whole message is; None where it asks for nothing, or not plainly. ``extra``: a shop's own."""
    own = {normalise(word) for word in extra}
    for said in _readings(text):
        if said in stop_words() or _repeated(said) in stop_words():
            return Match(_repeated(said) or said, "exact")
        if said in own:
            return Match(said, "extra")
    for said in _readings(text):
        if found := _near(said):
            return found
    return None


def is_opt_out(text: str | None, payload: str | None = None, extra: Collection[str] = ()) -> bool:
    """Whether a whole message, or the payload of a tapped button, asks to be left alone."""
    return payload == QUICK_REPLY_PAYLOAD or opt_out(text, extra) is not None


def is_yes(text: str | None) -> bool:
    """Whether the whole message agrees. It confirms an opt-in that waits for it, and means nothing else."""
    return any(said in words("yes") or said in words("start") for said in _readings(text))


def is_opt_in(text: str | None, chosen: Collection[str]) -> bool:
    """Whether the whole message is one of the START-like words that the shop has chosen."""
    own = {normalise(word) for word in chosen} - stop_words()
    return any(said in own for said in _readings(text))


def possible_opt_out(text: str | None, extra: Collection[str] = ()) -> str | None:
    """What in a message mentions leaving, as it stands normalised; None where nothing does.

    Meant for messages that :func:`opt_out` does not act on.
    """
    if not text:
        return None
    said = normalise(text[:LONGEST_SEARCHED])
    own = {normalise(word) for word in extra}
    tokens = said.split()
    phrases, beginnings, endings, unspaced = _hints()
    for size in range(1, min(len(tokens), 8) + 1):
        for start in range(len(tokens) - size + 1):
            phrase = " ".join(tokens[start : start + size])
            if phrase in phrases or phrase in own:
                return phrase
    for token in tokens:
        if token.startswith(beginnings) or token.endswith(endings):
            return token
    return next((word for word in unspaced if word in said), None)


@lru_cache
def _hints() -> tuple[frozenset[str], tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    """(phrases, beginnings of words, endings of words, parts of texts without spaces)."""
    phrases, beginnings, endings, unspaced = set(), set(), set(), set()
    for word in table():
        if word.kind not in ("stop", "hint"):
            continue
        plain = normalise(word.word)
        if word.word.endswith("*"):
            beginnings.add(plain)
        elif word.word.startswith("*"):
            endings.add(plain)
        elif _UNSPACED.search(plain):
            if len(plain) > 1:
                unspaced.add(plain)
        elif word.kind == "hint" or len(plain) >= 4:  # "end" and "dur" are in every other sentence
            phrases.add(plain)
    return frozenset(phrases), tuple(beginnings), tuple(endings), tuple(sorted(unspaced, key=len, reverse=True))


def _readings(text: str | None) -> Iterator[str]:
    """The message as it stands, and with any polite words dropped at both ends: the longest reading first."""
    if not text or len(text) > LONGEST:
        return
    waiting = [normalise(text)]
    seen = set(waiting)
    while waiting and len(seen) < MOST_READINGS:
        said = waiting.pop(0)
        if said:
            yield said
        for shorter in _without_courtesy(said):
            if shorter not in seen:
                seen.add(shorter)
                waiting.append(shorter)


def _without_courtesy(said: str) -> Iterator[str]:
    for word in _polite():
        gap = "" if _UNSPACED.search(word) else " "
        if said.startswith(word + gap) and len(said) > len(word):
            yield said[len(word) :].strip()
        if said.endswith(gap + word) and len(said) > len(word):
            yield said[: -len(word)].strip()


def _repeated(said: str) -> str:
    """The word, where the message is nothing but one word said several times."""
    tokens = said.split()
    return tokens[0] if len(tokens) > 1 and len(set(tokens)) == 1 else ""


def _near(said: str) -> Match | None:
    tokens = said.split()
    joined = "".join(tokens)
    least = 2 if _UNSPACED.search(joined) else 4
    if len(tokens) > 1 and len(joined) >= least and joined in stop_words():
        if all(len(token) == 1 for token in tokens):
            return Match(joined, "spelled")
        torn = [token for token in tokens if len(token) == 1 and token not in _WORDS_OF_ONE_LETTER]
        if len(tokens) == 2 and (torn or joined in _tolerant()):
            return Match(joined, "torn")
    if _STRETCHED.search(said) and (word := _squeezed().get(_RUN.sub(r"\1", said))):
        return Match(word, "stretched")
    if len(tokens) == 1:
        return next((Match(word, "mistyped") for word in _tolerant() if _one_slip(said, word)), None)
    return None


def _one_slip(said: str, word: str) -> bool:
    """Whether one letter between the first and the last is missing, added, replaced or swapped with the next."""
    if said[0] != word[0] or said[-1] != word[-1] or abs(len(said) - len(word)) > 1:
        return False
    if len(said) == len(word):
        differ = [place for place, (one, other) in enumerate(zip(said, word, strict=True)) if one != other]
        if len(differ) == 2:
            first, second = differ
            return second == first + 1 and said[first] == word[second] and said[second] == word[first]
        return len(differ) == 1
    longer, shorter = (said, word) if len(said) > len(word) else (word, said)
    return any(longer[:place] + longer[place + 1 :] == shorter for place in range(1, len(longer) - 1))


Verdict = Literal["OPT_OUT", "POSSIBLE", "OPT_IN", "YES", "NOTHING"]


def verdict(text: str | None, *, extra: Iterable[str] = (), opt_in_words: Iterable[str] = ()) -> tuple[Verdict, str]:
    """What a message would do, with the word that it does it by. Stop goes before everything else."""
    own = list(extra)
    if found := opt_out(text, own):
        return "OPT_OUT", found.word
    if is_opt_in(text, list(opt_in_words)):
        return "OPT_IN", normalise(text or "")
    if is_yes(text):
        return "YES", normalise(text or "")
    if word := possible_opt_out(text, own):
        return "POSSIBLE", word
    return "NOTHING", ""
