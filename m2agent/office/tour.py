"""The tour: what to ask for in a fresh sample office, and a script that does it in 30 turns."""

from pathlib import Path

TASK = (
    "Go through last week's supplier invoices in my mail. Add up every one, enter them all in the "
    "Invoices table as our rule book says, and answer the suppliers whose invoice is wrong."
)

SCRIPT = Path(__file__).with_name("tour.jsonl")
"""For the `script:` back end, with the office of the default seed and date."""
