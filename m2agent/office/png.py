"""A small picture as PNG, from nothing but the standard library."""

import random
import struct
import zlib


def plan(rng: random.Random, width: int = 240, height: int = 160) -> bytes:
    """A floor plan of sorts: walls, and some furniture along them."""
    rows = [bytearray(b"\xff" * width) for _ in range(height)]

    def box(left: int, top: int, right: int, bottom: int, ink: int) -> None:
        for y in range(top, bottom):
            edge = y in (top, bottom - 1)
            for x in range(left, right):
                if edge or x in (left, right - 1):
                    rows[y][x] = ink

    box(6, 6, width - 6, height - 6, 0)
    box(8, 8, width - 8, height - 8, 0)
    for _ in range(rng.randrange(5, 11)):
        left, top = rng.randrange(12, width - 70), rng.randrange(12, height - 50)
        box(left, top, left + rng.randrange(12, 56), top + rng.randrange(10, 36), 90)
    return _png(rows, width, height)


def photo(rng: random.Random, width: int = 160, height: int = 120) -> bytes:
    """A grey photograph of boards, grain and all."""
    board = width // rng.randrange(4, 9)
    tones = [rng.randrange(100, 200) for _ in range(width // board + 1)]
    boards = [tones[x // board] - 50 * (x % board == 0) for x in range(width)]
    rows = [
        bytearray(
            tone + grain % 20 for tone, grain in zip(boards, rng.randbytes(width), strict=True)
        )
        for _ in range(height)
    ]
    return _png(rows, width, height)


def _png(rows: list[bytearray], width: int, height: int) -> bytes:
    """8-bit grey. Stored, not compressed, so that every zlib gives the same bytes."""
    raw = b"".join(b"\0" + row for row in rows)
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", _stored(raw)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, data) for kind, data in chunks)


def _stored(raw: bytes) -> bytes:
    blocks = [raw[i : i + 0xFFFF] for i in range(0, len(raw), 0xFFFF)]
    body = b"".join(
        struct.pack("<BHH", number == len(blocks), len(block), len(block) ^ 0xFFFF) + block
        for number, block in enumerate(blocks, start=1)
    )
    return b"\x78\x01" + body + struct.pack(">I", zlib.adler32(raw))


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
