"""An M2 whose own template writes other prompts than ours is pointed out."""

import pytest

from m2agent_models import tiny
from m2agent_models.template_check import deviation

TEMPLATE = tiny.TEMPLATE.strip()


def told(template: str) -> str:
    return deviation(template, bos="]~!b[", eos="[e~[")


def test_nothing_is_said_of_a_template_that_writes_the_same_or_is_not_there() -> None:
    assert told(TEMPLATE) == told("") == ""


def test_the_first_place_where_a_template_differs_is_shown() -> None:
    words = told(TEMPLATE.replace("<response>", "<result>"))
    assert r"]~b]tool\n<res' its own chat template writes 'ult>m1  Ann  Bill" in words
    assert "and m2agent 'ponse>m1  Ann  Bill" in words
    assert "<think>" in told(TEMPLATE.replace("m.reasoning_content", "false"))


@pytest.mark.parametrize(
    ("template", "why"),
    [
        ("{{ raise_exception('I have no tools') }}", "refuses a conversation with tools"),
        ("{{ messages.__class__.__mro__ }}", "cannot be run: it reaches for what it must not"),
        ("{% for x in", "cannot be run: its line 1 cannot be read"),
    ],
)
def test_a_template_that_cannot_be_used_is_named(template: str, why: str) -> None:
    assert why in told(template)
