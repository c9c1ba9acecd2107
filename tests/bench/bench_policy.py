"""What a decision costs after 1,000 events, and what it costs to follow them."""

import time

from m2agent.events import (
    Asked,
    Began,
    Called,
    Decided,
    Event,
    Origin,
    Returned,
    Started,
    ToolSpec,
    Turned,
)
from m2agent.policy import Call, Provenance, Rules, decide

_ROWS = 20
_ROUNDS = 2_000
_MAIL = ToolSpec(
    "send_email",
    "Sends an email.",
    {
        "properties": {
            "recipients": {"type": "array", "items": {"type": "string"}},
            "subject": {"type": "string"},
            "body": {"type": "string"},
        }
    },
)


def history(events: int) -> list[Event]:
    """A run that searches mail over and over; each answer lists 20 mails in 3,000 characters."""
    found: list[Event] = [
        Began("bench", "You work for Ann <ann@office.example>.", [_MAIL]),
        Asked("Answer the suppliers whose invoice is wrong, and mail bob@firm.example a summary."),
    ]
    number = 0
    while len(found) < events:
        number += 1
        id = f"{number}.1"
        lines = [
            f"m{number * _ROWS + n} 2026-11-20 Firm {n} <a{n}@f{number}.example> | Invoice "
            f"SI-{number}{n} | INBOX,UNREAD,Suppliers | Dear Ann, here is what we talked about\n"
            for n in range(_ROWS)
        ]
        origin: list[Origin] = []
        at = 0
        for n, line in enumerate(lines):
            origin.append(Origin("outside", f"mail m{number * _ROWS + n}", at, at + len(line)))
            at += len(line)
        found += [
            Called(id, "mail_search", {"query": f"invoice {number}"}),
            Turned(),
            Decided(id, "allow", "effect read", "", "read"),
            Started(id, id, ""),
            Returned(id, text="".join(lines), origin=origin),
        ]
    return found


def main() -> None:
    events = history(1_000)
    provenance = Provenance()
    began = time.process_time()
    provenance.follow(events)
    followed = time.process_time() - began
    body = "Dear Bob, the invoices of this week. " * 40
    calls = [
        Call(
            "send_email", "send", {"recipients": ["bob@firm.example"], "subject": "", "body": body}
        ),
        Call("send_email", "send", {"recipients": ["a7@f9.example"], "subject": "x", "body": "y"}),
        Call("mail_draft", "write", {"reply_to": "m187", "body": body}),
        Call(
            "mail_label", "write", {"ids": [f"m{n}" for n in range(180, 200)], "add": ["Checked"]}
        ),
    ]
    print(f"following 1,000 events: {followed / len(events) * 1e6:.0f} µs an event")
    for call in calls:
        began = time.process_time()
        for _ in range(_ROUNDS):
            decide(provenance.grant, provenance, call, Rules())
        spent = (time.process_time() - began) / _ROUNDS
        said = decide(provenance.grant, provenance, call, Rules()).decision
        print(f"{call.tool:<11} {said:<5} {spent * 1e6:4.0f} µs a decision (bar: 1,000)")


if __name__ == "__main__":
    main()
