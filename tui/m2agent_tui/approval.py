"""The card on which a person says yes or no to calls, with everything they would do in view.

A key only marks an answer; Enter carries out what is marked, once there is a mark for every call.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widgets import Input, Static

from m2agent.printable import one_line, printable
from m2agent_tui.card import Card
from m2agent_tui.long_text import LongText
from m2agent_tui.prompt import TYPED
from m2agent_tui.proposal import named

if TYPE_CHECKING:
    from m2agent.loop import Answer, Ask

_ROWS = 4


@dataclass
class _Question:
    """One call, and what has been marked for it: yes, no, or nothing yet."""

    ask: "Ask"
    title: str
    yes: bool | None = None
    reason: str = ""


class Approval(Card):
    """One or more calls that wait for a yes. `answers` is done when the person is."""

    KEYS = frozenset({"y", "n", "a", "space"})
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "mark(True)", "Yes"),
        Binding("n", "mark(False)", "No"),
        Binding("a", "all", "Yes to all"),
        Binding("enter", "carry_out", "Carry out"),
        Binding("escape", "later", "Decide later"),
        Binding("up", "move(-1)", "Previous", show=False),
        Binding("down", "move(1)", "Next", show=False),
        Binding("pageup", "page(-1)", "Read back", show=False),
        Binding("pagedown,space", "page(1)", "Read on", show=False),
    ]

    def __init__(self, asks: "Sequence[Ask]", titles: Sequence[str], by: str) -> None:
        """`by` is who answers, for the journal."""
        super().__init__()
        self.answers: asyncio.Future[Sequence[Answer]] = asyncio.Future()
        self._questions = [_Question(a, t) for a, t in zip(asks, titles, strict=True)]
        self._place = 0
        self._by = by
        self._list = Static(markup=False, classes="questions")
        self._head = Static(markup=False, classes="head")
        self._text = LongText()
        self._why = Input(
            placeholder="Why not? The model is told. Enter keeps it.", compact=True, restrict=TYPED
        )
        self._advice = Static(markup=False, classes="advice")

    def compose(self) -> ComposeResult:
        self._why.display = False
        yield self._list
        yield self._head
        yield self._text
        yield self._why
        yield self._advice

    def on_mount(self) -> None:
        count = len(self._questions)
        many = f"These {count} steps need your yes"
        self.border_title = Content(many if count > 1 else "This step needs your yes")
        self._draw()
        self._open()

    def on_descendant_focus(self) -> None:
        self._draw()

    def on_focus(self) -> None:
        self._draw()

    def on_blur(self) -> None:
        self._draw()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Whether a key counts now; None shows it greyed out."""
        if action == "all":
            return len(self._questions) > 1
        if action == "carry_out" and self._unmarked:
            return None
        return True

    @property
    def _unmarked(self) -> list[_Question]:
        return [question for question in self._questions if question.yes is None]

    def action_mark(self, yes: bool) -> None:
        question = self._questions[self._place]
        question.yes, question.reason = yes, ""
        if yes:
            self._next()
        else:
            self._why.value = ""
            self._why.display = True
            self._why.focus()
        self._draw()

    def action_all(self) -> None:
        for question in self._unmarked:
            question.yes = True
        self._draw()

    def action_move(self, by: int) -> None:
        self._place = max(0, min(self._place + by, len(self._questions) - 1))
        self._draw()
        self._open()

    def action_page(self, by: int) -> None:
        self._text.scroll_relative(y=by * max(1, self._text.size.height - 1), animate=False)

    def action_carry_out(self) -> None:
        from m2agent.loop import No, Yes

        if self.is_ready and not self._unmarked:
            self._answer(
                [Yes(self._by) if q.yes else No(self._by, q.reason) for q in self._questions]
            )

    def action_later(self) -> None:
        """Leave all of it open: the run waits, for days if need be. In the reason: no no."""
        if self._why.has_focus:
            self._questions[self._place].yes = None
            self._close_reason()
        else:
            self._answer([None] * len(self._questions))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self._questions[self._place].reason = event.value.strip()
        self._close_reason()
        self._next()

    def _close_reason(self) -> None:
        self._why.display = False
        self.go_on()
        self._draw()

    def _answer(self, answers: "Sequence[Answer]") -> None:
        if not self.answers.done():
            self.answers.set_result(answers)

    def _next(self) -> None:
        """Go to the next question without an answer."""
        for place in (*range(self._place + 1, len(self._questions)), *range(self._place)):
            if self._questions[place].yes is None:
                self._place = place
                self._open()
                break
        self._draw()

    def _open(self) -> None:
        """Show what the call in question would do, in full."""
        ask = self._questions[self._place].ask
        self._head.update(
            Content.styled(
                one_line(f"{ask.decided.effect} · {ask.decided.reason}", 300), "$warning"
            )
        )
        parts = [named(ask.called.arguments)]
        if ask.decided.preview:
            parts.insert(0, Content(printable(ask.decided.preview)))
        self._text.show(Content.styled(f"\n\n{ask.called.tool}\n", "$foreground-muted").join(parts))

    def _draw(self) -> None:
        first = max(0, min(self._place - _ROWS // 2, len(self._questions) - _ROWS))
        shown = list(enumerate(self._questions))[first : first + _ROWS]
        self._list.update(Content("\n").join(self._row(*numbered) for numbered in shown))
        self._advice.update(self._what_to_do())
        self.refresh_bindings()

    def _row(self, place: int, question: _Question) -> Content:
        mark, colour = "[ ]", "$warning"
        if question.yes is not None:
            mark, colour = ("[yes]", "$success") if question.yes else ("[no]", "$error")
        here = place == self._place
        return Content.assemble(
            ("▸ " if here else "  ", "bold"),
            (f"{mark:<6}", colour),
            (question.title, "bold" if here else ""),
            (f"  {one_line(question.reason)}" if question.reason else "", "$foreground-muted"),
        )

    def _what_to_do(self) -> str:
        if not self.has_focus_within:
            return "Tab comes here to answer. What you type below is not an answer."
        if self._why.display:
            return "Enter keeps this reason, or none · Esc takes the no back"
        if left := len(self._unmarked):
            every = f" · a yes to all {left}" if left > 1 else ""
            return f"y yes · n no{every} · Space read on · Esc decide later"
        yes = sum(question.yes is True for question in self._questions)
        return f"Enter: do {yes}, decline {len(self._questions) - yes} · y or n changes it"
