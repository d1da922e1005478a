import pytest

from sayso.channels.whatsapp.errors import UNKNOWN, Effect, Retry, failure, rule_for, table


@pytest.mark.parametrize(
    ("code", "ours", "retry", "effect"),
    [
        (131050, "CUSTOMER_IS_NOT_OPTED_IN", Retry.NO, Effect.OPT_OUT),
        (131026, "CUSTOMER_IS_UNREACHABLE", Retry.NO, Effect.UNREACHABLE),
        (131049, "CUSTOMER_IS_OVER_MARKETING_LIMIT", Retry.LATER, Effect.HOLD_MARKETING),
        (131056, "CUSTOMER_IS_RATE_LIMITED", Retry.BACKOFF, None),
        (130429, "CHANNEL_IS_RATE_LIMITED", Retry.BACKOFF, None),
        (200, "CHANNEL_IS_NOT_CONNECTED", Retry.FIX, None),
        (299, "CHANNEL_IS_NOT_CONNECTED", Retry.FIX, None),
        (132001, "TEMPLATE_IS_MISSING", Retry.FIX, Effect.TEMPLATE_MISSING),
        (132015, "TEMPLATE_IS_PAUSED", Retry.FIX, Effect.TEMPLATE_PAUSED),
        (300, "MESSAGE_IS_REJECTED", Retry.LATER_ONCE, None),
        (999_999, "MESSAGE_IS_REJECTED", Retry.LATER_ONCE, None),
        (-1, "MESSAGE_IS_REJECTED", Retry.LATER_ONCE, None),
    ],
)
def test_codes(code, ours, retry, effect):
    rule = rule_for(code)
    assert (rule.code, rule.retry, rule.effect) == (ours, retry, effect)


def test_one_opt_out_and_only_one():
    """131049 and 131026 are no opt-outs: taking them for one would lose people who never asked to leave."""
    assert [codes for codes, rule in table().items() if rule.effect is Effect.OPT_OUT] == ["131050"]


def test_every_row_has_a_meaning_in_words():
    assert all(len(rule.meaning) > 10 for rule in table().values())
    assert len(table()) == 50


@pytest.mark.parametrize(
    "error", [None, 3, "text", [], {}, {"code": None}, {"code": True}, {"code": "abc"}, {"code": 1.5}]
)
def test_an_error_of_any_shape(error):
    told = failure(error)
    assert (told.provider_code, told.rule, told.known) == (None, UNKNOWN, False)


def test_an_error_keeps_its_words():
    told = failure({"code": "131026", "message": "Undeliverable", "error_data": {"details": "no WhatsApp"}})
    assert (told.provider_code, told.title, told.details, told.known) == (131026, "Undeliverable", "no WhatsApp", True)
