"""The card on which a person says yes or no to calls, with everything they would do in view.

A key only marks an answer; Enter carries out what is marked, once there is a mark for every call.
What is changed first comes back as a question of its own, with the difference on top.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal, cast

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widgets import Input, Static

from m2agent.printable import one_line, printable
from m2agent_tui.card import Card
from m2agent_tui.editing import Editing, in_editor
from m2agent_tui.long_text import LongText
from m2agent_tui.look import difference, faint, letter
from m2agent_tui.prompt import TYPED
from m2agent_tui.proposal import named, proposal

if TYPE_CHECKING:
    from m2agent.loop import Answer, Ask
    from m2agent.policy.always import Scope

_ALWAYS: "dict[Scope | None, str]" = {
    None: "",
    "run": "always in this run",
    "recipient": "always to these people",
    "account": "always on this account",
    "command": "always exactly this",
}
_FEW, _MANY = 4, 12


@dataclass
class _Question:
    """One call, and what has been marked for it, if anything has."""

    ask: "Ask"
    title: str
    mark: Literal["", "yes", "no", "change"] = ""
    reason: str = ""
    text: str = ""
    """How the person wants it, for a change."""
    always: "Scope | None" = None


class Approval(Card):
    """One or more calls that wait for a yes. `answers` is done when the person is."""

    KEYS = frozenset({"y", "n", "a", "e", "E", "w", "space"})
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "mark('yes')", "Yes", id="yes"),
        Binding("n", "mark('no')", "No", id="no"),
        Binding("a", "all", "Yes to all", id="yes-to-all"),
        Binding("e", "edit", "Edit", id="edit"),
        Binding("E", "edit_elsewhere", "In $EDITOR", show=False, id="edit-elsewhere"),
        Binding("w", "always", "Always …", show=False, id="always"),
        Binding("enter", "carry_out", "Carry out"),
        Binding("escape", "later", "Decide later"),
        Binding("up", "move(-1)", "Previous", show=False),
        Binding("down", "move(1)", "Next", show=False),
        Binding("pageup", "page(-1)", "Read back", show=False),
        Binding("pagedown,space", "page(1)", "Read on", show=False),
    ]

    def __init__(
        self,
        asks: "Sequence[Ask]",
        titles: Sequence[str],
        by: str,
        earlier: Mapping[str, str] | None = None,
    ) -> None:
        """`by` is who answers, for the journal; `earlier` how calls were before a change, by id."""
        super().__init__()
        self.answers: asyncio.Future[Sequence[Answer]] = asyncio.Future()
        self._questions = [_Question(a, t) for a, t in zip(asks, titles, strict=True)]
        self._earlier = earlier or {}
        self._place = 0
        self._by = by
        self._list = Static(markup=False, classes="questions")
        self._head = Static(markup=False, classes="head")
        self._text = LongText()
        self._why = Input(
            placeholder="Why not? The model is told. Enter keeps it.", compact=True, restrict=TYPED
        )
        self._editing = Editing()
        self._advice = Static(markup=False, classes="advice")

    def compose(self) -> ComposeResult:
        self._why.display = self._editing.display = False
        yield self._list
        yield self._head
        yield self._text
        yield self._editing
        yield self._why
        yield self._advice

    def on_mount(self) -> None:
        count = len(self._questions)
        many = f"These {count} steps need your yes"
        one = "This step, as you changed it" if self._earlier else "This step needs your yes"
        self.border_title = Content(many if count > 1 else one)
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
        match action:
            case "all":
                return len(self._questions) > 1
            case "carry_out" if self._unmarked:
                return None
            case "edit" | "edit_elsewhere":
                return bool(self._here.ask.text)
            case "always":
                return self._here.mark == "yes" and self._here.ask.decided.effect != "destroy"
            case _:
                return True

    @property
    def changes(self) -> dict[str, str]:
        """How each call was that is changed now, by id."""
        changed = [q for q in self._questions if q.mark == "change"]
        return {question.ask.called.id: question.ask.text for question in changed}

    @property
    def _here(self) -> _Question:
        return self._questions[self._place]

    @property
    def _unmarked(self) -> list[_Question]:
        return [question for question in self._questions if not question.mark]

    def action_mark(self, mark: Literal["yes", "no"]) -> None:
        question = self._here
        question.mark, question.reason, question.always = mark, "", None
        if mark == "yes":
            self._next()
        else:
            self._why.value = ""
            self._why.display = True
            self._why.focus()
        self._draw()

    def action_all(self) -> None:
        for question in self._unmarked:
            question.mark = "yes"
        self._draw()

    def action_always(self) -> None:
        """How far the yes goes: from call to call, none to each of the scopes."""
        scopes = list(_ALWAYS)
        self._here.always = scopes[(scopes.index(self._here.always) + 1) % len(scopes)]
        self._draw()

    def action_edit(self) -> None:
        """Change the text here."""
        question = self._here
        self._editing.open(question.text or question.ask.text)
        self._show_field(True)
        self._draw()

    def action_edit_elsewhere(self) -> None:
        """Change the text in the person's own editor."""
        question = self._here
        text = in_editor(cast(Any, self).app, question.text or question.ask.text)
        if text is None:
            self.action_edit()
        else:
            self._changed(text)

    def action_move(self, by: int) -> None:
        self._place = max(0, min(self._place + by, len(self._questions) - 1))
        self._draw()
        self._open()

    def action_page(self, by: int) -> None:
        self._text.scroll_relative(y=by * max(1, self._text.size.height - 1), animate=False)

    def action_carry_out(self) -> None:
        if self.is_ready and not self._unmarked:
            self._answer([self._answer_to(question) for question in self._questions])

    def action_later(self) -> None:
        """Leave all of it open: the run waits, for days if need be. In a field: leave the field."""
        if self._why.has_focus:
            self._here.mark = ""
            self._close_field()
        elif self._editing.has_focus:
            self._close_field()
        else:
            self._answer([None] * len(self._questions))

    def on_key(self, event: events.Key) -> None:
        """A reason may be typed before its field has the focus: none of it is an answer."""
        if self.has_focus and self._why.display:
            event.stop()
            event.prevent_default()
            if event.key == "enter":
                self._give_reason(self._why.value)
            elif event.character and event.is_printable:
                self._why.insert_text_at_cursor(event.character)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self._give_reason(event.value)

    def _give_reason(self, reason: str) -> None:
        self._here.reason = reason.strip()
        self._close_field()
        self._next()

    def on_editing_kept(self, event: Editing.Kept) -> None:
        event.stop()
        self._changed(event.text)

    def _changed(self, text: str) -> None:
        """The call is to be as the text says; as it was, nothing is marked."""
        question = self._here
        is_other = text.strip() != question.ask.text.strip()
        question.text, question.mark = (text, "change") if is_other else ("", "")
        question.reason, question.always = "", None
        self._close_field()
        self._open()
        if is_other:
            self._next()

    def _close_field(self) -> None:
        self._why.display = False
        self._show_field(False)
        self.go_on()
        self._draw()

    def _show_field(self, shown: bool) -> None:
        """The field takes the place of the text, and of why it is asked."""
        self._editing.display = shown
        self._text.display = self._head.display = not shown

    def _answer_to(self, question: _Question) -> "Answer":
        from m2agent.loop import Edit, No, Yes

        match question.mark:
            case "yes":
                return Yes(self._by, question.always)
            case "no":
                return No(self._by, question.reason)
            case "change":
                return Edit(self._by, question.text)
            case "":
                return None

    def _answer(self, answers: "Sequence[Answer]") -> None:
        if not self.answers.done():
            self.answers.set_result(answers)

    def _next(self) -> None:
        """Go to the next question without an answer."""
        for place in (*range(self._place + 1, len(self._questions)), *range(self._place)):
            if not self._questions[place].mark:
                self._place = place
                self._open()
                break
        self._draw()

    def _open(self) -> None:
        """Show what the call in question would do, in full, and first what is different in it."""
        question = self._here
        called, decided = question.ask.called, question.ask.decided
        why = Content.styled(one_line(f"{decided.effect} · {decided.reason}", 300), "$warning")
        if problem := question.ask.problem:
            why += Content.styled(f"\n{one_line(problem, 300)}", "$text-error")
        self._head.update(why)
        parts: list[Content] = []
        before = question.ask.text if question.text else self._earlier.get(called.id, "")
        if before:
            after = question.text or question.ask.text
            changed = Content.styled("What you changed", "bold")
            parts.append(Content("\n").join([changed, difference(before, after, around=1)]))
        if decided.preview:
            parts.append(letter(decided.preview))
        if called.tool in ("notes_create", "notes_update"):
            parts += [block.text for block in proposal(called.tool, called.arguments)]
            parts.append(Content.styled("Exactly", "bold"))
        parts.append(
            Content("\n").join([faint(printable(called.tool)), named(called.arguments, str)])
        )
        self._text.show(Content("\n\n").join(parts))

    def _draw(self) -> None:
        shown_at_once = max(_FEW, min(_MANY, self.screen.size.height // 5))
        if self._editing.display:
            shown_at_once = 1
        first = max(0, min(self._place - shown_at_once // 2, len(self._questions) - shown_at_once))
        shown = list(enumerate(self._questions))[first : first + shown_at_once]
        self._list.update(Content("\n").join(self._row(*numbered) for numbered in shown))
        self._advice.update(self._what_to_do())
        self.refresh_bindings()

    def _row(self, place: int, question: _Question) -> Content:
        mark, colour = _MARKS[question.mark]
        here = place == self._place
        more = _ALWAYS[question.always] or one_line(question.reason)
        return Content.assemble(
            ("▸ " if here else "  ", "bold"),
            (f"{mark:<9}", colour),
            (question.title, "bold" if here else ""),
            (f"  {more}" if more else "", "$foreground-muted"),
        )

    def _what_to_do(self) -> str:
        if not self.has_focus_within:
            return "Tab comes here to answer. What you type below is not an answer."
        if self._why.display:
            return "Enter keeps this reason, or none · Esc takes the no back"
        if self._editing.display:
            return "Ctrl+S keeps the change, and it is asked once more · Esc drops it"
        if left := len(self._unmarked):
            every = f" · a yes to all {left}" if left > 1 else ""
            edit = " · e edit" if self._here.ask.text else ""
            return f"y yes · n no{every}{edit} · Space read on · Esc decide later"
        count = {mark: sum(q.mark == mark for q in self._questions) for mark in _MARKS}
        change = f", change {count['change']} and ask again" if count["change"] else ""
        always = " · w always" if self.check_action("always", ()) else ""
        words = f"Enter: do {count['yes']}, decline {count['no']}{change}"
        return f"{words} · y or n changes it{always}"


_MARKS = {
    "": ("[ ]", "$warning"),
    "yes": ("[yes]", "$success"),
    "no": ("[no]", "$error"),
    "change": ("[change]", "$accent"),
}
