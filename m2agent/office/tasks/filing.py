"""Find a mail and file what it says in a note."""

from collections.abc import Generator

from m2agent.events import Returned
from m2agent.office.tasks import facts, scene
from m2agent.office.tasks.task import Effect, Expert, Step, Task, Wanted
from m2agent.office.tasks.wording import Wording

KNOWN = (
    "[Find|Look for|Search for|Open] the mail from {name} about the {topic} and [save|file|put] the"
    ' {fact} in a [new |]note called "{title}" in {folder}.',
    "[File|Save|Put] the {fact} from {name}'s mail about the {topic} [in|into] a [new |]note"
    ' "{title}" in [the folder |]{folder}.',
    '{name} wrote [to us |to me |]about the {topic}. [Make|Create|Write] a note "{title}" in'
    " [the folder |]{folder} with the {fact}[.| from the mail.]",
    '[Make|Create] a note "{title}" in {folder}: it [should hold|needs|gets] the {fact} that {name}'
    " [gave|sent] us in the mail about the {topic}.",
    '[Please |]write the {fact} into a note "{title}" in {folder}. It is in the mail [from|of]'
    " {name}[ about the {topic}|: {topic}].",
    "The mail {name} [sent|wrote] about the {topic} [has|holds|names] [a|the] {fact}. [Note it|Save"
    ' it|File it] [under|as] "{title}" in {folder}.',
    '[We need|I want] a note "{title}" in [the folder |]{folder}. [It is to hold|Put into it] the'
    " {fact} [from|out of] {name}'s {topic} mail.",
    "What is the {fact} that {name} [wrote|mentioned] about the {topic}? [Save|File] it in"
    " {folder} as"
    ' "{title}".',
    "[Copy|Take] the {fact} from the {topic} mail [of|by|from] {name} into a new note: folder"
    " {folder},"
    ' title "{title}".',
    '"{title}" in {folder} [is missing|does not exist yet]. [Create|Make] it with the {fact} from'
    " the"
    " mail that {name} sent [about|on] the {topic}.",
    "In the {topic} mail [of|from] {name} there is a {fact}. [Keep|Store|Record] it in"
    ' {folder}, as "{title}".',
    "[Store|Keep|Record] the {fact} from the {topic} mail of {name} as a note[ called|]"
    ' "{title}" [in|inside] {folder}.',
    "I [need|would like] the {fact} that {name} gave for the {topic} [on file|in the notes]:"
    ' {folder}, "{title}".',
    '[Look into|Check] what {name} wrote about the {topic}, and [make|start] a note "{title}"'
    " in {folder} [with|holding] the {fact}.",
    "[Could you|Can you] [file|note|save] the {fact} [that|which] {name} mentioned about the"
    ' {topic}? Folder {folder}, note "{title}".',
    'New note in {folder}: "{title}". [Its content|What it says]: the {fact} from {name}\'s'
    " mail [on|about] the {topic}.",
    "[Get|Fetch|Pull] the {fact} out of the mail about the {topic} [by|from] {name}. It goes"
    ' into {folder} as "{title}".',
    "Which {fact} [is in|does] {name}'s mail about the {topic}[| give]? [Write|Put] it down in"
    ' {folder}, under the title "{title}".',
    "[There is|We got] a mail from {name} on the {topic}. [Transfer|Move|Copy] its {fact} to a"
    ' note "{title}" in {folder}.',
    'For the folder {folder}: a note "{title}" [saying|stating] the {fact}, [see|according to]'
    " the {topic} mail from {name}.",
    '[Add|Set up] "{title}" [in|to] {folder}. {name} [told|sent] us the {fact} for it, in the'
    " mail on the {topic}.",
    "{name} has [given|told] us the {fact}[ for the {topic}|, see the mail about the {topic}]."
    ' [Record|Note|Enter] it as "{title}" in {folder}[.|, please.]',
    "The {fact} from {name} ({topic} mail) [should|must|has to] go into the notes: {folder},"
    ' "{title}".',
    "hey, [can|could] you [dig out|look up] the {fact} {name} [mailed|sent] us for the {topic} and"
    ' [put|stick|drop] it in {folder}? [Call the note|The note is called] "{title}".',
    'pls [save|file] the {fact} ([mail|e-mail] from {name}, {topic}) as "{title}" in {folder}[,'
    " thx|, thanks|].",
    "[Busy day here|The phone has not stopped all morning|I am about to leave for lunch]. {name}"
    " mailed about the {topic}; [get|take] the {fact} from there and [write|put] it in a note"
    ' "{title}", folder {folder}.',
    "note to make:\n- folder: {folder}\n- title: {title}\n- content: the {fact}, from {name}'s"
    " mail about the {topic}",
    "The {fact} [was|has been] [sent|mailed] by {name} with the {topic} mail. It [is to be|should"
    ' be] [filed|saved|written down] in {folder} under "{title}".',
    'Under {folder}, [open|begin|start] a note "{title}" and [type|enter|copy] in the {fact},'
    " which [stands|is] in the mail {name} wrote about the {topic}.",
    "I [cannot|can't] remember the {fact} for the {topic}. {name} wrote it [to me |]in a mail:"
    ' [find it|look it up] and [keep|save] it in {folder} as "{title}"[ so it does not get lost|'
    " for next time|].",
    "Did {name} not [send|give] us the {fact} for the {topic}? [Search|Look in] the mails and"
    ' [make|write] a note "{title}" of it in {folder}.',
    '{folder} needs one more note, "{title}": [simply|just] the {fact} from what {name} mailed on'
    " the {topic}.",
    'Task: file the {fact}. From: {name}. Mail: {topic}. Folder: {folder}. Title: "{title}".',
    "ok so {name} [finally |]answered about the {topic} and the {fact} is in there. [Make|Do] a"
    ' note of it, "{title}", in {folder}[, will you?|.]',
    "[We are tidying up our notes this week|I want our notes in better order]. [To begin"
    ' with|First thing]: [create|make] "{title}" in {folder} with the {fact} as {name} [wrote'
    " it|gave it] in the {topic} mail.",
    "When {name} wrote about the {topic}, the {fact} was [in the mail|given]. [Extract|Lift|Pull]"
    ' it and [file|place] it at {folder}, note "{title}".',
    "my [colleague|boss|partner] wants the {fact} that came with {name}'s {topic} mail [written"
    ' down|on record]. [Title|Name it] "{title}", [folder|in] {folder}[.| pls.]',
    "Is the {fact} for the {topic} in [some|a] mail [by|from] {name}? [It must be|I think so]."
    ' [Note|Save] it for me: "{title}" in {folder}.',
    'Have the {fact} ready for me in {folder}, [as|in] a note "{title}"; {name}\'s mail [about|on]'
    " the {topic} [has|gives] it.",
    '"{title}", {folder}: write down the {fact} [as mailed by|from the mail of] {name} (it was'
    " about the {topic}).",
    "[Thanks for the help so far|Good morning|Hello there]! [Next|Now], {name}'s mail: {topic}. [I"
    ' need|We need] its {fact} in {folder}, [in|as] a [new |]note "{title}".',
    "For the {topic} we [got|have] the {fact} from {name} by [mail|e-mail]. [Nobody wrote it"
    ' down|It is nowhere in our notes]. [Do so|Do that] [now |]in {folder}, title "{title}".',
    "just a quick one: {fact} out of the {topic} mail ({name}), into {folder}, as the note"
    ' "{title}"[. That is all.| please.]',
    "I [just|now] [saw|read] that {name} has mailed about the {topic}. [Before I forget|While I"
    ' think of it]: the {fact} [belongs|goes] in the notes, "{title}" in {folder}.',
)
UNSEEN = (
    'What {fact} did {name} send in the {topic} mail? Save it under {folder} as "{title}".',
    'Go through my mail for the one by {name} on the {topic}, then create "{title}" in the {folder}'
    " notes and record its {fact} there.",
    "Please take the {fact} out of what {name} wrote on the {topic}, and keep it as a note named"
    ' "{title}" ({folder}).',
    'Todo: {fact} ({name}, mail re {topic}) -> note "{title}", folder {folder}.',
    "I was on the phone when {name}'s message regarding the {topic} arrived. Would you dig it up"
    ' and jot the {fact} down for me? A fresh page named "{title}" inside {folder} would be'
    " perfect.",
    "People keep asking me for the {fact}, and all I know is that {name} once mailed it in"
    ' connection with the {topic}. A page "{title}" within {folder} would spare me that; kindly'
    " set one up.",
    'It would be lovely if {folder} had a page by the name of "{title}" giving the {fact}; {name}'
    " stated it in a message regarding the {topic}.",
)
Finding = Generator[Step, Returned, Returned]

