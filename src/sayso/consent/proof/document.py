"""The proof that people read: the same content as HTML (one file, nothing loaded from elsewhere) and as PDF."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

import pymupdf_fonts
from django.conf import settings
from django.template.loader import render_to_string
from fpdf import FPDF
from fpdf.enums import XPos, YPos

from .collect import Proof, Step
from .words import named, words

logging.getLogger("fpdf").setLevel(
    logging.ERROR
)  # it warns for each glyph that a font lacks; the document says so itself
logging.getLogger("fontTools").setLevel(logging.ERROR)

GREY, INK, RULE = 90, 20, 200


@dataclass(frozen=True)
class Part:
    """One entry as it is read: a heading, and lines of (name, text)."""

    heading: str
    lines: list[tuple[str, str]]


def html(proof: Proof) -> bytes:
    """UTF-8."""
    context = {
        "words": words(proof.language),
        "language": proof.language,
        "title": words(proof.language)["title"],
        "head": list(head(proof)),
        "states": list(states(proof)),
        "parts": list(parts(proof)),
        "check": check(proof),
        "fingerprints": proof.fingerprints,
        "findings": proof.findings,
    }
    return render_to_string("consent/proof.html", context).encode()


def pdf(proof: Proof) -> bytes:
    """A4, with fonts for Latin, Greek, Cyrillic, Arabic, Hebrew, Devanagari, Thai and Georgian writing embedded."""
    return bytes(_Document(proof).made())


# What both show


def head(proof: Proof) -> Iterator[tuple[str, str]]:
    said = words(proof.language)
    yield said["controller"], proof.controller
    if proof.controller_contact:
        yield said["contact_of_controller"], proof.controller_contact
    if proof.privacy_policy:
        yield said["privacy_policy"], proof.privacy_policy
    yield said["number"], str(proof.contact_id)
    if proof.merged:
        yield said["merged"], ", ".join(str(one) for one in proof.merged)
    contact = proof.contact
    if contact is None or contact.redacted_at:
        yield said["person"], said["erased"]
    else:
        for name, value in (("name", proof.name), ("phone", contact.phone), ("email", contact.email)):
            if value:
                yield said[name], value
    yield said["made"], moment(proof.made_at)


def states(proof: Proof) -> Iterator[tuple[str, str, str, str, str]]:
    """Channel, state, since, source, basis."""
    for one in proof.states:
        yield (
            named(proof.language, "channels", one.channel),
            named(proof.language, "states", one.state),
            moment(one.since) if one.since else "–",
            one.source or "–",
            named(proof.language, "bases", one.basis) or "–",
        )


def parts(proof: Proof) -> Iterator[Part]:
    for step in proof.steps:
        yield Part(_heading(proof, step), list(_lines(proof, step)))


def _heading(proof: Proof, step: Step) -> str:
    event = named(proof.language, "events", step.entry.event)
    return f"{event} · {named(proof.language, 'channels', step.entry.channel)}"


def _lines(proof: Proof, step: Step) -> Iterator[tuple[str, str]]:
    said, entry = words(proof.language), step.entry
    if entry.contact_id != proof.contact_id:
        yield said["number"], str(entry.contact_id)
    yield said["happened"], moment(entry.occurred_at) if entry.occurred_at else said["no_time"]
    yield said["recorded"], moment(entry.recorded_at)
    yield said["by"], f"{named(proof.language, 'actors', entry.actor_kind)} ({entry.source})"
    after = named(proof.language, "states", entry.to_state)
    if entry.outcome == "REFUSED":
        yield said["became"], f"{said['refused']} ({entry.refusal_code}); {after}"
    elif entry.from_state == entry.to_state:
        yield said["became"], f"{said['unchanged']}: {after}"
    else:
        yield said["became"], f"{named(proof.language, 'states', entry.from_state)} → {after}"
    if entry.basis:
        yield said["basis"], named(proof.language, "bases", entry.basis)
    if entry.wording_version or step.wording:
        name = " ".join(text for text in (entry.wording_version, entry.language) if text)
        yield said["wording"], f"{step.wording} [{name}]" if step.wording else name
    for evidence in step.evidence:
        yield said["evidence"], "; ".join(f"{name}: {value}" for name, value in evidence.items())
    if step.evidence_erased:
        yield said["evidence"], said["evidence_erased"]
    yield said["hash"], bytes(entry.hash).hex()
    if step.cover:
        yield said["covered"], str(step.cover.number)
    else:
        yield said["covered"], said["uncovered"]


def check(proof: Proof) -> str:
    said = words(proof.language)
    return said["chain_broken"] if proof.findings else said["chain_whole"]


def moment(at: datetime) -> str:
    """To the second, in UTC: read the same everywhere."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


