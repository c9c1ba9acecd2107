"""The invoices of the office: what each adds up to, and what it says it adds up to.

All amounts are cents of euro. Suppliers in Ireland charge VAT; from abroad it is reverse-charged.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Literal

from m2agent.office import workdays
from m2agent.office.cast import Cast, Company
from m2agent.office.catalogue import CATALOGUE, Article

Form = Literal["text", "html", "csv", "pdf"]
"""Where the lines stand: in the mail, in its HTML, or in an attachment."""

Mistake = Literal["", "counted twice", "digits swapped", "wrong VAT", "wrong line"]

VAT = 23
WEEKS = 5
COPIED_WEEK = 3
SETTLED_WEEK = 4
_FORMS: tuple[Form, ...] = (
    *("csv", "csv", "csv", "csv", "pdf", "pdf", "pdf"),
    *("html", "html", "text", "text", "text", "text", "text"),
)
"""Which form each of the suppliers uses, before they are dealt out."""
_SPOILED: tuple[Form, ...] = ("text", "html", "csv", "pdf")
_ABSENT = 3
"""So many suppliers have nothing to bill in a week of invoices to be checked."""


@dataclass(frozen=True)
class Line:
    """`stated` is the amount on the paper, which one mistake makes differ from the right one."""

    text: str
    quantity: int
    unit: str
    price: int
    stated: int

    @property
    def amount(self) -> int:
        return self.quantity * self.price


@dataclass(frozen=True)
class Invoice:
    """An invoice and the truth about it. `message` is the Message-ID of the mail it came with.

    `back` says how many working days ago it came, on the day it was issued; `week` 1 is the week
    to be checked.
    """

    number: str
    supplier: Company
    issued: date
    due: date
    back: int
    lines: tuple[Line, ...]
    rate: int
    form: Form
    mistake: Mistake = ""
    stated_net: int = 0
    stated_vat: int = 0
    stated_total: int = 0
    message: str = ""
    attachment: str = ""

    @property
    def week(self) -> int:
        return (self.back + 4) // 5

    @property
    def net(self) -> int:
        return sum(line.amount for line in self.lines)

    @property
    def vat(self) -> int:
        return _percent(self.net, self.rate)

    @property
    def total(self) -> int:
        """What the lines and the VAT on them really come to."""
        return self.net + self.vat

    @property
    def wrong(self) -> bool:
        return self.stated_total != self.total


def draw(cast: Cast, now: datetime, rng: random.Random) -> list[Invoice]:
    """Five weeks of invoices, newest week first.

    In week 1 four are wrong: one in each form, two of them where only an attachment shows it.
    In SETTLED_WEEK one may be, which has been put right since.
    """
    kinds = list(cast.suppliers)
    form_of = dict(zip(kinds, rng.sample(_FORMS, len(kinds)), strict=True))
    numbers = {kind: _numbers(rng) for kind in kinds}
    absent = rng.sample([k for k in kinds if form_of[k] in ("csv", "text")], _ABSENT)
    taken: set[str] = set()
    out: list[Invoice] = []
    for week in range(1, WEEKS + 1):
        billing = [k for k in kinds if (k not in absent if week == 1 else rng.random() < 0.55)]
        rng.shuffle(billing)
        bills: list[Invoice] = []
        for place, kind in enumerate(billing):
            back = 5 * (week - 1) + 1 + place * 5 // len(billing)
            supplier = cast.suppliers[kind]
            number = next(number for number in numbers[kind] if number not in taken)
            taken.add(number)
            bills.append(_invoice(supplier, number, back, form_of[kind], now, rng))
        out += _spoiled(bills, week, rng)
    return out


def _invoice(
    supplier: Company, number: str, back: int, form: Form, now: datetime, rng: random.Random
) -> Invoice:
    day = workdays.moment(now, back, "12:00").date()
    articles = CATALOGUE[supplier.kind]
    wanted = min(len(articles), rng.choice((2, 3, 3, 4, 4, 5, 6, 7)))
    chosen = sorted(rng.sample(range(len(articles)), wanted))
    invoice = Invoice(
        number=number,
        supplier=supplier,
        issued=day,
        due=workdays.step(day, rng.choice((10, 10, 20))),
        back=back,
        lines=tuple(_line(articles[i], rng) for i in chosen),
        rate=VAT if supplier.country == "IE" else 0,
        form=form,
    )
    return _stating(invoice, invoice.net)


def _line(article: Article, rng: random.Random) -> Line:
    text, unit, low, high, most = article
    quantity = rng.randrange(1, most + 1) if most < 20 else rng.randrange(most // 8, most + 1)
    price = rng.randrange(low, high + 1, 5 if low > 99 else 1)
    return Line(text, quantity, unit, price, quantity * price)


def _stating(invoice: Invoice, net: int) -> Invoice:
    """The invoice as it says it is, computed onwards from a net sum."""
    vat = _percent(net, invoice.rate)
    return replace(invoice, stated_net=net, stated_vat=vat, stated_total=net + vat)


def _spoiled(bills: list[Invoice], week: int, rng: random.Random) -> list[Invoice]:
    wanted = {1: _SPOILED, SETTLED_WEEK: _SPOILED[:1]}.get(week, ())
    mistakes: list[Mistake] = ["counted twice", "digits swapped", "wrong VAT", "wrong line"]
    rng.shuffle(mistakes)
    for form, mistake in zip(wanted, mistakes, strict=False):
        places = [i for i, bill in enumerate(bills) if bill.form == form]
        if places:
            place = rng.choice(places)
            bills[place] = _spoil(bills[place], mistake, rng)
    return bills


def _spoil(bill: Invoice, mistake: Mistake, rng: random.Random) -> Invoice:
    if mistake == "wrong VAT" and not bill.rate:
        mistake = "counted twice"
    bill = replace(bill, mistake=mistake)
    place = rng.randrange(len(bill.lines))
    line = bill.lines[place]
    match mistake:
        case "counted twice":
            return _stating(bill, bill.net + line.amount)
        case "digits swapped":
            return replace(bill, stated_total=_swapped(bill.stated_total))
        case "wrong VAT":
            vat = _percent(bill.net + bill.vat, bill.rate)
            return replace(bill, stated_vat=vat, stated_total=bill.net + vat)
        case "wrong line":
            more = max(1, line.quantity // 10)
            spoiled = replace(line, stated=line.amount + more * line.price)
            lines = (*bill.lines[:place], spoiled, *bill.lines[place + 1 :])
            return _stating(replace(bill, lines=lines), sum(each.stated for each in lines))
        case "":
            return bill


def _swapped(total: int) -> int:
    """The total with the first two neighbouring digits that differ the wrong way round."""
    digits = list(str(total))
    for i in range(1, len(digits) - 1):
        if digits[i] != digits[i + 1]:
            digits[i], digits[i + 1] = digits[i + 1], digits[i]
            return int("".join(digits))
    return total + 900


def _percent(amount: int, rate: int) -> int:
    """Rounded half up, as bookkeepers do."""
    return (amount * rate + 50) // 100


def _numbers(rng: random.Random) -> Iterator[str]:
    """A supplier's own numbers, the newest first."""
    form = rng.choice(("INV-{n}", "2026-{n}", "R2026/{n}", "F{n}", "{n}", "SI-{n}", "26/{n}"))
    number = rng.randrange(1400, 98000)
    while True:
        yield form.format(n=number)
        number -= rng.randrange(3, 60)
