"""What is asked about is not there: look, change nothing, and say what is missing."""

from m2agent.office.tasks import filing, replies, scene
from m2agent.office.tasks.facts import fact
from m2agent.office.tasks.filing import Finding
from m2agent.office.tasks.task import Expert, Seen, Step, Task
from m2agent.office.tasks.wording import Wording


def draw(w: Wording) -> Task:
    (who,) = w.people(1)
    about = w.word()
    called = who.name if w.rng.random() < 0.7 else w.rng.choice((who.first, who.last))
    if w.rng.random() < 0.5:
        name, _ = fact(w)
        title, folder = w.title(), w.one_of("Site|Office|Clients|Projects")
        ask = w.ask(
            filing.KNOWN,
            filing.UNSEEN,
            name=called,
            topic=about,
            fact=name,
            title=title,
            folder=folder,
        )
        goal = filing.goal(name, title, folder)
    else:
        said, _ = replies.message(w)
        ask = w.ask(replies.KNOWN, replies.UNSEEN, name=called, topic=about, message=said)
        goal = f"The reply to {called} says: {said}."
    sought = called.split()[-1].casefold()

    def shows(seen: Seen) -> str:
        looked = any(
            tool == "mail_search" and sought in str(arguments.get("query", "")).casefold()
            for tool, arguments in seen.calls
        )
        return "" if looked and seen.answer else f"did not look for {called}"

    return Task(
        "absent",
        w.seed,
        ask,
        solve=lambda: _expert(called, about, goal),
        shows=shows,
        letters=(
            scene.letter(w, scene.firm_sender(w), w.word(), "See you soon."),
            *scene.others(w, [who], 2),
        ),
    )


def _expert(called: str, about: str, goal: str) -> Expert:
    finding: Finding = filing.find(called, about, goal)
    yield from finding
    yield Step(
        f"There is no mail from {called}. I change nothing and ask.",
        says=f"I found no mail from {called} about the {about}. Which mail do you mean?",
    )
