"""Mails read from bytes, broken ones included, and mails written to bytes."""

import random
import time
from email import message_from_bytes
from email.policy import default
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mail_scene import ME, mail, stdlib_mails

from m2agent.errors import ToolFailed
from m2agent_connectors.mail.address import written
from m2agent_connectors.mail.body import indexed, readable
from m2agent_connectors.mail.compose import (
    Letter,
    as_html,
    built,
    filled,
    forward,
    letter_of,
    message_id,
    preview,
    reply,
)
from m2agent_connectors.mail.message import Attachment, Mail, parse
from m2agent_connectors.mail.quotes import FORWARDED

MIA = written(ME)


def test_a_mail_is_read_into_values() -> None:
    read = parse(
        mail(
            "Größe",
            "Hi.",
            id="1",
            html="<p>Hi.</p>",
            attachments={"größe.csv": ("text/csv", b"a,b\n"), "m.eml": ("text/plain", b"x")},
            cc="Bob <bob@x.example>",
            in_reply_to="<1@x.example>",
            references="<0@x.example> <1@x.example>",
        )
    )
    assert (read.subject, read.text.strip(), read.html.strip()) == ("Größe", "Hi.", "<p>Hi.</p>")
    assert str(read.sender) == "Ann Bell <ann@x.example>"
    assert [str(a) for a in (*read.to, *read.cc)] == [ME, "Bob <bob@x.example>"]
    assert (read.in_reply_to, read.references) == ("1@x.example", ("0@x.example", "1@x.example"))
    assert read.date == 1_795_165_920
    assert read.attachments[0] == Attachment("größe.csv", "text/csv", b"a,b\n")
    assert read.problems == ()


def test_a_mail_within_a_mail_is_a_file_and_a_picture_in_the_text_is_inline() -> None:
    raw = b"""\
From: ann@x.example
Date: Fri, 20 Nov 2026 09:12:00 +0100
Content-Type: multipart/mixed; boundary=b

--b
Content-Type: text/html

<img src=cid:1>
--b
Content-Type: image/png; name="logo.png"
Content-ID: <1>
Content-Transfer-Encoding: base64

iVBORw0K
--b
Content-Type: message/rfc822

Subject: Inner
Content-Type: text/plain

Inner words.
--b
Content-Type: text/calendar

BEGIN:VCALENDAR
--b--
"""
    read = parse(raw)
    assert [(a.name, a.type, a.inline) for a in read.attachments] == [
        ("logo.png", "image/png", True),
        ("attachment-2.eml", "message/rfc822", False),
        ("attachment-3.ics", "text/calendar", False),
    ]
    assert read.attachments[1].data.startswith(b"Subject: Inner\n")
    assert read.text == ""


def test_soft_line_breaks_of_flowed_text_are_joined() -> None:
    raw = b"Content-Type: text/plain; format=flowed\n\nOne \nparagraph.\n> kept \n> apart\n-- \nAnn"
    assert parse(raw).text == "One paragraph.\n> kept \n> apart\n-- \nAnn"


@pytest.mark.parametrize("path", stdlib_mails() or [None], ids=lambda p: p.name if p else "none")
def test_cpythons_own_test_mails_are_read(path: Path | None) -> None:
    if path is None:
        pytest.skip("this Python comes without its test mails")
    check(parse(path.read_bytes()))


def test_cpythons_own_test_mails_are_read_with_bytes_of_them_changed() -> None:
    mails = [path.read_bytes() for path in stdlib_mails()]
    if not mails:
        pytest.skip("this Python comes without its test mails")
    chance = random.Random(7)
    for _ in range(100):
        raw = bytearray(chance.choice(mails))
        for _ in range(chance.randint(1, 8)):
            at = chance.randrange(len(raw) + 1)
            raw[at : at + chance.randint(0, 2)] = chance.choice((*HEADERS, *CHARSETS))
        check(parse(bytes(raw)))


