"""Whole files, good and broken: what loads, what is told, and on which line."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tui_trainer.errors import ExitCode, InvalidExperimentsError, UsageError
from tui_trainer.spec.find import find_project
from tui_trainer.spec.learning import Adam, OneCycleLR, Sgd
from tui_trainer.spec.model import Cnn, ResNet
from tui_trainer.spec.project import Project, load_project
from tui_trainer.spec.template import read_template

BROKEN = Path(__file__).parent.parent / "data" / "projects"


def project(folder: Path, text: str) -> Project:
    path = folder / "experiments.toml"
    path.write_bytes(text.encode())
    return load_project(path)


def told(folder: Path) -> tuple[str, ...]:
    try:
        return load_project(folder / "experiments.toml").problem_lines
    except InvalidExperimentsError as error:
        return error.problems


@pytest.mark.parametrize("folder", sorted(BROKEN.iterdir()), ids=lambda folder: folder.name)
def test_a_broken_project_tells_every_mistake_on_its_line(folder: Path) -> None:
    assert list(told(folder)) == (folder / "expected.txt").read_text("utf-8").splitlines()


def test_ten_mistakes_are_told_as_ten_on_the_lines_they_were_planted_on() -> None:
    text = (BROKEN / "ten_mistakes" / "experiments.toml").read_text("utf-8").splitlines()
    planted = {
        number: mistake
        for number, line in enumerate(text, 1)
        for mistake in range(1, 11)
        if f"# {mistake}: " in line
    }
    assert len(planted) == 10
    loaded = load_project(BROKEN / "ten_mistakes" / "experiments.toml")
    assert [problem.line for problem in loaded.problems] == list(planted)


@pytest.mark.parametrize(
    ("name", "good"),
    [
        ("ten_mistakes", ["good"]),
        ("base_circle", ["good"]),
        ("unknown_base", ["plain"]),
        ("byte_order_mark", ["a"]),
        ("good_among_bad", ["good"]),
    ],
)
def test_bad_experiments_do_not_hide_good_ones(name: str, good: list[str]) -> None:
    assert list(load_project(BROKEN / name / "experiments.toml").experiments) == good


@pytest.mark.parametrize(
    "name", ["a", "b", "c", "heir", "narcissus"], ids=lambda name: f"experiment {name}"
)
def test_nothing_that_inherits_from_a_circle_can_be_run(name: str) -> None:
    loaded = load_project(BROKEN / "base_circle" / "experiments.toml")
    with pytest.raises(InvalidExperimentsError, match="inherits from itself"):
        loaded.experiment(name)


def test_an_heir_of_a_bad_experiment_says_what_is_wrong_with_its_base() -> None:
    loaded = load_project(BROKEN / "unknown_base" / "experiments.toml")
    with pytest.raises(InvalidExperimentsError, match=r"^experiments.toml:5: experiments.heir.bas"):
        loaded.experiment("heir-of-heir")


OWN = "epochs = -1\nmodel.dpth = 3\noptimizer.lr = 0\n"
OWN_KEYS = ("epochs", "model.dpth", "optimizer.lr")


@pytest.mark.parametrize(
    ("text", "owner"),
    [
        (f'[experiments.x]\nbase = "nope"\n{OWN}', "x"),
        (f"[experiments.x]\nbase = 3\n{OWN}", "x"),
        (f'[experiments.a]\nbase = "nope"\n[experiments.x]\nbase = "a"\n{OWN}', "x"),
        (f'[experiments.x]\nbase = "a"\n{OWN}[experiments.a]\nbase = "nope"\n', "x"),
        (f'[experiments]\na = 3\n[experiments.x]\nbase = "a"\n{OWN}', "x"),
        (f'[experiments.x]\nbase = "x"\n{OWN}', "x"),
        (f'[experiments.x]\nbase = "a"\n{OWN}[experiments.a]\nbase = "x"\n', "x"),
        (f'[experiments.a]\nbase = "a"\n[experiments.x]\nbase = "a"\n{OWN}', "x"),
        (f'[experiments."x y"]\n{OWN}', '"x y"'),
        (f"[experiments.x]\n[experiments.X]\n{OWN}", "X"),
        (f"[experiments.x]\nscript = 3\n{OWN}", "x"),
    ],
)
def test_a_bad_name_or_base_hides_no_mistake_of_its_own(
    tmp_path: Path, text: str, owner: str
) -> None:
    loaded = project(tmp_path, text)
    lines = text.splitlines()
    for key in OWN_KEYS:
        (told_once,) = [line for line in loaded.problem_lines if f".{owner}.{key}: " in line]
        number = 1 + next(n for n, line in enumerate(lines) if line.startswith(f"{key} ="))
        assert told_once.startswith(f"experiments.toml:{number}: ")
    assert len(loaded.problems) == 1 + len(OWN_KEYS)
    with pytest.raises(InvalidExperimentsError) as caught:
        loaded.experiment(owner.strip('"'))
    assert len(caught.value.problems) == 1 + len(OWN_KEYS)


@pytest.mark.parametrize(
    "own",
    [
        'scheduler.name = "step_lr"',  # the base may give step_size
        "scheduler.step_size = 3",
        "model.stem = 'cifar'",
        "model.weights = 'IMAGENET1K_V2'",
        "optimizer.betas = [0.9, 0.99]",
        "optimizer.nesterov = true",
        "data.root = 'x'",
        "augment = [{ name = 'gaussian_blur', kernel_size = 33 }]\npipeline.mean = [0, 0, 0]",
    ],
)
@pytest.mark.parametrize("base", ["nope", "x"])
def test_what_an_unknown_base_may_have_given_is_no_mistake(
    tmp_path: Path, own: str, base: str
) -> None:
    loaded = project(tmp_path, f'[experiments.x]\nbase = "{base}"\n{own}\n')
    assert [problem.keys for problem in loaded.problems] == [("experiments", "x", "base")]


@pytest.mark.parametrize(
    ("own", "message"),
    [
        ("augment = [{ name = 'affine' }]", "augment[0].degrees: missing; must be a number"),
        ("optimizer = { name = 'sgd', nesterov = true, momentum = 0 }", "nesterov needs momentum"),
        ("optimizer.betas = [0.9]", "must be an array of 2 numbers >= 0 and < 1, not 1 element"),
        ("model.depth = 0", "model.depth: must be an integer from 1 to 100, not 0"),
        ("model = { name = 'vgg11', depth = 3 }", "model.depth: unknown key"),
        ("model = 3", "must be a table such as"),
    ],
)
def test_what_no_base_can_mend_is_told_once_over_its_heirs(
    tmp_path: Path, own: str, message: str
) -> None:
    heir = '[experiments.heir]\nbase = "x"\n'
    loaded = project(tmp_path, f'{heir}[experiments.x]\nbase = "nope"\n{own}\n')
    base, mistake = loaded.problem_lines
    assert base.startswith("experiments.toml:4: ")
    assert mistake.startswith("experiments.toml:5: ")
    assert message in mistake


INHERITANCE = """\
[defaults]
epochs = 7
optimizer = { lr = 0.5, momentum = 0.9 }
augment = [{ name = "rotation" }, { name = "random_crop" }]
[experiments.heir]
base = "base"
model.depth = 4
optimizer.weight_decay = 0.1
augment = [{ name = "random_crop" }]
[experiments.base]
model = { depth = 3, width = 8 }
batch_size = 32
[experiments.other]
base = "heir"
model = { name = "resnet18" }
optimizer = { name = "adam" }
"""


def test_own_keys_lie_over_base_over_defaults_over_schema(tmp_path: Path) -> None:
    loaded = project(tmp_path, INHERITANCE)
    heir = loaded.experiment("heir")
    assert heir.seed == 0
    assert heir.epochs == 7
    assert heir.batch_size == 32
    assert heir.model == Cnn(depth=4, width=8)
    assert heir.optimizer == Sgd(lr=0.5, momentum=0.9, weight_decay=0.1)
    assert len(heir.augment) == 1
    assert loaded.experiments == {name: loaded.experiment(name) for name in loaded.bases}
    assert loaded.bases == {"heir": "base", "base": None, "other": "heir"}


def test_another_name_replaces_the_table_whole(tmp_path: Path) -> None:
    other = project(tmp_path, INHERITANCE).experiment("other")
    assert other.model == ResNet("resnet18")
    assert other.optimizer == Adam("adam")


def test_an_heir_leaves_its_base_as_it_is(tmp_path: Path) -> None:
    loaded = project(tmp_path, INHERITANCE)
    loaded.experiment("heir", ["model.depth=9", "augment=[]"])
    assert loaded.experiment("heir").model == Cnn(depth=4, width=8)
    assert loaded.experiment("base").model == Cnn(depth=3, width=8)


def test_changes_are_laid_over_in_order(tmp_path: Path) -> None:
    changes = [
        'model={name="resnet50"}',
        "model.weights=default",
        "epochs=5",
        "epochs=6",
        'scheduler={name="one_cycle_lr"}',
        "augment=[]",
    ]
    changed = project(tmp_path, INHERITANCE).experiment("heir", changes)
    assert changed.model == ResNet("resnet50", "default")
    assert changed.epochs == 6
    assert changed.scheduler == OneCycleLR("one_cycle_lr")
    assert changed.augment == ()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("epochs=abc", '--set epochs=abc: must be an integer from 1 to 1000000, not "abc"'),
        ("epochs.x=3", "--set epochs.x=3: epochs is not a table"),
        ("augment.x=3", "--set augment.x=3: augment is not a table"),
        ("base=other", "--set base=other: the base cannot be changed on the command line"),
        ("seed=nan", "--set seed=nan: must be an integer from 0 to 2^63 - 1, not nan"),
        ("model={depth=0}", "--set model={depth=0}: model.depth: must be an integer"),
        ("scheduler.name=step_lr", "--set scheduler.name=step_lr: scheduler.step_size: missing"),
        ("optimizer.dpth=3", "--set optimizer.dpth=3: unknown key"),
    ],
)
def test_a_bad_change_is_named_and_not_the_file(tmp_path: Path, change: str, message: str) -> None:
    with pytest.raises(InvalidExperimentsError) as caught:
        project(tmp_path, INHERITANCE).experiment("heir", [change])
    (problem,) = caught.value.problems
    assert problem.startswith(message)


def test_a_change_can_mend_a_bad_experiment(tmp_path: Path) -> None:
    loaded = project(tmp_path, "[experiments.a]\nepochs = 0\n")
    with pytest.raises(InvalidExperimentsError, match=r"^experiments.toml:2: experiments.a.epochs"):
        loaded.experiment("a")
    assert loaded.experiment("a", ["epochs=3"]).epochs == 3


def test_a_rule_is_broken_by_whoever_spoke_last(tmp_path: Path) -> None:
    text = """\
