"""Weights to start from: published ones from torchvision's cache, or a file; never a download."""

from __future__ import annotations

import errno
import hashlib
import pickle
import re
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

import torch
from torch import nn

from tui_trainer.errors import PreflightError
from tui_trainer.spec.choices import names_a_file
from tui_trainer.spec.model import ResNet
from tui_trainer.train.impostors import impostor, kind_of, open_regular

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Tensor

    from tui_trainer.spec.model import Classifier

    State = dict[str, Tensor]
    Device = Literal["cpu", "meta"]

# torchvision's DenseNet files are of a time when module names could hold dots.
_OLD_DENSENET_KEY = re.compile(r"(denselayer\d+\.(?:norm|relu|conv))\.([12]\.)")
_SHOWN = 3


class Source(NamedTuple):
    """Where weights are."""

    path: Path
    url: str
    """Where published weights come from; empty for a file of the user's."""

    @property
    def title(self) -> str:
        """What messages call them."""
        return "the ImageNet weights" if self.url else "the weights"


def source_of(settings: ResNet | Classifier, project: Path) -> Source | None:
    """Where the weights of an experiment are, there or not; None where it wants none."""
    if settings.weights == "none":
        return None
    if names_a_file(settings.weights):
        return Source(project / Path(settings.weights).expanduser(), "")
    from torchvision.models import get_model_weights

    published = get_model_weights(settings.name)
    chosen = published.DEFAULT if settings.weights == "default" else published[settings.weights]
    url: str = chosen.url
    return Source(Path(torch.hub.get_dir(), "checkpoints", url.rpartition("/")[2]), url)


def start_from(network: nn.Module, settings: ResNet | Classifier, project: Path) -> None:
    """Give a network the weights that its experiment starts from; a head that is no fit stays new.

    Raises:
        PreflightError: They are missing, damaged, or those of another network.
    """
    source = source_of(settings, project)
    if source is None:
        return
    # Some of torchvision's networks ask for the version that stands beside the tensors.
    network.load_state_dict(_fitting(source, settings, network, "cpu"), strict=False)


def check(network: nn.Module, settings: ResNet | Classifier, project: Path) -> None:
    """Make sure that a network can start from its weights, by their names and shapes alone.

    Raises:
        PreflightError: They are missing, damaged, or those of another network.
    """
    source = source_of(settings, project)
    if source is not None:
        _fitting(source, settings, network, "meta")


def check_readable(source: Source, network: str) -> None:
    """Make sure that a file holds a table of weights, whosever they are; their values stay unread.

    Raises:
        PreflightError: It is missing, damaged, or something else.
    """
    _read(source, network, "meta")


def _fitting(
    source: Source, settings: ResNet | Classifier, network: nn.Module, device: Device
) -> State:
    """The weights that the network takes over from a file; others are refused."""
    state = _read(source, settings.name, device)
    if source.url:
        state = _published(state, settings)
    if settings.name.startswith("vit_"):
        state = _at_size(state, network)
    new = [head_of(network)]
    if isinstance(settings, ResNet) and settings.stem == "cifar":
        new.append("conv1")
    if settings.weights == "IMAGENET1K_FEATURES":
        # Of these the whole classifier is not a number.
        new.append("classifier")
    return _kept(state, network, tuple(f"{name}." for name in new), source)


def head_of(network: nn.Module) -> str:
    """The name of the layer that gives the logits: in each family the last with weights."""
    weighted = (nn.Linear, nn.Conv2d)
    layers = [name for name, layer in network.named_modules() if isinstance(layer, weighted)]
    return str(layers[-1])


def _read(source: Source, network: str, device: Device) -> State:
    """The table of tensors in a file; on the meta device their values are not read."""
    check_file(source, network)
    is_mapped = device == "meta" and zipfile.is_zipfile(source.path)
    try:
        content = torch.load(source.path, map_location=device, weights_only=True, mmap=is_mapped)
    except pickle.UnpicklingError as error:
        # PyTorch's own words tell how to load it all the same.
        raise PreflightError(
            f"{source.path} holds no weights: {_instead_of_weights(source.path)}",
            hint="where they were trained: torch.save(network.state_dict(), path)",
        ) from error
    except (RuntimeError, ValueError, LookupError, EOFError, OSError) as error:
        # PyTorch looks for the end of a short archive before its beginning.
        if isinstance(error, OSError) and error.errno != errno.EINVAL:
            raise
        first = str(error).partition("\n")[0].partition(". ")[0]
        if not zipfile.is_zipfile(source.path):
            raise PreflightError(
                f"{source.path} cannot be read: it is cut off or damaged ({first})",
                hint="copy it anew from where it was trained",
            ) from error
        raise PreflightError(f"{source.path} holds no weights: {first}") from error
    # A run's checkpoint keeps them under `model`; `state_dict` is the other common place.
    for key in ("model", "state_dict"):
        if isinstance(content, dict) and isinstance(content.get(key), dict):
            content = content[key]
    if not isinstance(content, dict) or not all(map(torch.is_tensor, content.values())):
        raise PreflightError(f"{source.path} holds no table of tensors")
    state: State = content
    return state


