"""Every key of the app, once: bindings, footer, help and docs/keys.md are made from this table."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from textual.binding import Binding

if TYPE_CHECKING:
    from collections.abc import Iterator


class Key(NamedTuple):
    """What one key does."""

    keys: str
    """Textual's names of the keys that do it, the one to show first."""
    action: str
    words: str
    """What it does, for help and docs."""
    group: str
    short: str = ""
    """Its word in the footer; empty keeps it out."""


MOVE, RUNS, LOOK, APP = "Move", "Runs", "Look", "App"
PAGE, COMPARISON, QUESTION = "Page", "Comparison", "Question"
PICTURES, FORM = "Pictures", "Form"
QUEUE, STUDY, SCORES = "Queue", "Study", "Scoreboard"

OPEN = Key("enter", "open", "launch the experiment; open the run's page, the study", RUNS, "launch")
PLAN = Key("L", "plan_launch", "launch with changes: settings, preflight, forecast", RUNS, "plan")
NEW = Key("N", "new", "write a new experiment from this run or experiment", RUNS, "new")
RESUME = Key("r", "resume", "resume the run from its last good checkpoint", RUNS, "resume")
STOP = Key("s", "stop", "save a checkpoint, then stop the run", RUNS, "stop")
STOP_NOW = Key("S", "stop_now", "stop the run at once, without a checkpoint (asks)", RUNS)
RESUME_DEAD = Key("R", "resume_dead", "resume every run that died (asks)", RUNS)
TRASH = Key("D", "trash", "move the run to the trash (asks)", RUNS)
UNDO = Key("u", "undo", "have back what was last moved to the trash", RUNS)
TAG = Key("t", "tag", "tag the run; -word takes a tag away", RUNS, "tag")
NOTE = Key("n", "note", "add to the run's note, or write it in your editor", RUNS, "note")
SCORE = Key("=", "score", "record what a leaderboard said of the run", RUNS)
EVALUATE = Key("e", "evaluate", "measure the run, on clean images and others", RUNS, "evaluate")
PREDICT = Key("p", "predict", "write the run's submission", RUNS)
EDIT = Key("E", "edit", "the experiment in your editor; on its page the log", RUNS)
MARK = Key("space", "mark", "mark the run: keys then mean the marked ones", RUNS, "mark")
UNMARK = Key("M", "unmark", "take all marks away", RUNS)
COMPARE = Key("c", "compare", "compare the marked runs", RUNS, "compare")
HELP = Key("?", "help", "this help", APP, "help")
LEAVE = Key("q,ctrl+q,ctrl+c", "leave", "leave; runs go on", APP, "leave")
DOWN = Key("j,down", "move(1)", "one row down", MOVE)
UP = Key("k,up", "move(-1)", "one row up", MOVE)
PAGE_DOWN = Key("pagedown,ctrl+f", "page(1)", "one page down", MOVE)
PAGE_UP = Key("pageup,ctrl+b", "page(-1)", "one page up", MOVE)
TOP = Key("g,home", "top", "first row", MOVE)
BOTTOM = Key("G,end", "bottom", "last row", MOVE)
FOLD = Key("h,left", "fold", "fold the experiment's runs, then its group", MOVE, "fold")
UNFOLD = Key("l,right", "unfold", "unfold the experiment's runs", MOVE)
FILTER = Key("/", "filter", "show only runs like: state:crashed val<90 depth=4", LOOK, "filter")
SORT = Key("o", "sort", "sort by the next column, in the end by none", LOOK, "sort")
REVERSE = Key("O", "reverse", "sort the other way round", LOOK)
GROUP = Key("b", "group", "group by base, by state, by tag, not at all", LOOK, "group")
HIDE_FINISHED = Key("f", "hide_finished", "hide finished runs, and show them again", LOOK)
NEXT_PLOT = Key("tab", "next_plot", "loss or accuracy, where only one has room", LOOK, "loss/acc")
LOG_SCALE = Key("|", "log_scale", "loss on a logarithmic scale, and back", LOOK, "log loss")
SMOOTHING = Key("m", "smoothing", "smooth the curves: 0.6, 0.9, not at all", PAGE, "smooth")
X_AXIS = Key("x", "x_axis", "over epochs or over the time trained", PAGE, "epoch/time")
ZOOM = Key("z", "zoom", "the last 50 %, the last 25 %, everything", PAGE, "zoom")
SERIES = Key("v", "series", "train, val or ood alone, or all", PAGE, "series")
SEARCH = Key("/", "search", "look for words in the log", PAGE, "search")
NEXT_MATCH = Key("n", "next_match(1)", "the next line with them", PAGE, "next")
LAST_MATCH = Key("N", "next_match(-1)", "the line with them before", PAGE)
TO_TRACEBACK = Key("t", "to_traceback", "the last traceback of the log", PAGE, "traceback")
EARLIER = Key("left,h", "change_attempt(-1)", "the attempt before", PAGE, "earlier attempt")
LATER = Key("right,l", "change_attempt(1)", "the attempt after", PAGE)
TAB = Key(
    "1,2,3,4,5,6,7", "tab({})", "curves, log, config, attempts, preflight, results, files", PAGE
)
BACK = Key("escape", "back", "back to the list; no filter", LOOK, "back")
THEME = Key("T", "theme", "theme: dark or light colours", LOOK)
NEXT_FIGURE = Key("tab", "next_figure", "the next figure", COMPARISON, "figure")
LEFT = Key("h,left", "shift(-1)", "one run's settings to the left", COMPARISON)
RIGHT = Key("l,right", "shift(1)", "one run's settings to the right", COMPARISON)
CLOSE_COMPARISON = Key("escape,c,q,ctrl+c", "close", "back to the list", COMPARISON, "back")
SAMPLES = Key("v", "samples", "pictures of what it trains and is tested on", LOOK, "pictures")
NEXT_SAMPLES = Key("right,l", "turn(1)", "the next batch, or the next test image", PICTURES)
LAST_SAMPLES = Key("left,h", "turn(-1)", "the one before", PICTURES)
NEXT_EPOCH = Key("e", "epoch(1)", "the next epoch: other draws", PICTURES, "next epoch")
LAST_EPOCH = Key("E", "epoch(-1)", "the epoch before", PICTURES)
SAMPLES_KIND = Key("tab", "kind", "corrupted test images, and back", PICTURES)
SAMPLES_SIZE = Key("z", "size", "larger, smaller, as many as fit", PICTURES, "size")
PIXELS = Key("enter", "pixels", "in pixels, where the terminal draws them", PICTURES, "pixels")
CLOSE_SAMPLES = Key("escape,v,q,ctrl+c", "back", "back to where one was", PICTURES, "back")
TO_QUEUE = Key("Q", "queue", "the queue: who waits, in which order, to when", LOOK, "queue")
TO_SCORES = Key("B", "scores", "the scoreboard: by OOD, by what a board said", LOOK, "scores")
SHOW_RUN = Key("enter", "open", "the run's page", RUNS, "show")
HOLD = Key("h", "hold", "let all others go by it", QUEUE, "hold")
RELEASE = Key("r", "release", "let it go on, at the place that it had", QUEUE, "release")
SOONER = Key("K,shift+up", "sooner", "one place up", QUEUE, "up")
LATER_ON = Key("J,shift+down", "later", "one place down", QUEUE, "down")
FIRST = Key("<", "first", "before all others", QUEUE, "first")
LAST = Key(">", "last", "behind all others", QUEUE, "last")
PRIORITY = Key("p", "priority", "give it a priority: who has more goes first", QUEUE, "priority")
CLOSE_QUEUE = Key("escape,Q,q,ctrl+c", "close", "back to where one was", QUEUE, "back")
COMPLETE_STUDY = Key("L", "complete", "start what is missing, resume what died", STUDY, "start")
NEXT_PART = Key("tab", "next_part", "figure and points, effects, all points", STUDY, "effects")
NEXT_AXIS = Key("x", "next_axis", "over depth, parameters, FLOPs, epochs", STUDY, "axis")
LOG_AXIS = Key("|", "log_axis", "that axis logarithmic, and back", STUDY, "log axis")
NEXT_METRIC = Key("m", "next_metric", "effects on OOD, gap, loss and so on", STUDY, "metric")
CLOSE_STUDY = Key("escape,q,ctrl+c", "close", "back to the list", STUDY, "back")
TARGET = Key("t", "target", "a line at an accuracy or a score to reach", SCORES, "target")
NEXT_RANKING = Key("o,tab", "next_ranking", "rank by the next figure or board", SCORES, "rank by")
LOWEST_FIRST = Key("O", "reverse", "the lowest first, as of an error, and back", SCORES)
CLOSE_SCORES = Key("escape,B,q,ctrl+c", "close", "back to the list", SCORES, "back")
PALETTE = Key(":", "palette", "find anything: what keys do, runs, colours", APP, "find")
YES = Key("y", "answer(True)", "yes, do it", QUESTION)
NO = Key("n,escape,q,ctrl+c", "answer(False)", "no, leave everything as it is", QUESTION)
FIND = Key("enter", "find", "look for what was typed", QUESTION)
TAKE = Key("enter", "take", "take what was typed", QUESTION)
WRITE = Key("ctrl+e", "write", "write the whole note in your editor", QUESTION)
ERASE = Key("backspace", "erase", "take the last character back", QUESTION)
CLEAR = Key("ctrl+u", "erase_line", "empty the line", QUESTION)
GIVE_UP = Key("escape,ctrl+c", "give_up", "leave it", QUESTION)
CHOOSE = Key("enter", "choose", "do it, or go there", QUESTION)
FOUND_BELOW = Key("down,ctrl+n,tab", "move(1)", "the next one that was found", QUESTION)
FOUND_ABOVE = Key("up,ctrl+p", "move(-1)", "the one before", QUESTION)
CLOSE_PALETTE = Key("escape,ctrl+c", "close", "do nothing", QUESTION)
CLOSE_HELP = Key("escape,q,?,enter,ctrl+c", "close", "close the help", QUESTION)
LEAVE_FORM = Key("escape,ctrl+c", "close", "back; what was typed is there again", FORM, "back")
ENTER = Key("enter", "enter", "the next line; on what can be done: do it", FORM, "next")
COMPLETE = Key("tab", "complete", "complete what is typed, or the next line", FORM, "complete")
NEXT_LINE = Key("down", "go(1)", "the next line", FORM)
LAST_LINE = Key("up,shift+tab", "go(-1)", "the line before", FORM)
TO_RIGHT = Key("right", "shift(1)", "to the right; the next choice", FORM)
TO_LEFT = Key("left", "shift(-1)", "to the left; the choice before", FORM)
LINE_BEGIN = Key("home,ctrl+a", "shift(-10000)", "to the beginning of the line", FORM)
LINE_END = Key("end,ctrl+e", "shift(10000)", "to the end of the line", FORM)
ERASE_LEFT = Key("backspace", "erase", "take the character before the cursor back", FORM)
DELETE = Key("delete,ctrl+d", "delete", "take the character at the cursor away", FORM)
ERASE_LINE = Key("ctrl+u", "erase_line", "empty the line", FORM)
HELP_FORM = Key("f1", "help", "this help", FORM)
REHEARSE = Key("ctrl+r", "rehearse", "run the preflight", FORM, "preflight")
LAUNCH = Key("ctrl+l", "launch", "launch", FORM, "launch")
OUTLOOK = Key(
    "ctrl+o", "outlook", "learning rate or preflight, where one has room", FORM, "lr/preflight"
)
SAMPLES_OF_FORM = Key("ctrl+p", "samples", "pictures of what it would train on", FORM, "pictures")
COPY = Key("ctrl+y", "copy", "copy the command line to the terminal's clipboard", FORM, "copy")
WRITE_EXPERIMENT = Key(
    "ctrl+s", "write", "write the experiment into experiments.toml", FORM, "write"
)
SCROLL_DOWN = Key("pagedown,ctrl+f", "page(1)", "scroll what is below the form", FORM)
SCROLL_UP = Key("pageup,ctrl+b", "page(-1)", "scroll it back", FORM)

