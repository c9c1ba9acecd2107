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
    "hey, what is the {fact} of {thing}? [look|check] in the notes and draft a mail [with it |]to"
    " {to}.",
    "pls draft [a |]mail to {to}: {fact} of {thing}, [see|from the] notes.",
    "[I am on the road all day|We have visitors today|The printer is broken again]. {to} [waits"
    " for|needs] the {fact} of {thing}. [Look it up|Find it] in [our|the] notes and draft the"
    " mail.",
    "The {fact} of {thing} [is to be|should be] [sent|mailed] to {to}; [it stands|you find it] in"
    " the notes. [Make|Write] a draft[.|, nothing more.]",
    "to: {to}\ncontent: the {fact} of {thing}, from the notes\nas a draft",
    "We have notes on {thing}. [Get|Take] the {fact} from [them|there] and draft a mail to {to}"
    " that [has|says] it.",
    "Is the {fact} of {thing} in our notes? [It should be|I think it is]. Draft a mail to {to}"
    " [giving|stating] it.",
    "As soon as you have found the {fact} of {thing} in the notes, [draft a mail|make a mail"
    " draft] to {to} with it.",
    "{to} called: they want the {fact} of {thing}. [Check|Search] the notes, then draft a mail"
    " with it.",
    "Mail draft for {to}. It tells them the {fact} of {thing}, which is in our notes.",
    "Under {thing} the notes [have|hold|list] the {fact}. [Mail|Write] it to {to}, but only as a"
    " draft.",
    "{thing}: {to} needs its {fact}. look at the notes, draft a mail[.| pls.]",
    "I forgot the {fact} of {thing}, [but|and] {to} needs it. [Our|The] notes have it: draft a"
    " mail to tell them.",
    "Can the {fact} of {thing} be mailed to {to}? [Only a|A] draft, please, from what the notes"
    " [say|hold].",
    "Be so kind and look into the notes on {thing}. [Its|The] {fact} is [what|all] {to}"
    " [wants|needs]; [draft|prepare a draft of] a mail with it.",
    "A [customer|colleague|partner], {to}, [lost|forgot] the {fact} of {thing}. Draft a mail [that"
    " gives it again|with it], you [find|see] it in the notes.",
    "Which {fact} do we have for {thing}? [Open|Read] the note and draft a mail to {to} with it.",
    "Notes first: find {thing} and its {fact}. Then the draft: a mail to {to} [saying what it"
    " is|with it].",
    "[We|I] promised {to} the {fact} of {thing} by [mail|e-mail]. [Find it in|Take it from] the"
    " notes and [write|make] the draft.",
    "small job: {fact}, {thing}, [is|stands] in the notes. [Draft|Make a draft of] a mail to {to}"
    " with [it|that].",
    "I want a drafted mail to {to} [to look at|ready] [tonight|by noon]: what is the {fact} of"
    " {thing}, [according to|going by] the notes?",
)
UNSEEN = (
    "Our notes know the {fact} of {thing}: pass it on to {to} in a draft.",
    "Write, as a draft for {to}, what {fact} the notes give for {thing}.",
    "{thing}, {fact} -> {to}. Source: notes. Draft, don't send.",
    "I'm on site and {to} is getting impatient. They'd like to know {thing}'s {fact}, which I once"
    " wrote up among the notes; leave me an unsent message for them with it, will you?",
    "Would you mind drafting a line or two for {to} so that they learn which {fact} we have on"
    " record for {thing}? You'll find it among my notes.",
    "Somewhere among my notes there's a page on {thing} that gives its {fact}. I'd be glad if a"
    " message quoting it to {to} were waiting in my drafts.",
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