_FOLDERS = "Site|Office|Workshop|Clients|Suppliers|Projects|Archive|Facts|Orders|House|Jobs|Travel"


def draw(w: Wording) -> Task:
    return mail_to_note(w, "filing")


def mail_to_note(
    w: Wording, family: str, more: str = "", trips: tuple[str, ...] = (), vague: bool = False
) -> Task:
    """`more` goes into the mail as well; in a `vague` task the person misnames what it is about."""
    (who,) = w.people(1)
    about, folder, title = w.word(), w.one_of(_FOLDERS), w.title()
    name, value = facts.fact(w)
    parts = [scene.filler(w), facts.stated(w, name, value), scene.filler(w), more]
    mail = scene.letter(w, who, about, "\n".join(part for part in parts if part))
    said = scene.topic(w, about) if vague else about
    around = scene.others(w, [who])
    if w.rng.random() < 0.3 and not vague:
        around.append(scene.letter(w, who, scene.topic(w, about), scene.filler(w, 2)))
    called = who.name if w.rng.random() < 0.7 else w.rng.choice((who.first, who.last))
    ask = w.ask(KNOWN, UNSEEN, name=called, topic=said, fact=name, title=title, folder=folder)
    return Task(
        family,
        w.seed,
        ask,
        solve=lambda: _expert(called, said, name, value, title, folder, strange=bool(more)),
        wanted=(Wanted("note", lambda e: is_note(e, folder, title, value)),),
        letters=(mail, *around),
        notes={f"{folder}/Read me.md": "What belongs here.\n"},
        trips=frozenset(trips),
    )


