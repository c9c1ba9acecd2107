"""A trading desk over many days: the long family, for bigger models and for the harness.

Prices come from a command that sometimes fails, news by mail, the rules from a note that another
note replaces midway, and every trade is a row of a table. A hundred turns and more; what counts in
the end is that every trade the rules ask for is there, and that no limit was ever broken.
"""

import csv
import io
import random
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

from m2agent.office.tasks.task import Effect, Expert, Letter, Seen, Step, Task, Wanted
from m2agent.office.tasks.wording import NOW, Person, Wording

DAYS, CHANGE = 20, 11
"""How many days there are, and the first on which the second rule book holds."""

TURNS = 400
TABLE = "Trades"
_DESK = Person("News", "Desk", "Newswire")
_GOOD = "[orders are up|a large contract was won|profits rose|a rival gave up]"
_BAD = "[orders are down|a contract was lost|profits fell|a strike began]"
_PLAIN = "[nothing new|no news|a quiet day|the board met]"

News = Literal["good", "bad", "none"]
Side = Literal["buy", "sell"]


@dataclass(frozen=True)
class Rules:
    """Buy below `low` on good news, sell above `high` on bad news, `lot` pieces at a time; never
    hold more than `most` of one stock, and never make more than `trades` in a day."""

    low: int
    high: int
    lot: int
    most: int
    trades: int

    def told(self, name: str) -> str:
        return (
            f"These rules hold {name}.\n\n"
            f"- Buy {self.lot} pieces of a stock on a day with good news of it and a price below "
            f"{self.low}.\n"
            f"- Sell {self.lot} pieces of it on a day with bad news of it and a price above "
            f"{self.high}, if we hold so many.\n"
            f"- Never hold more than {self.most} pieces of one stock: then do not buy.\n"
            f"- Never make more than {self.trades} trades on one day. Go by the alphabet.\n"
        )


@dataclass(frozen=True)
class Trade:
    day: int
    stock: str
    side: Side
    count: int
    price: int

    @property
    def title(self) -> str:
        return f"Day {self.day} {self.side} {self.stock}"


@dataclass(frozen=True)
class Market:
    """All that will happen: prices and news by day and stock, which price commands fail first."""

    stocks: tuple[str, ...]
    prices: Mapping[tuple[int, str], int]
    news: Mapping[tuple[int, str], News]
    late: frozenset[tuple[int, str]]
    first: Rules
    second: Rules

    def rules(self, day: int) -> Rules:
        return self.first if day < CHANGE else self.second

    def right(self) -> list[Trade]:
        """Every trade that the rules ask for, in its order."""
        held = dict.fromkeys(self.stocks, 0)
        trades: list[Trade] = []
        for day in range(1, DAYS + 1):
            for trade in self.of_day(day, held):
                held[trade.stock] += trade.count if trade.side == "buy" else -trade.count
                trades.append(trade)
        return trades

    def of_day(self, day: int, held: Mapping[str, int]) -> list[Trade]:
        rules, found = self.rules(day), list[Trade]()
        for stock in self.stocks:
            price, news = self.prices[day, stock], self.news[day, stock]
            room = held[stock] + rules.lot <= rules.most
            if news == "good" and price < rules.low and room:
                found.append(Trade(day, stock, "buy", rules.lot, price))
            elif news == "bad" and price > rules.high and held[stock] >= rules.lot:
                found.append(Trade(day, stock, "sell", rules.lot, price))
        return found[: rules.trades]

    def broken(self, trades: Iterable[Trade]) -> str:
        """The first limit that these trades break, in words; nothing if they keep to all."""
        held = dict.fromkeys(self.stocks, 0)
        made: dict[int, int] = {}
        for trade in sorted(trades, key=lambda trade: (trade.day, trade.side == "buy")):
            rules = self.rules(trade.day)
            made[trade.day] = made.get(trade.day, 0) + 1
            sign = 1 if trade.side == "buy" else -1
            held[trade.stock] = held.get(trade.stock, 0) + sign * trade.count
            if held[trade.stock] > rules.most:
                return f"day {trade.day}: more than {rules.most} pieces of {trade.stock}"
            if held[trade.stock] < 0:
                return f"day {trade.day}: sold {trade.stock} that we do not hold"
            if made[trade.day] > rules.trades:
                return f"day {trade.day}: more than {rules.trades} trades"
        return ""


def draw(w: Wording) -> Task:
    market = _market(w)
    right = market.right()
    return Task(
        "trading",
        w.seed,
        w.ask(_KNOWN, _UNSEEN, days=DAYS, table=TABLE),
        solve=lambda: _expert(market),
        wanted=tuple(_wanted(trade) for trade in right),
        shows=lambda seen: _limits(market, seen),
        letters=tuple(_letters(w, market)),
        notes={
            "Rule book.md": market.first.told(f"until the end of day {CHANGE - 1}"),
            "Rule book, second.md": market.second.told(f"from day {CHANGE} on"),
            f"{TABLE}/_table.yaml": (
                "Trade: title\nDay: number\nStock: text\nSide: text\nCount: number\nPrice: number\n"
            ),
        },
        files={"price.sh": _SCRIPT, "prices.csv": _prices(market)},
        turns=TURNS,
        trusts=("sh price.sh ",),
        calm=frozenset({".tried"}),
    )


_KNOWN = (
    "Run the trading desk for days 1 to {days}. For each day read the news mail of that day, get"
    " the price of each stock with `sh price.sh STOCK DAY` in the shell (try again where it fails),"
    " and enter each trade that the note Rule book asks for in the table {table}, titled like"
    ' "Day 3 buy ABC", with day, stock, side, count and price. Mails may name another rule book.'
    " Never break a limit.",
)
_UNSEEN = (
    "You are the desk today. Work through day 1, 2, ... {days}: news by mail, prices by"
    " `sh price.sh STOCK DAY` (it fails at times: repeat it), trades by the Rule book in the notes."
    ' Record every trade in {table} as "Day 3 buy ABC" with its day, stock, side, count and price.'
    " Look out for mails about new rules, and keep all limits.",
)

