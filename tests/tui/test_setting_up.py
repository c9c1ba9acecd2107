"""What is chosen once and found again: what thinks, what is connected, settings, colours, keys."""

import re
import tomllib

import pytest
from scene import Shelf, Stage

from m2agent.home import config_file
from m2agent_tui.start import Taste


async def test_the_first_start_asks_two_things_and_both_can_be_left_out(stage: Stage) -> None:
    stage.means = Shelf(first=True)
    async with stage.open() as scene:
        await scene.sees("1 of 2 · What should think?")
        assert "Qwen3 4B" in scene.text
        await scene.sees("This machine: 25 GB of memory")
        await scene.press("escape")
        await scene.sees("2 of 2 · What should it work with?")
        await scene.press("escape")
        await scene.until(lambda: "2 of 2" not in scene.text)
        await scene.say("/welcome")
        await scene.sees("1 of 2")
    assert stage.means.used == []


async def test_a_model_that_is_not_here_is_fetched_and_then_used(stage: Stage) -> None:
    stage.means = Shelf(arrives=False)
    async with stage.open() as scene:
        await scene.say("/model")
        await scene.sees("Fetching takes about 3 minutes")
        await scene.press("enter")
        await scene.sees("500 of 2,500 MB")
        stage.means.arrives = True
        await scene.until(lambda: stage.means is not None and stage.means.used == ["qwen3-4b"])


async def test_fetching_is_broken_off_and_leaves_what_thinks_as_it_was(stage: Stage) -> None:
    stage.means = Shelf(arrives=False)
    async with stage.open() as scene:
        await scene.say("/model")
        await scene.sees("Qwen3 4B")
        await scene.press("enter")
        await scene.sees("Esc breaks off")
        await scene.press("escape")
        await scene.until(lambda: "Fetching qwen3-4b" not in scene.text)
    assert (stage.means.pulled, stage.means.used) == (["qwen3-4b"], [])


async def test_a_server_is_used_by_its_address(stage: Stage) -> None:
    stage.means = Shelf()
    async with stage.open() as scene:
        await scene.say("/model")
        await scene.sees("A server of yours")
        await scene.press(*"server", "enter")
        await scene.sees("A server that you or your company runs")
        await scene.press(*"http://x:1", "enter")
        await scene.until(lambda: stage.means is not None and stage.means.used != [])
    assert stage.means.used == ["server:http://x:1"]


async def test_the_sample_office_is_a_choice_away(stage: Stage) -> None:
    stage.means = Shelf()
    async with stage.open() as scene:
        await scene.say("/connections")
        await scene.sees("Connect Gmail")
        assert "post" in scene.text
        await scene.press(*"sample", "enter")
        await scene.sees("This is a sample office: nothing in it is real.")


async def test_a_setting_is_written_into_the_file_and_the_rest_stays(stage: Stage) -> None:
    stage.means = Shelf()
    config_file().parent.mkdir(parents=True, exist_ok=True)
    config_file().write_text("# mine\nperson = 'Kim'\n")
    async with stage.open() as scene:
        await scene.say("/settings")
        await scene.sees("Your name, as the model should know it.")
        await scene.press(*"turns", "enter")
        await scene.sees("Turns of the model before a run stops.")
        await scene.press(*["backspace"] * 3, *"-5", "enter")
        await scene.sees("Input should be greater than 0")
        await scene.press(*["backspace"] * 2, *"50", "enter")
        await scene.sees("Search a setting")
    written = config_file().read_text()
    assert tomllib.loads(written) == {"person": "Kim", "limits": {"turns": 50}}
    assert "# mine" in written


async def test_colours_are_chosen_and_kept(stage: Stage) -> None:
    stage.means = Shelf()
    async with stage.open() as scene:
        await scene.say("/theme")
        await scene.sees("high-contrast")
        await scene.press(*"high-con", "enter")
        await scene.until(lambda: config_file().exists())
        assert scene.app.theme == "high-contrast"
    assert tomllib.loads(config_file().read_text()) == {"screen": {"theme": "high-contrast"}}
    stage.taste = Taste(theme="high-contrast")
    async with stage.open() as scene:
        assert scene.app.theme == "high-contrast"


async def test_a_theme_that_does_not_exist_is_left_alone(stage: Stage) -> None:
    stage.taste = Taste(theme="hot-pink")
    async with stage.open() as scene:
        await scene.sees("What should be done?")


async def test_other_keys_can_be_chosen_for_everything_that_has_one(stage: Stage) -> None:
    stage.taste = Taste(keys={"runs": "f9", "waiting": "f10"})
    async with stage.open() as scene:
        await scene.sees("f9 Runs")
        await scene.press("f10")
        await scene.sees("Nothing waits for you.")


async def test_no_colour_is_drawn_where_the_environment_says_so(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    async with stage.open() as scene:
        await scene.sees("What should be done?")
        colours = {c for c in re.findall(r'fill="(#[0-9a-f]{6})"', scene.app.export_screenshot())}
        terminal = {"#ff5f57", "#febc2e", "#28c840", "#292929", "#c5c8c6"}
        coloured = {c for c in colours - terminal if not c[1:3] == c[3:5] == c[5:7]}
        assert coloured == set()
