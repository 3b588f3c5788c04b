from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tests.train.cifar_files import write_cifar
from tui_trainer.errors import ExitCode

if TYPE_CHECKING:
    from tests.conftest import CommandLine

MORE = """
[experiments.photos]
data = { name = "folder", path = "photos" }

[experiments.own]
data = { name = "mydata:load" }

[experiments.cifar]
data = { name = "cifar100", root = "elsewhere" }
"""


def more(tui_trainer: CommandLine) -> None:
    file = tui_trainer.folder / "experiments.toml"
    file.write_text(file.read_text() + MORE)


def test_each_data_set_is_listed_once_with_its_place(tui_trainer: CommandLine) -> None:
    more(tui_trainer)
    (tui_trainer.folder / "photos").mkdir()
    rows = {row["data"]: row for row in tui_trainer.json("data", "list")}
    assert list(rows) == ["digits", "folder", "mydata:load", "cifar100"]
    assert [row["there"] for row in rows.values()] == [True, True, False, False]
    assert rows["mydata:load"]["place"] == str(tui_trainer.folder / "mydata.py")
    folder = tui_trainer.folder / "elsewhere" / "cifar-100-python"
    assert rows["cifar100"]["place"] == str(folder)
    done = tui_trainer("data", "list")
    assert done.returncode == ExitCode.DONE
    assert str(folder) in done.stdout


def test_files_that_are_not_the_published_ones_are_named(tui_trainer: CommandLine) -> None:
    more(tui_trainer)
    write_cifar(tui_trainer.folder / "elsewhere", "cifar100", train=4, test=2)
    done = tui_trainer("data", "verify", "cifar100")
    assert done.returncode == ExitCode.PREFLIGHT
    train, test, meta = done.stdout.splitlines()
    assert "elsewhere/cifar-100-python/train is cut off or not the published file" in train
    assert "/test is cut off" in test
    assert meta.endswith("/meta is missing")
    assert "hint: tui-trainer data fetch cifar100" in done.stderr
    found = tui_trainer("data", "verify", "cifar100", "--root", "nowhere", "--json")
    assert [file["fault"] for file in json.loads(found.stdout)] == ["is missing"] * 3


def test_without_a_network_fetch_says_what_to_do(tui_trainer: CommandLine) -> None:
    # A proxy that nobody runs: no test goes out to the network.
    tui_trainer.environment |= {"https_proxy": "http://127.0.0.1:1"}
    done = tui_trainer("data", "fetch", "cifar100", "--root", "here")
    assert done.returncode == ExitCode.PREFLIGHT
    assert "cifar100 cannot be fetched from https://" in done.stderr
    assert "(169 MB)" in done.stderr
    assert str(tui_trainer.folder / "here" / "cifar-100-python.tar.gz") in done.stderr


def test_other_names_are_refused(tui_trainer: CommandLine) -> None:
    done = tui_trainer("data", "fetch", "imagenet")
    assert done.returncode == ExitCode.USAGE
    assert "cifar10 or cifar100 can" in done.stderr
