"""A new experiment is added in as few keys as can be, and no other byte is touched."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tui_trainer.errors import UsageError
from tui_trainer.spec.addition import addition, appended, free_name
from tui_trainer.spec.project import Project, load_project

if TYPE_CHECKING:
    from pathlib import Path

TEXT = """\
# mine
[defaults]
epochs = 20   # long
optimizer = { name = "sgd", lr = 0.1, momentum = 0.9 }

[experiments.cnn2]
model = { name = "cnn", depth = 2 }   # odd   spacing
resources.slots = 2

[experiments.cnn4]
base = "cnn2"
model.depth   =   4
augment = [
    { name = "rotation", degrees = 10 },  # kept
]
"""
CHANGES: dict[str, tuple[list[str], str]] = {
    "nothing": ([], ""),
    "a key": (["optimizer.lr=0.05"], "optimizer.lr = 0.05\n"),
    "several": (
        ["epochs=5", "seed=3", "model.activation=gelu", "resources.walltime='12:00:00'"],
        'model.activation = "gelu"\nepochs = 5\nseed = 3\nresources.walltime = "12:00:00"\n',
    ),
    "another kind": (
        ["model={name='resnet18', weights='default'}", "scheduler={name='one_cycle_lr'}"],
        """\
model = { name = "resnet18", weights = "default" }
scheduler = { name = "one_cycle_lr" }
""",
    ),
    "arrays": (
        ["augment=[{name='random_crop', padding=2}, {name='gaussian_blur'}]"],
        'augment = [{ name = "random_crop", padding = 2 }, { name = "gaussian_blur" }]\n',
    ),
    "any class of PyTorch": (
        ["optimizer={name='torch.optim.NAdam', lr=0.002, betas=[0.8, 0.9]}"],
        'optimizer = { name = "torch.optim.NAdam", lr = 0.002, betas = [0.8, 0.9] }\n',
    ),
    "data and its pipeline": (["data={name='cifar10'}"], 'data = { name = "cifar10" }\n'),
    "texts that need care": (
        ['description="a \\"b\\" \\\\ é # no comment"'],
        'description = "a \\"b\\" \\\\ é # no comment"\n',
    ),
}


def load(folder: Path, content: bytes) -> Project:
    path = folder / "experiments.toml"
    path.write_bytes(content)
    return load_project(path)


@pytest.mark.parametrize("case", CHANGES)
def test_only_what_differs_is_written_and_read_back(tmp_path: Path, case: str) -> None:
    changes, lines = CHANGES[case]
    project = load(tmp_path, TEXT.encode())
    wanted = project.experiment("cnn4", changes)
    added = addition(project, "new", "cnn4", wanted)
    assert added.text == f'[experiments.new]\nbase = "cnn4"\n{lines}'
    after = load(tmp_path, appended(TEXT.encode(), added))
    assert after.experiments["new"] == wanted
    assert not after.problems


FORMS = {
    "as it is": TEXT.encode(),
    "CRLF": TEXT.replace("\n", "\r\n").encode(),
    "a byte order mark": b"\xef\xbb\xbf" + TEXT.encode(),
    "no final newline": TEXT.rstrip("\n").encode(),
    "CRLF, no final newline": TEXT.replace("\n", "\r\n").rstrip().encode(),
    "blank lines at the end": TEXT.encode() + b"\n \t\n",
    "a comment at the end": TEXT.encode() + b"# the end",
    "tables of other kinds behind": TEXT.encode() + b"\n[project]\nname = 'x'\n",
}


@pytest.mark.parametrize("form", FORMS)
def test_every_other_byte_stays(tmp_path: Path, form: str) -> None:
    content = FORMS[form]
    project = load(tmp_path, content)
    added = addition(project, "new", "cnn2", project.experiment("cnn2", ["epochs=3"]))
    after = appended(content, added)
    assert after.startswith(content)
    newline = b"\r\n" if b"\r\n" in content else b"\n"
    own = after[len(content) :].lstrip()
    assert own == b'[experiments.new]\nbase = "cnn2"\nepochs = 3\n'.replace(b"\n", newline)
    assert newline * 2 + b"[experiments.new]" in after or b" \t\n[experiments.new]" in after
    loaded = load(tmp_path, after)
    assert loaded.experiments["new"].epochs == 3
    assert [*loaded.bases] == ["cnn2", "cnn4", "new"]


def test_what_a_base_cannot_take_back_is_said_over_what_lies_below_it(tmp_path: Path) -> None:
    project = load(tmp_path, TEXT.encode())
    without = load(tmp_path, TEXT.replace("resources.slots = 2\n", "").encode())
    added = addition(project, "new", "cnn4", without.experiments["cnn4"])
    assert "base" not in added.text
    after = load(tmp_path, appended(TEXT.encode(), added))
    assert after.experiments["new"] == without.experiments["cnn4"]


def test_what_nobody_can_take_back_is_refused(tmp_path: Path) -> None:
    bare = TEXT.replace("resources.slots = 2\n", "")
    wanted = load(tmp_path, bare.encode()).experiments["cnn2"]
    text = TEXT.replace("[defaults]\n", "[defaults]\nresources.slots = 2\n")
    project = load(tmp_path, text.encode())
    with pytest.raises(UsageError, match="no table"):
        addition(project, "new", "cnn2", wanted)


def test_a_file_that_takes_no_table_is_refused(tmp_path: Path) -> None:
    project = load(tmp_path, b"experiments = { a = { epochs = 3 } }\n")
    with pytest.raises(UsageError):
        addition(project, "new", "a", project.experiments["a"])


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("cnn4", "already"),
        ("CNN4", "upper and lower case"),
        ("a b", "cannot be a name"),
        ("../x", "cannot be a name"),
        ("", "cannot be a name"),
        ("a\x1b[2J", "cannot be a name"),
    ],
)
def test_a_name_is_free_and_safe_for_any_shell(tmp_path: Path, name: str, words: str) -> None:
    project = load(tmp_path, TEXT.encode())
    with pytest.raises(UsageError, match=words) as caught:
        addition(project, name, "cnn4", project.experiments["cnn4"])
    assert caught.value.message.isprintable()
    assert caught.value.hint == "free: cnn4-2"


def test_a_free_name_counts_on(tmp_path: Path) -> None:
    text = TEXT + '[experiments.cnn4-2]\nbase = "cnn4"\n'
    assert free_name(load(tmp_path, text.encode()), "cnn4-2") == "cnn4-3"
