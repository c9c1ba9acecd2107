"""Who is in a sample office: the person it belongs to, colleagues, suppliers, customers, others.

The firm fits out shops and makes furniture, in Ireland; that stays. Everything else about these
people is drawn: names, places, addresses, and how each of them writes a mail.
"""

import random
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from m2agent.office.names import ROADS, names

Country = Literal["IE", "DE", "FR", "IT", "DK", "JP", "CN"]


@dataclass(frozen=True)
class Voice:
    """How somebody's mails look: greeting, ending, what is quoted, and in which form."""

    hello: str = "Hi {to},"
    bye: str = "Thanks,\n{first}"
    quotes: Literal["below", "outlook", "none"] = "below"
    form: Literal["plain", "both", "html"] = "plain"
    charset: str = "utf-8"
    encoding: Literal["7bit", "8bit", "quoted-printable", "base64"] = "quoted-printable"
    wrap: bool = True


@dataclass(frozen=True)
class Person:
    first: str
    last: str
    address: str
    role: str = ""
    firm: str = ""
    phone: str = ""
    voice: Voice = field(default_factory=Voice)

    @property
    def name(self) -> str:
        return f"{self.first} {self.last}".strip()


@dataclass(frozen=True)
class Company:
    """A firm we deal with. `contact` talks to us, `billing` sends what has to be paid.

    `iban` is the last four digits of the account we pay to; `ours` our number with them.
    """

    kind: str
    name: str
    domain: str
    street: str
    town: str
    country: Country
    contact: Person
    billing: Person
    iban: str = ""
    ours: str = ""

    @property
    def short(self) -> str:
        """How people call it: without the legal form."""
        return self.name.removesuffix(" Ltd").removesuffix(" GmbH").removesuffix(" ApS")

    @property
    def address(self) -> str:
        return f"{self.street}, {self.town}"


@dataclass(frozen=True)
class Cast:
    """Everybody, by the part they play: `staff["books"]`, `suppliers["timber"]`."""

    person: Person
    firm: str
    domain: str
    street: str
    town: str
    staff: dict[str, Person]
    suppliers: dict[str, Company]
    customers: dict[str, Company]
    others: dict[str, Company]
    people: dict[str, Person]


STAFF = {
    "boss": "Managing director",
    "planner": "Project planner",
    "foreman": "Workshop foreman",
    "designer": "Designer",
    "books": "Bookkeeper",
    "fitter": "Site fitter",
    "fitter2": "Site fitter",
    "hr": "People and payroll",
    "sales": "Sales and estimates",
}

SUPPLIERS: dict[str, tuple[Country, str]] = {
    "timber": (
        "IE",
        "{stem} Timber Ltd|{last} Hardwoods|{stem} Sawmills Ltd|{last} & {last2} Timber",
    ),
    "hardware": ("DE", "{last} Beschläge GmbH|{last} & Söhne GmbH|Möbelbeschläge {last} GmbH"),
    "paint": ("FR", "Peintures {last}|Vernis {last} & Fils|Établissements {last}"),
    "glass": ("IE", "{stem} Glass Ltd|{last} Glazing|{stem} Glass & Mirror"),
    "fabric": ("IT", "Tessuti {last}|Lanificio {last}|Filati e Tessuti {last}"),
    "lighting": ("DK", "{last} Belysning ApS|{last} Lys ApS|Nordlys {last} ApS"),
    "haulage": ("IE", "{last} Haulage|{stem} Transport Ltd|{last} Bros Freight"),
    "packaging": ("IE", "{stem} Packaging Ltd|{stem} Box & Crate|{last} Packaging Supplies"),
    "energy": ("IE", "{stem} Energy|{stem} Power Ltd|{stem} Electric"),
    "it": ("IE", "{stem} IT Services|{last} Computing Ltd|{stem} Systems"),
    "waste": ("IE", "{stem} Recycling Ltd|{last} Skip Hire|{stem} Waste Services"),
    "print": ("IE", "{stem} Print & Sign|{last} Signs|{stem} Graphics Ltd"),
    "tools": ("JP", "{last} Hamono|{last} Saw Works|{last} Edge Tools"),
    "castings": ("CN", "{place} {stem} Hardware Co.|{place} {stem} Metal Products"),
}

CUSTOMERS = {
    "cafe": "Café {first}|The {stem} Café|{stem} Coffee House",
    "clinic": "{stem} Dental Clinic|{last} Family Practice|{stem} Physiotherapy",
    "architect": "{last} {last2} Architects|Studio {last}|{stem} Architects",
    "school": "{stem} National School|St {first}'s School|{stem} Community School",
    "hotel": "The {stem} Hotel|Hotel {last}|{stem} House Hotel",
    "shop": "{last}'s Books|{stem} Books|The {stem} Bookshop",
    "private": "{last} household",
}

