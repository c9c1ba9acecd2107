"""Enter what mails say into a table, row by row."""

from dataclasses import dataclass

from m2agent.office.tasks import scene
from m2agent.office.tasks.task import Effect, Expert, Step, Task, Wanted
from m2agent.office.tasks.wording import Wording, money

KNOWN = (
    "[Enter|Put|Write] the invoice[s|(s)] from {firm} into the table {table}.",
    "[Add|Enter|Record] [every invoice|each invoice|all invoices] that {firm} sent [us|me] [to|in]"
    " the table {table}.",
    "{firm} sent [an invoice or two|invoices]. [Enter|Add|Put] [each|them] [into|in] the table"
    " {table}[.|, one row each.]",
    "[Make|Create] a row in {table} for [each|every] invoice [from|by|of] {firm}.",
    "The table {table} [lacks|needs|wants] the invoices from {firm}. [Add|Enter] them[.| please.]",
    "[Go through|Look through] the mails [from|of] {firm} and [enter|record] each invoice in"
    " {table}.",
    "[For|To] the table {table}: [enter|add] what {firm} invoiced[.|, row by row.|, please.]",
    "[Please |]put {firm}'s invoice[s|(s)] in {table}, [one row each|a row for each].",
    "[Update|Complete] {table} with the invoice[s|(s)] we [got|received] from {firm}.",
    "I [still |]have to enter {firm}'s invoices in {table}. [Add|Enter] them for me.",
    "[Transfer|Move|Copy] the invoices [of|from] {firm} to {table}[.|: number, firm and amount.]",
    "{table} [has to|should|must] [list|hold|show] all invoices [of|from] {firm}. [Add|Enter]"
    " the rows.",
    "[Check|Open] the mails from {firm} and [put|copy|add] each invoice they sent [to|into]"
    " {table}.",
    "[Could you|Can you] [enter|add|record] {firm}'s invoices in {table}?",
    "Bookkeeping: {firm}, [all invoices|every invoice], table {table}[.|, please.]",
    "[Book|Register] the invoices [of|from|by] {firm} in {table}.",
    "[Bring|Get] {table} up to date: the invoices [of|from] {firm} [are missing|are not in it"
    " yet].",
    "New rows for {table}: one for every invoice [we have|that came] from {firm}.",
    "All invoices that {firm} [mailed|sent] [should|must|have to] be in {table}. [Do it|See to"
    " it].",
    "hey, [can|could] you [type|enter|punch] the {firm} invoices into {table}[?| for me?]",
    "pls add the {firm} invoices to {table}[, thx|, thanks|].",
    "Invoices by {firm} [are to be|have to be|must be] [entered|recorded|listed] in {table}.",
    "[The tax adviser comes next week|Month end is near|I am doing the books today]. [Enter|Add]"
    " [all|the] invoices [mailed|sent] by {firm} [in|to] {table}.",
    "What has {firm} invoiced [us|so far]? [List|Enter] [it|each one] in {table}[.|, a row for"
    " each invoice.]",
    "table: {table}\nfirm: {firm}\n[enter|add] [each|every] invoice [in|from] the mail",
    "{table} [is not complete|has gaps]: [there is nothing from|it lacks] {firm}. [Take|Get] the"
    " invoices from the mail and [fill|write] them in.",
    "Has {firm} sent [any invoices|an invoice]? Each [one |invoice ]you find [goes into|is to go"
    " into|gets a row in] {table}.",
    "[From|Out of] the mails [by|from] {firm}, [make|create] [table |]rows in {table}: [every"
    " invoice counts|one invoice, one row].",
    "Do the {table} table for {firm}: invoice by invoice, [from|as in] the mails.",
    "I need {firm} in {table}, [a row for each invoice|invoice by invoice].",
    "It [may be one or more|could be one or two]: whatever invoices {firm} mailed, [add|enter]"
    " them in {table}.",
    "no rush, but {firm}'s invoices [still |]have to [get|go] into {table}.[ The coffee is on me.|"
    " I was too lazy so far.|]",
    "The person who does our books is [ill|away]. [So please|Please] [take over|do this]: {firm}'s"
    " invoices, table {table}, [each with its own row|all of them].",
    "{firm} mailed [us |]their [bill|invoice] again, [maybe|perhaps] more than one. {table}"
    " [needs|gets] [a row|an entry] for each.",
    "Mails from {firm} with an invoice in them: [enter|record] number, firm and amount in {table}.",
    "In {table}, [I miss|I do not see] what {firm} invoiced. [Add|Enter] it all[, please|].",
    "[Run|Go] over the invoices [we got|that arrived] from {firm}[ and|, then] [log|note] them in"
    " {table}.",
    "Accounts[ again|]: [move|bring|carry] {firm}'s invoices [from the mail |]over [in|]to"
    " {table}.",
    "[When you have a minute|As a next step], [enter|write down] {firm}'s invoices in {table}."
    " [They came by mail.|You find them in my mail.]",
    "we have been [slow|lazy] with {table}. {firm}, for one: no invoice of theirs is in"
    " [it|there]. [Add them all|Enter them], [ok?|please.]",
)
UNSEEN = (
    "Please log what {firm} billed us: one row per invoice in {table}.",
    "Look at the bills that came from {firm} and add them all to our {table} table.",
    "Fill the table {table} with the invoices {firm} mailed.",
    "{table} <- {firm}: a line per invoice found among my mail. Thanks!",
    "Our accountant drops by tomorrow and I'm behind as usual. Whatever {firm} has charged us by"
    " mail so far ought to turn up in {table}, a line for every invoice.",
    "Would it be possible to have everything {firm} invoiced show up in {table}, each invoice as a"
    " row of its own?",
    "I'd be grateful to see {firm}'s invoices turned into rows of {table}. They are somewhere"
    " among my mail.",
)
_TABLES = "Invoices|Bills|Payables|Costs|Purchases|Spending|Ledger|Accounts"