SCROLL_KEYS = (DOWN, UP, PAGE_DOWN, PAGE_UP, TOP, BOTTOM)
SPOKEN_KEYS = (TAG, NOTE, SCORE, EVALUATE, PREDICT, EDIT)
HOME_KEYS = (
    *(OPEN, PLAN, NEW, RESUME, RESUME_DEAD, STOP, STOP_NOW, TRASH, UNDO, MARK, UNMARK, COMPARE),
    *SPOKEN_KEYS,
    *(FILTER, SORT, REVERSE, GROUP, HIDE_FINISHED, NEXT_PLOT, LOG_SCALE, BACK, THEME, SAMPLES),
    *(TO_QUEUE, TO_SCORES),
    *(*SCROLL_KEYS, FOLD, UNFOLD),
    *(PALETTE, HELP, LEAVE),
)
# The most wanted first: what has no room in the footer is left out of it, of 80 columns what comes
# after NEW. The way back stands where the way there stood.
HOME_FOOTER = (
    *(BACK, OPEN, RESUME, STOP, COMPARE, PLAN, FILTER, PALETTE, HELP, LEAVE, NEW, MARK),
    *(SAMPLES, TO_QUEUE, SORT, TAG, NOTE, FOLD, NEXT_PLOT, LOG_SCALE, EVALUATE, TO_SCORES, GROUP),
)
RUN_KEYS = (
    *(BACK, RESUME, STOP, STOP_NOW, PLAN),
    *(PALETTE, HELP, LEAVE),
    *(TAB, THEME),
)
CURVES_KEYS = (NEXT_PLOT, LOG_SCALE, SMOOTHING, X_AXIS, ZOOM, SERIES)
ATTEMPT_KEYS = (EARLIER, LATER)
LOG_KEYS = (SEARCH, NEXT_MATCH, LAST_MATCH, TO_TRACEBACK)
PAGE_KEYS = (*LOG_KEYS, *RUN_KEYS, *SPOKEN_KEYS, *SCROLL_KEYS, *CURVES_KEYS, *ATTEMPT_KEYS)
COMPARE_KEYS = (CLOSE_COMPARISON, NEXT_FIGURE, LEFT, RIGHT, *SCROLL_KEYS, LOG_SCALE, PALETTE, HELP)
SAMPLES_KEYS = (
    *(CLOSE_SAMPLES, NEXT_SAMPLES, LAST_SAMPLES, NEXT_EPOCH, LAST_EPOCH),
    *(SAMPLES_KIND, SAMPLES_SIZE, PIXELS, *SCROLL_KEYS, PALETTE, HELP),
)
QUEUE_KEYS = (
    *(CLOSE_QUEUE, SHOW_RUN, HOLD, RELEASE, SOONER, LATER_ON, FIRST, LAST, PRIORITY),
    *(MARK, UNMARK, STOP, STOP_NOW, *SCROLL_KEYS, THEME, PALETTE, HELP),
)
STUDY_KEYS = (
    *(CLOSE_STUDY, COMPLETE_STUDY, NEXT_PART, NEXT_AXIS, LOG_AXIS, NEXT_METRIC),
    *(TO_QUEUE, *SCROLL_KEYS, THEME, PALETTE, HELP),
)
SCORES_KEYS = (
    *(CLOSE_SCORES, SHOW_RUN, NEXT_RANKING, LOWEST_FIRST, TARGET, SCORE),
    *(*SCROLL_KEYS, THEME, PALETTE, HELP),
)
SEARCH_KEYS = (FIND, ERASE, CLEAR, GIVE_UP)
PALETTE_KEYS = (
    *(CHOOSE, FOUND_BELOW, FOUND_ABOVE, PAGE_DOWN, PAGE_UP, ERASE, CLEAR, CLOSE_PALETTE),
)
ASK_KEYS = (TAKE, ERASE, CLEAR, GIVE_UP)
NOTE_KEYS = (*ASK_KEYS, WRITE)
CONFIRM_KEYS = (YES, NO)
FORM_KEYS = (
    *(LEAVE_FORM, ENTER, COMPLETE, NEXT_LINE, LAST_LINE, TO_RIGHT, TO_LEFT, LINE_BEGIN, LINE_END),
    *(ERASE_LEFT, DELETE, ERASE_LINE, SCROLL_DOWN, SCROLL_UP, HELP_FORM),
)
LAUNCH_KEYS = (*FORM_KEYS, REHEARSE, LAUNCH, OUTLOOK, SAMPLES_OF_FORM, COPY)
NEW_KEYS = (*FORM_KEYS, WRITE_EXPERIMENT)
HELP_KEYS = (CLOSE_HELP, *SCROLL_KEYS)
OF_QUESTIONS = (*CONFIRM_KEYS, *SEARCH_KEYS, *PALETTE_KEYS, *NOTE_KEYS, CLOSE_HELP)
OF_FORMS = (*LAUNCH_KEYS, *NEW_KEYS)
OF_STUDIES = (*QUEUE_KEYS, *STUDY_KEYS, *SCORES_KEYS)
OF_SCREENS = (*HOME_KEYS, *PAGE_KEYS, *COMPARE_KEYS, *SAMPLES_KEYS, *OF_STUDIES)
KEYS = tuple(dict.fromkeys((*OF_SCREENS, *OF_QUESTIONS, *OF_FORMS)))

