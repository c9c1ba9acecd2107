"""Find another way where there is one: a tool that fails, or a mail that is not called so."""

from dataclasses import replace

from m2agent.office.tasks import filing, replies
from m2agent.office.tasks.task import Expert, Seen, Step, Task
from m2agent.office.tasks.wording import Wording

_FAILURES = (
    "[The disk is full|No space is left on the device].",
    "[Permission denied|You may not do that here|This is read-only].",
    "The [service|server] [is down for maintenance|does not answer|refused the connection].",
    "[Not signed in|The session has ended|The key is not valid any more].",
    "The [quota|daily limit] [is used up|was reached].",
    "[The file is locked by another program|Somebody else is editing this].",
    "[Internal error|Unexpected answer] [500|503|22] (no details).",
)
_UNSEEN_FAILURES = (
    "This account was suspended by its owner.",
    "The certificate of the server has expired.",
)


def draw(w: Wording) -> Task:
    match w.number(1, 5):
        case 1 | 2:
            return filing.mail_to_note(w, "detours", vague=True)
        case 3:
            trips = w.rng.choice(("mail_search", "mail_read", "notes_create"))
            return filing.mail_to_note(w, "detours", trips=(trips,))
        case 4:
            trips = w.rng.choice(("mail_search", "mail_draft"))
            return replies.mail_to_reply(w, "detours", trips=(trips,))
        case _:
            return _blocked(w)


def _blocked(w: Wording) -> Task:
    """A task that cannot be done, since a tool fails for good: stop, and say so."""
    if w.rng.random() < 0.6:
        tool = w.rng.choice(("mail_search", "mail_read", "notes_create"))
        task = filing.mail_to_note(w, "detours")
    else:
        tool = w.rng.choice(("mail_search", "mail_draft"))
        task = replies.mail_to_reply(w, "detours")
    reason = w.ask(_FAILURES, _UNSEEN_FAILURES)

    def shows(seen: Seen) -> str:
        tried = [name for name, _ in seen.calls if name == tool]
        return "" if 0 < len(tried) < 3 and seen.answer else f"{tool} was tried {len(tried)} times"

    return replace(
        task,
        solve=lambda: _stopped(task.solve(), reason),
        wanted=(),
        shows=shows,
        fails={tool: reason},
    )


def _stopped(expert: Expert, reason: str) -> Expert:
    """The expert, up to the call that fails."""
    returned = yield next(expert)
    while returned.ok:
        returned = yield expert.send(returned)
    yield Step(
        f"It failed: {reason} Another try would fail as well, so I stop and say so.",
        says=f"I could not do it: {reason} Nothing was changed.",
    )
