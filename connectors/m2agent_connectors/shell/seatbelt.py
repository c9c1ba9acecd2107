"""The rules for macOS's sandbox-exec, in its own language: what is not allowed is denied."""

import json
from collections.abc import Iterable
from pathlib import Path

_ALWAYS = """
(version 1)
(deny default)
(allow process-exec process-fork pseudo-tty sysctl-read ipc-posix-sem)
(allow signal process-info* (target same-sandbox))
(allow file-read-metadata)
(allow file-read* (literal "/"))
(allow mach-lookup (global-name "com.apple.system.opendirectoryd.libinfo"))
(allow file-read* file-write* file-ioctl
  (literal "/dev/null") (literal "/dev/zero") (literal "/dev/tty") (literal "/dev/random")
  (literal "/dev/urandom") (regex #"^/dev/ttys[0-9]+$") (regex #"^/dev/fd/"))
"""


_NETWORK = """
(allow network-outbound (remote ip))
(allow system-socket)
(allow mach-lookup (global-name "com.apple.dnssd.service") (global-name "com.apple.trustd"))
(allow network-outbound (literal "/private/var/run/mDNSResponder"))
"""


def profile(readable: Iterable[Path], writable: Iterable[Path], *, network: bool = False) -> str:
    """The profile under which a program reads and writes these folders, without network or with."""
    read = " ".join(f"(subpath {_quoted(path)})" for path in readable)
    write = " ".join(f"(subpath {_quoted(path)})" for path in writable)
    return f"""{_ALWAYS}
(allow file-read* {read} {write})
(allow file-write* {write})
(deny file-read* (subpath "/Library/Keychains"))
{_NETWORK if network else ""}"""


def _quoted(path: Path) -> str:
    return json.dumps(str(path), ensure_ascii=False)
