"""What a network is made of and what a training step of it costs, without training it.

python -m tui_trainer.train.anatomy PROJECT < EXPERIMENT_TOML
"""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch.nn import functional
from torch.utils.flop_counter import FlopCounterMode

from tui_trainer.errors import PreflightError
from tui_trainer.record.state import Complexity
from tui_trainer.spec import model as spec
from tui_trainer.spec.snapshot import experiment_from_toml
from tui_trainer.train import models, optim, own, shapes, sources
from tui_trainer.train.answer import answer

if TYPE_CHECKING:
    from collections.abc import Iterable

    from torch import Tensor, nn

    from tui_trainer.spec.experiment import Experiment

# A network of own code is run for real: with few images, from which the batch is reckoned. One
# alone is too few for batch normalisation.
_REAL_IMAGES = 2


def complexity(experiment: Experiment, project: Path, classes: int) -> Complexity | None:
    """How large an experiment's network is, and what it computes for one image.

    The network is one of its own, on the meta device where it is not of own code. None where own
    code cannot have its operations counted, which is no reason not to train it.
    """
    settings, size = experiment.model, experiment.pipeline.size
    count = min(experiment.batch_size, _REAL_IMAGES)
    try:
        network = models.imagined(settings, size, classes, project)
        with torch.no_grad(), FlopCounterMode(display=False) as counter:
            network(shapes.images_for(network, count, size))
    except own.FAILURES:
        return None
    parameters = sum(parameter.numel() for parameter in network.parameters())
    return Complexity(parameters, counter.get_total_flops() // count)


def anatomy(experiment: Experiment, project: Path) -> dict[str, Any]:
    """Layers, parameters, floating-point operations and memory of an experiment's network.

    Operations are those of `torch.utils.flop_counter`, which counts matrix products and
    convolutions, a multiplication and an addition as two. Memory is what a step keeps for sure:
    weights, gradients, optimizer state, the batch and what the backward pass needs of the forward
    pass, in bytes; workspaces of the libraries come on top.

    Raises:
        PreflightError: The network cannot be built or cannot take the images.
    """
    settings, size = experiment.model, experiment.pipeline.size
    classes = sources.class_count(experiment.data, project, size)
    own = isinstance(settings, spec.OwnModel)
    count = min(experiment.batch_size, _REAL_IMAGES) if own else experiment.batch_size
    models.check_batch(settings, size, classes, count, project)
    network = models.imagined(settings, size, classes, project)
    images = shapes.images_for(network, count, size)
    layers = shapes.steps(network, images)
    step = _Rehearsal(experiment, network, images)
    return {
        "model": settings.name,
        "size": size,
        "classes": classes,
        "batch_size": experiment.batch_size,
        "layers": [asdict(layer) for layer in layers],
        "parameters": sum(parameter.numel() for parameter in network.parameters()),
        "forward_flops": step.forward_flops // count,
        "training_flops": experiment.views * step.training_flops // count,
        "memory": step.memory(experiment.views * experiment.batch_size / count),
        "weights": _weights(settings, network, project),
    }


class _Rehearsal:
    """One training step, imagined, with everything counted."""

    def __init__(self, experiment: Experiment, network: nn.Module, images: Tensor) -> None:
        self._images = images
        self._kept: dict[int, torch.UntypedStorage] = {}
        self._fixed = {_storage(tensor) for tensor in network.state_dict().values()}
        self._network = network
        with FlopCounterMode(display=False) as counter:
            loss = self._forward()
            self.forward_flops = counter.get_total_flops()
            torch.autograd.backward(loss)
            self.training_flops = counter.get_total_flops()
        self._optimizer = optim.optimizer_for(experiment.optimizer, network.parameters())
        for group in self._optimizer.param_groups:
            # The fused kernels keep the same state, but not of imaginary tensors.
            group.update(dict.fromkeys(group.keys() & {"fused", "foreach"}, False))
        self._optimizer.step()

    def memory(self, batches: float) -> dict[str, int]:
        """Bytes by purpose, for this many times the images."""
        parameters = list(self._network.parameters())
        states = (state.values() for state in self._optimizer.state.values())
        parts = {
            "weights": _bytes(self._network.state_dict().values()),
            "gradients": _bytes(p.grad for p in parameters if p.grad is not None),
            "optimizer": _bytes(value for state in states for value in state),
            "images": round(_bytes([self._images]) * batches),
            "activations": round(sum(kept.nbytes() for kept in self._kept.values()) * batches),
        }
        return {**parts, "total": sum(parts.values())}

    def _forward(self) -> Tensor:
        labels = torch.zeros(len(self._images), dtype=torch.int64, device=self._images.device)
        with torch.autograd.graph.saved_tensors_hooks(self._keep, lambda tensor: tensor):
            return functional.cross_entropy(self._network(self._images), labels)

    def _keep(self, tensor: Tensor) -> Tensor:
        """Note a tensor that the backward pass needs; several views of one memory count once."""
        if _storage(tensor) not in {*self._fixed, _storage(self._images)}:
            self._kept[_storage(tensor)] = tensor.untyped_storage()
        return tensor


def _storage(tensor: Tensor) -> int:
    return int(tensor.untyped_storage()._cdata)  # noqa: SLF001  the one identity that meta tensors have


def _bytes(tensors: Iterable[Any]) -> int:
    return sum(tensor.nbytes for tensor in tensors if isinstance(tensor, torch.Tensor))


def _weights(settings: spec.Model, network: nn.Module, project: Path) -> dict[str, Any] | None:
    """The file of weights that training would start from, and what is wrong with it."""
    if not isinstance(settings, (spec.ResNet, spec.Classifier)):
        return None
    from tui_trainer.train import weights

    source = weights.source_of(settings, project)
    if source is None:
        return None
    fault = cure = ""
    try:
        weights.check(network, settings, project)
    except PreflightError as error:
        fault, cure = error.message, error.hint
    there = source.path.exists()
    return {
        "path": str(source.path),
        "url": source.url,
        "there": there,
        "fault": fault,
        "cure": cure,
    }


def _asked() -> dict[str, Any]:
    experiment, _ = experiment_from_toml(sys.stdin.read())
    return anatomy(experiment, Path(sys.argv[1]))


if __name__ == "__main__":
    sys.exit(answer(_asked))
