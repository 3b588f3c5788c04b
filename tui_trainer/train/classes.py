"""Optimizers and schedulers of PyTorch by their full names, checked before the first epoch."""

from __future__ import annotations

import inspect
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, NoReturn, cast

import torch
from torch.optim import lr_scheduler

from tui_trainer.errors import PreflightError
from tui_trainer.spec.choices import OUT_OF_PLACE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from types import ModuleType

    from torch import nn
    from torch.optim.lr_scheduler import LRScheduler

# What PyTorch's classes raise at values that they cannot take.
_REFUSALS = (TypeError, ValueError, RuntimeError, LookupError, ArithmeticError)


def make_optimizer(
    name: str, parameters: Iterable[nn.Parameter], options: Mapping[str, Any]
) -> torch.optim.Optimizer:
    """An optimizer by its full name, after it took one step on an imaginary weight.

    Raises:
        PreflightError: There is no such class, or it does not take these options.
    """
    kind = _class_named(name, torch.optim, torch.optim.Optimizer)
    _check_names(name, kind, options, {"params"})
    weight = torch.nn.Parameter(torch.ones(2, 2))
    weight.grad = torch.ones_like(weight)
    try:
        kind([weight], **_as_tuples(options)).step()
        return cast("torch.optim.Optimizer", kind(parameters, **_as_tuples(options)))
    except _REFUSALS as error:
        _refuse(name, error)


def make_scheduler(
    name: str, optimizer: torch.optim.Optimizer, options: Mapping[str, Any]
) -> LRScheduler:
    """A scheduler by its full name; the optimizer's learning rate becomes its first.

    Raises:
        PreflightError: There is no such class, or it does not take these options.
    """
    kind = _class_named(name, lr_scheduler, lr_scheduler.LRScheduler)
    _check_names(name, kind, options, {"optimizer", "last_epoch"})
    imaginary = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=0.1, momentum=0.9)
    try:
        tried = kind(imaginary, **options)
        imaginary.step()
        tried.step()
        return cast("LRScheduler", kind(optimizer, **options))
    except _REFUSALS as error:
        _refuse(name, error)


def _class_named(name: str, module: ModuleType, base: type) -> Callable[..., Any]:
    last = name.rpartition(".")[2]
    kind = getattr(module, last, None)
    if not (isinstance(kind, type) and issubclass(kind, base)):
        known = [n for n, k in vars(module).items() if isinstance(k, type) and issubclass(k, base)]
        public = [n for n in known if not n.startswith("_") and n not in OUT_OF_PLACE]
        near = get_close_matches(last, public, n=1)
        meant = f"did you mean {module.__name__}.{near[0]}? " if near else ""
        raise PreflightError(
            f"PyTorch {torch.__version__} has no {name}",
            hint=f"{meant}it has {', '.join(sorted(public))}",
        )
    return kind


def _check_names(
    name: str, kind: Callable[..., Any], options: Mapping[str, Any], ours: set[str]
) -> None:
    parameters = {k: p for k, p in inspect.signature(kind).parameters.items() if k not in ours}
    hint = f"it takes {', '.join(parameters)}"
    for key in options:
        if key not in parameters:
            near = get_close_matches(key, parameters, n=1)
            meant = f"; did you mean {near[0]}?" if near else ""
            raise PreflightError(f"{name} has no parameter {key}{meant}", hint=hint)
    for key, parameter in parameters.items():
        if parameter.default is parameter.empty and key not in options:
            raise PreflightError(f"{name} needs {key}", hint=hint)


def _as_tuples(options: Mapping[str, Any]) -> dict[str, Any]:
    return {k: tuple(v) if isinstance(v, list) else v for k, v in options.items()}


def _refuse(name: str, error: Exception) -> NoReturn:
    first_line = str(error).partition("\n")[0]
    raise PreflightError(f"{name} cannot be used like this: {first_line}") from error
