"""The sections of a report that say what was trained: models, hyper-parameters, augmentation."""

from __future__ import annotations

import contextlib
import math
from typing import TYPE_CHECKING

from tui_trainer.record.plain_text import plain_line
from tui_trainer.record.words import ABSENT
from tui_trainer.spec.summary import said
from tui_trainer.study.document import Facts, Paragraph, Section, table
from tui_trainer.study.setups import Setup, deciding

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tui_trainer.study.document import Block

# A cell, not a page.
LONGEST_VALUE = 160
_REGULARISES = (
    "optimizer.weight_decay",
    "model.dropout",
    "loss.label_smoothing",
    "loss.jsd",
    "ema.decay",
    "training.gradient_clip_norm",
    "training.gradient_clip_value",
)


def settings_sections(setups: Sequence[Setup]) -> list[Section]:
    """What was trained, how, and with what against overfitting."""
    keys = list(dict.fromkeys(key for setup in setups for key in deciding(setup.settings)))
    parts: dict[str, Callable[[str], bool]] = {
        "Data": lambda key: key.startswith(("data.", "pipeline.")),
        "Hyper-parameters": _is_hyper_parameter,
        "Regularisation": lambda key: key in _REGULARISES,
        "Augmentation": lambda key: key == "augment" or key.startswith("augment."),
        "Evaluation": lambda key: key.startswith(("ood", "evaluation.")),
    }
    named = {title: [key for key in keys if is_part(key)] for title, is_part in parts.items()}
    models = [key for key in keys if key.startswith("model.") and key not in _REGULARISES]
    return [
        Section("Models", tuple(_models(setups, models))),
        *(Section(title, tuple(_settings(setups, its))) for title, its in named.items()),
    ]


def _is_hyper_parameter(key: str) -> bool:
    others = ("model.", "data.", "pipeline.", "augment", "ood", "evaluation.")
    return key not in _REGULARISES and not key.startswith(others)


def _models(setups: Sequence[Setup], keys: Sequence[str]) -> list[Block]:
    """Each network once, with what it costs and who trains it."""
    if not keys:
        return [Paragraph("Not recorded.")]
    groups = dict[tuple[str, ...], list[Setup]]()
    for setup in setups:
        groups.setdefault(tuple(_value(setup, key) for key in keys), []).append(setup)
    differing = [at for at in range(len(keys)) if len({row[at] for row in groups}) > 1]
    shown = differing or [keys.index("model.name")] if "model.name" in keys else differing
    rows = [
        [
            *(values[at] for at in shown),
            _first_known(its, lambda setup: setup.shown.parameters),
            _first_known(its, lambda setup: setup.shown.flops),
            "; ".join(dict.fromkeys(setup.name for setup in its)),
        ]
        for values, its in sorted(groups.items(), key=lambda group: _by_size(group[0]))
    ]
    headers = [*(keys[at] for at in shown), ">parameters", ">FLOPs", "trained as"]
    caption = "FLOPs: of the forward pass of one image; a multiplication and an addition are two."
    blocks = table(headers, rows, caption)
    alike = [(keys[at], next(iter(groups))[at]) for at in range(len(keys)) if at not in shown]
    blocks += _facts("The same in all models", alike)
    if all(row[-2] == ABSENT for row in rows):
        blocks.append(Paragraph("Parameters and FLOPs were not recorded by these runs."))
    return blocks


def _by_size(values: Sequence[str]) -> list[tuple[float, str]]:
    """Orders models as people count them: depth 4 before depth 16; words behind numbers."""
    return [(_number(value), value) for value in values]


def _number(value: str) -> float:
    with contextlib.suppress(ValueError):
        return float(value)
    return math.inf


def _first_known(setups: Sequence[Setup], of: Callable[[Setup], int | None]) -> str:
    known = next((count for setup in setups if (count := of(setup)) is not None), None)
    return ABSENT if known is None else f"{known:,}"


def _settings(setups: Sequence[Setup], keys: Sequence[str]) -> list[Block]:
    """What differs, setup by setup, and what is the same in all."""
    if not keys:
        return [Paragraph("Nothing was set.")]
    values = {key: [_value(setup, key) for setup in setups] for key in keys}
    differing = [key for key in keys if len(set(values[key])) > 1]
    rows = [
        [setup.name, *(values[key][at] for key in differing)] for at, setup in enumerate(setups)
    ]
    blocks = table(["setup", *differing], rows if differing else [])
    alike = [(key, values[key][0]) for key in keys if key not in differing]
    return [*blocks, *_facts("The same in all setups", alike)]


def _facts(title: str, pairs: Sequence[tuple[str, str]]) -> list[Block]:
    return [Facts(title, tuple(pairs))] if pairs else []


def _value(setup: Setup, key: str) -> str:
    value = setup.settings.get(key)
    return ABSENT if value is None else plain_line(said(value), LONGEST_VALUE)
