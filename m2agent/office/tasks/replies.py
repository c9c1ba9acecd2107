"""Answer a mail by a draft that says what the person wants said."""

from dataclasses import replace
from datetime import timedelta

from m2agent.office.tasks import scene
from m2agent.office.tasks.filing import find
from m2agent.office.tasks.task import Effect, Expert, Letter, Step, Task, Wanted
from m2agent.office.tasks.wording import Person, Wording, money

KNOWN = (
    "Draft a reply to {name} about the {topic}: {message}.",
    "[Draft|Write] an answer to {name}'s mail about the {topic}[ saying that|: say that]"
    " {message}.",
    "{name} wrote about the {topic}. Draft [a reply|an answer]: {message}.",
    "[Answer|Reply to] {name}'s {topic} mail by a draft. [Say|Tell them] that {message}.",
    "[Please |]answer {name} ({topic}) [with|by] a draft: {message}.",
    "[Get|Have] a reply to {name} [ready|drafted] about the {topic}: {message}. [Draft|Write] it"
    " only.",
    "[Draft|Write] back to {name} on the {topic}: {message}.",
    "{name} [asks|asked] about the {topic}. [Draft|Write] the answer that {message}.",
    "[As|In] a draft reply to the {topic} mail of {name}, [write|say] that {message}.",
    "[Tell|Inform] {name} by a draft [reply |]that {message}. It [is about|concerns] the {topic}.",
    "[Could you|Can you] draft [a reply|an answer] to {name} about the {topic}? {message}.",
    "{name} is waiting for [an answer|a reply] on the {topic}. [Draft|Write] it: {message}.",
    "[Respond to|React to] the {topic} mail from {name} with a draft: {message}.",
    "A draft to {name}, in reply to the mail [on|about] the {topic}: {message}.",
    "The mail from {name} about the {topic} needs [a reply|an answer]: {message}. [As a"
    " draft.|Draft it.]",
    "What I want to [say|write] to {name} about the {topic}: {message}. Draft [the reply|it].",
    "[For|To] {name}, about the {topic}: {message}. [Make|Save] it a draft reply.",
    "Reply draft for {name} ({topic}): {message}.",
    "hey, draft [something|an answer] for {name}, who wrote about the {topic}: {message}.",
    "pls draft [a |]reply to {name} re {topic}: {message}.",
    "[I am in a meeting|I have my hands full here|It is a long day]. {name} [needs|expects] a"
    " reply [on|about] the {topic}; [make|save] a draft that says {message}.",
    "{message}. [Say|Write] that to {name} in a draft, as [an answer|a reply] to the mail about"
    " the {topic}.",
    "A reply to {name}'s mail on the {topic} [is to be|should be|has to be] drafted. It"
    " [says|reads]: {message}.",
    "to: {name}\nabout: the {topic}\nreply, as a draft: {message}",
    "[What|How] about a [draft|drafted] reply to {name}? The {topic} is what they [asked|wrote]"
    " about, and my answer is: {message}.",
    "When {name} [wrote|mailed] about the {topic} I did not [answer|reply]. Do [it now|that for"
    " me] by a draft: {message}.",
    "{name} has [mailed|written] us on the {topic}. [We answer|Our answer is]: {message}."
    " [Save|Keep] it as a draft reply[, I will send it| and do not send it].",
    "My answer to {name}, who [asked|wanted to know] about the {topic}: {message}. [Put|Write] it"
    " in a draft[.|, do not send it.]",
    "Can a reply to {name} about the {topic} be [drafted|prepared as a draft]? [The content|What"
    " it says]: {message}.",
    "[Be so kind and|Please] draft a reply to the mail that {name} sent about the {topic}."
    " [Say|State] that {message}.",
    "Re {topic}, {name}: {message}. draft only[.| pls.]",
    "the {topic} mail by {name}, [answer it|reply to it] for me, [will you|please]? only a draft."
    " say that {message}.",
    "[There is|I saw] a mail from {name}: {topic}. [Draft|Compose] the [|draft ]reply, [namely|in"
    " short] that {message}.",
    "Write {name} back. It is about the {topic}, and I want to [tell|inform] them that {message}."
    " A draft [is enough|will do].",
    "{name} [must|should] [learn|know] that {message}. [Answer|Reply to] the {topic} mail with"
    " that, as a draft.",
    "[Nobody has answered|We forgot] {name} [about|on] the {topic}. Make up for it with a draft"
    " reply: {message}.",
    "On the {topic}, {name} gets this reply, in draft: {message}.",
    "I [talked to|spoke with] my [boss|team] about the {topic}, so {name} can have an answer to"
    " that mail now: {message}. Draft it[.|, I look at it before it goes out.]",
    "how do we answer {name} on the {topic}? like this: {message}. as a draft[.|, ok?]",
)
UNSEEN = (
    "Let {name} know, as a draft in answer to the {topic} mail, that {message}.",
    "Prepare a response for {name} on the {topic}, not sent yet. It should say {message}.",
    "I owe {name} an answer on the {topic}: draft one to the effect that {message}.",
    "{name} / {topic}: answer outstanding. Text: {message}. Into the drafts, unsent.",
    "Would you mind putting together a few lines for {name} in response to what came in regarding"
    " the {topic}, so that I may look them over before they leave? The gist: {message}.",
    "I'm driving and can't type. Once I'm back I'd like to find an unsent response to {name}'s"
    " message regarding the {topic}, along these lines: {message}.",
    "I'd like {name} to hear in due course that {message}. Nothing goes out today, though: park it"
    " as a drafted response to their mail on the {topic}.",
)


