"""The mails that invoices come with, and those that follow when one was wrong."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime

from m2agent.office import paper, workdays
from m2agent.office.attachments import file
from m2agent.office.cast import Cast, slug
from m2agent.office.invoices import COPIED_WEEK, SETTLED_WEEK, Invoice
from m2agent.office.mail import Mail, compose
from m2agent.office.pdf import pdf
from m2agent.office.prose import Piece


def send(
    invoices: Sequence[Invoice],
    cast: Cast,
    sayings: Sequence[Piece],
    now: datetime,
    rng: random.Random,
) -> tuple[list[Invoice], list[Mail]]:
    """The invoices, with the messages they came with, and all mail about them.

    What was wrong in an earlier week has been settled. One invoice that is long paid comes again.
    """
    post = _Post(cast, {piece.title: piece.text.split("\n") for piece in sayings}, now, rng)
    layouts = {kind: rng.choice(paper.LAYOUTS) for kind in cast.suppliers}
    known: list[Invoice] = []
    mails: list[Mail] = []
    for invoice in invoices:
        mail = post.bill(invoice, layouts[invoice.supplier.kind])
        known.append(replace(invoice, message=mail.id, attachment=_name(invoice)))
        mails.append(mail)
        if invoice.wrong and invoice.week == SETTLED_WEEK:
            mails += post.dispute(invoice, mail)
    again = [i for i in known if i.week == COPIED_WEEK and not i.wrong]
    if again:
        mails.append(post.copy(rng.choice(again)))
    return known, mails


class _Post:
    """Writes the mails of one office about its invoices."""

    def __init__(
        self, cast: Cast, sayings: dict[str, list[str]], now: datetime, rng: random.Random
    ) -> None:
        self._cast = cast
        self._sayings = sayings
        self._unsaid: dict[str, list[str]] = {}
        self._now = now
        self._rng = rng

    def bill(self, invoice: Invoice, layout: paper.Layout) -> Mail:
        country = invoice.supplier.country
        rng = self._rng
        clock = f"{rng.randrange(7, 17):02d}:{rng.randrange(60):02d}"
        native = "" if country == "IE" else self._say(f"greeting {country}", invoice)
        page, attachments = None, []
        if _name(invoice):
            content = (
                paper.csv(invoice)
                if invoice.form == "csv"
                else pdf(paper.printed(invoice, self._cast), title=f"Invoice {invoice.number}")
            )
            attachments = [file(_name(invoice), content)]
            body = f"{native}\n\n{self._say('enclosed', invoice)}"
        else:
            intro, close = self._say("intro", invoice), self._say("close", invoice)
            body = f"{native}\n\n{intro}\n\n{layout(invoice)}\n\n{close}"
            if invoice.form == "html":
                page = paper.page(invoice, native, intro, close)
        fresh = invoice.week == 1
        return compose(
            rng,
            at=self._at(invoice, invoice.back, clock),
            sender=invoice.supplier.billing,
            to=[self._cast.person],
            subject=self._say(f"subject {country}", invoice),
            body=body,
            labels=["Inbox", "Unread", "Suppliers"]
            if fresh
            else ["Archived", "Opened", "Suppliers"],
            attachments=attachments,
            page=page,
        )

    def dispute(self, invoice: Invoice, mail: Mail) -> Iterator[Mail]:
        asked = compose(
            self._rng,
            at=workdays.moment(self._now, invoice.back - 1, "10:12"),
            sender=self._cast.person,
            to=[invoice.supplier.billing],
            body=self._say("dispute", invoice),
            answers=mail,
            labels=["Sent", "Suppliers"],
        )
        yield asked
        yield compose(
            self._rng,
            at=self._at(invoice, invoice.back - 2, "14:31"),
            sender=invoice.supplier.billing,
            to=[self._cast.person],
            body=self._say("settled", invoice),
            answers=asked,
            labels=["Archived", "Opened", "Suppliers"],
        )

    def copy(self, invoice: Invoice) -> Mail:
        return compose(
            self._rng,
            at=self._at(invoice, 2, "15:20"),
            sender=invoice.supplier.billing,
            to=[self._cast.person],
            subject=f"Copy of invoice {invoice.number}",
            body=self._say("copy", invoice),
            labels=["Inbox", "Unread", "Suppliers"],
        )

    def _at(self, invoice: Invoice, back: int, clock: str) -> datetime:
        return workdays.moment(self._now, back, clock, invoice.supplier.country)

    def _say(self, title: str, invoice: Invoice) -> str:
        """One of the sayings of that title; none comes again before all were said."""
        country = invoice.supplier.country
        if not self._unsaid.get(title):
            sayings = self._sayings[title]
            self._unsaid[title] = self._rng.sample(sayings, len(sayings))
        return (
            self._unsaid[title]
            .pop()
            .format(
                number=invoice.number,
                short=invoice.supplier.short,
                firm=self._cast.firm,
                ours=invoice.supplier.ours,
                month=workdays.Day(invoice.issued, "month"),
                last=workdays.Day(workdays.step(invoice.issued, -3), "day"),
                date=paper.spoken(invoice.issued),
                due=paper.spoken(invoice.due),
                right=paper.money(invoice.total, country),
                stated=paper.money(invoice.stated_total, country),
                total=paper.money(invoice.stated_total, country),
            )
        )


def _name(invoice: Invoice) -> str:
    """The attachment's file name; none for an invoice that is all in the mail."""
    attached = invoice.form in ("csv", "pdf")
    return f"invoice-{slug(invoice.number)}.{invoice.form}" if attached else ""
