"""What a person does at the screen, and what comes of it in the journal and outside."""

from contextlib import nullcontext

import pytest
from scene import Stage, call

from m2agent.events import Approved, Asked, Ended, Event, Planned, Returned
from m2agent.home import journal_file
from m2agent.journal import Journal
from m2agent_tui.card import Card

SEND = call("post_send", to="ann", text="Dear Ann")
TWO = {"calls": [*SEND["calls"], *call("post_send", to="bob", text="Dear Bob")["calls"]]}


def ended(events: list[Event]) -> Ended:
    last = events[-1]
    assert isinstance(last, Ended)
    return last


async def test_a_task_is_worked_on_and_every_step_of_it_is_shown(stage: Stage) -> None:
    look = {"thinking": "Where is it? " * 5, **call("post_look", what="rent")}
    async with stage.open(look, {"text": "There are **two** letters."}) as scene:
        await scene.say("Look for rent")
        await scene.sees("Done, and checked.")
        assert "Look for rent" in scene.text
        assert "▸ Thought for 15 words" in scene.text
        assert "✓ Post look: rent  2 letters about rent" in scene.text
        await scene.sees("There are two letters.")
        assert "idle" in scene.text
    assert ended(stage.events()).status == "done"


async def test_letters_typed_just_before_enter_are_sent_with_it(stage: Stage) -> None:
    async with stage.open({"text": "Hello."}) as scene:
        await scene.sees("What should be done?")
        await scene.press(*"hi there", "enter")
        await scene.sees("Done, and checked.")
    assert Asked("hi there") in stage.events()


async def test_a_line_opens_to_what_is_behind_it_and_closes_again(stage: Stage) -> None:
    look = {"thinking": "A secret thought.", **call("post_look", what="nothing")}
    async with stage.open(look, {"text": "There is none."}, size=(80, 40)) as scene:
        await scene.say("Look")
        await scene.sees("Done, and checked.")
        assert "✗ Post look: nothing  failed  There is no such letter." in scene.text
        await scene.press("tab", "enter")
        await scene.sees("what: nothing")
        assert "allow: It changes nothing and tells nobody." in scene.text
        await scene.press("up", "enter")
        await scene.sees("A secret thought.")
        await scene.press("enter")
        await scene.until(lambda: "A secret thought." not in scene.text)


async def test_a_step_that_needs_a_yes_is_done_after_a_mark_and_enter(stage: Stage) -> None:
    async with stage.open(SEND) as scene:
        await scene.say("See to it")
        await scene.is_asked()
        assert "To: ann" in scene.text and "Dear Ann" in scene.text
        assert "waiting" in scene.text
        await scene.press("enter")
        assert stage.sent == []
        await scene.press("y")
        assert stage.sent == []
        await scene.press("enter")
        await scene.sees("Done, and checked.")
    assert stage.sent == ["ann: Dear Ann"]


async def test_each_step_of_several_gets_an_answer_of_its_own(stage: Stage) -> None:
    async with stage.open(TWO) as scene:
        await scene.say("See to it")
        await scene.is_asked()
        assert "These 2 steps need your yes" in scene.text
        await scene.press("n", *"too early", "enter", "y", "enter")
        await scene.sees("Done, and checked.")
    assert stage.sent == ["bob: Dear Bob"]
    (returned,) = (e for e in stage.events() if isinstance(e, Returned) and e.id == "1.1")
    assert not returned.ok
    assert returned.text == "The person declined this step. too early"


async def test_a_batch_is_carried_out_with_one_change_and_one_no(stage: Stage) -> None:
    calls = [call("post_mail", letter=name)["calls"][0] for name in ("ann", "bob", "cem")]
    async with stage.open({"calls": calls}, size=(100, 40)) as scene:
        await scene.say("Post them")
        await scene.is_asked()
        await scene.press("a", "n", *"not him", "enter", "down", "e")
        await scene.sees("Ctrl+S keeps the change")
        await scene.press("down", "down", "end", "backspace", *"9.", "ctrl+s")
        await scene.sees("Enter: do 1, decline 1, change 1 and ask again")
        await scene.sees("+ Dear bob, the total is 1,1099.")
        await scene.is_listened_to()
        await scene.press("enter")
        await scene.sees("This step, as you changed it")
        assert stage.sent == []
        await scene.sees("- Dear bob, the total is 1,109.")
        await scene.is_listened_to()
        await scene.press("y", "enter")
        await scene.sees("Done, and checked.")
    assert sorted(stage.sent) == [
        "bob: Dear bob, the total is 1,1099.",
        "cem: Dear cem, the total is 1,109.",
    ]


