"""Check in the shell whether an invoice adds up, and answer it if it does not."""

from m2agent.office.tasks import scene, tables
from m2agent.office.tasks.replies import is_reply
from m2agent.office.tasks.task import Expert, Seen, Step, Task, Wanted
from m2agent.office.tasks.wording import Wording, money

KNOWN = (
    "Check [whether|if] the invoice [from|of|by] {firm} adds up. If [it does not|not|it is wrong],"
    " draft a reply [that says|saying] by how much it is off.",
    "[Add up|Check the sum of] the invoice that {firm} sent[.| us.] If the total is [wrong|not"
    " right],"
    " draft [an answer|a reply] [with|that names] the difference.",
    "Does the invoice [from|by] {firm} add up? [Check it|Work it out][.| in the shell.] [Only"
    " if|If] it"
    " does not, draft a reply [with|that names] the difference.",
    "[Please |]check the invoice [from|of] {firm}: do its items come to its total? If not, draft a"
    " reply and [name|give|say] the difference.",
    "{firm} sent an invoice. [Check|See] [whether|that|if] its items [come|add up] to the total,"
    " and"
    " draft a reply with the difference [if not|if they do not].",
    "[Verify|Check] the total on the invoice [from|of|by] {firm}. [Draft|Write] a reply [only"
    " |]if it is"
    " wrong, and [name|give] the difference.",
    "[Add up|Sum up] {firm}'s invoice. [Right|If it is right], do nothing; [wrong|if it is"
    " wrong], draft"
    " a reply that says by how much.",
    "Is the total of {firm}'s invoice [right|correct]? [Calculate|Work] it [out |]in the shell,"
    " and draft"
    " a reply if it is off.",
    "The invoice [from|of] {firm}: do the [items|lines|positions] [make|give] the total?"
    " [Draft|Write] a reply with the [gap|difference] if not.",
    "[Compare|Hold] the items on {firm}'s invoice [with|against] its total, [in|with] the"
    " shell. [A wrong one gets|If they differ, write] a draft reply with the difference.",
    "I do not trust the total {firm} [put on|wrote on] the invoice. [Check|Add] it[ up|], and"
    " draft a reply naming the [gap|difference] if I am right.",
    "[Could you|Can you] [check|verify|control] the sum on the invoice of {firm}? [Draft|Write]"
    " a reply only if it is [wrong|off].",
    "Sum check for {firm}: [is the invoice|are items and total] right? A draft reply with the"
    " difference [if not|otherwise].",
    "{firm}'s invoice [may|might|could] be [wrong|off]. [Add|Sum] up the items; [where|if] the"
    " total [differs|is another], draft a reply that says by how much.",
    "[Find|Open] the invoice from {firm} and [do the sum|add its items up]. [Is it|If it is]"
    " wrong[?|,] [Then draft|draft] a reply [with|naming] the difference.",
    "By how much is {firm}'s invoice off, if at all? Draft [them |]a reply [only |]if it is.",
    "Before we pay {firm}: [check|see] that the invoice adds up. [Should it not|If it does"
    " not], draft a reply with the difference.",
    "hey, does {firm}'s invoice [sum|add] up? [if not|if it does not], draft a reply [with|naming]"
    " the difference[, else leave it|].",
    "pls [sum up|check] the {firm} invoice. wrong total: draft a reply with the difference. [right"
    " total|all fine]: no reply.",
    "[We pay our bills today|I am paying bills now|The bank closes soon]. Is {firm}'s invoice"
    " right in its sum? Draft a reply [giving|with] the difference [only if not|if it is not].",
    "The items on {firm}'s invoice [are to be|should be] added up. [In case of|If there is] a"
    " difference from the total, a reply [is to be|should be] drafted that [names|states] it.",
    "A reply to {firm} with the difference is [only |]to be drafted if the total of their invoice"
    " is wrong. [Add|Sum] the items up [first|in the shell] to see.",
    "[Do|Work out] the sum of {firm}'s invoice[ again| yourself|]. [Same as|It matches] the total?"
    " [Good, then stop|Then there is nothing to do]. [Otherwise|If not,] draft a reply"
    " [with|stating] the difference.",
    "Draft a reply to {firm} if, and only if, their invoice does not add up; [say|write] how much"
    " it is off.",
    "{firm} [often|sometimes] [miscalculates|gets sums wrong]. [Check|Test] their [new |]invoice,"
    " item by item, and where the total is [wrong|not the sum] draft a reply [saying|that says] by"
    " how much.",
    "invoice check, {firm}: add the items, compare with the total, draft a reply with the"
    " difference if there is one.",
    "invoice: {firm}\n- add up the items in the shell\n- compare with the total\n- if different:"
    " draft a reply with the difference",
    "Somebody [said|thinks] that {firm} cannot count. [Look at|Take] their invoice and add the"
    " items. Only a wrong total needs a draft reply, with the difference [in it|named].",
    "Are we being [charged|asked for] the right sum by {firm}? [Count|Add up] what is on the"
    " invoice; draft a reply [about|with] the difference if [we are not|it is wrong].",
    "I [looked|glanced] at the invoice from {firm} and am not sure about its total."
    " [Recheck|Recount] it, please: a difference [means|calls for] a draft reply that"
    " [names|gives] it, no difference means no reply.",
    "[Calculate|Compute] in the shell whether {firm}'s items [make|give] the invoice total. If"
    " there is a [gap|difference], it goes into a draft reply; if [none|not], [leave it at"
    " that|you are done].",
    "The total that {firm} wants: does it equal the sum of the items? [If so|If yes], fine. If"
    " not, write them a draft reply with the [gap|difference].",
    "Unless {firm}'s invoice adds up, draft a reply that [tells|says] how much the total is off.["
    " Use the shell to check.| Check that in the shell.|]",
    "Can we [pay|trust] the invoice from {firm}[ as it is|]? [Add it up|Sum it up]. [Wrong|If"
    " wrong]: [a |]draft reply with the difference. [Right|If right]: [no draft|nothing].",
    "[Our bookkeeper|The boss] wants the invoice of {firm} [checked|added up]. A difference"
    " between items and total goes into a draft reply to that firm; without one, do not reply.",
    "Here is what to do with {firm}'s invoice: [sum|add] up the items, and if the result is not"
    " the total, reply by a draft which [gives|has] the difference.",
    "{firm}: total [right|ok]? if wrong draft a reply, difference included[.| pls.]",
    "The sum on {firm}'s invoice [looks|seems] [odd|strange] to me. I [may|might] be mistaken, so"
    " [calculate it|add it up] first and [draft a reply|answer by a draft] with the difference"
    " only if it is [really |]off.",
)
UNSEEN = (
    "Recalculate what {firm} billed. Where the total differs from its items, draft them a reply"
    " telling the difference.",
    "Is the arithmetic on {firm}'s invoice right? Should it be off, prepare a draft answering them,"
    " with the amount.",
    "{firm} invoice: items vs total. Mismatch -> answer as draft incl. difference. Match ->"
    " nothing.",
    "Something about the figures {firm} sent us strikes me as fishy. Tot up the invoice's items"
    " for me, would you, and in case they don't match its total put together a draft telling them"
    " how big the gap is; a correct one needs no answer.",
    "Did {firm} get the maths on their invoice right? I only want a response drafted, stating the"
    " discrepancy, in the event that they got it wrong.",
    "A draft telling {firm} how far out they are would be welcome, provided that the positions of"
    " their invoice really don't sum to what it asks for; please run the numbers first.",
)


