"""One hash for one call: what is approved is what runs."""

import hashlib
from typing import Any

import rfc8785

from m2agent.errors import ToolFailed


def hash_of(tool: str, arguments: dict[str, Any]) -> str:
    """SHA-256 of tool and arguments as canonical JSON (RFC 8785), in hex.

    Raises ToolFailed for values that JSON cannot hold exactly, such as integers beyond 2**53.
    """
    try:
        text = rfc8785.dumps({"tool": tool, "arguments": arguments})
    except (rfc8785.CanonicalizationError, UnicodeEncodeError) as error:
        raise ToolFailed(f"The arguments hold a value that JSON cannot hold: {error}.") from error
    return hashlib.sha256(text).hexdigest()


def content_hash(body: bytes) -> str:
    """SHA-256 of what a call sends, in hex."""
    return hashlib.sha256(body).hexdigest()
