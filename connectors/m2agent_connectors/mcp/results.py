"""What a server answers, as a result: text for the model, data for programs, files for the rest."""

import base64
import binascii
import json
import mimetypes
from collections.abc import Sequence
from typing import Any

from mcp_types import (
    AudioContent,
    BlobResourceContents,
    CallToolResult,
    ContentBlock,
    EmbeddedResource,
    ImageContent,
    ResourceLink,
    TextContent,
    TextResourceContents,
)

from m2agent.events import Origin, Receipt
from m2agent.tool import Operation, Result

_LARGEST = 32 * 1024 * 1024


def result_of(
    answer: CallToolResult, server: str, tool: str, op: Operation, *, did: bool
) -> Result:
    """The result of a call; `did` for one that was to change something, which gives a receipt."""
    text, artifacts = told(answer.content, op)
    data: Any = answer.structured_content
    if data is None:
        data = _json(text)
    elif not text:
        text = json.dumps(data, ensure_ascii=False)
    step = op.key.partition(".")[2]
    receipts = [Receipt(server, step, tool)] if did else []
    return Result(text or "Done.", data, receipts, outside(server), artifacts)


def outside(server: str) -> list[Origin]:
    return [Origin("outside", f"the MCP server {server}")]


def told(content: Sequence[ContentBlock], op: Operation) -> tuple[str, list[str]]:
    """The content as text, and the names of the files that hold what is no text."""
    lines: list[str] = []
    artifacts: list[str] = []
    for block in content:
        match block:
            case TextContent(text=text):
                lines.append(text)
            case ImageContent() | AudioContent():
                lines.append(_kept(block.data, block.mime_type, op, artifacts))
            case ResourceLink():
                lines.append(f"{block.uri}  {block.name}  {block.description or ''}".rstrip())
            case EmbeddedResource(resource=TextResourceContents() as resource):
                lines.append(f"{resource.uri}\n{resource.text}")
            case EmbeddedResource(resource=BlobResourceContents() as resource):
                kind = resource.mime_type or "application/octet-stream"
                lines.append(f"{resource.uri}  {_kept(resource.blob, kind, op, artifacts)}")
            case _:
                lines.append("[content of a kind that m2agent does not know]")
    return "\n".join(lines), artifacts


def _kept(data: str, kind: str, op: Operation, artifacts: list[str]) -> str:
    """Write what is no text into a file of the run, and say so in a line."""
    if len(data) > _LARGEST:
        return f"[{kind}: too large to keep]"
    try:
        body = base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError):
        return f"[{kind}: cannot be read]"
    name = f"{op.key}-{len(artifacts) + 1}{mimetypes.guess_extension(kind) or '.bin'}"
    (op.artifacts / name).write_bytes(body)
    artifacts.append(name)
    return f"[{kind}, {len(body):,} bytes, kept as {name}]"


def _json(text: str) -> Any:
    """The text as data where it is a JSON object or list."""
    if not text.lstrip().startswith(("{", "[")):
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