def draw(w: Wording) -> Task:
    firm = scene.firm_sender(w)
    number = tables.number(w)
    items = [w.cents() for _ in range(w.number(2, 7))]
    off = (
        0
        if w.rng.random() < 0.5
        else w.rng.choice((-1, 1)) * w.rng.choice((w.number(1, 9) * 100, w.number(10, 5000)))
    )
    total = sum(items) - off
    if total <= 0:
        off, total = 0, sum(items)
    mark = "- " if w.rng.random() < 0.8 else ""
    lines = "\n".join(f"{mark}{w.word().capitalize()} {money(cents)}" for cents in items)
    body = f"Invoice {number}\n\n{lines}\n\n{w.one_of('Total|Total EUR|Sum|To pay')} {money(total)}"
    mail = scene.letter(w, firm, "", body, subject=w.say("[Invoice|Invoice {n}]", n=number))

    def shows(seen: Seen) -> str:
        checked = any(tool == "shell_run" for tool, _ in seen.calls)
        return "" if checked and seen.answer else "not checked in the shell"

    wrong = Wanted("draft", lambda e: is_reply(e, firm, mail.subject, (money(abs(off)),)))
    return Task(
        "sums",
        w.seed,
        w.ask(KNOWN, UNSEEN, firm=firm.name),
        solve=lambda: _expert(firm.name, number, items, total, off),
        wanted=(wrong,) if off else (),
        shows=shows,
        letters=(mail, *scene.others(w, [firm], 2)),
    )


def _expert(firm: str, number: str, items: list[int], total: int, off: int) -> Expert:
    found = yield Step(
        f"I check the sum of the invoice from {firm}. First I find the mail.",
        "mail_search",
        {"query": f"from:{firm.split()[0]} invoice"},
    )
    mail = found.data["items"][0]["id"]
    yield Step(f"It is {mail}. I read it.", "mail_read", {"id": mail})
    listed = [money(cents) for cents in items]
    counted = ", ".join(f"({place}) {amount}" for place, amount in enumerate(listed, 1))
    ran = yield Step(
        f"The items of invoice {number}: {counted}. These are all {len(items)}. The total says "
        f"{money(total)}. I subtract the total from the sum.",
        "shell_run",
        {"command": f"awk 'BEGIN{{printf \"%.2f\",{'+'.join(listed)}-{money(total)}}}'"},
    )
    found = ran.data["output"].strip()
    assert round(float(found) * 100) == off
    if not off:
        yield Step(
            f"The difference is {found}: invoice {number} is right. No draft is needed.",
            says=f"Invoice {number} from {firm} adds up: the total of {money(total)} is right.",
        )
        return
    way = "more" if off > 0 else "less"
    gap = money(abs(off))
    drafted = yield Step(
        f"The difference is {found}: the items come to {gap} {way} than the total. Invoice "
        f"{number} is wrong. I draft a reply to {mail}.",
        "mail_draft",
        {
            "body": f"Your invoice {number} does not add up: the items come to {gap} EUR {way} "
            f"than the total of {money(total)} EUR. Please send a new one.",
            "reply_to": mail,
        },
    )
    yield Step(
        "The draft is saved. Done.",
        says=f"Invoice {number} from {firm} does not add up. The reply waits as "
        f"[draft {drafted.data['draft_id']}].",
    )
