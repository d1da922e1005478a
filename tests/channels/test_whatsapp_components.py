import pytest
from hypothesis import given
from hypothesis import strategies as st

from sayso.channels.whatsapp.components import MissingVariable, parameters, render, variable_names, variables

SPRING = [
    {"type": "HEADER", "format": "TEXT", "text": "Hello {{1}}"},
    {"type": "BODY", "text": "{{2}} is {{1}} off, {{2}}!"},
    {"type": "FOOTER", "text": "Reply STOP"},
    {
        "type": "BUTTONS",
        "buttons": [
            {"type": "QUICK_REPLY", "text": "Stop promotions"},
            {"type": "URL", "text": "Look", "url": "https://shop.example/{{1}}"},
            {"type": "PHONE_NUMBER", "phone_number": "+15550783881"},
            {"type": "COPY_CODE", "example": "SAVE"},
        ],
    },
]


def test_variables_by_place():
    assert [variable.key for variable in variables(SPRING)] == [
        "header.1",
        "body.1",
        "body.2",
        "button.1.1",
        "button.3.code",
    ]
    assert variable_names("{{2}} {{ 1 }} {{2}} {{10}}") == ["1", "2", "10"]
    assert variable_names("{{order}} {{name}}") == ["order", "name"]


def test_parameters_of_every_kind():
    values = {"header.1": "Ada", "body.1": "10 %", "body.2": "Tea", "button.1.1": "tea", "button.3.code": "SAVE"}
    assert parameters(SPRING, values | {"button.0.payload": "SAYSO_STOP"}) == (
        {"type": "header", "parameters": [{"type": "text", "text": "Ada"}]},
        {"type": "body", "parameters": [{"type": "text", "text": "10 %"}, {"type": "text", "text": "Tea"}]},
        {
            "type": "button",
            "sub_type": "quick_reply",
            "index": "0",
            "parameters": [{"type": "payload", "payload": "SAYSO_STOP"}],
        },
        {"type": "button", "sub_type": "url", "index": "1", "parameters": [{"type": "text", "text": "tea"}]},
        {
            "type": "button",
            "sub_type": "copy_code",
            "index": "3",
            "parameters": [{"type": "coupon_code", "coupon_code": "SAVE"}],
        },
    )
    assert parameters(SPRING, ["Ada", "10 %", "Tea", "tea", "SAVE"])[1] == parameters(SPRING, values)[1]


@pytest.mark.parametrize("value", [None, "", " \n\t"])
def test_a_gap_is_never_sent(value):
    values = {"header.1": "Ada", "body.1": "10 %", "body.2": value, "button.1.1": "tea", "button.3.code": "SAVE"}
    with pytest.raises(MissingVariable) as refused:
        parameters(SPRING, {key: text for key, text in values.items() if text is not None})
    assert refused.value.key == "body.2"


def test_too_short_a_list_is_a_gap():
    with pytest.raises(MissingVariable):
        parameters(SPRING, ["Ada"])


def test_named_parameters():
    template = [{"type": "body", "text": "Dear {{first_name}}"}]
    assert parameters(template, {"body.first_name": "Ada"}) == (
        {"type": "body", "parameters": [{"type": "text", "text": "Ada", "parameter_name": "first_name"}]},
    )


@pytest.mark.parametrize(
    ("value", "source"), [("https://cdn.example/a.jpg", {"link": "https://cdn.example/a.jpg"}), ("id:42", {"id": "42"})]
)
def test_a_header_with_media(value, source):
    template = [{"type": "HEADER", "format": "IMAGE"}, {"type": "BODY", "text": "Hi"}]
    assert parameters(template, {"header.media": value}) == (
        {"type": "header", "parameters": [{"type": "image", "image": source}]},
    )


def test_a_template_without_variables_takes_no_components():
    assert (
        parameters([{"type": "BODY", "text": "Hi"}, {"type": "BUTTONS", "buttons": [{"type": "QUICK_REPLY"}]}], {})
        == ()
    )
    assert parameters([], {}) == ()


def test_render():
    assert render("{{1}} and {{2}}", {"body.1": " Ada\n Lovelace "}) == "Ada Lovelace and {{2}}"


@given(st.text(min_size=1))
def test_values_never_hold_what_meta_refuses(value):
    template = [{"type": "BODY", "text": "{{1}}"}]
    try:
        (body,) = parameters(template, [value])
    except MissingVariable:
        assert not value.strip()
    else:
        text = body["parameters"][0]["text"]
        assert "\n" not in text and "\t" not in text and "  " not in text