@dataclass(frozen=True)
class Table:
    """A table's name, and what it calls the number, the firm and the amount."""

    name: str
    number: str
    firm: str
    amount: str

    @property
    def files(self) -> dict[str, str]:
        lines = f"{self.number}: title\n{self.firm}: text\n{self.amount}: number\n"
        return {f"{self.name}/_table.yaml": lines}

    def row(self, number: str, firm: str, cents: int) -> tuple[str, str]:
        """An existing row's path and text."""
        values = {self.number: number, self.firm: firm, self.amount: money(cents)}
        head = "".join(f"{name}: {value}\n" for name, value in values.items())
        return f"{self.name}/{number}.md", f"---\n{head}---\n"


def table(w: Wording) -> Table:
    return Table(
        w.one_of(_TABLES),
        w.one_of("Invoice|Number|No|Ref|Bill"),
        w.one_of("Supplier|Firm|From|Company|Seller"),
        w.one_of("Amount|Total|Sum|Price|Cost"),
    )


def number(w: Wording) -> str:
    return w.code().replace("/", "-")


def bill(w: Wording, number: str, cents: int) -> str:
    """An invoice's mail."""
    return w.say(
        "[Invoice {n}\nTotal: {m} EUR|Invoice number: {n}\nAmount due: {m} EUR|"
        "Please find our invoice {n} over {m} EUR.|Our invoice {n} comes to {m} EUR in all.]",
        n=number,
        m=money(cents),
    )


def draw(w: Wording) -> Task:
    firm = scene.firm_sender(w)
    into = table(w)
    bills = [(number(w), w.cents()) for _ in range(w.some(2, 1))]
    letters = [
        scene.letter(w, firm, "", f"{scene.filler(w)}\n{bill(w, n, c)}", subject=_subject(w, n))
        for n, c in bills
    ]
    return Task(
        "tables",
        w.seed,
        w.ask(KNOWN, UNSEEN, firm=firm.name, table=into.name),
        solve=lambda: _expert(firm.name, into, dict(bills)),
        wanted=tuple(wanted_row(into, n, firm.name, c) for n, c in bills),
        letters=(*letters, *scene.others(w, [firm], 2)),
        notes=into.files,
    )


def _subject(w: Wording, number: str) -> str:
    return w.say("[Invoice|Invoice {n}|Our invoice {n}|Your invoice]", n=number)


def wanted_row(into: Table, number: str, firm: str, cents: int) -> Wanted:
    return Wanted("note", lambda effect: is_row(effect, into, number, firm, cents))


def is_row(effect: Effect, into: Table, number: str, firm: str, cents: int) -> bool:
    """Whether it is the row with these values."""
    props = dict(line.split(": ", 1) for line in effect.facts["text"].splitlines() if ": " in line)
    props = {name: value.strip("'\" ") for name, value in props.items()}
    if not effect.about.startswith(f"{into.name}/") or props.get(into.number) != number:
        return False
    try:
        same = round(float(props.get(into.amount, "")) * 100) == cents
    except ValueError:
        return False
    return same and props.get(into.firm, "").casefold() == firm.casefold()


def _expert(firm: str, into: Table, bills: dict[str, int]) -> Expert:
    found = yield Step(
        f"The invoices from {firm} go into the table {into.name}. First I find the mails.",
        "mail_search",
        {"query": f"from:{firm.split()[0]} invoice"},
    )
    ids = [item["id"] for item in found.data["items"]]
    count = f"{len(ids)} mail" + ("s" if len(ids) > 1 else "")
    yield Step(
        f"{count}: {', '.join(ids)}. I look at what the table {into.name} holds.",
        "notes_schema",
        {"table": into.name},
    )
    marks: list[str] = []
    for place, id in enumerate(ids, 1):
        read = yield Step(
            f"Mail {place} of {len(ids)} is {id}. I read it.", "mail_read", {"id": id}
        )
        n = next(n for n in bills if n in read.text)
        made = yield row_step(into, n, firm, bills[n])
        marks.append(f"[row {made.data['id']}]")
    rows = "row" if len(marks) == 1 else "rows"
    yield Step(
        f"{len(marks)} of {len(ids)} mails are entered. Done.",
        says=f"{len(marks)} {rows} entered in {into.name}: {', '.join(marks)}.",
    )


def row_step(into: Table, number: str, firm: str, cents: int) -> Step:
    return Step(
        f"Invoice {number} over {money(cents)} from {firm}. I enter it in {into.name}.",
        "notes_create",
        {
            "parent": into.name,
            "title": number,
            "props": {into.firm: firm, into.amount: money(cents)},
        },
    )