_SCRIPT = """\
# price.sh STOCK DAY prints the price. The feed is late at times: then it fails once.
line=$(grep "^$2,$1," prices.csv) || { echo "no such stock or day"; exit 2; }
if [ "$(echo "$line" | cut -d, -f4)" = late ] && ! grep -qx "$2,$1" .tried 2>/dev/null; then
    echo "$2,$1" >> .tried
    echo "The feed is late. Try again."
    exit 1
fi
echo "$line" | cut -d, -f3
"""


def _market(w: Wording) -> Market:
    rng = w.rng
    stocks = tuple(sorted(_codes(rng, 3)))
    days = range(1, DAYS + 1)
    keys = [(day, stock) for day in days for stock in stocks]
    first = Rules(100, 120, 10, 30, 2)
    second = Rules(rng.choice((90, 95)), rng.choice((110, 115)), 5, rng.choice((20, 25)), 1)
    return Market(
        stocks,
        {key: rng.randint(70, 140) for key in keys},
        {key: rng.choice(("good", "good", "bad", "bad", "none")) for key in keys},
        frozenset(key for key in keys if rng.random() < 0.2),
        first,
        second,
    )


def _codes(rng: random.Random, count: int) -> set[str]:
    found: set[str] = set()
    while len(found) < count:
        found.add("".join(rng.choice("BCDFGHKLMNPRSTVXZ") for _ in range(3)))
    return found


def _prices(market: Market) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    for (day, stock), price in market.prices.items():
        writer.writerow([day, stock, price, "late" if (day, stock) in market.late else ""])
    return out.getvalue()


def _letters(w: Wording, market: Market) -> Iterable[Letter]:
    start = datetime(NOW.year, NOW.month, NOW.day, 7, tzinfo=UTC) - timedelta(DAYS + 1)
    for day in range(1, DAYS + 1):
        lines: list[str] = []
        for stock in market.stocks:
            text = {"good": _GOOD, "bad": _BAD, "none": _PLAIN}[market.news[day, stock]]
            lines.append(f"- {stock}: {w.say(text)}")
        if day == CHANGE:
            lines.append('\nFrom today on the note "Rule book, second" holds, not "Rule book".')
        at = start + timedelta(day)
        yield Letter(_DESK, f"News of day {day}", "\n".join(lines), at)


def _wanted(trade: Trade) -> Wanted:
    return Wanted("note", lambda effect: _traded(effect) == trade)


def _traded(effect: Effect) -> Trade | None:
    """The trade that a new row stands for."""
    props = dict(
        line.split(": ", 1)
        for line in str(effect.facts.get("text", "")).splitlines()
        if ": " in line
    )
    plain = {name: value.strip("'\" ") for name, value in props.items()}
    side = plain.get("Side", "").casefold()
    if not effect.about.startswith(f"{TABLE}/") or side not in ("buy", "sell"):
        return None
    try:
        day, count, price = (round(float(plain[name])) for name in ("Day", "Count", "Price"))
    except (KeyError, ValueError):
        return None
    return Trade(day, plain.get("Stock", ""), side, count, price)


def _limits(market: Market, seen: Seen) -> str:
    trades = [trade for effect in seen.effects if (trade := _traded(effect))]
    return market.broken(trades)


_MEANS: dict[str, News] = {
    **dict.fromkeys(("orders are up", "a large contract was won", "profits rose"), "good"),
    **dict.fromkeys(("orders are down", "a contract was lost", "profits fell"), "bad"),
    "a rival gave up": "good",
    "a strike began": "bad",
}


def _expert(market: Market) -> Expert:
    yield Step("First the rules.", "notes_read", {"id": "Rule book"})
    held = dict.fromkeys(market.stocks, 0)
    made = 0
    for day in range(1, DAYS + 1):
        found = yield Step(
            f"Day {day}: the news.", "mail_search", {"query": f'subject:"News of day {day}"'}
        )
        mail = next(m for m in found.data["items"] if m["subject"] == f"News of day {day}")
        read = yield Step(f"It is {mail['id']}.", "mail_read", {"id": mail["id"]})
        news = dict(re.findall(r"- (\w+): (.+)", read.text))
        if "second" in read.text:
            yield Step("Other rules hold from now on.", "notes_read", {"id": "Rule book, second"})
        for stock in market.stocks:
            price = f"sh price.sh {stock} {day}"
            ran = yield Step(f"The price of {stock}.", "shell_run", {"command": price})
            while ran.data["exit_code"]:
                ran = yield Step("The feed is late; again.", "shell_run", {"command": price})
            assert _MEANS.get(news[stock].strip(), "none") == market.news[day, stock]
            assert int(ran.data["output"]) == market.prices[day, stock]
        for trade in market.of_day(day, held):
            held[trade.stock] += trade.count if trade.side == "buy" else -trade.count
            made += 1
            yield Step(
                f"The rules ask to {trade.side} {trade.count} {trade.stock} at {trade.price}. "
                f"After that we hold {held[trade.stock]}.",
                "notes_create",
                {
                    "parent": TABLE,
                    "title": trade.title,
                    "props": {
                        "Day": trade.day,
                        "Stock": trade.stock,
                        "Side": trade.side,
                        "Count": trade.count,
                        "Price": trade.price,
                    },
                },
            )
    yield Step("All days are done.", says=f"All {DAYS} days are done: {made} trades in {TABLE}.")
