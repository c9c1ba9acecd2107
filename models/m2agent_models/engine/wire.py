"""What passes between the engine and those who use it: small messages in length-prefixed frames.

A frame is four bytes, little-endian, with the length of the MessagePack that follows.
"""

import asyncio
import socket
import struct
import sys
from typing import Any, Literal, TypeVar

import msgspec

from m2agent.errors import ModelError

VERSION = 5
"""Changes with every message below, so that no client talks to an engine of another release."""

LARGEST = 256 * 1024 * 1024


class Message(msgspec.Struct, frozen=True, tag=str.lower, omit_defaults=True):
    """The common form of all messages: the tag is the lower-case name."""


class Segment(msgspec.Struct, frozen=True, array_like=True):
    """A stretch of the prompt and whose words it is, which decides how it becomes tokens.

    `frame` is the format's own and may hold special tokens; `text` is anybody's and becomes
    plain tokens whatever it says; `model` is what the model wrote, by its token ids (32-bit,
    little-endian) where these are known.
    """

    kind: Literal["frame", "text", "model"]
    text: str
    tokens: bytes = b""


class Sampling(msgspec.Struct, frozen=True, omit_defaults=True):
    temperature: float = 1.0
    top_p: float = 0.95
    top_k: int = 40
    min_p: float = 0.0
    seed: int | None = None


class Reply(Message, frozen=True):
    """Ask for a turn. `conversation` is the same for all turns that belong together.

    `grammar` (GBNF) holds from the opening marker of a call on; empty lets anything be written.
    `beside` is that of `ModelSettings`. The first `opening` segments are those that every
    conversation with this system text and these tools has. `guesses` is how many tokens may be
    looked up in what was written before and tried at once. With `copies` names and numbers in
    calls must have been read before.
    """

    id: int
    conversation: str
    segments: list[Segment]
    sampling: Sampling = Sampling()
    grammar: str = ""
    thinking: bool = False
    max_tokens: int = 16_384
    max_thinking: int = 8_192
    beside: bool = False
    opening: int = 0
    guesses: int = 0
    copies: bool = False


class Cancel(Message, frozen=True):
    """Stop a turn; it ends with `Turn` and reason "cancelled" within a token."""

    id: int


class Ping(Message, frozen=True):
    """Ask for a sign of life."""


class Pong(Message, frozen=True):
    """The engine lives, and what it computes gets on."""


class Loading(Message, frozen=True):
    """How much of the model has been read, from 0 to 1."""

    share: float


class Ready(Message, frozen=True):
    """The model can be used. `plan` is how it was placed, in words; `bos` and `eos` are text.

    `markers` are those of M2's that are tokens of their own in this vocabulary.
    """

    context: int
    sequences: int
    plan: str
    bos: str
    eos: str
    markers: list[str] = []


class Queued(Message, frozen=True):
    """A turn waits for others; `ahead` of them come first."""

    id: int
    ahead: int


class Prefilling(Message, frozen=True):
    """Tokens of the prompt that have been read, of those that were new."""

    id: int
    done: int
    total: int
    seconds_left: float


class Text(Message, frozen=True):
    """What the model wrote since the last one, markers included."""

    id: int
    text: str


class Turn(Message, frozen=True):
    """A turn is over. `evaluated` and `reused` count the prompt, `generated` the answer.

    `context_used` counts what was evaluated of both: the last token chosen mostly is not, until
    the next turn reads it.
    """

    id: int
    reason: Literal["stop", "length", "cancelled"]
    evaluated: int
    reused: int
    generated: int
    prefill_seconds: float
    decode_seconds: float
    context_used: int
    context_size: int
    tokens: bytes


class Failed(Message, frozen=True):
    """A turn (or, without `id`, the engine as a whole) cannot go on.

    With `needed` the reason is that so many tokens do not fit into a context of `size`.
    """

    problem: str
    fix: str = ""
    id: int | None = None
    needed: int = 0
    size: int = 0


Request = Reply | Cancel | Ping
Answer = Pong | Loading | Ready | Queued | Prefilling | Text | Turn | Failed

M = TypeVar("M")
_encoder = msgspec.msgpack.Encoder()


def frame(message: Message) -> bytes:
    body = _encoder.encode(message)
    return struct.pack("<I", len(body)) + body


async def receive(reader: asyncio.StreamReader, decoder: msgspec.msgpack.Decoder[M]) -> M | None:
    """The next message, or None when the other side is gone. Raises ModelError for nonsense."""
    try:
        (length,) = struct.unpack("<I", await reader.readexactly(4))
        if length > LARGEST:
            raise ModelError(f"A message of {length:,} bytes came in; the engine allows no such.")
        body = await reader.readexactly(length)
        return decoder.decode(body)
    except (asyncio.IncompleteReadError, OSError):
        return None
    except msgspec.DecodeError as error:
        raise ModelError(f"What came from the other process makes no sense: {error}.") from error


def peer(connection: Any) -> tuple[int, int]:
    """The process and the user at the other end of a Unix socket, as the kernel knows them."""
    if sys.platform == "linux":
        size = struct.calcsize("3i")
        credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size)
        return struct.unpack("3i", credentials)[:2]
    # macOS: LOCAL_PEERPID, and by LOCAL_PEERCRED a struct xucred of version, uid and groups.
    credentials = connection.getsockopt(0, 1, 76)
    return connection.getsockopt(0, 2), struct.unpack("2I", credentials[:8])[1]
