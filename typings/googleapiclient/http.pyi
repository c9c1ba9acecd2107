from typing import BinaryIO

class MediaIoBaseUpload:
    def __init__(self, fd: BinaryIO, mimetype: str, *, resumable: bool = False) -> None: ...