# PDF


@lru_cache
def _font(name: str) -> Path:
    """The font as a file, as fpdf2 wants it. From the wheel of pymupdf-fonts: FiraGO (SIL Open Font License)."""
    path = Path(settings.DATA_DIR) / "cache" / f"{name}.otf"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        aside = path.with_suffix(".part")
        aside.write_bytes(pymupdf_fonts.myfont(name))
        aside.replace(path)
    return path


class _Document(FPDF):
    def __init__(self, proof: Proof) -> None:
        super().__init__(format="A4")
        self.proof, self.said = proof, words(proof.language)
        self.set_margins(18, 16)
        self.set_auto_page_break(True, 18)
        self.add_font("firago", "", _font("figo"))
        self.add_font("firago", "B", _font("figbo"))
        self.set_text_shaping(True)
        self.set_title(f"{self.said['title']} {proof.contact_id}")
        self.set_lang(proof.language)
        self.set_creator("sayso")
        self.set_creation_date(proof.made_at)
        self.lacks = False

    def footer(self) -> None:
        self.set_y(-13)
        self._pen(8, GREY)
        self.cell(0, 5, f"{self.proof.controller} · {self.said['page']} {self.page_no()}/{{nb}}", align="C")

    def made(self) -> bytearray:
        self.add_page()
        self._pen(17, INK, bold=True)
        self._text(self.said["title"], 9)
        self._pen(9.5, GREY)
        self._text(self.said["intro"], 5)
        self.ln(2)
        self._facts(list(head(self.proof)))
        self._section(self.said["state_now"])
        for channel, state, since, source, basis in states(self.proof):
            rest = [text for text in (since, source, basis) if text != "–"]
            self._facts([(channel, " · ".join([state, *rest]))])
        self._section(self.said["history"])
        if not self.proof.steps:
            self._pen(9.5, INK)
            self._text(self.said["nothing"], 5)
        for part in parts(self.proof):
            if self.will_page_break(30):
                self.add_page()
            self._pen(10.5, INK, bold=True)
            self._text(part.heading, 6)
            self._facts(part.lines)
            self.ln(1.5)
        self._section(self.said["check"])
        self._pen(9.5, INK)
        self._text(check(self.proof), 5)
        for finding in self.proof.findings:
            self._text(str(finding), 5)
        self._text(self.said["how"], 5)
        self._facts([(self.said["fingerprint"], one) for one in self.proof.fingerprints])
        if self.lacks:
            self.ln(2)
            self._pen(8.5, GREY)
            self._text(self.said["missing_glyphs"], 4.5)
        return self.output()

    def _section(self, title: str) -> None:
        self.ln(3)
        if self.will_page_break(30):
            self.add_page()
        self.set_draw_color(RULE)
        self.line(self.l_margin, self.get_y(), self.w - self.r_margin, self.get_y())
        self.ln(2)
        self._pen(12.5, INK, bold=True)
        self._text(title, 7)

    def _facts(self, lines: list[tuple[str, str]]) -> None:
        """Names on the left, what they say on the right."""
        width = 46
        for name, text in lines:
            if self.will_page_break(12):
                self.add_page()
            self._pen(9, GREY)
            top, page = self.get_y(), self.page
            self.multi_cell(width, 4.8, name, align="L", new_x=XPos.RIGHT, new_y=YPos.TOP)
            bottom = top + 4.8 * (1 + len(name) // 34)
            self.set_xy(self.l_margin + width, top)
            self._pen(9, INK)
            self._text(text, 4.8)
            if self.page == page and self.get_y() < bottom:
                self.set_y(bottom)

    def _pen(self, size: float, shade: int, *, bold: bool = False) -> None:
        self.set_font("firago", "B" if bold else "", size)
        self.set_text_color(shade)

    def _text(self, text: str, height: float) -> None:
        cmap: Any = self.current_font.cmap  # type: ignore[union-attr]
        if any(ord(sign) not in cmap and not sign.isspace() for sign in text):
            self.lacks = True
            text = "".join(sign if ord(sign) in cmap or sign.isspace() else "□" for sign in text)
        self.multi_cell(0, height, text, align="L", new_x=XPos.LMARGIN, new_y=YPos.NEXT)
