"""Optimizers, schedulers and losses; they bear PyTorch's names and take PyTorch's parameters."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from msgspec import Meta, field

from tui_trainer.spec.table import Fraction, NonNegative, Positive, Table


class Sgd(Table, frozen=True):
    """torch.optim.SGD."""

    name: Literal["sgd"] = "sgd"
    lr: Positive = 0.1
    momentum: Fraction = 0.0
    dampening: NonNegative = 0.0
    weight_decay: NonNegative = 0.0
    nesterov: bool = False


class Adam(Table, frozen=True):
    """torch.optim.Adam and torch.optim.AdamW."""

    name: Literal["adam", "adamw"]
    lr: Positive = 1e-3
    betas: tuple[Fraction, Fraction] = (0.9, 0.999)
    eps: Positive = 1e-8
    weight_decay: NonNegative | None = None
    """PyTorch's default where left out: 0 for adam, 0.01 for adamw."""
    amsgrad: bool = False


class RmsProp(Table, frozen=True):
    """torch.optim.RMSprop."""

    name: Literal["rmsprop"]
    lr: Positive = 1e-2
    alpha: Fraction = 0.99
    eps: Positive = 1e-8
    weight_decay: NonNegative = 0.0
    momentum: Fraction = 0.0
    centered: bool = False


ClassParameter: TypeAlias = bool | int | float | str | tuple[bool | int | float, ...]


class TorchOptimizer(Table, frozen=True):
    """A class of torch.optim by its full name, with the parameters that PyTorch gives it.

    `optimizer = { name = "torch.optim.NAdam", lr = 0.002, momentum_decay = 0.004 }`. The parameters
    stand in the table itself and are checked against the class before the first epoch. LBFGS,
    SparseAdam and Muon need more than parameters and are refused.
    """

    name: Annotated[str, Meta(pattern=r"^torch\.optim\.[A-Za-z]\w*$")]
    parameters: dict[str, ClassParameter] = field(default_factory=dict)


class NoScheduler(Table, frozen=True):
    """The learning rate stays as it is."""

    name: Literal["none"] = "none"


class StepLR(Table, frozen=True):
    """torch.optim.lr_scheduler.StepLR, stepped each epoch."""

    name: Literal["step_lr"]
    step_size: Annotated[int, Meta(ge=1)]
    gamma: Positive = 0.1


class MultiStepLR(Table, frozen=True):
    """torch.optim.lr_scheduler.MultiStepLR, stepped each epoch."""

    name: Literal["multi_step_lr"]
    milestones: Annotated[tuple[Annotated[int, Meta(ge=1)], ...], Meta(min_length=1)]
    gamma: Positive = 0.1


class CosineAnnealingLR(Table, frozen=True):
    """torch.optim.lr_scheduler.CosineAnnealingLR, stepped each epoch (arXiv:1608.03983).

    Laid out for the experiment's epochs, it keeps its length in a run that gets more of them, and
    then its last learning rate.
    """

    name: Literal["cosine_annealing_lr"]
    T_max: Annotated[int, Meta(ge=1)] | None = None
    """Epochs until the minimum. Default: the experiment's epochs."""
    eta_min: NonNegative = 0.0

    @property
    def ends_at_zero(self) -> bool:
        """Whether nothing is learnt after the epochs that it was laid out for."""
        return self.T_max is None and not self.eta_min


class OneCycleLR(Table, frozen=True):
    """torch.optim.lr_scheduler.OneCycleLR, stepped with the optimizer (arXiv:1708.07120).

    The cycle takes the experiment's epochs. A run that gets more of them keeps the cycle that it
    began, and then its last learning rate.
    """

    name: Literal["one_cycle_lr"]
    max_lr: Positive | None = None
    """Default: the optimizer's lr."""
    pct_start: Annotated[float, Meta(gt=0, lt=1)] = 0.3
    anneal_strategy: Literal["cos", "linear"] = "cos"
    div_factor: Positive = 25.0
    final_div_factor: Positive = 1e4
    three_phase: bool = False


class ReduceLROnPlateau(Table, frozen=True):
    """torch.optim.lr_scheduler.ReduceLROnPlateau, stepped each epoch with what was validated."""

    name: Literal["reduce_lr_on_plateau"]
    monitor: Literal["loss", "accuracy"] = "loss"
    """Of the validation images."""
    factor: Annotated[float, Meta(gt=0, lt=1)] = 0.1
    patience: Annotated[int, Meta(ge=0)] = 10
    """Epochs without improvement that are let pass."""
    threshold: NonNegative = 1e-4
    threshold_mode: Literal["rel", "abs"] = "rel"
    cooldown: Annotated[int, Meta(ge=0)] = 0
    min_lr: NonNegative = 0.0


class TorchScheduler(Table, frozen=True):
    """A class of torch.optim.lr_scheduler by its full name, with PyTorch's parameters.

    `scheduler = { name = "torch.optim.lr_scheduler.PolynomialLR", total_iters = 20 }`. The
    parameters stand in the table itself and are checked against the class before the first epoch.
    Those that take functions or other schedulers are refused: LambdaLR, MultiplicativeLR,
    SequentialLR, ChainedScheduler.
    """

    name: Annotated[str, Meta(pattern=r"^torch\.optim\.lr_scheduler\.[A-Za-z]\w*$")]
    step_each: Literal["epoch", "batch"] | None = None
    """`batch` means each optimizer step. Default: as PyTorch's documentation has it, which is
    `batch` for CyclicLR and OneCycleLR and `epoch` for all others."""
    parameters: dict[str, ClassParameter] = field(default_factory=dict)


Weights: TypeAlias = Annotated[tuple[Positive, ...], Meta(min_length=1)]


class CrossEntropy(Table, frozen=True):
    """torch.nn.functional.cross_entropy."""

    name: Literal["cross_entropy"] = "cross_entropy"
    label_smoothing: Annotated[float, Meta(ge=0, le=1)] = 0.0
    class_weights: Literal["none", "balanced"] | Weights = "none"
    """In training only. A weight per class, or `balanced`: images / (classes * images of the
    class), as scikit-learn has it. The loss is divided by the images, not by their weights."""
    jsd: NonNegative = 0.0
    """Weight of AugMix's Jensen-Shannon consistency (arXiv:1912.02781, which has 12). Each step
    then sees three views of each image: as it is before `aug_mix`, which must come last, and two
    mixtures of it. A step costs three times the computing and the memory."""


Optimizer = Sgd | Adam | RmsProp | TorchOptimizer


Scheduler = (
    NoScheduler
    | StepLR
    | MultiStepLR
    | CosineAnnealingLR
    | OneCycleLR
    | ReduceLROnPlateau
    | TorchScheduler
)