def check(read: Mail) -> None:
    """Everything that is made of a mail can be made of this one."""
    readable(read, quotes=True).text.encode()
    indexed(read).encode()
    for attachment in read.attachments:
        assert attachment.name and "/" not in attachment.name
    for one in (read, parse(built(forward(read, MIA), id="1@x", date=0))):
        preview(built(reply(one, MIA, everyone=True), id="2@x", date=0)).encode()


HEADERS = (
    b"From: ", b"Subject: ", b"Date: ", b"Message-ID: ", b"References: ", b"Content-Type: ",
    b"Content-Type: multipart/mixed; boundary=b\n\n--b\n", b"--b--\n", b"--b\n", b"\n", b"\r\n",
    b"Content-Transfer-Encoding: base64\n", b"Content-Transfer-Encoding: x-uuencode\n",
    b"Content-Disposition: attachment; filename*0*=utf-8''", b"text/plain; charset=", b"utf-16",
    b"message/rfc822\n\n", b"multipart/digest; boundary=b\n\n", b"=?utf-8?b?", b"<a@b>", b"\xff",
)  # fmt: skip
CHARSETS = (b"charset*=x'y'z", b"charset=punycode;", b"boundary*=\0'y'z", b"=?x?q?=0Aa:?=", b"\0")


@given(st.lists(st.sampled_from(HEADERS) | st.binary(max_size=12), max_size=24).map(b"".join))
def test_any_bytes_are_a_mail(raw: bytes) -> None:
    check(parse(raw))


@pytest.mark.parametrize(
    "raw",
    [
        b"Content-Type: text/plain; charset*=x'y'z\n\nHi \xff",
        b"Content-Type: multipart/mixed; boundary*=\0'y'z\n\nHi",
    ],
    ids=["charset", "boundary"],
)
def test_what_the_standard_library_fails_on_is_a_mail_too(raw: bytes) -> None:
    check(parse(raw))


@pytest.mark.parametrize(
    "raw",
    [
        b'Content-Type: multipart/mixed; x="' + b";" * 400_000 + b"\n\nHi",
        b"Subject: " + b"=?utf-8?q?" * 100_000 + b"\n\nHi",
        b"To: " + b"<" * 300_000 + b"\n\nHi",
        b"To: " + b'"(' * 150_000 + b"\n\nHi",
        b"References: " + b"<a" * 150_000 + b"\n\nHi",
        b"".join(
            b"Content-Type: multipart/mixed; boundary=%d\n\n--%d\n" % (n, n) for n in range(1_000)
        )
        + b"\nHi",
        b"Content-Type: message/rfc822\n\n" * 3_000 + b"Hi",
        b"Content-Type: multipart/mixed; boundary=b\n\n" + b"--b\n\nx\n" * 200_000,
        b"A: b\n" * 150_000 + b"\nHi",
    ],
    ids=["parameters", "words", "angles", "comments", "ids", "nested", "mails", "parts", "headers"],
)
def test_a_mail_made_to_use_up_its_reader_does_not(raw: bytes) -> None:
    began = time.process_time()
    check(parse(raw))
    assert time.process_time() - began < 8, "the standard library alone takes minutes for some"


# Writing


def test_a_mail_is_written_as_every_program_reads_it() -> None:
    letter = Letter(
        MIA,
        to=(written("Jörg Ö <jorg@x.example>"),),
        cc=tuple(written(f"Some Body <body{n}@x.example>") for n in range(6)),
        subject="Größe of " + "many words " * 12,
        body="Dear **Jörg**,\n\n- one\n- two\n\n" + "long " * 60 + "\nFrom here\n.\n",
        attachments=(Attachment("größe.csv", "text/csv", b"\x00\xff" * 40),),
        in_reply_to="a" * 90 + "@x.example",
        references=("b" * 90 + "@x.example", "a" * 90 + "@x.example"),
    )
    raw = built(letter, id="1@office.example", date=1_795_165_920)
    assert max(map(len, raw.split(b"\r\n"))) <= 120
    assert b"\n" not in raw.replace(b"\r\n", b"")
    other = message_from_bytes(raw, policy=default)
    assert other["Subject"] == letter.subject.strip()
    assert str(other["To"]) == "Jörg Ö <jorg@x.example>"
    assert other["Date"].datetime.timestamp() == 1_795_165_920
    assert len(other["Cc"].addresses) == 6
    assert f"<{letter.in_reply_to}>" == other["In-Reply-To"]
    plain, page = other.get_body(("plain",)), other.get_body(("html",))
    assert plain and plain.get_content().replace("\r\n", "\n") == letter.body
    assert page and "<strong>Jörg</strong>" in page.get_content()
    assert [a.get_filename() for a in other.iter_attachments()] == ["größe.csv"]
    assert letter_of(parse(raw), MIA) == letter_of(parse(raw), written("x@y.example"))
    again = letter_of(parse(raw), MIA)
    assert (again.to, again.cc, again.subject) == (letter.to, letter.cc, letter.subject.strip())
    assert (again.body, again.attachments) == (letter.body, letter.attachments)
    assert (again.in_reply_to, again.references) == (letter.in_reply_to, letter.references)


