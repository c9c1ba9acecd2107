"""What is chosen once and found again: what thinks, what is connected, every setting."""

import asyncio
import subprocess
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING

from textual.app import SuspendNotSupported
from textual.content import Content

from m2agent.errors import M2Error
from m2agent.printable import one_line
from m2agent_tui.asking import Asking
from m2agent_tui.chooser import Choice, Chooser
from m2agent_tui.look import fields
from m2agent_tui.means import Means, Setting, Thinker
from m2agent_tui.problem import sentence
from m2agent_tui.pulling import Pulling

if TYPE_CHECKING:
    from textual.app import App

    from m2agent.desk import Setup

_VERDICTS = {
    "fits": ("quick", "$success", "All of it on the GPU: as fast as this machine can."),
    "fits with offload": ("good", "$success", "Partly in main memory, which is slower."),
    "fits on the CPU": ("slow", "$warning", "No GPU takes part, so long tasks take long."),
    "does not fit": ("too large", "$foreground-muted", "More than this machine has."),
}
"""In a word, its colour, and in a sentence."""
_WORDS_A_TOKEN = 0.75
_SERVER = (
    "A server that you or your company runs: llama-server, vLLM or SGLang. Its address, such as "
    "http://localhost:8080"
)
_PROVIDER = (
    "A provider, through litellm: PROVIDER/MODEL, such as openrouter/minimax/minimax-m2. What the "
    "model reads goes to that provider. The key is read from its usual environment variable."
)


async def choose_model(
    app: "App[None]",
    means: Means,
    title: str = "What should think?",
    back: str = "Esc leaves it as it is",
) -> bool:
    """Choose, and fetch it if it is not here. Returns whether anything is different now."""
    thinkers = {thinker.name: thinker for thinker in await asyncio.to_thread(means.models)}
    machine = await asyncio.to_thread(means.machine)

    def about(id: str) -> Content:
        return _about(thinkers[id], machine) if id in thinkers else Content(_ELSEWHERE[id])

    choices = [_thinker(thinker) for thinker in thinkers.values()]
    others = [
        Choice(id, Content.assemble((f"{where:<22}", "$foreground-muted"), words), words.lower())
        for id, where, words in (
            ("server:", "on your network", "A server of yours …"),
            ("remote:", "on the internet", "A provider …"),
        )
    ]
    chosen = await app.push_screen_wait(
        Chooser(
            title,
            [*choices[:3], *others, *choices[3:]],
            search="Search a model",
            advice=f"Enter chooses, and fetches what is not here · {back}",
            about=about,
        )
    )
    if chosen in _ELSEWHERE:
        words = _SERVER if chosen == "server:" else _PROVIDER
        typed = await app.push_screen_wait(Asking("What should think?", words))
        return bool(typed) and await _done(app, means.use, f"{chosen}{typed}")
    if not chosen:
        return False
    if not thinkers[chosen].here and not await app.push_screen_wait(Pulling(means, chosen)):
        return False
    return await _done(app, means.use, chosen)


_ELSEWHERE = {"server:": _SERVER, "remote:": _PROVIDER}


_OFFICE = (
    "A joinery with 400 mails, notes and tables. Nothing in it is real, so nothing can go wrong: "
    "the best place to begin."
)
_GMAIL = (
    "Mail, through a Google account of yours. Asks a few things in this terminal, then comes back."
)
_NOTION = (
    "The pages and tables of your workspace that you share with it. Asks a few things in this "
    "terminal, then comes back."
)


async def connections(
    app: "App[None]",
    means: Means,
    read_setup: "Callable[[], Awaitable[Setup]]",
    title: str = "Connections",
    back: str = "Esc back",
) -> bool:
    """See what is connected, and connect more, until the person has enough.

    `read_setup` gives the setup as things stand. Returns whether anything may be different now.
    """
    changed = False
    while chosen := await _connection(app, await read_setup(), title, back):
        match chosen.split(" "):
            case ["office"]:
                return await _done(app, means.use_sample_office) or changed
            case ["account", name]:
                changed = await in_terminal(app, means, "connections", "test", name) or changed
            case words:
                changed = await in_terminal(app, means, *words) or changed
    return changed


async def _connection(app: "App[None]", setup: "Setup", title: str, back: str) -> str | None:
    rows = {
        "office": ("Use the sample office", _OFFICE),
        "connect gmail": ("Connect Gmail …", _GMAIL),
        "connect notion": ("Connect Notion …", _NOTION),
        "connections test": ("Test what is connected", "Asks each service who is there."),
    }
    choices = [
        Choice(id, Content.assemble(("+ ", "$success"), words), words.lower())
        for id, (words, _) in rows.items()
    ]
    choices += [
        Choice(f"account {name}", _account(name, str(table.get("connector", ""))), name.lower())
        for name, table in setup.accounts.items()
    ]

    def about(id: str) -> Content:
        name = id.partition(" ")[2]
        if id in rows:
            return Content(rows[id][1])
        known = fields([(key, str(value)) for key, value in setup.accounts[name].items()])
        return Content("\n").join([known, Content("Enter tests it.")])

    return await app.push_screen_wait(
        Chooser(title, choices, search="Search", advice=f"Enter chooses · {back}", about=about)
    )