OTHERS = {
    "landlord": "{stem} Estates|{last} Property|{stem} Business Parks Ltd",
    "bank": "{stem} Savings Bank|Bank of {stem}|{stem} Credit Union",
    "tax": "{last} & Co. Accountants|{last} {last2} Tax Advisers|{stem} Accountants",
    "insurer": "{stem} Insurance Brokers|{last} Insurances|{stem} Cover",
    "recruiter": "{stem} Talent|{last} Recruitment|{stem} People",
    "couriers": "{stem} Parcels|{stem} Express|{stem} Couriers",
    "trade": "{stem} Trade News|The {stem} Workshop|{stem} Joinery Journal",
    "software": "{stem} Desk|{stem} Planner|{stem} Cloud",
    "stationer": "{stem} Office Supplies|{last}'s Stationery|{stem} Paper",
    "training": "{stem} Safety Training|{last} First Aid|{stem} Skills",
    "outsider": "{stem} Ledger Services|{stem} Invoice Cloud|{stem} Reconciliation",
}

PEOPLE = ("cand1", "cand2", "cand3", "cand4", "cand5", "neighbour", "friend", "sibling", "spammer")

_HELLO = ("Hi {to},", "Hi {to},", "Hello {to},", "{to},", "Hi {to}", "Dear {to},", "Hey {to},")
_BYE = (
    "Thanks,\n{first}",
    "Best,\n{first}",
    "{first}",
    "Cheers\n{first}",
    "Kind regards,\n{first}",
    "All the best\n{first}",
    "Regards\n{name}\n{role}, {firm}\n{phone}",
    "{name}\n{role}\n{phone}",
    "Many thanks\n{first}\n\n{name} | {firm} | {phone}",
)
_FORMS: tuple[Literal["plain", "both", "html"], ...] = ("plain", "plain", "both", "both", "html")
_FORMAL = (
    "Kind regards,\n{name}\n\n{firm}\n{phone}",
    "Best regards,\n\n{name}\n{role}\n{firm}",
    "Yours sincerely,\n{name}\n{firm} - {phone}",
    "Regards,\n{name}",
    "With best wishes\n{first} {last}\n{firm}",
)
_ABROAD: dict[Country, tuple[str, ...]] = {
    "DE": ("Mit freundlichen Grüßen / best regards\n{name}\n{firm}", "Viele Grüße\n{first} {last}"),
    "FR": ("Cordialement,\n{name}\n{firm}", "Bien à vous,\n{first} {last}"),
    "IT": ("Cordiali saluti,\n{name}\n{firm}", "Un caro saluto\n{first} {last}"),
    "DK": ("Med venlig hilsen / kind regards\n{name}\n{firm}", "Venlig hilsen\n{first}"),
    "JP": ("With respect,\n{name}\n{firm}",),
    "CN": ("Best regards\n{name}\n{firm}",),
}
_CHARSETS: dict[Country, str] = {
    "DE": "iso-8859-1",
    "FR": "windows-1252",
    "JP": "shift_jis",
    "CN": "gb18030",
}
_DIAL: dict[Country, str] = {
    "IE": "+353 21",
    "DE": "+49 521",
    "FR": "+33 5 49",
    "IT": "+39 0445",
    "DK": "+45 74",
    "JP": "+81 794",
    "CN": "+86 757",
}
_KIND_ROLES = {
    "bank": "Business banking",
    "landlord": "Property manager",
    "tax": "Tax adviser",
    "architect": "Architect",
    "recruiter": "Recruitment consultant",
}


def slug(text: str) -> str:
    """The text as it stands in an address: lower-case ASCII letters, digits and hyphens."""
    plain = text.replace("ß", "ss").replace("ø", "o").replace("Ø", "O").replace("Ł", "L")
    plain = plain.replace("æ", "ae").replace("œ", "oe")
    plain = unicodedata.normalize("NFKD", plain).encode("ascii", "ignore").decode().lower()
    words = "".join(c if c.isalnum() else " " for c in plain.replace("'", "")).split()
    return "-".join(words)


def draw(rng: random.Random) -> Cast:
    """Draw everybody. No two people in Ireland share a first name, and no two a last name."""
    lots = _Lots(rng)
    founder = next(lots.last)
    firm = rng.choice(
        (
            f"{founder} & {next(lots.last)} Workshop",
            f"{founder} Joinery",
            f"{next(lots.stem)} Joinery",
        )
    )
    domain = f"{slug(firm)}.example"
    staff = {
        part: _colleague(lots, role, firm, domain, last=founder if part == "boss" else None)
        for part, role in STAFF.items()
    }
    return Cast(
        person=_colleague(lots, "Office manager", firm, domain),
        firm=firm,
        domain=domain,
        street=_street(rng),
        town=rng.choice(names("towns IE")),
        staff=staff,
        suppliers={k: _company(lots, k, form, home) for k, (home, form) in SUPPLIERS.items()},
        customers={k: _company(lots, k, form) for k, form in CUSTOMERS.items()},
        others={k: _company(lots, k, form) for k, form in OTHERS.items()},
        people={part: _private(lots) for part in PEOPLE},
    )