def message(w: Wording) -> tuple[str, tuple[str, ...]]:
    """Something to say, and the parts of it that must not be lost."""
    day, hour, amount, code = w.spoken_day(), w.hour(), money(w.cents()), w.code()
    return w.rng.choice(
        (
            (f"we come on {day} at {hour}", (day, hour)),
            (f"{day} suits us", (day,)),
            (f"we can pay {amount} EUR at most", (amount,)),
            (f"the order number is {code}", (code,)),
            (f"we need it by {day}", (day,)),
            (f"our price is {amount} EUR and holds until {day}", (amount, day)),
            (f"the key is with {(who := w.person()).name} in room {code}", (who.name, code)),
            (f"we take {(n := w.number(2, 90))} pieces of {code}", (str(n), code)),
        )
    )


def draw(w: Wording) -> Task:
    return mail_to_reply(w, "replies")


def mail_to_reply(w: Wording, family: str, trips: tuple[str, ...] = ()) -> Task:
    who, other = w.people(2)
    about = w.word()
    said, facts = message(w)
    mail = scene.letter(w, who, about, w.say("[Any news?|What do you say?|How shall we go on?]"))
    around = scene.others(w, [who])
    if w.rng.random() < 0.3:
        around.append(scene.letter(w, who, scene.topic(w, about), scene.filler(w, 2)))
    if w.rng.random() < 0.25:
        mail = replace(mail, thread="both")
        text = w.say("[I would like to know that, too.|Same here.|Please answer soon.|I agree.]")
        later = mail.at + timedelta(minutes=w.number(5, 50))
        around.append(Letter(other, mail.subject, text, later, thread="both"))
    called = who.name if w.rng.random() < 0.7 else w.rng.choice((who.first, who.last))
    return Task(
        family,
        w.seed,
        w.ask(KNOWN, UNSEEN, name=called, topic=about, message=said),
        solve=lambda: _expert(called, about, said),
        wanted=(Wanted("draft", lambda e: is_reply(e, who, mail.subject, facts)),),
        letters=(mail, *around),
        trips=frozenset(trips),
    )


def is_reply(effect: Effect, who: Person, subject: str, facts: tuple[str, ...]) -> bool:
    """Whether it is a draft that answers that mail of theirs, and says all of this."""
    draft = effect.facts
    to = ", ".join(draft["to"])
    answers = draft["subject"].casefold() == f"re: {subject}".casefold()
    body = " ".join(draft["text"].split()).casefold()
    return who.address in to and answers and all(fact.casefold() in body for fact in facts)


def _expert(called: str, about: str, said: str) -> Expert:
    found = yield from find(called, about, f"The reply to {called} says: {said}.")
    mail = found.data["items"][0]["id"]
    drafted = yield Step(
        f"It is {mail}. I draft the reply to {mail}: {said}.",
        "mail_draft",
        {"body": f"{said[0].upper()}{said[1:]}.", "reply_to": mail},
    )
    yield Step(
        "The draft is saved. Done.",
        says=f"The reply to {called} waits as [draft {drafted.data['draft_id']}].",
    )
