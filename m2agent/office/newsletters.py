"""Newsletters: HTML only, with hidden text, tables and links that count who clicks."""

import html
import random
from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime

from m2agent.office import prose, workdays
from m2agent.office.cast import Cast, Company, Person, Voice, slug
from m2agent.office.mail import Mail, compose
from m2agent.office.prose import Piece
from m2agent.office.threads import slots

_WEEKDAY = {"trade": 4, "software": 2, "stationer": 1, "training": 3, "recruiter": 5}
"""On which working day, counted back from a week's end, each of them comes."""
_HUGE = 420
"""Pieces in the yearbook: about 300 kilobytes."""


def draw(cast: Cast, now: datetime, rng: random.Random) -> Iterator[Mail]:
    """Two stories an edition, no story twice; and the yearbook, which has all of them."""
    stories: dict[str, list[Piece]] = defaultdict(list)
    for piece in prose.pieces("newsletters.txt"):
        stories[piece.title.partition(": ")[0]].append(piece)
    for part, told in stories.items():
        rng.shuffle(told)
        for week, start in enumerate(range(0, len(told), 2)):
            back = 5 * week + _WEEKDAY[part]
            yield _edition(cast, part, told[start : start + 2], back, now, rng)
    everything = [piece for told in stories.values() for piece in told]
    yearbook = [rng.choice(everything) for _ in range(_HUGE)]
    yield _edition(cast, "trade", yearbook, 8, now, rng, title="The yearbook: all that was")


def _edition(
    cast: Cast,
    part: str,
    stories: Sequence[Piece],
    back: int,
    now: datetime,
    rng: random.Random,
    title: str = "",
) -> Mail:
    house = cast.others[part]
    at = workdays.moment(now, back, f"{rng.randrange(6, 10):02d}:{rng.randrange(60):02d}")
    here = {**slots(cast), **workdays.days(at.date())}
    told = [
        (story.title.partition(": ")[2], prose.fill(story.text, here, rng)) for story in stories
    ]
    sender = Person(house.short, "", f"newsletter@{house.domain}", voice=Voice(form="html"))
    unsubscribe = f"<https://{house.domain}/out?u={rng.getrandbits(48):x}>"
    return compose(
        rng,
        at=at,
        sender=sender,
        to=[cast.person],
        subject=title or told[0][0],
        body="\n\n".join(f"{head}\n\n{text}" for head, text in told),
        labels=["Inbox" if back < 8 else "Archived", "Unread", "Category Promotions"],
        page=_page(house, told, cast.person, rng),
        bare=True,
        headers=[("List-Unsubscribe", unsubscribe), ("Precedence", "bulk")],
    )


def _page(
    house: Company, told: Sequence[tuple[str, str]], reader: Person, rng: random.Random
) -> str:
    def link(target: str) -> str:
        click = f"{rng.getrandbits(160):040x}"
        return f"https://click.{house.domain}/t/{click}?to={target}&utm_source=mail&utm_medium=news"

    cells = "\n".join(
        '<tr><td style="padding:18px 24px;font-family:Georgia,serif;color:#333333">'
        f'<h2 style="margin:0 0 8px 0"><a href="{link(slug(head))}">{html.escape(head)}</a></h2>'
        f'<p style="line-height:150%">{html.escape(text)}</p>'
        f'<a href="{link(slug(head))}" style="color:#0b6e4f">Read on</a></td></tr>'
        for head, text in told
    )
    hidden = "&#847;&zwnj;&nbsp;" * 40
    return (
        f'<div style="display:none;max-height:0;overflow:hidden">{html.escape(told[0][1][:90])}'
        f"{hidden}</div>\n"
        '<table width="100%" bgcolor="#f2f2f2"><tr><td align="center">\n'
        '<table width="600" bgcolor="#ffffff">\n'
        f'<tr><td align="center"><h1>{html.escape(house.name)}</h1>'
        f"<small>for {html.escape(reader.first)}</small></td></tr>\n{cells}\n"
        f"<tr><td><small>{html.escape(house.address)}. You get this because you once said yes. "
        f'<a href="{link("leave")}">Leave</a> | <a href="{link("view")}">View in browser</a>'
        f'</small><img src="{link("open")}" width="1" height="1"></td></tr>\n'
        "</table></td></tr></table>\n"
    )
