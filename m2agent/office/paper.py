"""An invoice on paper: as lines of a mail, as HTML, as CSV, as a page to be printed.

Each supplier keeps to one way of laying lines out, and writes numbers as its country does.
"""

import html
from collections.abc import Callable
from datetime import date

from m2agent.office.cast import Cast, Country
from m2agent.office.invoices import Invoice, Line
from m2agent.office.workdays import Day

Layout = Callable[[Invoice], str]


def money(cents: int, country: Country) -> str:
    """An amount with its currency, as it is written in that country."""
    match country:
        case "IE":
            return f"€{plain(cents, country)}"
        case "JP" | "CN":
            return f"EUR {plain(cents, country)}"
        case "FR":
            return f"{plain(cents, country)} €"
        case _:
            return f"{plain(cents, country)} EUR"


def plain(cents: int, country: Country) -> str:
    """An amount without currency: 1,234.50 or 1.234,50 or 1 234,50."""
    text = f"{cents / 100:,.2f}"
    match country:
        case "DE" | "IT" | "DK":
            return text.translate(str.maketrans(",.", ".,"))
        case "FR":
            return text.translate(str.maketrans(",.", " ,"))
        case _:
            return text


def spoken(day: date) -> str:
    """A date as one writes it in a letter: "16 November 2026"."""
    return f"{Day(day, 'date')} {day.year}"


def _count(line: Line) -> str:
    unit = line.unit
    if line.quantity > 1 and unit not in _NO_PLURAL:
        unit += "es" if unit.endswith("x") else "s"
    return f"{line.quantity} {unit}"


_NO_PLURAL = ("m2", "kWh", "kVArh", "GB", "kg", "flat")


def _bullets(invoice: Invoice) -> str:
    country = invoice.supplier.country
    lines = [
        f"- {_count(line)} {line.text} at {plain(line.price, country)} = "
        f"{plain(line.stated, country)}"
        for line in invoice.lines
    ]
    return "\n".join(lines) + "\n\n" + _sum(invoice)


def _columns(invoice: Invoice) -> str:
    country = invoice.supplier.country
    rows = [
        f"  {line.text:<36}{_count(line):>14}{plain(line.price, country):>12}"
        f"{plain(line.stated, country):>13}"
        for line in invoice.lines
    ]
    sums = [("Net", invoice.stated_net)]
    sums += [(f"VAT {invoice.rate} %", invoice.stated_vat)] if invoice.rate else []
    sums.append(("Total EUR", invoice.stated_total))
    rows.append("  " + "-" * 75)
    rows += [f"  {name:<62}{plain(cents, country):>13}" for name, cents in sums]
    return "\n".join(rows)


def _sentences(invoice: Invoice) -> str:
    country = invoice.supplier.country
    parts = [
        f"{_count(line)} of {line.text} at {plain(line.price, country)} come to "
        f"{plain(line.stated, country)}"
        for line in invoice.lines
    ]
    return f"{'; '.join(parts)}. {_sum(invoice)}"


def _bars(invoice: Invoice) -> str:
    country = invoice.supplier.country
    rows = [
        f"| {line.text} | {line.quantity} | {line.unit} | {plain(line.price, country)} | "
        f"{plain(line.stated, country)} |"
        for line in invoice.lines
    ]
    return (
        "\n".join(("| Item | Quantity | Unit | Price | Amount |", *rows)) + f"\n\n{_sum(invoice)}"
    )


LAYOUTS: tuple[Layout, ...] = (_bullets, _columns, _sentences, _bars, _bullets, _columns)


def _sum(invoice: Invoice) -> str:
    country = invoice.supplier.country
    total = money(invoice.stated_total, country)
    if not invoice.rate:
        return f"Total: {total} (VAT: reverse charge)."
    return (
        f"Net {plain(invoice.stated_net, country)}, VAT {invoice.rate} % "
        f"{plain(invoice.stated_vat, country)}, total {total}."
    )


def page(invoice: Invoice, native: str, intro: str, close: str) -> str:
    """The invoice as the HTML of a mail, with the lines in a table."""
    country = invoice.supplier.country
    greeting = f"<p>{html.escape(native)}</p>" if native else ""
    rows = "\n".join(
        f"<tr><td>{html.escape(line.text)}</td><td align=right>{_count(line)}</td>"
        f"<td align=right>{plain(line.price, country)}</td>"
        f"<td align=right>{plain(line.stated, country)}</td></tr>"
        for line in invoice.lines
    )
    sums = "\n".join(
        f"<tr><td colspan=3><b>{name}</b></td><td align=right><b>{value}</b></td></tr>"
        for name, value in (
            ("Net", plain(invoice.stated_net, country)),
            (f"VAT {invoice.rate} %", plain(invoice.stated_vat, country)),
            ("Total to pay", money(invoice.stated_total, country)),
        )
    )
    return (
        f"{greeting}<p>{html.escape(intro)}</p>\n"
        f"<p><b>{html.escape(invoice.supplier.name)}</b><br>Invoice {invoice.number}, "
        f"{spoken(invoice.issued)}</p>\n"
        '<table border="1" cellpadding="4" cellspacing="0" style="border-collapse:collapse">\n'
        "<tr><th>Item</th><th>Quantity</th><th>Price</th><th>Amount</th></tr>\n"
        f"{rows}\n{sums}\n</table>\n<p>{html.escape(close)}</p>"
    )


def csv(invoice: Invoice) -> bytes:
    """Separated by commas, or by semicolons where the comma is the decimal sign."""
    country = invoice.supplier.country
    comma = country in ("DE", "FR", "IT", "DK")
    sep = ";" if comma else ","

    def number(cents: int) -> str:
        text = f"{cents / 100:.2f}"
        return text.replace(".", ",") if comma else text

    rows = [["item", "quantity", "unit", "unit_price", "amount"]]
    rows += [
        [line.text, str(line.quantity), line.unit, number(line.price), number(line.stated)]
        for line in invoice.lines
    ]
    rows.append(["Net", "", "", "", number(invoice.stated_net)])
    rows.append([f"VAT {invoice.rate}%", "", "", "", number(invoice.stated_vat)])
    rows.append(["Total", "", "", "", number(invoice.stated_total)])
    return "".join(sep.join(row) + "\r\n" for row in rows).encode()


def printed(invoice: Invoice, cast: Cast) -> str:
    """The invoice as the lines of a printed page."""
    supplier = invoice.supplier
    country = supplier.country
    rows = [
        f"{line.text:<34}{_count(line):>14}{plain(line.price, country):>11}"
        f"{plain(line.stated, country):>12}"
        for line in invoice.lines
    ]
    vat = f"VAT {invoice.rate} %" if invoice.rate else "VAT (reverse charge)"
    return "\n".join(
        (
            supplier.name,
            supplier.address,
            "",
            cast.firm,
            f"{cast.street}, {cast.town}",
            "",
            f"INVOICE {invoice.number}",
            f"Date {spoken(invoice.issued)}     Customer {supplier.ours}",
            "",
            f"{'Item':<34}{'Quantity':>14}{'Price':>11}{'Amount':>12}",
            *rows,
            "-" * 71,
            f"{'Net':<59}{plain(invoice.stated_net, country):>12}",
            f"{vat:<59}{plain(invoice.stated_vat, country):>12}",
            f"{'Total EUR':<59}{plain(invoice.stated_total, country):>12}",
            "",
            f"Payable by {spoken(invoice.due)}. Account ending {supplier.iban}.",
        )
    )
