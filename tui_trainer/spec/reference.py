"""Prints docs/experiments-toml.md, whose tables come from the schema itself.

python -m tui_trainer.spec.reference > docs/experiments-toml.md
"""

from __future__ import annotations

import ast
import inspect
import sys
import textwrap
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import msgspec

from tui_trainer.spec.check import annotated_keys, is_own, kinds, names_of, open_package
from tui_trainer.spec.cluster import Cluster
from tui_trainer.spec.experiment import Experiment
from tui_trainer.spec.study import RandomTable, Range, SearchTable, StudyTable
from tui_trainer.spec.table import OPEN, plain
from tui_trainer.spec.wording import expectation

if TYPE_CHECKING:
    from collections.abc import Iterator

    from msgspec import Struct

_INTRODUCTION = """\
# experiments.toml

One file says what to run. It is [TOML](https://toml.io) in UTF-8, at most 1 MiB; `tui-trainer init`
writes a worked example, and `tui-trainer list` shows what a file defines.

```toml
[project]
name = "cifar-study"          # default: the folder's name
on_end = "echo $TUI_TRAINER_RUN $TUI_TRAINER_STATE >> ended.txt"   # default: nothing

[defaults]                    # every experiment starts from these
epochs = 20
optimizer = { name = "sgd", lr = 0.1, momentum = 0.9 }

[experiments.cnn2]
model = { name = "cnn", depth = 2 }

[experiments.cnn4]
base = "cnn2"                 # only what differs is written
model.depth = 4
```

An experiment's name has 1 to 64 ASCII letters, digits, `.`, `_` or `-`, begins with a letter or
digit and does not end in `.`; two names may not differ only in upper and lower case.

## What inherits from what

An experiment is laid together in this order; what comes later wins:

1. the defaults in the tables below
2. `[defaults]`
3. its `base`, which may have a base itself
4. its own keys
5. `--set KEY=VALUE` from the command line, in the order given

Tables are merged key by key; arrays and values are replaced. A table whose `name` differs from the
inherited one replaces it whole: `model = { name = "resnet18" }` over a cnn leaves no `depth`. What
`[pipeline]` leaves out comes from the data set.

## Studies

A study varies one experiment by a plan; each of its points is an experiment of its own.

```toml
[studies.depth]               # every combination: 5 settings, 3 seeds, 15 points
base = "cnn4"
grid = { "model.depth" = [2, 4, 6, 8, 10] }
seeds = [0, 1, 2]

[studies.ablation]            # one change at a time against the base, which is a point, too
base = "cnn4"
ablate = { augment = [[]], batch_size = [32, 128], epochs = [50] }
labels = { augment = ["no augmentation"] }
seeds = 3
exclude = [{ batch_size = 128, seed = 2 }]

[studies.search]              # drawn at random
base = "cnn4"
random = { n = 20, space = { "optimizer.lr" = { low = 1e-4, high = 0.1, log = true } } }

[studies.lr]                  # each point is chosen by what those before it came to
base = "cnn4"
search = { trials = 30, space = { "optimizer.lr" = { low = 1e-4, high = 0.1, log = true } } }
```

`tui-trainer list --study depth` shows its points, `tui-trainer run depth` runs those that are
missing. Point names are stable: `depth.depth-4.seed-1`, `ablation.batch_size-128.seed-0`,
`ablation.base.seed-0`, `search.r03`; a name beyond 64 characters is cut and ends in digits of its
own. A point is run by itself like any experiment: `tui-trainer run depth.depth-4.seed-1`. The names
of experiments, studies and points must differ.

A key is written `"model.depth" = [2, 4]` or `model.depth = [2, 4]`; its values are what an
experiment could say. One study may have a `grid`, an `ablate` and a `random`; with `seeds` alone it
trains the base several times. Points are run in the order of their seeds: every setting once, then
all of them again. A random point depends on `random.seed` and its own number alone, so that a
larger `n` leaves the others as they are; a search keeps its trials when `trials` grows, and begins
anew when its base, space or metric changes. A file may have 200 studies, a study 1,000 points, all
of them together 4,000.

A wrong value is told at its place in the study. What is good of such a study remains: its other
points can be looked at and run by their names, but `tui-trainer run STUDY` starts nothing until all
of it is right, so that no study runs half by mistake. Mistakes are also two points that train the
same, and an exclusion that leaves out nothing.

## When a run ends

`project.on_end` is a command for `/bin/sh`, run in the project's folder once a run has come to its
end, good or bad, and will not be started again by itself. Its supervisor runs it: where that was
killed nobody does, neither the core that ends without it nor a command that looks later, which may
be another user's, on another machine. It finds `TUI_TRAINER_RUN` (`cnn4/3`), `TUI_TRAINER_STATE`
(`finished`, `stopped`, `interrupted`, `crashed`, `failed`), `TUI_TRAINER_CAUSE` and
`TUI_TRAINER_PATH` in its environment, and on standard input the run's object of
`tui-trainer runs --json`, so that a webhook is
`on_end = "curl -s --json @- https://example.org/hook"`. Of what it prints the first 64 KiB go to
the run's log; after 60 seconds it is ended. What becomes of it changes nothing of the run.

## Changes on the command line

`tui-trainer run cnn4 --set epochs=5 --set model.activation=gelu --set augment=[]`

The value is TOML; a bare word is taken as a text. Quote tables for the shell:
`--set 'model={name="resnet18"}'`.

## Errors

Every mistake is reported at once, each with its line, its key and what is allowed:

```text
experiments.toml:12: experiments.cnn4.model.dpth: unknown key; did you mean `depth`? known keys: …
experiments.toml:15: experiments.cnn6.epochs: must be an integer from 1 to 1000000, not 0
```

A mistake in `[defaults]` or in a base is reported once, where it stands. Experiments without a
mistake can be run all the same. Only a file that is no TOML at all hides its experiments.

## Keys of an experiment

Besides these, `base` names the experiment to start from.
"""


