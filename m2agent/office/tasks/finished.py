"""Enter something unless it is there already: half the time there is nothing left to do."""

from m2agent.office.tasks import scene, tables
from m2agent.office.tasks.tables import Table, bill, number, row_step, wanted_row
from m2agent.office.tasks.task import Expert, Seen, Step, Task
from m2agent.office.tasks.wording import Wording

KNOWN = (
    "[Enter|Add|Put] invoice {number} from {firm} in the table {table}, unless it is there"
    " already.",
    "Is invoice {number} from {firm} in the table {table}? If not, [enter|add] it.",
    "[See|Check] [whether|if] {table} has invoice {number} from {firm}, and [enter|add] it if [it"
    " does"
    " not|not].",
    "[Make sure|See to it] that invoice {number} from {firm} is in {table}: [add|enter] it if it is"
    " missing.",
    "[Look|See] if {number} from {firm} is in [the table |]{table} already; [otherwise|else|if"
    " not] [add|"
    "enter] it.",
    "{table} must have {firm}'s invoice {number}[ once|]. [Enter|Add] it [only |]if it is not"
    " there.",
    "Did we enter {firm}'s invoice {number} in {table}? [Enter|Add] it if not.",
    "[Add|Enter] {firm}'s invoice {number} to {table}, but [check|look] first: it may be there.",
    "[Could you|Can you] [see|check] if {table} [has|lists] {number} from {firm}, and"
    " [add|enter] it [if not|otherwise]?",
    "I am not sure that {number} from {firm} is in {table}. [Look|Check], and [add|enter] it"
    " [if needed|where it is missing].",
    "If {table} [lacks|does not have] invoice {number} from {firm}, [enter|add] it."
    " [Otherwise|Else] [do nothing|leave it].",
    "Only if [it is not yet there|it is missing]: [add|enter] invoice {number} [of|from] {firm}"
    " to {table}.",
    "[Search|Look through] {table} for {number} from {firm}. [Nothing there|Not there]? Then"
    " [add|enter] the invoice.",
    "Invoice {number}, {firm}: in {table} already? [Add|Enter] it if not[.|, please.]",
    "{firm}'s {number} [must|should] be in {table} [exactly |]once. [Check|See], and"
    " [add|enter] it if it is not.",
    "hey, is {firm}'s {number} [already |]in {table}? [add|enter] it if [it is not|not].",
    "pls [add|enter] {number} ({firm}) in {table} if [missing|it is not there yet].",
    "Invoice {number} from {firm} [is to be|should be] [entered|added] in {table}, [but |]only if"
    " [it was not done before|it is not there].",
    "[We entered a lot yesterday|I was interrupted while doing the books|Two of us do the books]."
    " [Check|See] whether {table} has {number} from {firm}; if it [does|is there], leave it, if"
    " not, [add|enter] it.",
    "table: {table}\ninvoice: {number} from {firm}\nadd it if it is missing, else do nothing",
    "Do we have {firm}'s invoice {number} in {table}? [Yes: fine|If so, fine]. [No: add it|If not,"
    " add it].",
    "Unless {table} has it [already|by now], [add|enter] {firm}'s invoice {number}[.| there.]",
    "I do not want {number} from {firm} in {table} twice. So look first, and [add|enter] it [only"
    " |]if it is missing.",
    "{firm} mailed invoice {number}. Was it [entered|put] in {table}? [Then|If so,] leave it. If"
    " not, [enter|add] it.",
    "Look through {table}: without a row for {number} ([from |]{firm}), [make|create] one; with"
    " one, [change nothing|leave it].",
    "[Can|May] I ask you to check {table} for invoice {number} of {firm}? Missing: [add|enter] it."
    " There: [do nothing|leave it].",
    "The [trainee|boss] [says|thinks] {number} from {firm} is [entered|done]. See if {table} has"
    " it, and [if it has not|if not], [enter|add] it.",
    "{table}, invoice {number}, {firm}: add if missing.",
    "In case invoice {number} from {firm} is not in {table}, [add|enter] it. In case it is, [stop"
    " there|leave it so].",
    "There [should|must] be one row for {firm}'s {number} in {table}: look, and [add|create] it if"
    " there is not.",
    "The invoice {firm} sent, {number}: [maybe|perhaps] it is in {table} already. [If it is not|If"
    " not], [enter|add] it, please.",
    "Please look first, then act: [add|enter] {number} by {firm} to {table} if you do not find it"
    " there.",
    "Missing in {table}, or not? {firm}, invoice {number}. If missing, [add|enter] it.",
    "When {table} does not list {firm}'s invoice {number}, it [needs|has] to be [added|entered];"
    " when it does, [nothing needs to be done|leave it alone].",
    "[One|A] question and maybe a task: does {table} show {number} from {firm}? If it does not,"
    " [enter|add] it [from the mail|there].",
    "not sure I did this one: {number}, {firm}. [check|look at] {table} and add it if I forgot[.|"
    " it.]",
)
UNSEEN = (
    "{table} should list invoice {number} by {firm}. Add a row in case there is none.",
    "Has anybody entered {number} of {firm} in {table} yet? Do it, if nobody has.",
    "{number} ({firm}) -> {table}; skip when present.",
    "My colleague may well have typed in {firm}'s {number} while I was away. Would you have a look"
    " at {table} and fill in the row for me, provided that it's really absent?",
    "Could it be that {table} has no entry for invoice {number} by {firm}? In that case I'd be"
    " grateful for one; else please leave everything untouched.",
    "No duplicates, please: a row for {firm}'s invoice {number} is only to be created after making"
    " sure that {table} doesn't contain one.",
)


