"""A run for programs, one JSON object a line, and for people, as Markdown."""

import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, cast

import msgspec

from m2agent.events import (
    Approved,
    Asked,
    Called,
    Declined,
    Edited,
    Ended,
    Judged,
    Record,
    Returned,
    Said,
    Settled,
    Spawned,
    Thought,
    Unsettled,
)
from m2agent.journal.store import path
from m2agent.transcript import mark


def flat(record: Record) -> dict[str, Any]:
    """A record as `--events` prints it: run, seq, at, type, and every field of the event."""
    event = record.event
    fields = {name: getattr(event, name) for name in event.__struct_fields__}
    tag = cast(str, event.__struct_config__.tag)
    at = datetime.fromtimestamp(record.at, UTC).isoformat(timespec="milliseconds")
    head = {"run": record.run, "seq": record.seq, "at": at, "type": tag}
    return cast(dict[str, Any], msgspec.to_builtins({**head, **fields}))


def line(record: Record) -> str:
    """`flat` as one line of JSON, without the newline."""
    return msgspec.json.encode(flat(record)).decode()


def markdown(
    records: Sequence[Record], child: Callable[[str], Sequence[Record]] = lambda run: ()
) -> str:
    """The run as a report: what was asked, done and answered, with receipts.

    `child` reads a sub-agent's run, which is told where it was begun.
    """
    return "\n\n".join(_blocks(records, child)) + "\n"


def _blocks(records: Sequence[Record], child: Callable[[str], Sequence[Record]]) -> list[str]:
    blocks: list[str] = []
    for record in records:
        at = path(record.run)
        match record.event:
            case Asked(by=by) if by:
                pass
            case Asked(text):
                blocks.append(f"# {text.strip()}" if not blocks else f"**You:** {text.strip()}")
            case Thought(text):
                blocks.append("\n".join(f"> {row}" for row in text.strip().splitlines()))
            case Said(text):
                blocks.append(text.strip())
            case Called(id=id, tool=tool, arguments=arguments):
                shown = msgspec.json.format(msgspec.json.encode(arguments), indent=2).decode()
                blocks.append(f"### {at}{id} {tool}\n\n{_fenced(shown)}")
            case Approved(id=id, by=by):
                blocks.append(f"Step {at}{id} was approved by {by}.")
            case Edited(id=id, by=by, arguments=arguments):
                shown = msgspec.json.format(msgspec.json.encode(arguments), indent=2).decode()
                blocks.append(f"Step {at}{id} was changed by {by}.\n\n{_fenced(shown)}")
            case Declined(id=id, by=by, reason=reason, done=True):
                blocks.append(f"Step {at}{id} was done by {by} themselves. {reason}".rstrip())
            case Declined(id=id, by=by, reason=reason):
                blocks.append(f"Step {at}{id} was declined by {by}. {reason}".rstrip())
            case Returned(id=id, ok=ok, text=text, receipts=receipts):
                marks = " ".join(mark(receipt) for receipt in receipts)
                state = "Result" if ok else "Failed"
                blocks.append(f"{state} of {at}{id} {marks}".rstrip() + f"\n\n{_fenced(text)}")
            case Unsettled(id=id, how=how):
                blocks.append(f"Whether step {at}{id} happened is not known. {how}")
            case Settled(id=id, happened=happened, how=how):
                blocks.append(
                    f"Step {at}{id} {'happened' if happened else 'did not happen'}. {how}"
                )
            case Judged(met=met, items=items):
                rows = [f"- {item.text}: {item.state} {item.proof}".rstrip() for item in items]
                blocks.append("\n".join([f"**Checked: {'done' if met else 'not done'}**", *rows]))
            case Spawned(id=id, child=run, task=task, role=role):
                who = f"sub-agent {at}{id}" + (f", a {role}" if role else "")
                blocks.append(f"**Begun: {who}.**\n\n{_fenced(task)}")
                blocks += _blocks(child(run), child)
                blocks.append(f"**End of {who}.**")
            case Ended(status=status, reason=reason):
                blocks.append(f"**Ended: {status}.** {reason}")
            case _:
                pass
    return blocks


def _fenced(text: str) -> str:
    """A code block whose fence is longer than any run of backticks inside it."""
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}\n{text}\n{fence}"
