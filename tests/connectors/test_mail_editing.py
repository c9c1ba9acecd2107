"""A draft that a person changes on the card: what is shown, as they left it, is what goes out."""

from pathlib import Path

import pytest
from mail_scene import Mailbox, mail, opened

from m2agent.errors import ToolFailed
from m2agent_connectors.mail.message import parse

pytestmark = pytest.mark.usefixtures("mailboxes_closed")


@pytest.fixture
async def box(tmp_path: Path) -> Mailbox:
    return await opened(tmp_path, mail("Oak", "Ten.", id="8"))


async def drafted(box: Mailbox, **more: object) -> tuple[str, str]:
    """A draft's id, and what is shown of it."""
    result = await box.call(
        "draft", to=["Ann <ann@x.example>"], subject="Oak", body="Dear Ann,\n\nten.", **more
    )
    id: str = result.data["draft_id"]
    return id, await shown(box, id)


async def shown(box: Mailbox, id: str) -> str:
    content = await box.checked("send", draft_id=id).content(box.operation())
    assert content
    return content.preview


async def edit(box: Mailbox, id: str, text: str) -> None:
    await box.checked("send", draft_id=id).edit(box.operation("run.7"), text)


async def test_what_the_person_leaves_is_what_is_shown_and_sent(box: Mailbox) -> None:
    (box.work / "a.txt").write_text("a")
    id, text = await drafted(box, attach=["a.txt"])
    wanted = text.replace("ten.", "eleven.\n\n--- Attachments:\nnone").replace("Oak", "Ash")
    wanted = wanted.replace("ann@x.example>", "ann@y.example>, Bob <bob@x.example>")

    await edit(box, id, wanted)

    assert await shown(box, id) == wanted
    await box.call("send", draft_id=id)
    (raw,) = box.sent().values()
    sent = parse(raw)
    assert [str(person) for person in sent.to] == ["Ann <ann@y.example>", "Bob <bob@x.example>"]
    assert sent.subject == "Ash"
    assert "eleven." in sent.text
    assert "eleven." in sent.html
    assert [file.data for file in sent.attachments] == [b"a"]


async def test_a_draft_that_is_left_as_it_is_stays_so_byte_for_byte(box: Mailbox) -> None:
    id, text = await drafted(box, cc=["Zoë <zoe@x.example>"])
    await edit(box, id, text)
    assert await shown(box, id) == text


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("From: Mia", "From: Eve", "From cannot be changed"),
        ("Date: ", "Date: 1", "Date cannot be changed"),
        ("Subject: Oak", "Subject: Oak\nSubject: Ash", "two lines Subject"),
        ("Subject: Oak", "Oak", "no header line"),
        ("To: Ann <ann@x.example>\n", "", "to somebody"),
        ("To: Ann <ann@x.example>", "To: Ann", "no mail address"),
        ("a.txt", "b.txt", "Attachments cannot be changed"),
        ("To: Ann", "Reply-To: Ann <ann@x.example>\nTo: Ann", "Reply-to cannot be changed"),
    ],
)
async def test_what_cannot_be_changed_is_said_and_nothing_is(
    box: Mailbox, old: str, new: str, says: str
) -> None:
    (box.work / "a.txt").write_text("a")
    id, text = await drafted(box, attach=["a.txt"])
    assert old in text

    with pytest.raises(ToolFailed, match=says):
        await edit(box, id, text.replace(old, new, 1))

    assert await shown(box, id) == text