def draw(w: Wording) -> Task:
    firm = scene.firm_sender(w)
    into = tables.table(w)
    n, cents = number(w), w.cents()
    there = w.rng.random() < 0.5
    rows = dict([into.row(number(w), w.firm(), w.cents())])
    if there:
        rows |= dict([into.row(n, firm.name, cents)])
    mail = scene.letter(w, firm, "", bill(w, n, cents), subject=f"Invoice {n}")

    def shows(seen: Seen) -> str:
        return (
            "" if any(n in str(arguments) for _, arguments in seen.calls) else f"{n} not looked for"
        )

    return Task(
        "finished",
        w.seed,
        w.ask(KNOWN, UNSEEN, number=n, firm=firm.name, table=into.name),
        solve=lambda: _expert(n, firm.name, into, cents),
        wanted=() if there else (wanted_row(into, n, firm.name, cents),),
        shows=shows,
        letters=(mail, *scene.others(w, [firm], 2)),
        notes={**into.files, **rows},
    )


def _expert(n: str, firm: str, into: Table, cents: int) -> Expert:
    yield Step(
        f"I look whether {n} is in the table {into.name}. First I look at what it holds.",
        "notes_schema",
        {"table": into.name},
    )
    found = yield Step(
        f"The title of a row is its {into.number}. I look for {n}.",
        "notes_query",
        {"table": into.name, "where": [{"prop": into.number, "op": "=", "value": n}]},
    )
    if found.data["rows"]:
        yield Step(
            f"{n} is there already. Nothing is left to do.",
            says=f"Invoice {n} from {firm} is in {into.name} already. I changed nothing.",
        )
        return
    mails = yield Step(
        f"{n} is not there. I find the mail from {firm}.",
        "mail_search",
        {"query": f"from:{firm.split()[0]} {n}"},
    )
    mail = mails.data["items"][0]["id"]
    yield Step(f"It is {mail}. I read it.", "mail_read", {"id": mail})
    made = yield row_step(into, n, firm, cents)
    yield Step(
        f"Invoice {n} is entered. Done.",
        says=f"Invoice {n} from {firm} is entered in {into.name}: [row {made.data['id']}].",
    )
