"""Label, star, archive: everything of one sender, or what is about one thing."""

from dataclasses import replace

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
    "hey, [stick|put] the {label} label on [everything|all mails] from {name}{about}[, will"
    " you?|.]",
    "pls label {name}{about}: {label}[.|, all mails.]",
    "[I am sorting my mail today|My mail is a mess|We are cleaning up]. All mail from"
    " {name}{about} [gets|is to get] the label {label}.",
    "The mails {name} [sent|wrote]{about} [are to be|have to be|should be] [labelled|tagged]"
    " {label}.",
    "Where a mail is from {name}{about}, [add|set] the label {label}.",
    "Which mails [came from|are by] {name}{about}? Label [them|each of them] {label}.",
    "sender: {name}{about}\nlabel: {label}\nmails: all",
    "{name}{about}: [tag|label] [the lot|all of it] [with|as] {label}.",
    "For [all of|each of|all] {name}'s mails{about}, the label is {label}. [Add it|Put it on][.|,"
    " please.]",
    "I can never find what {name} wrote{about}. [Label|Tag] [it all|all those mails] {label}[ so"
    " that I can| for me|].",
    "Do {name}'s mails{about} have the label {label}[ yet|]? [They should|They need it]:"
    " [add|attach] it to all.",
    "Have [all|the] mails from {name}{about} [marked with the label|labelled|tagged] {label}.",
    "Under {label} I want [to find|to see] [every mail|all mails] that {name} sent{about}. Label"
    " them [accordingly|like that].",
    "Can the label {label} be [put on|added to|set on] all mails from {name}{about}?",
    "From {name}{about} [there may be one mail or several|we have some mail]: label {label} for"
    " all[.|, please.]",
    "[One more thing|Next|Small job]: the label {label}, on [all|every one] of {name}'s"
    " mails{about}.",
    "Take all mails [sent|written] by {name}{about} and give them the label {label}.",
    "Our new [intern|trainee] [will|is to] [read|go through] {name}'s mails{about}. [To mark"
    " them|For that], label them {label}.",
    "Search [my|the] mail for {name}{about}. All hits [get|need] the label {label}.",
    "[Set|Apply] {label}, the label, to what [came|we got] from {name}{about}[, mail by mail|].",
    "label these {label}: [every mail|all mails] [of|by] {name}{about}.",
)
LABEL_UNSEEN = (
    "Everything by {name}{about} belongs under {label}: label it so.",
    "Mark whatever {name} sent{about} with our label {label}.",
    "Labelling to do: {name}{about} -> {label}, each and every message.",
    "I keep losing track of {name}'s messages{about}. It would help me a lot if they all wore our"
    " {label} label.",
    "Would you mind going over all that reached us from {name}{about} and filing it with {label}"
    " as its label?",
    "Our {label} label is meant for correspondence such as {name}'s{about}, so please make sure"
    " that none of those mails goes without.",
)
STAR = (
    "[Star|Put a star on] [all mails|every mail|the mails] from {name}{about}.",
    "[Mark|Flag] [all mails|every mail|the mails] from {name}{about} with a star.",
    "[Give|Add] a star to [each mail|all mails] from {name}{about}.",
    "{name}'s mails{about} [need|get|should have] a star[.| each.]",
    "[Every mail|All mails] that {name} sent{about}: [star them|put a star there].",
    "hey, [star|put a star on] everything [from|by] {name}{about}[.|, please.]",
    "pls star {name}'s mails{about}[, thx|].",
    "A star [for|on] [each|every] mail [from|by] {name}{about}[.|, please.]",
    "The mails {name} [sent|wrote]{about} [are to be|should be] starred.",
    "[Could you|Can you] star [what|all that] {name} [wrote|sent]{about}?",
    "{name} is important to us. [Star|Mark with a star] all their mails{about}.",
    "[I go through my mail tonight|I have a call later]. [Star|Put a star on] {name}'s"
    " mails{about} so that I see them.",
    "Are {name}'s mails{about} starred? [They should be|I need that]: star them all.",
    "[Find|Search] the mails [of|from] {name}{about} and [star them|give them a star].",
    "I want [to see |]a star at [every mail|each mail] that came from {name}{about}.",
    "Starred, please: {name}'s mails{about}, all of them.",
    "sender: {name}{about}\nmark all with a star",
    "For {name}{about}: star all mails.",
    "Let all that {name} mailed{about} have a star.",
    "Can the mails from {name}{about} [get|be given] a star?",
    "I keep [missing|overlooking] what {name} writes{about}. [A star|Put a star] on each of those"
    " mails[, please|].",
)
ARCHIVE = (
    "Archive [all mails|every mail|the mails] from {name}{about}.",
    "[Move|Take] [all mails|every mail|the mails] from {name}{about} out of the inbox and archive"
    " them.",
    "[Clear|Clean] the inbox of [the mails|all mails] from {name}{about}: archive them.",
    "{name}'s mails{about} can be archived. [Do that|Do it].",
    "[Put|Move] [every mail|all mails] from {name}{about} into the archive.",
    "hey, archive [everything|all] from {name}{about}[.|, please.]",
    "pls archive {name}'s mails{about}[, thx|].",
    "The mails {name} [sent|wrote]{about} [are to be|should be] archived.",
    "My inbox is [too full|a mess]. [Start with|Take] {name}: archive all that they"
    " [wrote|sent]{about}.",
    "[Could you|Can you] archive what {name} [wrote|sent]{about}?",
    "I am done with {name}'s mails{about}. [Archive them|Into the archive with them].",
    "[Find|Search] {name}'s mails{about} and archive [them|each one].",
    "Into the archive, please: all mails from {name}{about}.",
    "Why are {name}'s mails{about} still in the inbox? Archive them.",
    "sender: {name}{about}\narchive all",
    "[We are finished with this|That is settled now]: archive what came from {name}{about}.",
    "Can the mails [by|from] {name}{about} be archived? [Please do so|Then do it].",
    "All that came from {name}{about} [belongs|goes] in the archive.",
    "Get {name}'s mails{about} out of my inbox, to the archive.",
    "I do not need the mails from {name}{about} in the inbox any more; archive them.",
    "{name}{about}: archive [the lot|all mails].",
)
READ = (
    "Mark [all mails|every mail|the mails] from {name}{about} as read.",
    "[Set|Mark] {name}'s mails{about} to read.",
    "I have seen [all mails|the mails] from {name}{about}: mark them read.",
    "[Every mail|All mails] from {name}{about} [should|can] count as read.",
    "hey, mark [everything|all] from {name}{about} [as |]read.",
    "pls mark {name}'s mails{about} read[, thx|].",
    "The mails {name} [sent|wrote]{about} [are to be|should be] marked as read.",
    "[Could you|Can you] mark what {name} [wrote|sent]{about} as read?",
    "I know what {name} wrote{about}. [Set|Mark] [those|the] mails as read.",
    "[There are too many bold lines in my inbox|My inbox shows too many new mails]. Mark {name}'s"
    " mails{about} as read.",
    "{name}'s mails{about} still show as [new|unread]. Change that to read[.|, for all of them.]",
    "[Find|Search] the mails [of|from] {name}{about} and mark them [as |]read.",
    "As read, please: all mails from {name}{about}.",
    "sender: {name}{about}\nmark all as read",
    "Remove the unread mark from [all mails|every mail] by {name}{about}.",
    "[I had a call with them|We spoke]: the mails from {name}{about} can be marked as read.",
    "Nothing from {name}{about} should [show as|be|stay] unread. Mark it [all |]read.",
    "Can the mails [by|from] {name}{about} be marked as read?",
    "Let all that {name} mailed{about} be marked as read.",
    "No need to keep {name}'s mails{about} unread: [mark|set] them [all |]as read.",
)
STAR_UNSEEN = (
    "I keep losing what {name} writes{about}: a star on each of those, thanks.",
    "Would you see to it that all of {name}'s messages{about} show a star?",
)
ARCHIVE_UNSEEN = (
    "What {name} wrote{about} is dealt with, so none of it has to stay in my inbox: archive it.",
    "Inbox cleaning: whatever {name} sent{about} may leave for the archive.",
)
READ_UNSEEN = (
    "None of the mail by {name}{about} is new to me, so it should not show as unread.",
    "Would you set whatever {name} sent{about} to read for me?",
)
_LABELS = (
    "Orders|Urgent|Later|Travel|Clients|Suppliers|Complaints|Bills|Legal|Staff|Press|Events|Waiting"
    "|"
    "Warranty|Offers|Newsletters|Projects|Tax|Insurance|Vans"
)
_NEW_LABEL = 0.2


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
        labels=_labels(w, label) if add == [label] else (),
    )


def _labels(w: Wording, label: str) -> tuple[str, ...]:
    """Those that the mailbox has: most often the one that is asked for, too."""
    others = [other for other in w.rng.sample(_LABELS.split("|"), 3) if other != label][:2]
    return tuple(others) if w.rng.random() < _NEW_LABEL else (label, *others)


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
            return "a star", ["STARRED"], [], STAR, STAR_UNSEEN
        case lot if lot < 0.85:
            return "the archive", [], ["INBOX"], ARCHIVE, ARCHIVE_UNSEEN
        case _:
            return "read", [], ["UNREAD"], READ, READ_UNSEEN


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
    changed = Step(
        f"{count} from {name}: {', '.join(ids)}. I {change}.",
        "mail_label",
        {"ids": ids, **({"add": add} if add else {"remove": remove})},
    )
    made = yield changed
    if not made.ok:
        yield Step(
            f"There is no label {label} yet. I make it first.",
            "mail_label_edit",
            {"action": "create", "name": label},
        )
        yield replace(changed, thought=f"Now there is one. {changed.thought}")
    yield Step("They are changed. Done.", says=f"{count} from {name}: {change}. Done.")
