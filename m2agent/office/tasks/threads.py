"""Follow a thread to its end and note what was agreed last."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

from m2agent.office.tasks import scene
from m2agent.office.tasks.task import Effect, Expert, Letter, Step, Task, Wanted
from m2agent.office.tasks.wording import Person, Wording, money

KNOWN = (
    "[Read|Follow|Go through] the thread with {name} about the {topic} [and write|and put|and"
    " save] the"
    ' {what} [agreed in the end|it ended with] into a note "{title}".',
    "What {what} did we [settle on|agree on] with {name} for the {topic}? [Read the whole"
    " thread|Read it"
    ' all]. [Write|Put|Save] it in a [new |]note "{title}".',
    "The {what} of the {topic} [changed|moved] in the thread with {name}. [Make|Create|Write] a"
    " note"
    ' "{title}" with the last one.',
    'Make a note "{title}": the {what} for the {topic} that {name} [confirmed last|wrote last in'
    " the"
    " thread].",
    "[See|Check] how the {topic} thread with {name} ended, and [write|save|put] the final {what}"
    " [in|into]"
    ' a note "{title}".',
    "[Put|Save] the [latest|final|last] {what} from the {topic} thread with {name} in a note"
    " [called|named]"
    ' "{title}".',
    "{name} and I wrote back and forth about the {topic}. [Find|Look up] the {what} that"
    " [counts|holds] and"
    ' [make|create] the note "{title}" with it.',
    '[Create|Make] "{title}" as a note with the {what} [we ended up with|from the end of the'
    " thread] for"
    " the {topic}, [agreed|discussed] with {name}.",
    "{name} [finally|in the end] gave another {what} for the {topic}. [Find|Get] the last one"
    ' in the thread and [store|keep|put] it in "{title}".',
    "[Could you|Can you] [find|look up] which {what} [is right|is the last] in the thread with"
    ' {name} about the {topic}? [Keep|Note] it in a note "{title}".',
    "[Open|Take] the thread about the {topic} with {name}. Its [last|final|newest] {what} goes"
    ' into a note "{title}".',
    "There were several answers from {name} on the {topic}. [Record|Store|Keep] the {what} of"
    ' the [last|latest] in "{title}".',
    'A note "{title}", please: the {what} for the {topic} as [it was settled|it stands now] in'
    " the thread with {name}.",
    "What is the [final|latest|newest] {what} for the {topic}, [according to|going by] the"
    ' thread with {name}? [It goes|Put it] into a note "{title}".',
    "The thread with {name} on the {topic}: [which|what] {what} did it come to? [Start|Make] a"
    ' note "{title}" [for|with] it.',
    "I lost track of the {topic} thread with {name}. [Save|Write] the {what} that [counts|is"
    ' valid] in a note "{title}".',
    "hey, what {what} did {name} and [I|we] [agree on|end up with] for the {topic}? [put|write] it"
    ' in a note "{title}"[ pls|].',
    'pls note the [last|final] {what} from {name}\'s {topic} thread, title "{title}"[.|, thx.]',
    "[I was away for a week|I have not followed my mail|I am just back from a trip]. [Read|Go"
    " through] the {topic} thread with {name} and [write|save] the {what} [it ended on|that is"
    ' right now] in a note "{title}".',
    "The {what} for the {topic} was changed [more than once|several times|maybe] by {name}. The"
    ' [last|newest] one [is to be|should be] [written|saved] in a note "{title}".',
    'Note "{title}": [final|latest] {what}, {topic}, see the [mails|thread] with {name}.',
    "note: {title}\nfrom: thread with {name} about the {topic}\ncontent: the {what} agreed last",
    "It took some mails, but {name} and I agreed on the {what} for the {topic}. [Find|Look up]"
    ' what we agreed and [make|write] the note "{title}".',
    "Only the last {what} that {name} gave for the {topic} counts. [Get|Take] it from the thread"
    ' and [save|put] it as "{title}" in the notes.',
    "Do you know the {what} for the {topic}? It is [near|at] the end of the thread with {name}."
    ' [Write|Put] it in a note named "{title}".',
    "In the thread about the {topic}, {name} [may|might] have changed the {what}. [Read|Go] to the"
    ' end and [record|keep] the [valid|current] one as note "{title}".',
    "Read all [mails|that was written] in the {topic} thread ({name}) before you [make|write] the"
    ' note "{title}": it [gets|needs] the last {what}.',
    'I [promised|told] my [boss|team] that there would be a note "{title}" about the {topic} and'
    " its {what}. [Take|Use] the last one that {name} [and I agreed on|wrote] in our thread.",
    "Which {what} for the {topic} [is valid|is the current one] [after|in] the mails with {name}?"
    ' [Make|Create] a note of it, [called|with the title] "{title}".',
    "For the {topic}, {name} [named|gave] a {what} [first and then maybe another|and perhaps"
    ' changed it later]. [Save|File] the one given last as a note "{title}".',
    "Can you read what {name} and I wrote about the {topic} to the end, and put the {what} we"
    ' agreed on in a note "{title}"?',
    '"{title}" [should be|is] a new note. [It holds|In it goes] the {what} for the {topic}, the'
    " way it was left with {name} [at the end of|in] the thread.",
    "The [crew|workshop|driver] [asks|asked me] for the {what} of the {topic}. Take the last one"
    ' from the thread with {name} and make it a note, "{title}".',
    "Last {what} for the {topic} in the thread with {name}: [write it down|note it] as"
    ' "{title}"[.|, please.]',
    "We [changed|moved] things around with {name}: the {topic} [has|got] a new {what},"
    ' [maybe|perhaps] more than once. [See|Look] what it is now and [make|start] a note "{title}"'
    " with it.",
    '{name}, {topic}: the {what} as of the end of the thread, into a note "{title}"[.| pls.]',
    "ok the {topic} is settled with {name} I think. check the thread for the [last|agreed] {what}"
    ' and [make|do] a note, "{title}".',
)
UNSEEN = (
    "Work out from the exchange with {name} which {what} now holds for the {topic}, and note it as"
    ' "{title}".',
    'The {topic} talk with {name} went back and forth. Create the note "{title}" with the {what}'
    " that"
    " stands at its end.",
    'Final {what}? Thread: {topic} / {name}. Answer -> new page, "{title}".',
    "With all the mails that {name} and I exchanged regarding the {topic}, nobody remembers the"
    " {what} any more. Would you read up on it and leave me the one that's in force as a note,"
    ' titled "{title}"?',
    "Which {what} did {name} commit to at the very last for the {topic}? I'd love to have that on"
    ' a page titled "{title}".',
    'A page titled "{title}" would help us all: all it needs is whichever {what} {name} gave most'
    " recently when we discussed the {topic} by mail.",
)
_ME = Person("Una", "Byrne", "Byrne Joinery")


def draw(w: Wording) -> Task:
    (who,) = w.people(1)
    about, title = w.word(), w.title()
    what, value = w.rng.choice(_KINDS)
    values = list(dict.fromkeys(value(w) for _ in range(3)))
    letters, last = _thread(w, who, about, what, values)
    return Task(
        "threads",
        w.seed,
        w.ask(KNOWN, UNSEEN, name=who.name, topic=about, what=what, title=title),
        solve=lambda: _expert(who.name, about, what, last, title),
        wanted=(Wanted("note", lambda e: _at_top(e, title, last)),),
        letters=(*letters, *scene.others(w, [who], 2)),
    )


def _at_top(effect: Effect, title: str, value: str) -> bool:
    return effect.about.casefold() == title.casefold() and value in effect.facts["text"]


_KINDS: tuple[tuple[str, Callable[[Wording], str]], ...] = (
    ("day", lambda w: w.spoken_day()),
    ("time", lambda w: w.hour()),
    ("price", lambda w: f"{money(w.cents())} EUR"),
    ("number of pieces", lambda w: str(w.number(3, 950))),
    ("room", lambda w: w.code().replace("/", "-")),
)


def _thread(
    w: Wording, who: Person, about: str, what: str, values: list[str]
) -> tuple[list[Letter], str]:
    first = scene.letter(w, who, about, f"For the {about}, the {what} is {values[0]}.")
    talk = [first]
    last = values[0]
    lines: list[tuple[Person, str]] = []
    if w.rng.random() < 0.6:
        doubt = "[Could we change that?|Is another {w} possible?|That is difficult.]"
        lines.append((_ME, w.say(doubt, w=what)))
    if len(values) > 1:
        last = values[1]
        lines.append((who, w.say("[Then|Fine, then|Right:] the {w} is {v}.", w=what, v=last)))
    if len(values) > 2 and w.rng.random() < 0.3:
        last = values[2]
        again = "[Sorry,|Once more:|Correction:] the {w} is now {v}."
        lines.append((who, w.say(again, w=what, v=last)))
    elif w.rng.random() < 0.3:
        lines.append((_ME, w.say("[Agreed.|Good, thank you.|That is fine.]")))
    for n, (sender, text) in enumerate(lines, 1):
        at = first.at + timedelta(minutes=7 * n)
        talk.append(
            Letter(
                sender, first.subject, text, at, thread="talk", to=who if sender is _ME else None
            )
        )
    return [replace(first, thread="talk"), *talk[1:]], last


def _expert(name: str, about: str, what: str, last: str, title: str) -> Expert:
    found = yield Step(
        f'The last {what} for the {about} goes into the note "{title}". First I find the thread'
        f" with"
        f" {name}.",
        "mail_search",
        {"query": f"from:{name.split()[-1]} {about}"},
    )
    thread = found.data["items"][0]["thread"]
    yield Step(f"The thread is {thread}. I read it all.", "mail_read", {"thread": thread})
    made = yield Step(
        f'The last {what} is {last}. I put it into the note "{title}".',
        "notes_create",
        {"parent": "", "title": title, "body": f"The {what} for the {about} is {last}."},
    )
    yield Step(
        "The note is made. Done.", says=f"The last {what} is {last}: [page {made.data['id']}]."
    )