def _instead_of_weights(path: Path) -> str:
    with path.open("rb") as file:
        beginning = file.read(200)
    if beginning.startswith((b"PK", b"\x80")):
        return "it holds Python objects, which are never loaded"
    return f"it is {kind_of(beginning)}"


def check_file(source: Source, network: str) -> None:
    """Make sure that a file of weights is there, and whole as far as its name can tell.

    Raises:
        PreflightError: It is not.
    """
    hint = _cure(source)
    try:
        with open_regular(source.path) as file:
            beginning, file_digest = file.read(200), hashlib.sha256()
            file.seek(0)
            while source.url and (block := file.read(1 << 20)):
                file_digest.update(block)
    except FileNotFoundError as error:
        raise PreflightError(
            f"{source.title} of {network} are not on this machine: {source.path}", hint=hint
        ) from error
    except OSError as error:
        raise PreflightError(
            f"{source.title} of {network} cannot be read: {source.path}: {error.strerror}",
            hint=hint,
        ) from error
    what, cure = impostor(beginning)
    if what:
        raise PreflightError(f"{source.path} {what}", hint=cure or hint)
    # torchvision ends the name with the first eight digits of the file's SHA-256.
    if source.url and not file_digest.hexdigest().startswith(source.path.stem.rpartition("-")[2]):
        raise PreflightError(f"{source.title} of {network} are damaged: {source.path}", hint=hint)


def _cure(source: Source) -> str:
    if not source.url:
        return "model.weights is a path from the project's folder"
    return (
        "fetch them where there is a network: "
        f"curl -fL --create-dirs -o '{source.path}' {source.url}"
    )


def _published(state: State, settings: ResNet | Classifier) -> State:
    """The tables of torchvision's own files, as its builders read them."""
    if settings.name.startswith("densenet"):
        return {_OLD_DENSENET_KEY.sub(r"\1\2", key): value for key, value in state.items()}
    if settings.name in {"googlenet", "inception_v3"}:
        auxiliary = ("aux1.", "aux2.", "AuxLogits.")
        return {key: value for key, value in state.items() if not key.startswith(auxiliary)}
    return state


def _at_size(state: State, network: nn.Module) -> State:
    """A vision transformer's position embeddings, resampled for another number of patches."""
    from torchvision.models.vision_transformer import interpolate_embeddings

    resampled: State = interpolate_embeddings(network.image_size, network.patch_size, state)
    return resampled


def _kept(state: State, network: nn.Module, new: tuple[str, ...], source: Source) -> State:
    """All but what begins anew; weights that are not this network's are refused."""
    wanted = network.state_dict()
    kept = OrderedDict(
        (key, value)
        for key, value in state.items()
        if not key.startswith(new) or (not source.url and _same_shape(wanted, key, value))
    )
    faults = list(_faults(kept, wanted, new))
    if faults:
        more = f" and {len(faults) - _SHOWN} more" if len(faults) > _SHOWN else ""
        raise PreflightError(
            f"{source.path} holds weights of another network: {', '.join(faults[:_SHOWN])}{more}"
        )
    kept._metadata = getattr(state, "_metadata", None)  # type: ignore[attr-defined]  # noqa: SLF001
    return kept


def _faults(state: State, wanted: State, new: tuple[str, ...]) -> Iterator[str]:
    for key, value in wanted.items():
        if key not in state:
            # Files of before PyTorch 0.4 lack this counter, which is not used.
            if not key.startswith(new) and not key.endswith("num_batches_tracked"):
                yield f"{key} is missing"
        elif state[key].shape != value.shape:
            yield f"{key} has shape {tuple(state[key].shape)}, not {tuple(value.shape)}"
    yield from (f"{key} has no place" for key in state if key not in wanted)


def _same_shape(wanted: State, key: str, value: Tensor) -> bool:
    return key in wanted and wanted[key].shape == value.shape
