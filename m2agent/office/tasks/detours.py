"""Find another way: a tool that fails at first, or a mail that is not called what was said."""

from m2agent.office.tasks import filing, replies
from m2agent.office.tasks.task import Task
from m2agent.office.tasks.wording import Wording


def draw(w: Wording) -> Task:
    match w.number(1, 4):
        case 1 | 2:
            return filing.mail_to_note(w, "detours", vague=True)
        case 3:
            trips = w.rng.choice(("mail_search", "mail_read", "notes_create"))
            return filing.mail_to_note(w, "detours", trips=(trips,))
        case _:
            trips = w.rng.choice(("mail_search", "mail_draft"))
            return replies.mail_to_reply(w, "detours", trips=(trips,))
