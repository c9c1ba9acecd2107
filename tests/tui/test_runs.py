"""Many runs: found again, worked on side by side, and each with a screen of its own."""

import subprocess
import sys

import pytest
from scene import Stage, call

import m2agent_tui
from m2agent.errors import UsageError
from m2agent.events import Asked, Began, Ended
from m2agent.home import journal_file
from m2agent.journal import Journal
from m2agent_tui.means import Means
from m2agent_tui.start import Taste


def write_runs() -> None:
    journal = Journal(journal_file())
    journal.create().add(Began("script", ""), Asked("Check the rent"), Ended("done", "", 0))
    waits = Ended("waiting", "So it is.", 4)
    journal.create().add(Began("script", ""), Asked("Pay the [bold]rent"), waits)
    journal.create().add(Began("script", ""), Asked("Write to all"))
    journal.close()


async def test_runs_are_found_by_words_and_by_state(stage: Stage) -> None:
    write_runs()
    async with stage.open() as scene:
        await scene.sees("was cut off")
        await scene.press("ctrl+r")
        await scene.sees("Pay the [bold]rent")
        assert "cut off" in scene.text and "Check the rent" in scene.text
        await scene.press(*"rent wait")
        await scene.until(lambda: "Check the rent" not in scene.text)
        assert "Pay the [bold]rent" in scene.text
        await scene.press(*"x")
        await scene.sees("There is no such run.")
        await scene.press("backspace", "enter")
        await scene.sees("Waiting for you. So it is.")


async def test_the_palette_finds_the_runs_too(stage: Stage) -> None:
    write_runs()
    async with stage.open() as scene:
        await scene.sees("was cut off")
        await scene.press("ctrl+p", *"runs")
        await scene.sees("Search all runs, and open one")
        await scene.press("enter")
        await scene.sees("Pay the [bold]rent")
        await scene.press("ctrl+r", "escape")
        await scene.until(lambda: "Pay the [bold]rent" not in scene.text)


async def test_a_run_goes_on_while_another_one_is_in_view(stage: Stage) -> None:
    async with stage.open(call("post_wait"), {"text": "It came."}) as scene:
        await scene.say("Wait for it")
        await scene.sees("running")
        await scene.press("ctrl+n")
        await scene.sees("What should be done?")
        stage.go()
        await scene.until(lambda: isinstance(stage.events()[-1], Ended))
        await scene.press("ctrl+r", "enter")
        await scene.sees("It came.")


async def test_a_second_new_task_leaves_the_first_empty_screen_in_view(stage: Stage) -> None:
    async with stage.open() as scene:
        await scene.sees("What should be done?")
        first = scene.app.screen
        await scene.press("ctrl+n")
        assert scene.app.screen is first


async def test_f1_shows_the_keys_and_hides_them_again(stage: Stage) -> None:
    async with stage.open() as scene:
        await scene.press("f1")
        await scene.sees("New line")
        await scene.press("f1")
        await scene.until(lambda: "New line" not in scene.text)


def test_without_a_terminal_it_says_what_to_use(monkeypatch: pytest.MonkeyPatch) -> None:
    def never() -> Means:
        raise AssertionError("nothing is prepared where nothing is shown")

    with pytest.raises(UsageError, match="m2agent run TASK"):
        m2agent_tui.run(never, Taste())


def test_the_first_paint_loads_no_desk() -> None:
    program = (
        "import sys, m2agent_tui.app\n"
        "heavy = {'pydantic', 'sqlite3', 'm2agent.desk', 'm2agent_tui.transcript'}\n"
        "sys.exit(', '.join(heavy & sys.modules.keys()) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
