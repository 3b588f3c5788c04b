"""The language that picks runs: `state:crashed ood>0.4 model.depth=4 -name:cnn text`."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tui_trainer.errors import UsageError
from tui_trainer.record.state import State
from tui_trainer.spec.summary import said
from tui_trainer.spec.wording import listed, quote, suggestion
from tui_trainer.study.facts import FIGURES, FRACTIONS

if TYPE_CHECKING:
    from collections.abc import Collection

    from tui_trainer.study.facts import Facts

TEXTS = ("name", "state", "cause", "launcher", "host", "job", "tag", "note")
"""What of a run is compared as text."""
HINT = "terms are words, or like state:crashed, ood>0.4, model.depth=4; - before one negates it"
_TERM = re.compile(
    r"""(?P<not>-)?
        (?: (?P<field>[\w.-]+?) (?P<sign>>=|<=|!=|[:=<>]) )?
        (?P<value> "[^"]*"? | \S+ | $ )""",
    re.VERBOSE,
)
_COMPARE: dict[str, Callable[[float, float], bool]] = {
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
}
_ALSO_CALLED = {"validation": "val", "clean": "test", "experiment": "name", "run": "name"}


Term = Callable[["Facts"], bool]


@dataclass(frozen=True)
class Filter:
    """Terms that a run has to meet, all of them."""

    terms: tuple[Term, ...] = ()
    faults: tuple[UsageError, ...] = ()
    """What cannot be meant, term by term."""

    def takes(self, facts: Facts) -> bool:
        """Whether a run meets every term."""
        return all(term(facts) for term in self.terms)


def parse_filter(text: str, settings: Collection[str]) -> Filter:
    """What the text asks for.

    Args:
        text: Terms, apart by spaces; one with spaces stands in double quotes.
        settings: The keys that any of the runs was launched with.

    Raises:
        UsageError: A term has a field, a state or a number that cannot be meant.
    """
    understood = understand_filter(text, settings)
    if understood.faults:
        raise understood.faults[0]
    return understood


def understand_filter(text: str, settings: Collection[str]) -> Filter:
    """The same for a text that is being typed: what can be meant of it, and what cannot."""
    terms, faults = list[Term](), list[UsageError]()
    for match in filter(lambda match: match[0], _TERM.finditer(text)):
        value = match["value"].strip('"')
        try:
            _check_quotes(match)
            term = _term(match[0], match["field"], match["sign"], value, settings)
        except UsageError as fault:
            faults.append(fault)
        else:
            terms.append(_negated(term) if match["not"] else term)
    return Filter(tuple(terms), tuple(faults))


def _check_quotes(match: re.Match[str]) -> None:
    if match["value"].count('"') % 2:
        place = match.start("value") + match["value"].rindex('"') + 1
        why = f"has a quote, character {place}, that is not closed"
        raise _refused(match[0], why, hint='words with spaces: "like these"')


def _negated(term: Term) -> Term:
    return lambda facts: not term(facts)


def _term(
    term: str, field: str | None, sign: str | None, value: str, settings: Collection[str]
) -> Term:
    if value in {"", "-"}:
        raise _refused(term, "has no value")
    if field is None or sign is None:
        return _word(value)
    name = _known(term, field, settings)
    if name == "state":
        return _state(term, sign, value)
    if name == "tag":
        return _tag(term, sign, value)
    if name in TEXTS:
        return _text(term, name, sign, value)
    if name in FIGURES:
        return _figure(term, name, sign, value)
    return _setting(term, name, sign, value)


def _known(term: str, field: str, settings: Collection[str]) -> str:
    """The field that is meant: by its name, or a setting by the last part of its key."""
    name = _ALSO_CALLED.get(field, field)
    if name in TEXTS or name in FIGURES or name in settings:
        return name
    ends = sorted(key for key in settings if key.endswith(f".{name}"))
    if len(ends) == 1:
        return ends[0]
    if ends:
        raise _refused(term, f"can mean {listed(tuple(ends))}")
    fields = (*TEXTS, *FIGURES)
    short = {key.rpartition(".")[2] for key in settings}
    near = suggestion(field, (*fields, *sorted({*settings, *short})))
    raise _refused(
        term, f"asks for `{field}`, which no run has{near or f'; there are {listed(fields)}'}"
    )


def _word(value: str) -> Term:
    sought = value.lower()
    return lambda facts: any(
        sought in text.lower()
        for text in (facts.name, facts.state.value, facts.cause, facts.note, *facts.tags)
    )


def _state(term: str, sign: str, value: str) -> Term:
    """States by their first letters; several are apart by commas."""
    _check_sign(term, sign, (":", "=", "!="))
    words = tuple(state.value for state in State)
    wanted = set[str]()
    for each in value.lower().split(","):
        found = {word for word in words if each and word.startswith(each)}
        if not found:
            near = suggestion(each, words)
            raise _refused(term, f"names no state{near}; states are {listed(words)}")
        wanted |= found
    return lambda facts: (facts.state.value in wanted) is (sign != "!=")


def _tag(term: str, sign: str, value: str) -> Term:
    """Whether one of its tags is so; several wanted ones are apart by commas, any of them does."""
    _check_sign(term, sign, (":", "=", "!="))
    wanted = [each for each in value.split(",") if each]
    ask = ":" if sign == ":" else "="

    def is_so(facts: Facts) -> bool:
        has = any(_says(tag, ask, each) for tag in facts.tags for each in wanted)
        return has is (sign != "!=")

    return is_so


def _text(term: str, name: str, sign: str, value: str) -> Term:
    _check_sign(term, sign, (":", "=", "!="))
    return lambda facts: _says(str(getattr(facts, name)), sign, value)


def _says(text: str, sign: str, value: str) -> bool:
    text, value = text.lower(), value.lower()
    return value in text if sign == ":" else (text == value) is (sign == "=")


def _figure(term: str, name: str, sign: str, value: str) -> Term:
    wanted = _number(value.removesuffix("%"))
    if wanted is None:
        raise _refused(term, "wants a number", hint="like ood>0.4, val>=90%, epoch<10")
    if name in FRACTIONS and (value.endswith("%") or abs(wanted) > 1):
        wanted /= 100
    return lambda facts: _is_so(facts.figures.get(name), sign, wanted)


def _is_so(figure: float | None, sign: str, wanted: float) -> bool:
    """Of what is not known nothing is so."""
    if figure is None:
        return False
    if sign in _COMPARE:
        return _COMPARE[sign](figure, wanted)
    return (abs(figure - wanted) < 1e-9) is (sign != "!=")


def _setting(term: str, name: str, sign: str, value: str) -> Term:
    number = _number(value)
    if sign in _COMPARE and number is None:
        raise _refused(term, "wants a number")

    def is_so(facts: Facts) -> bool:
        setting = facts.settings.get(name)
        if setting is None:
            return False
        if number is not None and isinstance(setting, int | float):
            return _is_so(float(setting), sign, number)
        return sign not in _COMPARE and _says(said(setting), sign, value)

    return is_so


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _check_sign(term: str, sign: str, allowed: tuple[str, ...]) -> None:
    if sign not in allowed:
        raise _refused(term, f"compares a text; allowed are {listed(allowed)}")


def _refused(term: str, why: str, *, hint: str = HINT) -> UsageError:
    return UsageError(f"the filter's {quote(term)} {why}", hint=hint)