[experiments.base]
optimizer = { nesterov = true, momentum = 0.9 }
[experiments.heir]
base = "base"
optimizer.momentum = 0.0
"""
    assert project(tmp_path, text).problem_lines == (
        "experiments.toml:5: experiments.heir.optimizer.momentum: nesterov needs momentum > 0",
    )


def test_defaults_may_be_unfinished(tmp_path: Path) -> None:
    text = """\
[defaults]
scheduler = { name = "step_lr" }
optimizer.nesterov = true
[experiments.a]
scheduler.step_size = 3
optimizer.momentum = 0.9
"""
    assert project(tmp_path, text).problem_lines == ()


def test_what_lies_in_a_replaced_table_is_not_the_place_of_what_is_missing(
    tmp_path: Path,
) -> None:
    text = """\
[experiments.a]
scheduler = { name = "step_lr", step_size = 3 }
[experiments.b]
base = "a"
scheduler = { name = "none" }
[experiments.c]
base = "b"
scheduler = { name = "step_lr" }
"""
    (line,) = project(tmp_path, text).problem_lines
    assert line.startswith("experiments.toml:8: experiments.c.scheduler.step_size: missing")


@pytest.mark.parametrize("name", ["oter", "../x", "\x1b[31m", ""])
def test_an_unknown_experiment_is_answered_with_the_known_ones(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match="known: `heir`, `base`, `other`") as caught:
        project(tmp_path, INHERITANCE).experiment(name)
    assert caught.value.exit_code == ExitCode.USAGE
    assert caught.value.message.isprintable()
    assert ("did you mean `other`?" in caught.value.message) == (name == "oter")


@pytest.mark.parametrize("text", ["", "# nothing\n", "[experiments]\n", "[project]\n"])
def test_a_file_without_experiments_is_no_mistake(tmp_path: Path, text: str) -> None:
    loaded = project(tmp_path, text)
    assert (loaded.experiments, loaded.problems) == ({}, ())
    assert loaded.name == tmp_path.name
    assert loaded.folder == tmp_path


@pytest.mark.parametrize("name", ["a", "A1", "cnn4", "net-v1.5", "_x_"[1:], "x" * 64, "0"])
def test_a_plain_name_is_allowed(tmp_path: Path, name: str) -> None:
    assert list(project(tmp_path, f'[experiments."{name}"]').experiments) == [name]


@pytest.mark.parametrize(
    "name",
    [
        *("", ".", "..", "../x", "/etc", "-rf", "a/b", "a b", "a.", "_x", "=cmd()", "$(id)", "a;b"),
        *("a\\n", "\\u0000", "\\u202etxt", "\\u001b[31m", "é", "a\\u0301", "🦊"),
        *("x" * 65, "x" * 300),
    ],
)
def test_a_name_that_is_no_folder_or_no_word_is_refused(tmp_path: Path, name: str) -> None:
    loaded = project(tmp_path, f'[experiments."{name}"]\nepochs = 3\n')
    assert loaded.experiments == {}
    (line,) = loaded.problem_lines
    assert "cannot be a name: a name has 1 to 64 ASCII letters" in line
    assert line.isprintable()
    assert len(line) < 400


def test_the_project_is_found_from_inside(tmp_path: Path) -> None:
    inner = tmp_path / "runs" / "cnn4"
    inner.mkdir(parents=True)
    (tmp_path / "experiments.toml").touch()
    assert find_project(inner) == tmp_path / "experiments.toml"
    (inner / "experiments.toml").touch()
    assert find_project(inner) == inner / "experiments.toml"


def test_no_project_is_answered_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no experiments\.toml") as caught:
        find_project(tmp_path)
    assert "tui-trainer init" in caught.value.hint


def test_a_long_chain_of_bases_is_followed(tmp_path: Path) -> None:
    links = (f'[experiments.a{link}]\nbase = "a{link + 1}"\n' for link in range(990))
    loaded = project(tmp_path, "".join(links) + "[experiments.a990]\nepochs = 3\n")
    assert loaded.problems == ()
    assert loaded.experiment("a0").epochs == 3


def test_only_so_many_experiments_are_read(tmp_path: Path) -> None:
    loaded = project(tmp_path, "".join(f"[experiments.a{number}]\n" for number in range(1001)))
    assert len(loaded.experiments) == 1000
    assert loaded.problem_lines[0].endswith("only the first 1000 are read")


# Pieces of TOML that turn up in a file half saved, half merged or typed in the wrong window.
PIECES = [b"[", b"]", b"{", b"}", b'"', b"'", b"=", b".", b"\n", b"\xff", b"\x00", b"nan", b"#"]
PIECES += [b"base", b'base = "digits-cnn4"', b"name", b"0", b"-1", b"1e400", b"true", b"[[", b"'''"]


@settings(max_examples=300)
@given(seed=st.integers(0, 2**32), cuts=st.integers(1, 8))
def test_a_garbled_file_is_told_and_never_crashes(
    tmp_path_factory: pytest.TempPathFactory, seed: int, cuts: int
) -> None:
    draw = random.Random(seed)
    data = bytearray(read_template().encode())
    for _ in range(cuts):
        start = draw.randrange(len(data))
        data[start : start + draw.randrange(40)] = draw.choice(PIECES)
    path = tmp_path_factory.getbasetemp() / "garbled.toml"
    path.write_bytes(data)
    try:
        loaded = load_project(path)
    except InvalidExperimentsError:
        return
    assert all(line.isprintable() for line in loaded.problem_lines)
    assert all(1 <= problem.line <= data.count(b"\n") + 1 for problem in loaded.problems)
    bad = loaded.bases.keys() - loaded.experiments.keys()
    assert not bad or loaded.problems
    for name in bad:
        with pytest.raises(InvalidExperimentsError):
            loaded.experiment(name)


@pytest.mark.parametrize("module", ["torch", "tomlkit", "tree_sitter", "textual", "hypothesis"])
def test_loading_a_good_project_imports_nothing_heavy(module: str) -> None:
    root = Path(__file__).parent.parent.parent
    code = (
        "import pathlib, sys; from tui_trainer.spec.project import load_project; "
        "assert load_project(pathlib.Path('experiments.toml')).experiments; "
        f"sys.exit({module!r} in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=root, check=False).returncode == 0


def test_everything_wrong_with_the_changes_is_named_at_once(tmp_path: Path) -> None:
    file = tmp_path / "experiments.toml"
    file.write_text("[experiments.a]\n")
    with pytest.raises(InvalidExperimentsError) as error:
        load_project(file).experiment("a", ["epochs=abc", "foo", "seed=1.5"])
    told = "\n".join(error.value.problems)
    assert len(error.value.problems) == 3
    assert all(word in told for word in ("epochs", "foo", "seed"))