async def test_a_change_that_cannot_be_made_says_why_and_asks_again(stage: Stage) -> None:
    async with stage.open(call("post_mail", letter="ann"), size=(100, 40)) as scene:
        await scene.say("Post it")
        await scene.is_asked()
        await scene.press("e", "up", "up", "x", "ctrl+s")
        await scene.is_listened_to()
        await scene.press("enter")
        await scene.sees("To whom it goes cannot be changed here.")
        await scene.is_listened_to()
        await scene.press("y", "enter")
        await scene.sees("Done, and checked.")
    assert stage.sent == ["ann: Dear ann, the total is 1,109."]


async def test_a_change_is_written_in_the_persons_own_editor(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDITOR", "sed -i s/1,109/1,190/")
    async with stage.open(call("post_mail", letter="ann"), size=(100, 40)) as scene:
        monkeypatch.setattr(scene.app, "suspend", nullcontext)
        await scene.say("Post it")
        await scene.is_asked()
        await scene.press("E")
        await scene.sees("change 1 and ask again")
        await scene.is_listened_to()
        await scene.press("enter")
        await scene.sees("This step, as you changed it")
        await scene.is_listened_to()
        await scene.press("y", "enter")
        await scene.sees("Done, and checked.")
    assert stage.sent == ["ann: Dear ann, the total is 1,190."]


async def test_an_always_is_written_down_and_the_next_such_step_is_not_asked(stage: Stage) -> None:
    async with stage.open(SEND, SEND) as scene:
        await scene.say("See to it")
        await scene.is_asked()
        await scene.press("y", "w")
        await scene.sees("always in this run")
        await scene.press("enter")
        await scene.sees("Done, and checked.")
    assert stage.sent == ["ann: Dear Ann"] * 2
    assert [e.always for e in stage.events() if isinstance(e, Approved)] == ["run"]


async def test_one_key_marks_yes_for_all_and_nothing_is_sent_before_enter(stage: Stage) -> None:
    async with stage.open(TWO) as scene:
        await scene.say("See to it")
        await scene.is_asked()
        await scene.press("a")
        await scene.sees("Enter: do 2, decline 0")
        assert stage.sent == []
        await scene.press("enter")
        await scene.sees("Done, and checked.")
    assert stage.sent == ["ann: Dear Ann", "bob: Dear Bob"]


async def test_a_no_without_its_reason_is_taken_back_by_escape(stage: Stage) -> None:
    async with stage.open(SEND) as scene:
        await scene.say("See to it")
        await scene.is_asked()
        await scene.press("n", "w", "escape")
        await scene.is_listened_to()
        await scene.press("enter")
        assert "[ ]" in scene.text
        await scene.press("y", "enter")
        await scene.sees("Done, and checked.")
    assert stage.sent == ["ann: Dear Ann"]


async def test_keys_that_come_too_early_are_text_and_no_answer(stage: Stage) -> None:
    async with stage.open(SEND) as scene:
        await scene.say("See to it")
        await scene.is_asked()
        scene.prompt.focus()
        scene.app.screen.query_one(Card).focus()
        await scene.strike("yes")
        assert scene.prompt.text == "yes"
        assert "[ ]" in scene.text
        await scene.press("enter")
        await scene.sees("The model hears this")
        assert stage.sent == []
        await scene.press("tab")
        await scene.is_asked()
        await scene.press("y", "enter")
        await scene.until(lambda: Asked("yes") in stage.events())
    assert stage.sent == ["ann: Dear Ann"]


async def test_a_sentence_written_in_one_burst_is_no_answer_whatever_letters_it_has(
    stage: Stage,
) -> None:
    async with stage.open(SEND) as scene:
        await scene.say("See to it")
        await scene.is_asked()
        await scene.strike("Only say yes, and wait")
        await scene.until(lambda: scene.prompt.text == "Only say yes, and wait")
        assert "[ ]" in scene.text
    assert stage.sent == []


async def test_a_person_who_is_typing_is_not_interrupted_by_a_question(stage: Stage) -> None:
    async with stage.open(call("post_wait"), SEND) as scene:
        await scene.say("See to it")
        await scene.sees("running")
        await scene.press(*"a hal")
        stage.go()
        await scene.sees("This step needs your yes")
        await scene.is_listened_to()
        await scene.press(*"f yn", "enter")
        assert "Tab comes here to answer" in scene.text
        assert stage.sent == []
        await scene.press(*"kept")
        assert scene.prompt.text == "kept"
        await scene.press("tab", "escape")
        await scene.sees("Waiting for you.")
        assert scene.prompt.text == "kept"
    assert Asked("a half yn") not in stage.events()


async def test_what_is_no_answer_goes_to_the_prompt_as_text(stage: Stage) -> None:
    async with stage.open(SEND) as scene:
        await scene.say("See to it")
        await scene.is_asked()
        await scene.press(*"better not")
        assert scene.prompt.text == "better not"
        assert stage.sent == []


async def test_a_question_that_is_left_open_waits_and_enter_brings_it_back(stage: Stage) -> None:
    async with stage.open(SEND) as scene:
        await scene.say("See to it")
        await scene.is_asked()
        await scene.press("escape")
        await scene.sees("Waiting for you.")
        assert "It waits for your answer. Enter shows it." in scene.text
        assert ended(stage.events()).status == "waiting"
        await scene.press("enter")
        await scene.is_asked()
        await scene.press("y", "enter")
        await scene.sees("Done, and checked.")
    assert stage.sent == ["ann: Dear Ann"]


async def test_escape_stops_after_the_step_that_is_under_way(stage: Stage) -> None:
    async with stage.open(call("post_wait"), SEND) as scene:
        await scene.say("Wait, then see to it")
        await scene.sees("running")
        await scene.press("escape")
        await scene.sees("stopping")
        stage.go()
        await scene.sees("Enter goes on.")
        assert "✓ Post wait  It has come." in scene.text
        await scene.press("enter")
        await scene.is_asked()
    assert stage.sent == []


async def test_escape_twice_stops_at_once_and_enter_goes_on(stage: Stage) -> None:
    async with stage.open(call("post_wait"), {"text": "It came."}) as scene:
        await scene.say("Wait")
        await scene.sees("running")
        await scene.press("escape", "escape")
        await scene.sees("Stopped. It was stopped at once.")
        stage.go()
        await scene.press("enter")
        await scene.sees("Done, and checked.")
    assert [event.status for event in stage.events() if isinstance(event, Ended)] == [
        "interrupted",
        "done",
    ]


async def test_what_is_typed_meanwhile_reaches_the_model_before_its_next_turn(stage: Stage) -> None:
    async with stage.open(call("post_wait"), {"text": "As you say."}) as scene:
        await scene.say("Wait")
        await scene.sees("running")
        await scene.say("And be brief")
        stage.go()
        await scene.sees("Done, and checked.")
    events = stage.events()
    said = events.index(Asked("And be brief"))
    assert isinstance(events[said - 1], Returned)
    assert events[said + 1 :] != []


async def test_a_finished_run_can_be_asked_for_more(stage: Stage) -> None:
    async with stage.open({"text": "One."}, {"text": "Two."}) as scene:
        await scene.say("Count")
        await scene.sees("Ask for more, or Ctrl+N for something new.")
        await scene.say("Go on")
        await scene.sees("Two.")
        await scene.sees("Ask for more, or Ctrl+N for something new.")
    asked = [event.text for event in stage.events() if isinstance(event, Asked)]
    assert asked == ["Count", "Go on"]


async def test_a_doubt_is_asked_and_what_happened_is_not_done_again(stage: Stage) -> None:
    async with stage.open(call("post_throw", text="Hello"), {"text": "Thrown."}) as scene:
        await scene.say("See to it")
        await scene.sees("Did this happen?")
        await scene.is_listened_to()
        await scene.press("y")
        await scene.sees("It happened. Enter")
        await scene.press("enter")
        await scene.sees("Done, and checked.")
        assert "✓ Post throw: Hello" in scene.text


async def test_a_set_up_that_cannot_be_opened_is_a_sentence_with_the_fix(stage: Stage) -> None:
    stage.accounts = {"post": {"connector": "pots"}}
    async with stage.open({"text": "Hello."}) as scene:
        await scene.sees("There is no connector called 'pots'.")
        assert "m2agent doctor" in scene.text
        await scene.say("Do it anyway")
        await scene.until(lambda: scene.prompt.text == "Do it anyway")
        stage.accounts["post"]["connector"] = "post"
        await scene.press("enter")
        await scene.sees("Done, and checked.")


async def test_a_bug_is_a_sentence_and_the_run_is_kept(stage: Stage) -> None:
    async with stage.open(call("post_stumble")) as scene:
        await scene.say("Stumble")
        await scene.sees("m2agent has a bug: ZeroDivisionError: a bug of the connector")
        assert "Traceback" not in scene.text
        assert "Enter goes on" in scene.text
    report = journal_file().with_name("last-bug.txt").read_text()
    assert "ZeroDivisionError" in report and "stumble" in report
    assert Asked("Stumble") in stage.events()


async def test_a_run_of_another_process_is_shown_and_left_alone(stage: Stage) -> None:
    async with stage.open(SEND, {"text": "Sent."}) as scene:
        await scene.say("See to it")
        await scene.is_asked()
        await scene.press("escape")
        await scene.sees("Waiting for you.")
        other = Journal(journal_file())
        other.open(other.find("last"))
        await scene.press("enter")
        await scene.sees("is being worked on by process")
        other.close()
        await scene.press("enter")
        await scene.sees("This step needs your yes")


async def test_leaving_in_the_middle_keeps_the_run_and_the_next_start_goes_on(stage: Stage) -> None:
    async with stage.open(call("post_wait")) as scene:
        await scene.say("Wait for it")
        await scene.sees("running")
        await scene.press("ctrl+q")
    assert ended(stage.events()).status == "interrupted"
    stage.go()
    async with stage.open(call("post_wait"), {"text": "It came."}) as scene:
        await scene.press("ctrl+r")
        await scene.sees("interrupted")
        await scene.press("enter")
        await scene.sees("Stopped.")
        await scene.press("enter")
        await scene.sees("Done, and checked.")


async def test_a_run_that_was_cut_off_is_named_at_the_next_start(stage: Stage) -> None:
    async with stage.open({"text": "Hello."}) as scene:
        await scene.say("Say hello")
        await scene.sees("Done, and checked.")
    journal = Journal(journal_file())
    run = journal.open(journal.find("last"))
    run.add(Asked("And now?"))
    journal.close()
    async with stage.open({"text": "Hello."}) as scene:
        await scene.sees(f"Run {run.id} was cut off. Ctrl+R goes on with it.")


async def test_no_work_is_lost_to_a_terminal_of_20_by_5(stage: Stage) -> None:
    async with stage.open(SEND, {"text": "A long answer. " * 50}) as scene:
        await scene.say("See to it")
        await scene.is_asked()
        for size in ((20, 5), (1, 1), (200, 60), (20, 5), (80, 24)):
            await scene.pilot.resize_terminal(*size)
            await scene.pilot.pause(0.05)
        await scene.press("y", "enter")
        await scene.sees("Done, and checked.")
    assert stage.sent == ["ann: Dear Ann"]


async def test_the_plan_is_changed_while_the_model_works(stage: Stage) -> None:
    plan = call("plan_update", items=[{"text": "Count the letters", "state": "open"}])
    async with stage.open(plan, SEND, *[{"text": "Done."}] * 4, size=(100, 40)) as scene:
        await scene.say("See to it")
        await scene.is_asked()
        await scene.say("/plan")
        await scene.sees("[open] Count the letters")
        await scene.press("end", *" twice", "ctrl+s")
        await scene.sees("The model reads your plan before its next turn.")
        await scene.press("tab")
        await scene.is_listened_to()
        await scene.press("y", "enter")
        await scene.sees("The report does not hold")
    plans = [event for event in stage.events() if isinstance(event, Planned)]
    texts = [event.items[0].text for event in plans]
    assert texts == ["Count the letters", "Count the letters twice"]
    assert plans[1].by