async def mend(app: "App[None]", means: Means, words: Sequence[str]) -> bool:
    """Have a command of m2agent done that puts something right: here, or in the terminal."""
    match words:
        case ["models", "pull", name]:
            return await app.push_screen_wait(Pulling(means, name)) is True
        case _:
            return await in_terminal(app, means, *words)


async def change_settings(app: "App[None]", means: Means) -> bool:
    """Every key of the configuration, with what it does. Returns whether one was changed."""
    changed = False
    while True:
        settings = {setting.key: setting for setting in await asyncio.to_thread(means.settings)}
        key = await app.push_screen_wait(
            Chooser(
                "Settings",
                [_setting(setting) for setting in settings.values()],
                search="Search a setting",
                advice="Enter changes it · Esc back",
                about=lambda key, known=settings: Content(known[key].words),
            )
        )
        if not key:
            return changed
        changed = await _change(app, means, settings[key]) or changed


async def _change(app: "App[None]", means: Means, setting: Setting) -> bool:
    value: str | None = setting.value
    problem = ""
    while True:
        words = f"{setting.words}\nNothing stands for the usual."
        value = await app.push_screen_wait(Asking(setting.key, words, value or "", problem))
        if value is None or value == setting.value:
            return False
        try:
            await asyncio.to_thread(means.write, setting.key, value)
        except M2Error as error:
            problem = sentence(error)
        else:
            return True


async def in_terminal(app: "App[None]", means: Means, *words: str) -> bool:
    """Leave the screen to a command of m2agent until it has ended."""
    command = means.command(*words)

    def ran() -> None:
        subprocess.run(command, check=False)
        input("\nEnter goes back to m2agent.")

    try:
        with app.suspend():
            await asyncio.to_thread(ran)
    except SuspendNotSupported:
        app.notify(f"In another terminal: m2agent {' '.join(words)}", markup=False)
        return False
    return True


async def _done(app: "App[None]", act: "Callable[..., None]", *values: str) -> bool:
    try:
        await asyncio.to_thread(act, *values)
    except M2Error as error:
        app.notify(sentence(error), severity="error", markup=False)
        return False
    return True


def _thinker(thinker: Thinker) -> Choice:
    verdict, colour, _ = _VERDICTS.get(thinker.verdict, (thinker.verdict, "", ""))
    state = f"{verdict}, here" if thinker.here else verdict
    row = Content.assemble(
        (f"{state:<11}", "$accent" if thinker.here else colour),
        (f"{thinker.size / 1e9:6.1f} GB  ", "$foreground-muted"),
        one_line(thinker.title, 60),
        ("  the best for this machine" if thinker.best else "", "$success"),
    )
    return Choice(thinker.name, row, f"{thinker.name} {thinker.title} {state}".lower())


def _about(thinker: Thinker, machine: str) -> Content:
    sentence_ = _VERDICTS.get(thinker.verdict, ("", "", thinker.verdict))[2]
    rows = [f"{thinker.name}: {thinker.note}. {sentence_}" if thinker.note else sentence_]
    if thinker.speed:
        rows.append(f"It writes about {_pace(thinker.speed)} here; people read four.")
    rows.append(f"This machine: {machine}.")
    if not thinker.here and thinker.verdict != "does not fit":
        hours = thinker.size * 8 / 100e6 / 3600
        rows.append(f"Fetching takes about {_long(hours)} at 100 Mbit/s, and can be broken off.")
    return Content("\n".join(rows))


def _pace(tokens: float) -> str:
    words = tokens * _WORDS_A_TOKEN
    if words < 1.5:
        return "a word a second" if words >= 0.75 else f"{max(1, words * 60):.0f} words a minute"
    return f"{words:.0f} words a second"


def _long(hours: float) -> str:
    return f"{hours:.0f} hours" if hours >= 1.5 else f"{max(1, hours * 60):.0f} minutes"


def _account(name: str, connector: str) -> Content:
    return Content.assemble((f"{one_line(name):<14}", "bold"), (connector, "$foreground-muted"))


def _setting(setting: Setting) -> Choice:
    row = Content.assemble(
        (f"{setting.key:<16}", "bold"),
        (one_line(setting.value, 40) or "-", "$accent"),
        (f"  {one_line(setting.words, 120)}", "$foreground-muted"),
    )
    return Choice(setting.key, row, f"{setting.key} {setting.words}".lower())
