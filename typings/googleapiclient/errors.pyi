from typing import Any

class HttpError(Exception):
    resp: Any
    content: bytes
    reason: str
