"""Which servers mail and secrets may go to."""

from ipaddress import ip_address
from urllib.parse import urlsplit


def is_safe(url: str) -> bool:
    """Whether nobody on the way can read along: https, or this machine."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return False
    if parts.scheme == "https":
        return bool(host)
    try:
        here = host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
    return parts.scheme == "http" and here
