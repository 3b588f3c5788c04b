"""The reference page is what the schema says."""

from __future__ import annotations

from pathlib import Path

import tomli

from tui_trainer.spec.check import check_experiment
from tui_trainer.spec.layers import Layer, Layers
from tui_trainer.spec.reference import reference

PAGE = Path(__file__).parent.parent.parent / "docs" / "experiments-toml.md"


def test_the_page_is_up_to_date() -> None:
    # Write it anew: python -m tui_trainer.spec.reference > docs/experiments-toml.md
    assert PAGE.read_text("utf-8") == reference()


def test_the_page_has_ranges_defaults_and_notes() -> None:
    page = reference()
    assert "| `depth` | an integer from 1 to 100 | `2` | Convolutions before" in page
    assert "| `augment` | an array of tables | `[]` |" in page
    assert "### `adam`, `adamw`" in page


def test_the_example_on_the_page_loads() -> None:
    example = tomli.loads(reference().split("```toml\n")[1].split("```")[0])
    layers = Layers().with_layer(Layer(example["defaults"]))
    for own in example["experiments"].values():
        layers = layers.with_layer(Layer({key: own[key] for key in own if key != "base"}))
        assert check_experiment(layers.tree).problems == ()
