"""What `--set KEY=VALUE` means."""

from __future__ import annotations

from typing import Any

import pytest

from tui_trainer.errors import InvalidExperimentsError
from tui_trainer.spec.changes import parse_change


@pytest.mark.parametrize(
    ("text", "keys", "value"),
    [
        ("epochs=5", ("epochs",), 5),
        (" epochs = 5 ", ("epochs",), 5),
        ("optimizer.lr=1e-3", ("optimizer", "lr"), 1e-3),
        ("model.activation=gelu", ("model", "activation"), "gelu"),
        ("data.root=/data/my sets", ("data", "root"), "/data/my sets"),
        ("data.root=a=b", ("data", "root"), "a=b"),
        ('description="5"', ("description",), "5"),
        ("augment=[]", ("augment",), []),
        ('model={name="resnet18"}', ("model",), {"name": "resnet18"}),
        ('"quoted key"=true', ("quoted key",), True),
    ],
)
def test_a_change_is_toml_or_a_bare_word(text: str, keys: tuple[str, ...], value: Any) -> None:
    assert parse_change(text) == (keys, value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("epochs", "--set epochs: must be KEY=VALUE"),
        ("=5", "--set =5: must be KEY=VALUE"),
        ("epochs=", "--set epochs=: must be KEY=VALUE"),
        ("a b=5", "--set a b=5: the key must be like model.depth"),
        ("[x]=5", "--set [x]=5: the key must be like model.depth"),
        ("augment=[{", "--set augment=[{: the value is no TOML"),
        ('description="x', '--set description="x: the value is no TOML'),
        ("epochs=5\nseed=3", "--set epochs=5\\nseed=3: is too long, or holds unprintable"),
        ("a=\udcff", "--set a=\\udcff: is too long, or holds unprintable"),
        ("a=" + "[" * 500, "--set a=" + "[" * 57 + "…: the value is no TOML"),
        ("a" + ".a" * 3000 + "=1", "--set a" + ".a" * 29 + "…: the key must be like"),
        ("a=" + "x" * 100_000, "--set a=" + "x" * 57 + "…: is too long"),
    ],
)
def test_a_change_that_cannot_be_meant_is_named(text: str, message: str) -> None:
    with pytest.raises(InvalidExperimentsError) as caught:
        parse_change(text)
    assert caught.value.message.startswith(message)
    assert caught.value.message.isprintable()