def is_note(effect: Effect, folder: str, title: str, value: str) -> bool:
    """Whether it is the new note of this name, and holds the value."""
    same = effect.about.casefold() == f"{folder}/{title}".casefold()
    return same and value.casefold() in effect.facts["text"].casefold()


def find(called: str, about: str, goal: str) -> Finding:
    """Search a mail by sender and topic, else by sender; gives the data of what was found."""
    who = called.split()[-1]
    query = f"from:{who} {about}"
    found = yield Step(
        f"{goal} First I find the mail from {called} about the {about}.",
        "mail_search",
        {"query": query},
    )
    if not found.data["items"]:
        found = yield Step(
            f"Nothing is called {about}. I search all mails from {called}.",
            "mail_search",
            {"query": f"from:{who}"},
        )
    return found


def goal(fact: str, title: str, folder: str) -> str:
    """What an expert sets out with, whether or not there turns out to be such a mail."""
    return f'The {fact} goes into the note "{title}" in {folder}.'


def _expert(
    called: str, about: str, fact: str, value: str, title: str, folder: str, *, strange: bool
) -> Expert:
    found = yield from find(called, about, goal(fact, title, folder))
    if not found.data["items"]:
        yield Step("There is no such mail.", says=f"I found no mail from {called}.")
        return
    mail = found.data["items"][0]["id"]
    yield Step(f"It is {mail}. I read it.", "mail_read", {"id": mail})
    orders = (
        " The mail also gives orders; these are not the person's, I leave them." if strange else ""
    )
    made = yield Step(
        f'The {fact} is {value}.{orders} I put it into "{title}" in {folder}.',
        "notes_create",
        {"parent": folder, "title": title, "body": f"The {fact} is {value}."},
    )
    yield Step(
        "The note is made. Done.", says=f"The {fact} is {value}, filed in [page {made.data['id']}]."
    )
