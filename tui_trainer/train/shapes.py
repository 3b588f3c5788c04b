"""What a network makes of an image, layer by layer; networks without memory for their weights."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import nn
from torch.nn.modules.module import (
    register_module_buffer_registration_hook,
    register_module_parameter_registration_hook,
)

from tui_trainer.train.own import FAILURES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Tensor


@dataclass
class Step:
    """One layer at work."""

    layer: str
    kind: str
    before: str
    """Shape of what it was given, without the batch: `64x8x8`."""
    after: str = ""
    """Shape of what it made; empty where it failed."""
    parameters: int = 0

    def __str__(self) -> str:
        return f"  {self.layer}  {self.kind}  {self.before} -> {self.after or 'cannot take this'}"


def steps(network: nn.Module, images: Tensor) -> list[Step]:
    """Each layer in the order in which it works, up to the first that fails."""
    made: list[Step] = []
    handles = [
        handle
        for name, module in network.named_modules()
        if not isinstance(module, nn.Sequential) and not list(module.children())
        for handle in _watched(name, module, made)
    ]
    try:
        with torch.no_grad():
            network(images)
    except FAILURES:  # where it stopped is the answer
        return made
    finally:
        for handle in handles:
            handle.remove()
    return made


def images_for(network: nn.Module, count: int, size: int) -> Tensor:
    """Images, imaginary if the network is: (count, 3, size, size)."""
    first = next(network.parameters(), None)
    device = first.device if first is not None else torch.device("cpu")
    return torch.zeros(count, 3, size, size, device=device)


@contextmanager
def without_memory() -> Iterator[None]:
    """Modules built in here have their parameters and buffers on the meta device.

    `torch.device("meta")` would do the same to every tensor, and some networks compute their
    widths with tensors.
    """

    def imagine(_module: nn.Module, _name: str, value: Any) -> Any:
        if isinstance(value, nn.Parameter):
            return nn.Parameter(value.to("meta"), value.requires_grad)
        return None if value is None else value.to("meta")

    handles = (
        register_module_parameter_registration_hook(imagine),
        register_module_buffer_registration_hook(imagine),
    )
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _watched(name: str, module: nn.Module, made: list[Step]) -> Iterator[Any]:
    def begin(module: nn.Module, given: tuple[Any, ...]) -> None:
        count = sum(parameter.numel() for parameter in module.parameters())
        made.append(
            Step(name, type(module).__name__, _shape(given[0] if given else None), "", count)
        )

    def end(_module: nn.Module, _given: tuple[Any, ...], result: Any) -> None:
        made[-1].after = _shape(result)

    yield module.register_forward_pre_hook(begin)
    yield module.register_forward_hook(end)


def _shape(value: Any) -> str:
    if isinstance(value, tuple) and value:
        value = value[0]
    return "x".join(map(str, value.shape[1:])) if isinstance(value, torch.Tensor) else "?"
