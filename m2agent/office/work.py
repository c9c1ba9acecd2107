"""The work folder: scripts, price lists and saved attachments that the person keeps."""

import random
from collections.abc import Iterator

from m2agent.office import paper, prose
from m2agent.office.cast import Cast
from m2agent.office.catalogue import CATALOGUE
from m2agent.office.invoices import Invoice
from m2agent.office.threads import slots


def files(cast: Cast, invoices: list[Invoice], rng: random.Random) -> Iterator[tuple[str, bytes]]:
    """Every file of the work folder: its path, and its content."""
    known = slots(cast)
    for piece in prose.pieces("work.txt"):
        facts = prose.draw(piece.lets, known, rng)
        # Scripts hold brackets of their own, so there are no choices in them.
        yield piece.title, (piece.text.format_map({**known, **facts}) + "\n").encode()
    yield "prices.csv", _prices(cast).encode()
    for invoice in invoices:
        if invoice.week > 1 and invoice.form == "csv":
            yield f"invoices/{invoice.attachment}", paper.csv(invoice)


def _prices(cast: Cast) -> str:
    rows = ["supplier,article,unit,highest"]
    for kind, articles in CATALOGUE.items():
        name = cast.suppliers[kind].name
        rows += [f"{name},{text},{unit},{high / 100:.2f}" for text, unit, _, high, _ in articles]
    return "\n".join(rows) + "\n"
