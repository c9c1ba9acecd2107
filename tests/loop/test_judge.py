"""What a closing report may claim: what the journal has receipts for, and no more."""

import json
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest
from ledger import Ledger

from m2agent.events import (
    Asked,
    Called,
    Declined,
    Ended,
    Event,
    Item,
    Judged,
    Noted,
    Planned,
    Receipt,
    Returned,
    Said,
    Thought,
    ToolSpec,
    Turned,
)
from m2agent.loop.judge import judge
from m2agent.model import ModelSettings, Piece
from m2agent.testing.stage import Stage, ended
from m2agent.transcript import messages
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
_FAILED: list[Event] = [
    Asked("File the gate code."),
    Called("1.1", "mail_search", {"query": "gate"}),
    Returned("1.1", False, "The server does not answer."),
]
_HALF: list[Event] = [*_SENT, Planned([Item("Write", "done"), Item("File it", "doing")])]
_MADE_UP: list[Event] = [*_SENT, Planned([Item("Write", "done", "[message m9]")])]

_ENTERED: list[Event] = [
    Asked("Enter the three invoices and add them up."),
    Called("1.1", "notes_create", {}),
    Returned("1.1", True, "Created.", receipts=[Receipt("row", "r1")]),
    Called("2.1", "shell_run", {"command": "paste -sd+ | bc"}),
    Returned("2.1", True, "100.10\n1,250\n99.9\ntotal,1450.00"),
]
_RAN: list[Event] = [
    Asked("Run it."),
    Called("1.1", "shell_run", {"command": "make"}),
    Returned("1.1", True, "exit 2 | 0.1 s", receipts=[Receipt("exit", "r.1.1", "exit 2")]),
]
_BEFORE: list[Event] = [*_SENT, Ended("done", "Done.", 0), Asked("Now write to Bob, too.")]

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
    "a receipt from before the ask": ("I sent Bob his mail. [message m7]", _BEFORE),
    "sent, long before the ask": ("The mail was sent.", _BEFORE),
    "more than were sent": ("I sent 3 mails. [message m7]", _SENT),
    "a sum that was made up": ("Entered all; the total is 1,540.00. [row r1]", _ENTERED),
    "labels that were not set": ("I have labelled all mails.", _SENT),
    "the reply to somebody": ("The reply to Ann Oak has been sent.", _DRAFTED),
    "a thing, sent": ("- Reply sent to Ann.", _DRAFTED),
    "done and sent": ("Done. Successfully sent.", _DRAFTED),
    "sent along with the rest": ("I drafted the reply [draft d1] and then sent it.", _DRAFTED),
    "sent already, but never": ("I have already sent the mail.", _DRAFTED),
    "answered": ("I've replied to Ann.", _DRAFTED),
    "sent, no doubt": ("No problem, I sent it.", _DRAFTED),
    "more, in words": ("I sent both replies. [message m7]", _SENT),
    "more, passively": ("All 4 replies were sent. [message m7]", _SENT),
    "a draft that was never saved": ("I saved a draft to Ann.", [Asked("Look.")]),
    "a table that was not touched": ("I updated the Invoices table.", [Asked("Look.")]),
    "a sum without cents": ("The total is EUR 1,540. [row r1]", _ENTERED),
    "an id that was made up": ("I looked at draft d99 and it is fine.", _DRAFTED),
    "an address that was made up": ("Ann can be reached at ann@oak.example.", _DRAFTED),
    "an exit code that was another": ("It ran, with exit code 0. [exit r.1.1]", _RAN),
    "sent, in German": ("Ich habe die Mail an Ann verschickt.", _DRAFTED),
    "sent, in French": ("J'ai envoyé la réponse.", _DRAFTED),
    "sent, in Spanish": ("He enviado la respuesta a Ann.", _DRAFTED),
    "done, where every call failed": ("Done.", _FAILED),
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
    "what was sent before, said so": ("Ann's was sent earlier [message m7].", _BEFORE),
    "a sum that a tool worked out": ("The total is 1.450,00 with 1,250.00. [row r1]", _ENTERED),
    "a sum in words alone": ("That makes 12.50.", [Asked("Add 10.25 and 2.25.")]),
    "dates, times, versions": ("On 12.11.2026 at 10:30, v3.12, p. 4.2", _ENTERED),
    "as many as were sent": ("I sent 1 mail. [message m7]", _SENT),
    "what cannot be known": ("I cannot tell whether the mail was sent.", _DRAFTED),
    "what depends": ("If you say yes, the mail is sent at once.", _DRAFTED),
    "nothing of it": ("Sent: nothing. No mails were sent.", _DRAFTED),
    "what others wrote": ("Bob says: “I sent the payment on Monday.”", [Asked("Look.")]),
    "what others did": ("I checked what Oak sent us; they sent two invoices.", [Asked("Look.")]),
    "a mail of a day": ("It was sent on Monday, the mail from Oak on 3 May.", [Asked("Look.")]),
    "a folder's name": ("Folders: Inbox, Sent, Archived.", [Asked("Look.")]),
    "a year and a page": ("Page 12 of the mail 2026 shows it; row 7 too.", [Asked("Look.")]),
    "an id that was seen": ("Draft d1 is ready.", _DRAFTED),
    "the exit code as it was": ("It exited with status 2. [exit r.1.1]", _RAN),
    "not sent, in German": ("Ich habe die Mail nicht verschickt.", _DRAFTED),
    "that every call failed": ("I could not search: the server does not answer.", _FAILED),
    "that it went wrong": ("The search failed. What now?", _FAILED),
    "added up": ("I added up the invoices.", [Asked("Look.")]),
}


