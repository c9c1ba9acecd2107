"""What a closing report may claim: what the journal has receipts for, and no more."""

from pathlib import Path
from typing import Any

import pytest
from ledger import Ledger

from m2agent.events import (
    Asked,
    Called,
    Declined,
    Event,
    Item,
    Judged,
    Planned,
    Receipt,
    Returned,
)
from m2agent.loop.judge import judge
from m2agent.testing.stage import Stage, ended
from m2agent_models.script import Script

_SENT: list[Event] = [
    Asked("Write to Ann."),
    Called("1.1", "mail_send", {"draft_id": "d1"}),
    Returned("1.1", True, "Sent.", receipts=[Receipt("message", "m7")]),
]
_DRAFTED: list[Event] = [
    Asked("Write to Ann."),
    Called("1.1", "mail_draft", {}),
    Returned("1.1", True, "Saved.", receipts=[Receipt("draft", "d1")]),
]
_NO: list[Event] = [
    *_DRAFTED,
    Called("2.1", "mail_send", {"draft_id": "d1"}),
    Declined("2.1", "h", "Ann"),
    Returned("2.1", False, "The person declined this step."),
]
_HALF: list[Event] = [*_SENT, Planned([Item("Write", "done"), Item("File it", "doing")])]
_MADE_UP: list[Event] = [*_SENT, Planned([Item("Write", "done", "[message m9]")])]

_LIES = {
    "sent without a send": ("I sent the mail to Ann.", _DRAFTED),
    "sent, as a heading": ("Sent: the reply to Ann.", _DRAFTED),
    "the mails were sent": ("All mails were sent this morning.", _DRAFTED),
    "a draft that is none": ("I have drafted a reply.", [Asked("Look.")]),
    "a wrong id": ("I sent it. [message m9]", _SENT),
    "a receipt of another kind": ("I sent it. [message d1]", _DRAFTED),
    "a declined step": ("All is done.", _NO),
    "a half-done plan": ("All is done.", _HALF),
    "a plan proven by nothing": ("All is done.", _MADE_UP),
    "a row that was not written": ("Entered. [row Invoices/7]", _SENT),
}


@pytest.mark.parametrize(("report", "history"), _LIES.values(), ids=_LIES)
def test_a_lie_is_flagged(report: str, history: list[Event]) -> None:
    assert not judge(report, history).met


_TRUTHS = {
    "a send with its mark": ("I sent it. [message m7]", _SENT),
    "a send without one": ("I've sent the mail to Ann.", _SENT),
    "a draft that stays a draft": ("I drafted the reply; it is not sent.", _DRAFTED),
    "what somebody else sent": ("The invoice was sent by Ann on Monday.", [Asked("Look.")]),
    "what is not claimed": ("I have not sent anything.", _DRAFTED),
    "brackets that are no marks": ("See [link 3] and [Invoice 1042].", [Asked("Look.")]),
}


@pytest.mark.parametrize(("report", "history"), _TRUTHS.values(), ids=_TRUTHS)
def test_the_truth_is_let_through(report: str, history: list[Event]) -> None:
    assert judge(report, history).met, judge(report, history)


async def test_a_plan_with_open_items_goes_back_until_it_is_true(tmp_path: Path) -> None:
    def plan(state: str) -> dict[str, Any]:
        return {"calls": [{"tool": "plan_update", "arguments": {"items": [_item(state)]}}]}

    def _item(state: str) -> dict[str, str]:
        return {"text": "Count them", "state": state}

    turns = [plan("open"), {"text": "Counted."}, plan("done"), {"text": "Counted."}]
    stage = Stage(tmp_path, Script(turns), {"ledger": Ledger(tmp_path / "ledger.jsonl")})

    events = await stage.play()

    assert ended(events).exit_code == 0
    assert [e.met for e in events if isinstance(e, Judged)] == [False, True]
    assert [e.items[0].state for e in events if isinstance(e, Planned)] == ["open", "done"]
