"""Rules that bind several keys of an experiment, each where its table can be read."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any, NamedTuple

from tui_trainer.spec.augmentation import (
    Affine,
    AugMix,
    GaussianBlur,
    Mixing,
    RandAugment,
    RandomCrop,
    RandomErasing,
)
from tui_trainer.spec.choices import OUT_OF_PLACE, names_a_file, weights_of
from tui_trainer.spec.cluster import Cluster
from tui_trainer.spec.data import OwnData
from tui_trainer.spec.experiment import Experiment, Resources
from tui_trainer.spec.learning import MultiStepLR, Sgd, TorchOptimizer, TorchScheduler
from tui_trainer.spec.model import Classifier, OwnModel, ResNet
from tui_trainer.spec.ood import Ood
from tui_trainer.spec.training import Training, Warmup
from tui_trainer.spec.wording import listed, quote, suggestion

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from msgspec import Struct

    from tui_trainer.spec.wording import Keys


_MEMORY = re.compile(r"[1-9][0-9]{0,6}[KMGT]")
_RESOURCES_OF_GRID_ENGINE = ("gpu_resource", "memory_resource")
_WALLTIME = re.compile(r"[0-9]{1,5}:[0-5][0-9]:[0-5][0-9]")


class Broken(NamedTuple):
    """A broken rule: every key it binds, the one to show first, and what must hold."""

    places: tuple[Keys, ...]
    message: str


def broken_rules(table: Struct) -> Iterator[Broken]:
    """The rules of its kind that a table breaks."""
    for rule in _RULES.get(type(table), ()):
        yield from rule(table)


def _nesterov(table: Sgd) -> Iterator[Broken]:
    # torch.optim.SGD raises this one too, but only when training starts.
    if table.nesterov and table.momentum == 0:
        yield Broken((("nesterov",), ("momentum",)), "nesterov needs momentum > 0")
    if table.nesterov and table.dampening != 0:
        yield Broken((("nesterov",), ("dampening",)), "nesterov needs dampening = 0")


def _milestones(table: MultiStepLR) -> Iterator[Broken]:
    for position in range(1, len(table.milestones)):
        earlier, later = table.milestones[position - 1 : position + 1]
        if later <= earlier:
            message = f"milestones must increase, but {later} follows {earlier}"
            yield Broken((("milestones", position),), message)


def _weights(table: ResNet | Classifier) -> Iterator[Broken]:
    known = ("none", "default", *weights_of(table.name))
    if table.weights not in known and not names_a_file(table.weights):
        near = suggestion(table.weights, known) or ";"
        message = f"{table.name} has no weights {quote(table.weights)}{near} allowed: "
        yield Broken((("weights",),), f"{message}{listed(known)}, a file such as `./nets/mine.pt`")


def _own(table: OwnModel | OwnData) -> Iterator[Broken]:
    module, _, function = table.name.partition(":")
    if not all(part.isidentifier() for part in (*module.split("."), function)):
        message = f"must be `module:function`, both names of Python, not {quote(table.name)}"
        yield Broken((("name",),), message)


def _blur(table: GaussianBlur) -> Iterator[Broken]:
    if table.kernel_size % 2 == 0:
        yield Broken((("kernel_size",),), f"must be odd, not {table.kernel_size}")
    if table.sigma[0] > table.sigma[1]:
        yield Broken((("sigma",),), "must be [smallest, largest], but the first is the larger")


def _affine(table: Affine) -> Iterator[Broken]:
    yield from _smallest_first(table, "scale")


def _erasing(table: RandomErasing) -> Iterator[Broken]:
    yield from _smallest_first(table, "scale")
    yield from _smallest_first(table, "ratio")


def _smallest_first(table: Struct, key: str) -> Iterator[Broken]:
    smallest, largest = getattr(table, key)
    if smallest > largest:
        yield Broken(((key,),), "must be [smallest, largest], but the first is the larger")


def _magnitude(table: RandAugment) -> Iterator[Broken]:
    if table.magnitude >= table.num_magnitude_bins:
        message = f"must be less than num_magnitude_bins, which is {table.num_magnitude_bins}"
        yield Broken((("magnitude",), ("num_magnitude_bins",)), message)


def _mixing_is_last(experiment: Experiment) -> Iterator[Broken]:
    # What comes later would treat two images as one; a second mixing would forget a label.
    for position, step in enumerate(experiment.augment[:-1]):
        if isinstance(step, Mixing):
            message = f"{step.name} mixes images with each other and must come last, once"
            yield Broken((("augment", position),), message)


def _consistency_of_views(experiment: Experiment) -> Iterator[Broken]:
    steps = experiment.augment
    mixes = [isinstance(step, AugMix) for step in steps]
    if experiment.loss.jsd and (mixes.count(True) != 1 or not mixes[-1]):
        places: tuple[Keys, ...] = (("loss", "jsd"), ("augment",))
        yield Broken(places, "loss.jsd compares views of aug_mix, which must come last, once")


def _usable_class(table: TorchOptimizer | TorchScheduler) -> Iterator[Broken]:
    why = OUT_OF_PLACE.get(table.name.rpartition(".")[2])
    if why:
        yield Broken((("name",),), f"{table.name} cannot be used here: {why}")


def _finite_parameters(table: TorchOptimizer | TorchScheduler) -> Iterator[Broken]:
    for key, value in table.parameters.items():
        numbers = value if isinstance(value, tuple) else (value,)
        if any(isinstance(number, float) and not math.isfinite(number) for number in numbers):
            yield Broken(((key,),), "must be finite")


def _one_clipping(table: Training) -> Iterator[Broken]:
    if table.gradient_clip_norm is not None and table.gradient_clip_value is not None:
        places: tuple[Keys, ...] = (("gradient_clip_norm",), ("gradient_clip_value",))
        yield Broken(places, "gradients are clipped by norm or by value, not by both")


def _one_length(table: Warmup) -> Iterator[Broken]:
    if table.epochs and table.steps:
        yield Broken((("epochs",), ("steps",)), "a warm-up takes epochs or steps, not both")


def _walltime(table: Resources) -> Iterator[Broken]:
    wanted = table.walltime
    if wanted is not None and not _WALLTIME.fullmatch(wanted):
        message = f'must be hours:minutes:seconds such as "12:00:00", not {quote(wanted)}'
        yield Broken((("walltime",),), message)
    elif table.wall_seconds == 0:
        message = 'leaves no time at all; such as "12:00:00", or left out where there is no limit'
        yield Broken((("walltime",),), message)


def _memory(table: Resources) -> Iterator[Broken]:
    if table.memory is not None and not _MEMORY.fullmatch(table.memory):
        message = f'must be a number and K, M, G or T such as "16G", not {quote(table.memory)}'
        yield Broken((("memory",),), message)


def _one_word(table: Cluster) -> Iterator[Broken]:
    for one, other in (("queue", "partition"), ("account", "project")):
        if getattr(table, one) and getattr(table, other):
            yield Broken(((one,), (other,)), f"{one} and {other} mean the same; say one of them")


def _words_of_a_script(table: Cluster) -> Iterator[Broken]:
    """What stands in a line of a job's script must not begin another one, or another word."""
    for key in ("queue", "partition", "account", "project", "pe", *_RESOURCES_OF_GRID_ENGINE):
        if any(
            character.isspace() or not character.isprintable() for character in getattr(table, key)
        ):
            yield Broken(((key,),), f"must be one word, not {quote(getattr(table, key))}")
    for position, directive in enumerate(table.extra):
        if not directive.startswith("-") or not directive.isprintable():
            message = f"must be one directive such as `--qos=long`, not {quote(directive)}"
            yield Broken((("extra", position),), message)


