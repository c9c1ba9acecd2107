"""Names, ids and numbers in a call are those that were read; other words are free."""

import pytest

from m2agent_models.engine.copying import Copying

READ = "Ask Brita Olsen about m318.\nTotal 1886.56 EUR, invoice KX-2093 <brita@olsen.example>"


def written(*pieces: str, name: str = "body") -> bool:
    """Whether a value may be written in these pieces."""
    copying = Copying(READ)
    for piece in ('<invoke name="', "a_tool", '">\n', '<parameter name="', name, '">'):
        assert copying.allows(piece)
        copying.accept(piece)
    for piece in pieces:
        if not copying.allows(piece):
            return False
        copying.accept(piece)
    return True


@pytest.mark.parametrize(
    "pieces",
    [
        ("from:", "Br", "ita"),
        ("from:", "Ol", "sen", " oak", "</parameter>"),
        ("m", "3", "1", "8", "</parameter>"),
        ('["', "m", "318", '"]'),
        ("Your", " invoice", " KX", "-", "2093"),
        ("echo", " 188", "6", ".56", "</parameter>"),
        ("All", " right. ", "Please", " send", " another"),
        ('["', "STARRED", '"]'),
        ("awk 'BEGIN{printf \"%.", "2", "f", "\",1886.56}'"),
        ("printf %-", "9", "s"),
    ],
)
def test_what_was_read_can_be_written(pieces: tuple[str, ...]) -> None:
    assert written(*pieces)


@pytest.mark.parametrize(
    "pieces",
    [
        ("from:", "Be", "ta"),
        ("from:", "Brit", "</parameter>"),
        ("m", "3", "2"),
        ("m", "31", "</parameter>"),
        ('{"', "Supplier"),
        ("The total is 1887",),
        ("5", "%"),
    ],
)
def test_what_was_not_read_cannot(pieces: tuple[str, ...]) -> None:
    assert not written(*pieces)


@pytest.mark.parametrize(
    ("pieces", "allowed"),
    [
        (("from:", "Br", "ita", " total", " glue"), True),
        (("Olsen", " O", "R", " NOT", " from:", "BRITA"), True),
        (("KX", "-", "2093"), True),
        (("from:", "BR", "TA"), False),
        (("Brta",), False),
        (("m319",), False),
    ],
)
def test_what_is_searched_for_was_read(pieces: tuple[str, ...], allowed: bool) -> None:
    assert written(*pieces, name="query") is allowed


def test_outside_of_values_anything_goes() -> None:
    copying = Copying("")
    for piece in ('<invoke name="', "Tool9", '">\n', '<parameter name="', "Name9", '">'):
        assert copying.allows(piece)
        copying.accept(piece)
    assert not copying.allows("9")


@pytest.mark.parametrize(
    ("name", "pieces", "allowed"),
    [
        ("to", ('["', "bri", "ta", "@", "olsen", ".", "example", '"]'), True),
        ("to", ('["', "britta"), False),
        ("id", ("m", "318", "</parameter>"), True),
        ("id", ("ma",), False),
        ("query", ("britta",), True),
    ],
)
def test_an_id_or_an_address_is_copied_from_the_prompt_and_not_from_a_thought(
    name: str, pieces: tuple[str, ...], allowed: bool
) -> None:
    copying = Copying(READ, "It is britta@olsen.example, mail mail1.")
    copying.accept(f'<invoke name="mail_draft">\n<parameter name="{name}">')
    for piece in pieces:
        if not copying.allows(piece):
            assert not allowed
            return
        copying.accept(piece)
    assert allowed