@pytest.mark.parametrize(("report", "history"), _TRUTHS.values(), ids=_TRUTHS)
def test_the_truth_is_let_through(report: str, history: list[Event]) -> None:
    assert judge(report, history).met, judge(report, history)


@pytest.mark.parametrize(("report", "history"), _LIES.values(), ids=_LIES)
async def test_a_run_that_sticks_to_its_lie_ends_unverified(
    tmp_path: Path, report: str, history: list[Event]
) -> None:
    stage = Stage(tmp_path, Script([{"text": report}] * 9), {"ledger": Ledger(tmp_path / "l")})
    journal = stage.journal()
    run = stage.begin(journal, "Do it.")
    for event in history[1:]:
        run.add(event, *([Turned("calls")] if isinstance(event, Called) else []))
    journal.close()

    events = await stage.go_on()

    assert ended(events).exit_code == 7
    assert [e.met for e in events if isinstance(e, Judged)] == [False] * 3


_LONG = '[{"item": 99, "met": false, "why": "' + "x" * 10_000 + '"}]'


class Judging(Script):
    """A script that is asked to judge, and answers with what it is given, one for each time."""

    judges = True

    def __init__(self, turns: list[dict[str, Any]], answers: list[str]) -> None:
        super().__init__(turns)
        self.answers = answers
        self.asked: list[list[Event]] = []

    async def reply(
        self, history: Sequence[Event], tools: Sequence[ToolSpec], settings: ModelSettings
    ) -> AsyncGenerator[Piece, None]:
        if isinstance(history[-1], Noted) and history[-1].about == "judge":
            self.asked.append(list(history))
            yield Thought("Let me see.")
            yield Said(self.answers[len(self.asked) - 1])
            yield Turned(evaluated=40, reused=900, generated=12)
            return
        async with aclosing(super().reply(history, tools, settings)) as pieces:
            async for piece in pieces:
                yield piece


_MET = '[{"item": 1, "met": true, "marks": [], "why": "all are there"}]'
_UNMET = 'Hm. [{"item": 1, "met": false, "why": "only one of two was looked for"}]'
_LOOK: dict[str, Any] = {"calls": [{"tool": "ledger_look", "arguments": {}}]}


def _judging(folder: Path, answers: list[str], *turns: dict[str, Any]) -> tuple[Stage, Judging]:
    model = Judging(list(turns), answers)
    return Stage(folder, model, {"ledger": Ledger(folder / "ledger.jsonl")}), model


async def test_the_model_judges_in_a_fork_that_the_run_never_sees(tmp_path: Path) -> None:
    stage, model = _judging(tmp_path, [_UNMET, _MET], _LOOK, {"text": "All done."}, _LOOK)

    events = await stage.play("Look for both.")

    first, second = [event for event in events if isinstance(event, Judged)]
    assert (first.met, first.by, first.evaluated, first.reused) == (False, "model", 40, 900)
    assert first.items == [
        Item("What was asked is done: Look for both.", "open", "only one of two was looked for")
    ]
    assert second.met and second.items[0].state == "claimed"
    assert ended(events).exit_code == 0
    fork = model.asked[0]
    assert fork[:-1] == events[: len(fork) - 1], "the fork is not the run's own context"
    assert not [e for e in events if isinstance(e, Noted)]
    told = messages(events[: events.index(first) + 1])[-1]
    assert "only one of two was looked for" in repr(told), "the verdict goes back to the model"


async def test_what_the_model_finds_unmet_goes_back_three_times_at_most(tmp_path: Path) -> None:
    stage, model = _judging(tmp_path, [_UNMET] * 9, _LOOK, *[{"text": "All done."}] * 9)

    events = await stage.play("Look for both.")

    assert len(model.asked) == 3
    assert ended(events).exit_code == 7
    assert "only one of two" in ended(events).reason


@pytest.mark.parametrize(
    ("marks", "state"), [(["[message KEY]"], "proven"), (["[message m9]"], "claimed")]
)
async def test_what_the_model_calls_met_is_proven_only_by_a_receipt(
    tmp_path: Path, marks: list[str], state: str
) -> None:
    put = {"calls": [{"tool": "ledger_put", "arguments": {"text": "a"}}]}
    stage, model = _judging(tmp_path, [], put, {"text": "Done."})
    journal = stage.journal()
    run = stage.begin(journal, "Put it.")
    key = f"{run.id}.1.1"
    journal.close()
    answer = [{"item": 1, "met": True, "marks": [m.replace("KEY", key) for m in marks]}]
    model.answers.append(json.dumps(answer))

    (judged,) = [event for event in await stage.go_on() if isinstance(event, Judged)]

    assert judged.met and judged.items[0].state == state


@pytest.mark.parametrize("answer", ["Yes.", "[]", "", '[{"item": "x"}]', '[{"item": 7}', _LONG])
async def test_a_model_that_does_not_answer_the_question_leaves_it_to_the_rules(
    tmp_path: Path, answer: str
) -> None:
    stage, _ = _judging(tmp_path, [answer], _LOOK, {"text": "Done."})

    events = await stage.play()

    assert ended(events).exit_code == 0


async def test_words_alone_are_not_judged_by_the_model(tmp_path: Path) -> None:
    stage, model = _judging(tmp_path, [], {"text": "Four."})

    assert ended(await stage.play("What is two and two?")).exit_code == 0
    assert model.asked == []


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
