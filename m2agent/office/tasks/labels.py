"""Label, star, archive: everything of one sender, or what is about one thing."""

from m2agent.office.tasks import scene
from m2agent.office.tasks.task import Effect, Expert, Step, Task, Wanted
from m2agent.office.tasks.wording import Person, Wording

LABEL = (
    "[Label|Tag] [all mails|every mail|the mails] from {name}{about} [as |with the label |with"
    " ]{label}.",
    "[Put|Set] the label {label} on [all mails|every mail|each mail] from {name}{about}.",
    "[Add|Attach] the label {label} to [all mails|every mail|what came] from {name}{about}.",
    "Mails from {name}{about} [should|must] be labelled {label}. [Label|Tag] them[.| all.]",
    "[Give|Let] {name}'s mails{about} [have |]the label {label}. [Label|Tag] [all of them|each"
    " one].",
    "[Sort|File] [what|all that] {name} [sent|wrote]{about} under the label {label}.",
    "[Find|Search] [all mails|every mail] [by|from|of] {name}{about} and [label|tag] them {label}.",
    "{label} is the label for {name}'s mails{about}. [Add|Set] it [everywhere|on all of them].",
    "[Could you|Can you] [label|tag] {name}'s mails{about} [as |with ]{label}?",
    "All [that came|mails] from {name}{about} [should|must|shall] [carry|get|bear] the label"
    " {label}.",
    "[Use|Set|Apply] the label {label} [for|on] {name}'s mails{about}[.|, all of them.]",
    "Mails by {name}{about}: label {label}[.|, please.]",
    "[Collect|Gather|Group] the mails [of|from] {name}{about} under {label}.",
    "[I want|I need] every mail from {name}{about} [labelled|tagged] {label}.",
    "The label {label} goes on [each mail|all mails] that {name} [wrote|sent]{about}.",
    "Label run: sender {name}{about}, label {label}.",
)
LABEL_UNSEEN = (
    "Everything by {name}{about} belongs under {label}: label it so.",
    "Mark whatever {name} sent{about} with our label {label}.",
)
STAR = (
    "[Star|Put a star on] [all mails|every mail|the mails] from {name}{about}.",
    "[Mark|Flag] [all mails|every mail|the mails] from {name}{about} with a star.",
    "[Give|Add] a star to [each mail|all mails] from {name}{about}.",
    "{name}'s mails{about} [need|get|should have] a star[.| each.]",
    "[Every mail|All mails] that {name} sent{about}: [star them|put a star there].",
)
ARCHIVE = (
    "Archive [all mails|every mail|the mails] from {name}{about}.",
    "[Move|Take] [all mails|every mail|the mails] from {name}{about} out of the inbox and archive"
    " them.",
    "[Clear|Clean] the inbox of [the mails|all mails] from {name}{about}: archive them.",
    "{name}'s mails{about} can be archived. [Do that|Do it].",
    "[Put|Move] [every mail|all mails] from {name}{about} into the archive.",
)
READ = (
    "Mark [all mails|every mail|the mails] from {name}{about} as read.",
    "[Set|Mark] {name}'s mails{about} to read.",
    "I have seen [all mails|the mails] from {name}{about}: mark them read.",
    "[Every mail|All mails] from {name}{about} [should|can] count as read.",
)
_LABELS = (
    "Orders|Urgent|Later|Travel|Clients|Suppliers|Complaints|Bills|Legal|Staff|Press|Events|Waiting"
    "|"
    "Warranty|Offers|Newsletters|Projects|Tax|Insurance|Vans"
)


def draw(w: Wording) -> Task:
    (who,) = w.people(1)
    about = w.word() if w.rng.random() < 0.4 else ""
    many = w.some(4, 1)
    letters = [scene.letter(w, who, about or w.word(), _body(w)) for _ in range(many)]
    rest = scene.others(w, [who], 2)
    if about:
        rest += [scene.letter(w, who, scene.topic(w, about), _body(w)) for _ in range(w.some(2))]
    label, add, remove, known, unseen = _change(w)
    ask = w.ask(
        known,
        unseen,
        name=who.name,
        label=label,
        about=f" about the {about}" if about else "",
    )
    return Task(
        "labels",
        w.seed,
        ask,
        solve=lambda: _expert(who.name, about, label, add, remove),
        wanted=tuple(_wanted(who, mail.subject, add, remove) for mail in letters),
        letters=(*letters, *rest),
        labels=tuple({label, *w.rng.sample(_LABELS.split("|"), 2)}) if add == [label] else (),
    )


def _body(w: Wording) -> str:
    return scene.filler(w, 2) or "See you soon."


_Forms = tuple[str, ...]


def _change(w: Wording) -> tuple[str, list[str], list[str], _Forms, _Forms]:
    """What it is called, what to add, what to remove, and how that is asked for."""
    match w.rng.random():
        case lot if lot < 0.55:
            label = w.one_of(_LABELS) if w.rng.random() < 0.6 else w.last()
            return label, [label], [], LABEL, LABEL_UNSEEN
        case lot if lot < 0.7:
            return "a star", ["STARRED"], [], STAR, STAR
        case lot if lot < 0.85:
            return "the archive", [], ["INBOX"], ARCHIVE, ARCHIVE
        case _:
            return "read", [], ["UNREAD"], READ, READ


def _wanted(who: Person, subject: str, add: list[str], remove: list[str]) -> Wanted:
    def fits(effect: Effect) -> bool:
        facts = effect.facts
        right = facts["added"] == add and facts["removed"] == remove
        return right and facts["subject"] == subject and who.address in facts["from"]

    return Wanted("labels", fits)


def _expert(name: str, about: str, label: str, add: list[str], remove: list[str]) -> Expert:
    of = f" about the {about}" if about else ""
    change = f"add {add[0]}" if add else f"remove {remove[0]}"
    query = f"from:{name.split()[-1]}" + (f" {about}" if about else "")
    found = yield Step(
        f"The mails from {name}{of}: {change}. First I find them.", "mail_search", {"query": query}
    )
    ids = [item["id"] for item in found.data["items"]]
    count = f"{len(ids)} mail" + ("s" if len(ids) > 1 else "")
    yield Step(
        f"{count} from {name}: {', '.join(ids)}. I {change}.",
        "mail_label",
        {"ids": ids, **({"add": add} if add else {"remove": remove})},
    )
    yield Step("They are changed. Done.", says=f"{count} from {name}: {change}. Done.")