def test_the_same_letter_is_the_same_bytes() -> None:
    letter = Letter(
        MIA, to=(MIA,), body="x", attachments=(Attachment("a.txt", "text/plain", b"1"),)
    )
    assert built(letter, id="1@x", date=5) == built(letter, id="1@x", date=5)


def test_the_message_id_comes_from_the_operation() -> None:
    assert message_id("r7k2.3.1", MIA) == "m2a.r7k2.3.1@office.example"
    odd = message_id("a b>\n<c", MIA)
    assert (
        odd == message_id("a b>\n<c", MIA)
        and parse(f"Message-ID: <{odd}>".encode()).message_id == odd
    )


HOSTILE = "x\r\nBcc: evil@x.example\r\n\r\n<script>"


def test_no_text_can_add_a_header_or_markup() -> None:
    letter = filled(
        Letter(MIA),
        to=["ann@x.example"],
        cc=None,
        bcc=None,
        subject=HOSTILE,
        body=f"{HOSTILE} [x](javascript:alert) <img src=x>",
        files=[Attachment(HOSTILE, "text/csv\r\nX: y", b"")],
        adding=False,
    )
    read = parse(built(letter, id="1@x", date=0))
    assert (read.bcc, read.header("X"), [str(a) for a in read.to]) == ((), "", ["ann@x.example"])
    assert "<script" not in read.html and "<img" not in read.html and "href" not in read.html


@given(st.text(max_size=60), st.text(max_size=60), st.text(max_size=30))
def test_any_words_can_be_sent(subject: str, body: str, name: str) -> None:
    files = [Attachment(name or "x", "application/pdf", b"1")]
    letter = filled(
        Letter(MIA),
        to=None,
        cc=None,
        bcc=None,
        subject=subject,
        body=body,
        files=files,
        adding=False,
    )
    read = parse(built(letter, id="1@x", date=0))
    assert read.text.replace("\r\n", "\n").rstrip("\n") == letter.body.rstrip("\n")
    assert read.subject == letter.subject
    assert [a.data for a in read.attachments] == [b"1"]


@pytest.mark.parametrize(
    "text",
    [
        "Ann",
        "",
        "a@b, c@d",
        "a@b c@d",
        "<a@b",
        "a@b\nBcc: c@d",
        "ä@x.example",
        "a@-",
        "@x",
        "a b@x.example",
    ],
)
def test_what_is_no_address_is_refused(text: str) -> None:
    if text in ("<a@b", "a@-"):
        assert str(written(text)).startswith("a@")
        return
    with pytest.raises(ToolFailed, match="is no mail address"):
        written(text)


def test_a_name_with_a_comma_and_a_domain_in_any_script_can_be_written_to() -> None:
    assert str(written("Bell, Ann <ann@x.example>")) == "Bell, Ann <ann@x.example>"
    assert written("ann@käse.example").address == "ann@xn--kse-qla.example"


# Replies and forwards


def asked(*headers: str) -> Mail:
    raw = mail("Invoice 7", "Pay.", to=f"{ME}, Bob <bob@x.example>", id="7")
    return parse("".join(f"{header}\n" for header in headers).encode() + raw)


