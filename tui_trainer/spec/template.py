"""The experiments.toml that `tui-trainer init` writes."""

from __future__ import annotations

from importlib.resources import files


def read_template() -> str:
    """The worked example that comes with the package."""
    return files("tui_trainer.spec").joinpath("template.toml").read_text(encoding="utf-8")
