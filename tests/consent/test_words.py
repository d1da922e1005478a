"""What counts as an opt-out, and what does not (features §21.1)."""

import pytest

from sayso.consent.words import QUICK_REPLY_PAYLOAD, is_opt_out


@pytest.mark.parametrize(
    "text",
    [
        "STOP", "stop", " Stop! ", "PARE", "ARRÊT", "arret", "STOPPEN", "no más", "No mas.", "UNSUBSCRIBE", "opt-out",
        "Stop please", "por favor pare", "STOP 🛑", "ｓｔｏｐ", "s'il vous plaît arrêt", "СТОП", "停止", "إيقاف", "बंद करो", "Bitte STOPP danke",
        "İptal", "ΣΤΟΠ",
    ],
)  # fmt: skip
def test_opt_outs(text):
    assert is_opt_out(text)


@pytest.mark.parametrize(
    "text",
    [
        "I love your nonstop flight deals",
        "dont stop believing",
        "please restart",
        "can you stop by the shop?",
        "don't stop",
        "",
        None,
        "please",
        "stop" * 80,
    ],
)
def test_no_opt_outs(text):
    assert not is_opt_out(text)


def test_the_button():
    assert is_opt_out("Whatever it says", QUICK_REPLY_PAYLOAD)
