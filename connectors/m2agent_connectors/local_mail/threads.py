"""Which mails belong together: by the ids they refer to, else by their subject."""

from collections.abc import Sequence

from m2agent_connectors.local_mail.store import Store, answers
from m2agent_connectors.mail.message import Mail

_APART = 90 * 86_400


def join(store: Store, number: int, mail: Mail) -> None:
    """Put a new mail into the thread it refers to, and into its own those that refer to it.

    Only the nearest mail it refers to counts: a mail must not be able to tie other people's
    threads together by naming them all.
    """
    for id in [mail.in_reply_to, *reversed(mail.references[-50:])]:
        thread = id and store.one(
            "SELECT thread FROM message WHERE message_id = ?1 AND id != ?2 UNION ALL"
            " SELECT thread FROM reference JOIN message ON message.id = message"
            " WHERE reference.id = ?1 AND message != ?2 LIMIT 1",
            id,
            number,
        )
        if thread:
            move(store, number, thread)
            break
    if mail.message_id:
        for answer in store.column(
            "SELECT message FROM reference WHERE id = ? AND message != ?", mail.message_id, number
        ):
            move(store, answer, store.one("SELECT thread FROM message WHERE id = ?", number))


def join_by_subject(store: Store, numbers: Sequence[int]) -> None:
    """Give mails that call themselves answers, but refer to nothing, to the thread they mean."""
    for number in numbers:
        row = store.execute(
            "SELECT subject, topic, date, thread FROM message WHERE id = ?", (number,)
        ).fetchone()
        subject, topic, date, thread = row
        if not topic or not answers(subject):
            continue
        earlier = store.one(
            "SELECT thread FROM message WHERE topic = ? AND thread != ? AND date < ? AND date > ?"
            " ORDER BY date DESC LIMIT 1",
            topic,
            thread,
            date,
            date - _APART,
        )
        if earlier:
            move(store, number, earlier)


def move(store: Store, number: int, thread: int) -> None:
    """Give a mail's whole thread to another one."""
    old = store.one("SELECT thread FROM message WHERE id = ?", number)
    if old != thread:
        store.execute("UPDATE message SET thread = ? WHERE thread = ?", (thread, old))
