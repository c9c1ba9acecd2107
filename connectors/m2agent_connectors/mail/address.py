"""Mail addresses: read from any header, and checked before a mail is written to one."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from m2agent.errors import ToolFailed
from m2agent_connectors.mail.charset import header_text
from m2agent_connectors.mail.clean import one_line

_ENTRY = re.compile(r'(?:[^",;<(]+|"(?:[^"\\]|\\.)*"?|<[^>]*>?|\([^)]*\)?)+')
_ANGLE = re.compile(r"<([^<>]*)>?\s*$")
_COMMENT = re.compile(r"\(([^()]*)\)")
_GROUP = re.compile(r"^[^@<\"]*:")
_VALID = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*")


@dataclass(frozen=True)
class Address:
    """Somebody's name, perhaps empty, and address; the address is compared without case."""

    name: str
    address: str

    def __str__(self) -> str:
        return f"{self.name} <{self.address}>" if self.name else self.address

    @property
    def valid(self) -> bool:
        """Whether a mail can be written to it; what headers hold often cannot be."""
        return _VALID.fullmatch(self.address) is not None

    def same(self, other: "Address") -> bool:
        return self.address.lower() == other.address.lower()


def entries(value: str) -> list[str]:
    """What stands between the commas of a header's value."""
    return [entry.strip() for entry in _ENTRY.findall(value) if entry.strip()]


def addresses(value: str) -> list[Address]:
    """The addresses of a header's value, as far as it can be read."""
    return [found for entry in _ENTRY.findall(value) if (found := _entry(entry))]


def written(text: str) -> Address:
    """An address that a person or a model wrote: "ann@x.example" or "Ann <ann@x.example>".

    Raises ToolFailed for anything else, several addresses in one included.
    """
    name, angle, rest = text.strip().partition("<")
    address = rest.removesuffix(">") if angle else name
    local, at, domain = address.strip().rpartition("@")
    try:
        address = f"{local}{at}{domain.encode('idna').decode() if domain else ''}"
    except UnicodeError:
        address = ""
    if not _VALID.fullmatch(address):
        raise ToolFailed(
            f"{one_line(text, 80)!r} is no mail address. "
            "Write each as its own item: name@domain, or Name <name@domain>."
        )
    return Address(_name(name) if angle else "", address)


def without(wanted: Iterable[Address], unwanted: Iterable[Address]) -> list[Address]:
    """The wanted addresses, each once, but for the unwanted ones."""
    seen = {address.address.lower() for address in unwanted}
    kept: list[Address] = []
    for address in wanted:
        if address.address.lower() not in seen:
            seen.add(address.address.lower())
            kept.append(address)
    return kept


def _entry(entry: str) -> Address | None:
    entry = _GROUP.sub("", entry).strip()
    angle = _ANGLE.search(entry)
    if angle:
        name, address = entry[: angle.start()], angle.group(1)
    else:
        comment = _COMMENT.search(entry)
        name, address = (comment.group(1) if comment else ""), _COMMENT.sub("", entry)
    address = one_line(address, 320)
    if not address or ("@" not in address and not angle):
        return None
    return Address(_name(name), address)


def _name(name: str) -> str:
    """A display name, without the signs by which it could pass for an address."""
    name = name.strip()
    if name.startswith('"'):
        name = re.sub(r"\\(.)", r"\1", name.strip('"'))
    return re.sub(r"[<>]", "", one_line(header_text(name), 100)).strip()
