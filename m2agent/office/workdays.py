"""Dates in the office, counted in working days, so that a story keeps its shape on any `now`."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone
from typing import Literal

_ZONES = {"DE": 1, "FR": 1, "IT": 1, "DK": 1, "JP": 9, "CN": 8}
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_LONG_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_LONG_MONTHS = (
    *("January", "February", "March", "April", "May", "June", "July", "August", "September"),
    *("October", "November", "December"),
)


def step(start: date, days: int) -> date:
    """That many working days later, or earlier; from a weekend, counted from its Friday."""
    while start.weekday() > 4:
        start -= timedelta(days=1)
    way = 1 if days > 0 else -1
    for _ in range(abs(days)):
        start += timedelta(days=way)
        while start.weekday() > 4:
            start += timedelta(days=way)
    return start


def moment(now: datetime, back: int, clock: str, country: str = "IE") -> datetime:
    """The time `clock` on the working day that lies `back` before `now`; stored in the zone of
    `country`, told in Ireland's winter time."""
    hour, minute = clock.split(":")
    day = step(now.astimezone(UTC).date(), -back)
    at = datetime.combine(day, time(int(hour), int(minute)), UTC)
    return at.astimezone(timezone(timedelta(hours=_ZONES.get(country, 0))))


def stamp(at: datetime) -> str:
    """As mail headers want it, in English whatever the locale."""
    day, month = _DAYS[at.weekday()], _MONTHS[at.month - 1]
    return f"{day}, {at.day:02d} {month} {at.year} {at:%H:%M:%S %z}"


def asctime(at: datetime) -> str:
    """As the first line of a mail in an mbox wants it, in UTC."""
    at = at.astimezone(UTC)
    day, month = _DAYS[at.weekday()], _MONTHS[at.month - 1]
    return f"{day} {month} {at.day:2d} {at:%H:%M:%S} +0000 {at.year}"


def spoken(at: datetime) -> str:
    """As mail programs put it above what they quote: "Mon, 16 Nov 2026 at 09:14"."""
    day, month = _DAYS[at.weekday()], _MONTHS[at.month - 1]
    return f"{day}, {at.day} {month} {at.year} at {at:%H:%M}"


@dataclass(frozen=True)
class Day:
    """A date for prose: `{day:+2}` is the weekday two working days on, `{date}` "16 November"."""

    start: date
    form: Literal["day", "date", "iso", "month", "stamp", "cjk"]

    def __format__(self, spec: str) -> str:
        day = step(self.start, int(spec)) if spec else self.start
        match self.form:
            case "day":
                return _LONG_DAYS[day.weekday()]
            case "date":
                return f"{day.day} {_LONG_MONTHS[day.month - 1]}"
            case "month":
                return _LONG_MONTHS[day.month - 1]
            case "iso":
                return day.isoformat()
            case "cjk":
                return f"{day.month}月{day.day}日"
            case "stamp":
                return f"{day:%Y%m%d}"


def days(start: date) -> dict[str, object]:
    """The slots `{day}`, `{date}` and so on, of a text written on that date."""
    return {
        "day": Day(start, "day"),
        "date": Day(start, "date"),
        "iso": Day(start, "iso"),
        "month": Day(start, "month"),
        "stamp": Day(start, "stamp"),
        "cjk": Day(start, "cjk"),
    }