class _Lots:
    """Names in an order drawn from the seed."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.first = self._shuffled(names("first IE"))
        self.last = self._shuffled(names("last IE"))
        self.stem = self._shuffled(names("stems"))

    def native(self, country: Country) -> tuple[tuple[str, str], str]:
        """Somebody of that country, and a town in it. Only Irish names come once each."""
        town = self.rng.choice(names(f"towns {country}"))
        if country == "IE":
            return (next(self.first), next(self.last)), town
        first, last = (self.rng.choice(names(f"{kind} {country}")) for kind in ("first", "last"))
        return (first, last), town

    def _shuffled(self, words: list[str]) -> Iterator[str]:
        return iter(self.rng.sample(words, len(words)))


def _colleague(
    lots: _Lots, role: str, firm: str, domain: str, *, last: str | None = None
) -> Person:
    first, last = next(lots.first), last or next(lots.last)
    rng = lots.rng
    voice = Voice(
        hello=rng.choice(_HELLO),
        bye=rng.choice(_BYE),
        quotes=rng.choice(("below", "below", "outlook", "none")),
        form=rng.choice(("plain", "plain", "both")),
        encoding=rng.choice(("quoted-printable", "quoted-printable", "8bit", "base64")),
        wrap=rng.random() < 0.6,
    )
    return Person(first, last, f"{slug(first)}@{domain}", role, firm, _phone(rng, "IE"), voice)


def _private(lots: _Lots) -> Person:
    first, last = next(lots.first), next(lots.last)
    form = lots.rng.choice(("{f}.{l}", "{f}{l}", "{l}.{f}", "{f}_{l}"))
    host = lots.rng.choice(("postbox.example", "mailhaven.example", "inbox.example"))
    address = f"{form.format(f=slug(first), l=slug(last))}@{host}"
    voice = Voice(bye="{first}", form=lots.rng.choice(_FORMS), quotes="below", wrap=False)
    return Person(first, last, address, phone=_phone(lots.rng, "IE"), voice=voice)


def _company(lots: _Lots, kind: str, forms: str, country: Country = "IE") -> Company:
    rng = lots.rng
    (first, last), place = lots.native(country)
    stem = rng.choice(names("stems CN")) if country == "CN" else next(lots.stem)
    form = rng.choice(forms.split("|"))
    name = form.format(stem=stem, last=last, last2=next(lots.last), first=first, place=place)
    domain = f"{slug(name)}.example"
    role = _KIND_ROLES.get(kind, "Sales" if kind in SUPPLIERS else "Manager")
    voice = Voice(
        hello=rng.choice(("Dear {to},", "Hello {to},", "Hi {to},", "Dear {to},")),
        bye=rng.choice(_ABROAD.get(country, _FORMAL)),
        quotes=rng.choice(("below", "outlook", "none")),
        form=rng.choice(_FORMS),
        charset=_CHARSETS.get(country, "utf-8"),
        encoding="base64" if country in ("JP", "CN") else "quoted-printable",
        wrap=rng.random() < 0.5,
    )
    phone = _phone(rng, country)
    user = rng.choice((slug(first), f"{slug(first)}.{slug(last)}", f"{slug(first)[0]}{slug(last)}"))
    if kind == "private":
        domain, role, voice = "mailhaven.example", "", Voice(bye="{name}", wrap=False)
        user = f"{slug(first)}.{slug(last)}"
    contact = Person(first, last, f"{user}@{domain}", role, name, phone, voice)
    clerk, _ = lots.native(country)
    desk = rng.choice(("accounts", "billing", "invoices", "finance", slug(clerk[0])))
    billing = Person(*clerk, f"{desk}@{domain}", "Accounts", name, phone, voice)
    iban = f"{rng.randrange(10_000):04d}"
    ours = f"{rng.choice('CKD')}{rng.randrange(1000, 99999)}"
    street = _street(rng, country)
    return Company(kind, name, domain, street, place, country, contact, billing, iban, ours)


def _street(rng: random.Random, country: Country = "IE") -> str:
    number, street = rng.randrange(1, 90), rng.choice(names(f"streets {country}"))
    return (
        f"{number} {street} {rng.choice(ROADS)}"
        if country == "IE"
        else street.replace("#", f"{number}")
    )


def _phone(rng: random.Random, country: Country) -> str:
    return f"{_DIAL[country]} {rng.randrange(200, 999)} {rng.randrange(1000, 9999)}"