def reference() -> str:
    """The whole page."""
    return "\n".join(
        [
            _INTRODUCTION,
            *_key_table(Experiment),
            *_sections(),
            *_study_sections(),
            *_cluster_section(),
        ]
    )


def _sections() -> Iterator[str]:
    for key, annotation in annotated_keys(Experiment).items():
        tables = kinds(annotation) or _kinds_of_elements(annotation)
        if tables:
            yield f"\n## {key}\n"
        for table in tables:
            yield from _section(table)


def _study_sections() -> Iterator[str]:
    yield "\n## Keys of a study\n"
    yield from _section(StudyTable)
    yield "### random\n"
    yield from _section(RandomTable)
    yield "### search\n"
    yield from _section(SearchTable)
    yield "### ranges in a `space`\n"
    yield from _section(Range)


def _cluster_section() -> Iterator[str]:
    yield "\n## Keys of a cluster\n"
    yield "`[cluster]`, or a `[clusters.NAME]` for each; more in [clusters.md](clusters.md).\n"
    yield from _section(Cluster)


def _section(table: type[Struct]) -> Iterator[str]:
    names = names_of(table)
    if names:
        yield f"### {', '.join(f'`{name}`' for name in names)}\n"
    elif is_own(table):
        yield "### `my_module:my_function`\n"
    elif package := open_package(table):
        yield f"### any class of `{package}`\n"
    yield f"{inspect.getdoc(table)}\n"
    rows = list(_key_table(table))
    if len(rows) > 2:
        yield from (*rows, "")


def _key_table(table: type[Struct]) -> Iterator[str]:
    notes = _notes(table)
    yield "| key | value | default | |"
    yield "|---|---|---|---|"
    for field in msgspec.structs.fields(table):
        if field.name not in {"name", OPEN}:
            value = expectation(annotated_keys(table)[field.name])
            yield f"| `{field.name}` | {value} | {_default(field)} | {notes[field.name]} |"


def _default(field: msgspec.structs.FieldInfo) -> str:
    if field.required:
        return ""
    return "" if field.default is None else f"`{_toml(field.default)}`"


def _toml(value: Any) -> str:
    """A default as it would be written in the file."""
    import tomlkit

    if isinstance(value, msgspec.Struct):
        values = plain(value)
        # A named table's other defaults stand in its own section.
        inline = tomlkit.inline_table()
        inline.update({"name": values["name"]} if "name" in values else values)
        return str(inline.as_string())
    return str(tomlkit.item(list(value) if isinstance(value, tuple) else value).as_string())


def _kinds_of_elements(annotation: Any) -> tuple[type[Struct], ...]:
    return kinds(annotation.__args__[0]) if hasattr(annotation, "__args__") else ()


def _notes(table: type[Struct]) -> dict[str, str]:
    """The sentence below each key in the schema's source, which Python itself does not keep."""
    notes = dict.fromkeys(table.__struct_fields__, "")
    for ancestor in (*reversed(table.__bases__), table):
        if ancestor is not msgspec.Struct and issubclass(ancestor, msgspec.Struct):
            notes |= _own_notes(ancestor)
    return notes


def _own_notes(table: type[Struct]) -> dict[str, str]:
    body = ast.parse(textwrap.dedent(inspect.getsource(table))).body[0]
    notes = {}
    statements = body.body if isinstance(body, ast.ClassDef) else []
    for statement, following in pairwise(statements):
        match statement, following:
            case (
                ast.AnnAssign(target=ast.Name(id=key)),
                ast.Expr(value=ast.Constant(value=str(note))),
            ):
                notes[key] = " ".join(note.split())
            case _:
                pass
    return notes


if __name__ == "__main__":
    sys.stdout.write(reference())