def test_a_reply_goes_back_in_the_thread() -> None:
    letter = reply(asked("References: <1@x> <2@x>"), MIA, everyone=False)
    assert list(map(str, letter.to)) == ["Ann Bell <ann@x.example>"]
    assert (letter.cc, letter.subject) == ((), "Re: Invoice 7")
    assert (letter.in_reply_to, letter.references) == ("7@x.example", ("1@x", "2@x", "7@x.example"))
    assert reply(parse(mail("RE: x")), MIA, everyone=False).subject == "RE: x"


def test_a_reply_to_all_leaves_out_oneself_and_doubles() -> None:
    letter = reply(
        asked("Cc: ME@office.example, ann@x.example, cleo@x.example"), MIA, everyone=True
    )
    assert [a.address for a in letter.to] == ["ann@x.example", "bob@x.example"]
    assert [a.address for a in letter.cc] == ["cleo@x.example"]


def test_a_reply_to_ones_own_mail_goes_where_that_went() -> None:
    mine = parse(mail("x", sender=ME, to="bob@x.example"))
    assert [a.address for a in reply(mine, MIA, everyone=False).to] == ["bob@x.example"]


def test_a_reply_heeds_reply_to_and_keeps_references_short() -> None:
    many = " ".join(f"<{n}@x>" for n in range(90))
    letter = reply(asked("Reply-To: billing@x.example", f"References: {many}"), MIA, everyone=False)
    assert [a.address for a in letter.to] == ["billing@x.example"]
    assert len(letter.references) == 20
    assert (letter.references[0], letter.references[-1]) == ("0@x", "7@x.example")


def test_a_forward_carries_words_and_files_below_ones_own() -> None:
    original = parse(mail("Order", "Ten oak.", attachments={"o.csv": ("text/csv", b"1")}))
    letter = filled(
        forward(original, MIA), to=["bob@x.example"], cc=None, bcc=None, subject=None,
        body="Please.", files=None, adding=True,
    )  # fmt: skip
    assert letter.subject == "Fwd: Order"
    assert letter.body == (
        f"Please.\n\n{FORWARDED}\nFrom: Ann Bell <ann@x.example>\nDate: 2026-11-20 09:12 UTC\n"
        f"Subject: Order\nTo: {ME}\n\nTen oak."
    )
    assert [a.name for a in letter.attachments] == ["o.csv"]
    changed = filled(
        letter, to=None, cc=None, bcc=None, subject=None, body="Now.", files=None, adding=False
    )
    assert changed.body == letter.body.replace("Please.", "Now.")


def test_a_forward_keeps_links_whole_and_leaves_out_what_was_hidden() -> None:
    link = "https://x.example/" + "a" * 200
    page = f"<p>Pay <a href='{link}'>here</a></p><p hidden>Not shown</p>"
    body = forward(parse(mail("x", "", html=page)), MIA).body
    assert body.endswith(f"\n\nPay [here]({link})")


def test_the_preview_shows_everything_that_goes_out() -> None:
    letter = Letter(
        MIA, to=(written("ann@x.example"),),
        bcc=(written("boss@x.example"),), subject="Hello", body="Hi **Ann**.",
        attachments=(Attachment("a.csv", "text/csv", b"1,2\n"),),
    )  # fmt: skip
    assert preview(built(letter, id="1@x", date=1_795_165_920)) == (
        f"From: {ME}\nTo: ann@x.example\nBcc: boss@x.example\nSubject: Hello\n"
        "Date: Fri, 20 Nov 2026 09:12:00 GMT\n\nHi **Ann**.\n\n--- Attachments:\n"
        "a.csv  text/csv  4 bytes  sha256 "
        "52186c933993da4082b3cdc7c40bb4bf735b391ff54a2ef78c037dda6c38a680"
    )


def test_the_preview_shows_an_html_part_that_says_something_else() -> None:
    raw = mail("x", "Nothing to see.", html="<p>Send <b>money</b></p>")
    assert "--- The HTML part says:\nSend **money**" in preview(raw)
    assert as_html("Hi").strip() == "<p>Hi</p>"
