"""What forms share: their lines are typed, checked as they are typed, and never lost."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from tui_trainer.record.plain_text import plain_line, plain_text
from tui_trainer.spec.addition import written
from tui_trainer.spec.wording import shorten
from tui_trainer.tui import keys
from tui_trainer.tui.form import Field, Form, completions
from tui_trainer.tui.screens.help import Help
from tui_trainer.tui.screens.telling import Result, Telling
from tui_trainer.tui.typed import Typed
from tui_trainer.tui.widgets.form_view import LABEL, SMALLEST_VALUE, FormRow, FormView
from tui_trainer.tui.widgets.line import Line, Span, wrap
from tui_trainer.tui.widgets.words import Words

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from textual import events

    from tui_trainer.spec.draft import Becomes, Draft
    from tui_trainer.tui.glyphs import Glyphs
    from tui_trainer.tui.keys import Key

LINES_ABOUT_FIELD = 2
MOST_CANDIDATES = 12
NO_VALUE = "nothing"


class FormScreen(Telling[Result]):
    """A form, with `FormView` and `Words` called `about-field` below it.

    Args:
        form: As it was left.
        glyphs: The signs that the terminal can show.
    """

    def __init__(self, form: Form, glyphs: Glyphs) -> None:
        super().__init__(glyphs)
        self.form = form
        """What is filled in by now."""

    # What a form says of itself.

    @property
    def _keys_here(self) -> tuple[Key, ...]:
        """The keys that the help lists."""
        raise NotImplementedError

    def _draft(self) -> Draft:
        """What the changes come to."""
        raise NotImplementedError

    @property
    def _all_drafts(self) -> Sequence[Draft]:
        """The same for each experiment that is filled in for."""
        return (self._draft(),)

    def _rows_of_actions(self) -> Iterator[FormRow]:
        """What can be done, line by line."""
        raise NotImplementedError

    def _do(self, action: str) -> None:
        """Do what can be done."""
        raise NotImplementedError

    def _changed(self) -> None:
        """Something else is filled in."""
        raise NotImplementedError

    # What keys do, in the order of the key table.

    def action_close(self) -> None:
        """Back to where one came from."""
        self.dismiss(None)

    def action_enter(self) -> None:
        """Do what the cursor is on, or go to the next line."""
        if self.form.action:
            self._do(self.form.action)
        else:
            self.action_go(1)

    def action_complete(self) -> None:
        """Complete a change that is begun; else go to the next line."""
        field = self.form.field
        if field is not None and (possible := self._completions(field)):
            self._fill(replace(field, typed=Typed.of(possible[0])))
        else:
            self.action_go(1)

    def action_go(self, lines: int) -> None:
        """Move the cursor by lines."""
        self._go_to(self.form.at + lines)

    def action_shift(self, characters: int) -> None:
        """Move the cursor within the line, or choose."""
        field = self.form.field
        if field is None:
            return
        if field.choices:
            now = _now(self._draft(), field.key)
            self._fill(field.chosen(1 if characters > 0 else -1, now))
        else:
            self._fill(replace(field, typed=field.typed.move(characters)))

    def action_erase(self) -> None:
        """Take a character back; of choices the one that was made."""
        field = self.form.field
        if field is not None:
            erased = Typed() if field.choices else field.typed.erase()
            self._fill(replace(field, typed=erased))

    def action_delete(self) -> None:
        """Take the character at the cursor away."""
        field = self.form.field
        if field is not None and not field.choices:
            self._fill(replace(field, typed=field.typed.delete()))

    def action_erase_line(self) -> None:
        """Empty the line."""
        field = self.form.field
        if field is not None:
            self._fill(replace(field, typed=Typed()))

    def action_help(self) -> None:
        """Show what keys do."""
        self.app.push_screen(Help(self._glyphs, self._keys_here))

    def on_key(self, event: events.Key) -> None:
        """Take one more character."""
        if event.is_printable and event.character:
            event.stop()
            self._type(event.character)

    def on_paste(self, event: events.Paste) -> None:
        """Take what another program copied."""
        event.stop()
        self._type(plain_line(event.text, len(event.text)))

    def on_form_view_clicked(self, message: FormView.Clicked) -> None:
        """Go there; where one is already, choose or do it."""
        is_again = message.number == self.form.at
        self._go_to(message.number)
        field = self.form.field
        if self.form.action:
            self._do(self.form.action)
        elif field is not None and field.choices and is_again:
            self.action_shift(1)

    # What is shown.

    def _type(self, text: str) -> None:
        field = self.form.field
        if field is None:
            up = keys.shown(keys.LAST_LINE)
            self._say(f"nothing is typed here; {up} goes to the lines that take it")
        elif field.choices:
            left, right = keys.shown(keys.TO_LEFT), keys.shown(keys.TO_RIGHT)
            self._say(f"nothing is typed here; {left} and {right} choose")
        else:
            self._fill(replace(field, typed=field.typed.insert(text)))

    def _fill(self, field: Field) -> None:
        before = self.form.fields
        self.form = self.form.with_field(field)
        if [each.typed.text for each in before] != [each.typed.text for each in self.form.fields]:
            self._changed()
        self._show_form()

    def _go_to(self, line: int) -> None:
        self.form = self.form.go_to(line)
        self._show_form()

    def _go_to_fault(self) -> str:
        """Go to the first line that is wrong, and say what is."""
        faults = self._draft().faults
        for number, field in enumerate(self.form.fields):
            if field.change in faults and field.change:
                self._go_to(number)
                return faults[field.change]
        return next(iter(faults.values()), "there is no experiments.toml any more")

    def _show_form(self) -> None:
        draft = self._draft()
        rows = [self._row(number, field, draft) for number, field in enumerate(self.form.fields)]
        rows += self._rows_of_actions()
        self.query_one(FormView).show(rows, self.form.at)
        about = list(self._about_field(draft))[:LINES_ABOUT_FIELD]
        self.query_one("#about-field", Words).show([*about, *[()] * (2 - len(about))])

    def _row(self, number: int, field: Field, draft: Draft) -> FormRow:
        shown = (_now_in(self._all_drafts, field.key) or "not set") if field.label else "key=value"
        note = self._note(number, field, draft)
        label = field.label or "--set"
        return FormRow(
            label, field.typed, shown, is_choice=bool(field.choices), note=note, number=number
        )

    def _note(self, number: int, field: Field, draft: Draft) -> Line:
        """What a line becomes, or what is wrong with it."""
        change = field.change
        if not change:
            return ()
        if self._is_begun(field):
            return ()
        if fault := self._fault_of(field, draft):
            return self._in_red(fault)
        key = _key_of(field)
        if key in map(_key_of, self.form.fields[number + 1 :]):
            return (Span("said again below", "muted"),)
        becomes = [
            [each for each in draft.becomes if f"{each.key}.".startswith(f"{key}.")]
            for draft in self._all_drafts
        ]
        become = max(becomes, key=len)
        if not become:
            return (Span("as it is", "muted"),)
        own = "" if key == become[0].key or field.label else f"{become[0].key} "
        before, after = in_words(become[0])
        if len(becomes) > 1:
            before = _now_in(self._all_drafts, become[0].key) or before
        more = f", {len(become) - 1} more" if len(become) > 1 else ""
        arrow = "->" if self._glyphs.is_ascii else "→"
        return (
            Span(f"{own}{before} {arrow} ", "muted"),
            Span(after, "accent"),
            Span(more, "muted"),
        )

    def _in_red(self, fault: str) -> Line:
        return (Span(f"{self._glyphs.invalid} {plain_line(fault)}", "bad"),)

    def _fault_of(self, field: Field, draft: Draft) -> str:
        """What is wrong with a line; an empty text where nothing is."""
        return draft.faults.get(field.change, "")

    def _about_field(self, draft: Draft) -> Iterator[Line]:
        """What can be typed at the cursor, or all that is wrong there."""
        field, width = self.form.field, max(20, self.size.width - 4)
        if field is None:
            return
        fault = "" if self._is_begun(field) else self._fault_of(field, draft)
        if fault:
            is_cut = len(fault) + LABEL + len(field.typed.text) + SMALLEST_VALUE > width
            for text in wrap(plain_line(fault), width) if is_cut else ():
                yield (Span(f"  {text}", "bad"),)
            return
        possible = self._completions(field)
        if possible:
            first, *others = possible[:MOST_CANDIDATES]
            tab = Span(f"  {keys.shown(keys.COMPLETE)} ", "key")
            yield tab, Span(first, "accent"), Span("  " + "  ".join(others), "muted")
        key = field.key or field.typed.text.partition("=")[0].strip()
        key = possible[0].removesuffix("=") if possible and key not in _names(draft) else key
        expected = next((known.expected for known in draft.keys if known.key == key), "")
        if expected:
            values = _now_in(self._all_drafts, key)
            now = f"now {values}, " if values else ""
            yield (Span(f"  {key}: {now}{shorten_words(expected)}", "muted"),)

    def _is_begun(self, field: Field) -> bool:
        """Whether it is a key that is still being typed."""
        is_key = field is self.form.field and "=" not in field.change
        return is_key and bool(self._completions(field))

    def _completions(self, field: Field) -> tuple[str, ...]:
        return () if field.label else completions(field.typed.text, self._draft().keys)


def _key_of(field: Field) -> str:
    return field.change.partition("=")[0].strip()


def in_words(become: Becomes) -> tuple[str, str]:
    """A value before and after, short enough for a line."""
    before, after = (
        NO_VALUE if value is None else said(value) for value in (become.before, become.after)
    )
    return before, after


def shorten_words(text: str) -> str:
    """A list of a hundred names cut to what one line takes."""
    return text if len(text) <= 100 else f"{text[:99]}…"


def command_lines(words: Sequence[str], width: int) -> list[Line]:
    """A command line as a shell takes it, in whole lines of the terminal."""
    import shlex

    from tui_trainer.tui.widgets.line import chop

    text = shlex.join(words)
    text = plain_text(text, len(text))
    return [(Span(piece, "accent"),) for piece in chop(f" $ {text}", max(20, width))]


def _now(draft: Draft, key: str) -> str:
    """What a key is without the changes."""
    value = draft.now.get(key)
    return "" if value is None else said(value)


def _now_in(drafts: Sequence[Draft], key: str) -> str:
    """The same in each of several experiments; once, where it is the same in all."""
    values = [_now(draft, key) or NO_VALUE for draft in drafts if draft.base is not None]
    different = list(dict.fromkeys(values))
    if different in ([], [NO_VALUE]):
        return ""
    return ", ".join(values if len(different) > 1 else different)


def said(value: object) -> str:
    """A value on one line, a text without quotes."""
    return shorten(plain_line(value if isinstance(value, str) else written(value)))


def _names(draft: Draft) -> set[str]:
    return {known.key for known in draft.keys}