def _warmup_ends(experiment: Experiment) -> Iterator[Broken]:
    length, epochs = experiment.warmup.epochs, experiment.epochs
    if length > epochs:
        places: tuple[Keys, ...] = (("warmup", "epochs"), ("epochs",))
        yield Broken(places, f"a warm-up of {length} epochs does not end in a run of {epochs}")


def _something_to_measure(table: Ood) -> Iterator[Broken]:
    if not table.names and table.folder is None:
        yield Broken((("corruptions",),), "names nothing to measure, and there is no folder either")


def _enough_to_adapt(table: Ood) -> Iterator[Broken]:
    if table.adapt_batch_norm == 1:
        message = "the statistics of one image say nothing: 0 for no adaptation, or 2 or more"
        yield Broken((("adapt_batch_norm",),), message)
    if table.adapt_prior and not table.adapt_batch_norm:
        places: tuple[Keys, ...] = (("adapt_prior",), ("adapt_batch_norm",))
        yield Broken(places, "adapt_prior is for a run with adapt_batch_norm")


def _no_repetition(table: Ood) -> Iterator[Broken]:
    for key in ("corruptions", "severities"):
        values = getattr(table, key)
        for position, value in enumerate(values if isinstance(values, tuple) else ()):
            if value in values[:position]:
                yield Broken(((key, position),), f"{value} is listed twice")


def _crop_shows_something(experiment: Experiment) -> Iterator[Broken]:
    side = experiment.pipeline.size
    for position, step in enumerate(experiment.augment):
        if isinstance(step, RandomCrop) and step.padding >= side:
            places: tuple[Keys, ...] = (("augment", position, "padding"), ("pipeline", "size"))
            black = 1 - ((2 * side - 1) / (2 * step.padding + 1)) ** 2
            message = f"must be less than the images' {side} pixels, not {step.padding}: "
            yield Broken(places, f"{message}{black:.0%} of the crops would be nothing but black")


def _blur_fits_image(experiment: Experiment) -> Iterator[Broken]:
    side = experiment.pipeline.size
    for position, step in enumerate(experiment.augment):
        # The blur pads by reflection, which needs half a kernel of image beyond the edge.
        if isinstance(step, GaussianBlur) and step.kernel_size // 2 >= side:
            places: tuple[Keys, ...] = (
                ("augment", position, "kernel_size"),
                ("pipeline", "size"),
            )
            message = f"a kernel of {step.kernel_size} pixels is too large for images of {side}"
            yield Broken(places, message)


_RULES: dict[type[Struct], tuple[Callable[[Any], Iterator[Broken]], ...]] = {
    Sgd: (_nesterov,),
    MultiStepLR: (_milestones,),
    GaussianBlur: (_blur,),
    ResNet: (_weights,),
    Classifier: (_weights,),
    OwnModel: (_own,),
    OwnData: (_own,),
    Affine: (_affine,),
    RandomErasing: (_erasing,),
    RandAugment: (_magnitude,),
    TorchOptimizer: (_usable_class, _finite_parameters),
    TorchScheduler: (_usable_class, _finite_parameters),
    Training: (_one_clipping,),
    Warmup: (_one_length,),
    Resources: (_walltime, _memory),
    Cluster: (_one_word, _words_of_a_script),
    Ood: (_something_to_measure, _no_repetition, _enough_to_adapt),
    Experiment: (
        _crop_shows_something,
        _blur_fits_image,
        _mixing_is_last,
        _warmup_ends,
        _consistency_of_views,
    ),
}