_SHOWN = {
    "enter": "Enter",
    "space": "Space",
    "escape": "Esc",
    "tab": "Tab",
    "down": "Down",
    "up": "Up",
    "left": "Left",
    "right": "Right",
    "pagedown": "PgDn",
    "pageup": "PgUp",
    "home": "Home",
    "end": "End",
    "backspace": "Backspace",
    "delete": "Del",
    "f1": "F1",
    "shift+tab": "Shift+Tab",
    "shift+up": "Shift+Up",
    "shift+down": "Shift+Down",
}
_TEXTUAL = {
    ":": "colon",
    "|": "vertical_line",
    "?": "question_mark",
    "/": "slash",
    "=": "equals_sign",
    "<": "less_than_sign",
    ">": "greater_than_sign",
}


def bindings(keys: tuple[Key, ...]) -> list[Binding]:
    """What Textual binds for these keys; `{}` in an action is the key that was pressed."""
    return [
        Binding(_TEXTUAL.get(name, name), key.action.format(name))
        for key in keys
        for name in key.keys.split(",")
    ]


def left_by(own: tuple[Key, ...], keys: tuple[Key, ...]) -> tuple[Key, ...]:
    """The keys whose names a place does not give to keys of its own."""
    taken = {name for key in own for name in key.keys.split(",")}
    return tuple(key for key in keys if not taken & set(key.keys.split(",")))


