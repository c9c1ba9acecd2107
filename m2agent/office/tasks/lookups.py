"""Look something up in the notes, then write it to somebody."""

from m2agent.office.tasks import facts, scene
from m2agent.office.tasks.task import Effect, Expert, Step, Task, Wanted
from m2agent.office.tasks.wording import Person, Wording

KNOWN = (
    "Look up the {fact} of {thing} in [the|our|my] notes and draft a mail to {to} with it.",
    "Draft a mail to {to} with the {fact} of {thing}. It [is|stands] in [the|our|my] notes[.|,"
    " look it"
    " up.]",
    "{to} [wants|needs|asks for] the {fact} of {thing}. [Find|Look up] it in the notes and draft"
    " [a|the]"
    " mail.",
    "[Please |]draft a mail that tells {to} the {fact} of {thing}[.| as our notes have it.]",
    "[Search|Look through] the notes for {thing}: what is the {fact}? [Draft|Write] it in a mail"
    " to {to}.",
    "[Find|Look up] the {fact} for {thing} in the notes, then [write|draft] a mail to {to} [with"
    " it|that"
    " gives it].",
    "{to} needs to know the {fact} of {thing}. It is in the notes; draft the mail.",
    "[Prepare|Draft] a mail to {to}: the {fact} of {thing} [from|according to] our notes.",
    "[Could you|Can you] [mail|write to] {to} the {fact} of {thing}? As a draft; our notes have"
    " it.",
    "What do the notes say is the {fact} of {thing}? [Put|Write] it in a draft to {to}.",
    "{to} asked [me |us |]for the {fact} of {thing}. [Check|See] the notes and draft the answer.",
    "A draft to {to}: [give|send|state] the {fact} of {thing}[.|, from the notes.]",
    "[Take|Get|Fetch] the {fact} of {thing} from [the|our] notes, and [put|write] it in a mail"
    " draft to {to}.",
    "In the notes there is the {fact} of {thing}. {to} [should get|is to get|gets] it by mail;"
    " draft it.",
    "For {to}: the {fact} of {thing}. [It is in our notes|The notes have it]. Draft [only|the"
    " mail].",
    "[Send|Give] {to} the {fact} of {thing} - as a draft [for now|first]. [Look|Search] in the"
    " notes.",
)
UNSEEN = (
    "Our notes know the {fact} of {thing}: pass it on to {to} in a draft.",
    "Write, as a draft for {to}, what {fact} the notes give for {thing}.",
)
_FOLDERS = "Sites|Jobs|Houses|Clients|Projects|Contacts|Places"


def draw(w: Wording) -> Task:
    to, thing = w.people(2)
    name, value = facts.fact(w)
    folder = w.one_of(_FOLDERS)
    page = w.say(
        "[{last}|{last} {kind}|{kind} {last}]",
        last=thing.last,
        kind=w.one_of("house|office|site|flat"),
    )
    other, said = facts.fact(w)
    lines = [facts.stated(w, name, value)]
    if other != name:
        lines.append(facts.stated(w, other, said))
    w.rng.shuffle(lines)
    near = w.last()
    return Task(
        "lookups",
        w.seed,
        w.ask(KNOWN, UNSEEN, fact=name, thing=page, to=to.address),
        solve=lambda: _expert(name, value, page, to),
        wanted=(Wanted("draft", lambda e: _tells(e, to, value)),),
        letters=tuple(scene.others(w, [to, thing], 2)),
        notes={
            f"{folder}/{page[0].upper()}{page[1:]}.md": "\n".join(lines) + "\n",
            f"{folder}/{near} cellar.md": f"The colour is {w.one_of('grey|white|green')}.\n",
        },
    )


def _tells(effect: Effect, to: Person, value: str) -> bool:
    draft = effect.facts
    body = " ".join(draft["text"].split()).casefold()
    return to.address in ", ".join(draft["to"]) and value.casefold() in body


def _expert(fact: str, value: str, page: str, to: Person) -> Expert:
    found = yield Step(
        f"{to.address} gets the {fact} of {page}. First I look in the notes for {page}.",
        "notes_search",
        {"query": page},
    )
    note = found.data["items"][0]["id"]
    yield Step(f"The note is {note}. I read it.", "notes_read", {"id": note})
    drafted = yield Step(
        f"The {fact} of {page} is {value}. I draft the mail to {to.address}.",
        "mail_draft",
        {
            "to": [to.address],
            "subject": f"{page}: {fact}",
            "body": f"The {fact} of {page} is {value}.",
        },
    )
    yield Step(
        "The draft is saved. Done.",
        says=f"The {fact} of {page} is {value}. The mail waits as "
        f"[draft {drafted.data['draft_id']}].",
    )
