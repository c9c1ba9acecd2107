"""Makes the mails of a task longer and livelier, as those of a real office are.

Half the tasks have mails of a few words, so that it is seen what a model makes of the task itself.
The others have greetings and talk around what matters, labels, and answers of the person's own;
what is asked for and what is right stay the same.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

from m2agent.office.tasks.task import Letter, Task
from m2agent.office.tasks.wording import Part, Person, Wording

_SHARE = 0.5
_ME = Person("Una", "Byrne", "Byrne Joinery")

_GREETINGS = (
    "[Hi|Hello|Dear|Good morning] Una,",
    "[Hello|Dear all|Hi all|Good day],",
    "Una,",
    "Dear Ms Byrne,",
)
_CLOSINGS = (
    "[Best|Kind|Warm] regards\n{name}",
    "[Thanks|Thank you|Cheers|Bye],\n{first}",
    "{first}",
    "{name}\n{firm}",
    "Yours,\n{name}, {firm}",
)
_TALK = (
    "I hope you are well.",
    "It was good to see [you|the workshop|you all] [the other day|last week|again].",
    "We had [a busy week|visitors all week|the painters here].",
    "[Two|Three] of our people are [ill|away|on holiday], so [bear with us|all takes longer].",
    "{who} [sends regards|says hello|asks to be remembered].",
    "[If anything is unclear|For any question], [ring|call|write to] [me|us|the office].",
    "The [van|lift|old saw] is [at the garage|back|broken again], as [nobody|you] [expected|knew].",
    "Last time the {thing} came late, sorry again[| for that].",
    "We also looked at the {thing}; more on that [soon|next week|when we know it].",
    "[Please|Kindly] keep this[ for your records| somewhere safe|].",
    "Do you still have the {thing} from the spring, or did {who} take it?",
    "[Everybody|The whole team|My boss] was [pleased|happy] with the {thing}.",
    "As {who} said, the {thing} can wait[| until after the summer].",
    "{who} now looks after the {thing}, [I do not|which is a relief].",
    "[Coffee|Lunch] next time you are here?",
    "It [rained|snowed|blew] for days, and the yard is [a lake|a mess|under water].",
    "You may have [heard|read] about the {thing}: [it is true|do not believe it].",
)
_LABELS = ("Customers", "Premises", "Partners", "Money", "Team", "Follow up", "Yard", "Old")
_ANSWERS = (
    "[Thank you|Thanks|Got it], {who}[| will see to it].",
    "[I will think about it|Let me see|I come back to you][| next week].",
    "[Understood|All right|Good].",
)


def lively(task: Task, part: Part) -> Task:
    """The task among such mails, half the time."""
    w = Wording(f"lively {task.family}", task.seed, part)
    if w.rng.random() >= _SHARE:
        return task
    letters = [each for letter in task.letters for each in _letters(w, letter)]
    return replace(task, letters=tuple(letters))


def _letters(w: Wording, letter: Letter) -> Iterator[Letter]:
    """A letter, and the person's answer to it where it is not in a thread yet."""
    labels = tuple(w.rng.sample(_LABELS, w.some(2))) if w.rng.random() < 0.5 else ()
    written = replace(letter, body=_body(w, letter), labels=(*letter.labels, *labels))
    if letter.thread or letter.to or w.rng.random() >= 0.3:
        yield written
        return
    thread = f"answered {w.rng.getrandbits(40)}"
    yield replace(written, thread=thread)
    at = letter.at + timedelta(minutes=w.number(3, 50))
    text = w.say(w.rng.choice(_ANSWERS), who=w.first())
    yield Letter(_ME, letter.subject, text, at, thread=thread, to=letter.sender)


def _body(w: Wording, letter: Letter) -> str:
    talk = [w.say(line, who=w.first(), thing=w.word()) for line in w.rng.sample(_TALK, w.some(5))]
    cut = w.some(len(talk))
    before, after = " ".join(talk[:cut]), " ".join(talk[cut:])
    who = letter.sender
    first = w.say(w.rng.choice(_GREETINGS)) if w.rng.random() < 0.8 else ""
    last = ""
    if w.rng.random() < 0.8:
        last = w.say(w.rng.choice(_CLOSINGS), name=who.name, first=who.first, firm=who.firm)
    return "\n\n".join(part for part in (first, before, letter.body, after, last) if part)