def shown(key: Key) -> str:
    """The key as the footer names it: `Enter`, `Ctrl+Q`, `S`."""
    return next(_names(key))


def shown_all(key: Key) -> str:
    """Every key that does it, as help and docs name them."""
    return " ".join(_names(key))


def pressed(name: str) -> str:
    """What Textual calls the key that the footer names so."""
    if name.startswith("Ctrl+"):
        return name.lower()
    key = next((key for key, shown in _SHOWN.items() if shown == name), name)
    return _TEXTUAL.get(key, key)


def groups(keys: tuple[Key, ...]) -> dict[str, list[Key]]:
    """The keys by group, both in the order of the table."""
    grouped: dict[str, list[Key]] = {}
    for key in keys:
        grouped.setdefault(key.group, []).append(key)
    return grouped


def as_markdown() -> str:
    """docs/keys.md."""
    lines = ["# Keys", "", "Made from `tui_trainer/tui/keys.py`; a test keeps the two equal.", ""]
    for group, keys in groups(KEYS).items():
        lines += [f"## {group}", "", "| key | what it does |", "|---|---|"]
        for key in keys:
            names = " ".join(f"`{name}`".replace("|", "\\|") for name in _names(key))
            lines.append(f"| {names} | {key.words} |")
        lines.append("")
    lines += [
        "The mouse: a click selects a row, a click on its fold mark folds, the wheel scrolls.",
        "A click on a column's title sorts by it, another one the other way round.",
        "A click on a key of the foot presses it.",
    ]
    return "\n".join(lines) + "\n"


def _names(key: Key) -> Iterator[str]:
    for name in key.keys.split(","):
        yield f"Ctrl+{name[5:].upper()}" if name.startswith("ctrl+") else _SHOWN.get(name, name)
