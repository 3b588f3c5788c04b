"""The names that experiments.toml may use and the facts about data sets that need no torch.

`train/` builds what is named here; a test pins the two to each other.
"""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

ResNetName = Literal[
    "resnet18",
    "resnet34",
    "resnet50",
    "resnet101",
    "resnet152",
    "resnext101_32x8d",
    "resnext101_64x4d",
    "resnext50_32x4d",
    "wide_resnet101_2",
    "wide_resnet50_2",
]
ClassifierName = Literal[
    "alexnet",
    "convnext_base",
    "convnext_large",
    "convnext_small",
    "convnext_tiny",
    "densenet121",
    "densenet161",
    "densenet169",
    "densenet201",
    "efficientnet_b0",
    "efficientnet_b1",
    "efficientnet_b2",
    "efficientnet_b3",
    "efficientnet_b4",
    "efficientnet_b5",
    "efficientnet_b6",
    "efficientnet_b7",
    "efficientnet_v2_l",
    "efficientnet_v2_m",
    "efficientnet_v2_s",
    "googlenet",
    "inception_v3",
    "maxvit_t",
    "mnasnet0_5",
    "mnasnet0_75",
    "mnasnet1_0",
    "mnasnet1_3",
    "mobilenet_v2",
    "mobilenet_v3_large",
    "mobilenet_v3_small",
    "regnet_x_16gf",
    "regnet_x_1_6gf",
    "regnet_x_32gf",
    "regnet_x_3_2gf",
    "regnet_x_400mf",
    "regnet_x_800mf",
    "regnet_x_8gf",
    "regnet_y_128gf",
    "regnet_y_16gf",
    "regnet_y_1_6gf",
    "regnet_y_32gf",
    "regnet_y_3_2gf",
    "regnet_y_400mf",
    "regnet_y_800mf",
    "regnet_y_8gf",
    "shufflenet_v2_x0_5",
    "shufflenet_v2_x1_0",
    "shufflenet_v2_x1_5",
    "shufflenet_v2_x2_0",
    "squeezenet1_0",
    "squeezenet1_1",
    "swin_b",
    "swin_s",
    "swin_t",
    "swin_v2_b",
    "swin_v2_s",
    "swin_v2_t",
    "vgg11",
    "vgg11_bn",
    "vgg13",
    "vgg13_bn",
    "vgg16",
    "vgg16_bn",
    "vgg19",
    "vgg19_bn",
    "vit_b_16",
    "vit_b_32",
    "vit_h_14",
    "vit_l_16",
    "vit_l_32",
]
ModelName = Literal["cnn", "simple_cnn", "cnn4", ResNetName, ClassifierName]
_TAKES_FUNCTION = "it takes a function, which TOML cannot hold"
_TAKES_SCHEDULERS = "it takes other schedulers; name one, `warmup` goes before any"
OUT_OF_PLACE: Final[dict[str, str]] = {
    "LBFGS": "it computes the loss several times in a step; use `sgd` or `adamw`",
    "SparseAdam": "it takes sparse gradients only; use `adam`",
    "Muon": "it takes matrices only, and networks have biases; use `adamw`",
    "LambdaLR": f"{_TAKES_FUNCTION}; use `multi_step_lr` or torch.optim.lr_scheduler.PolynomialLR",
    "MultiplicativeLR": f"{_TAKES_FUNCTION}; use torch.optim.lr_scheduler.ExponentialLR",
    "SequentialLR": _TAKES_SCHEDULERS,
    "ChainedScheduler": _TAKES_SCHEDULERS,
    "ReduceLROnPlateau": "it is called `reduce_lr_on_plateau` here",
    "Optimizer": "it is the base of the others; use `sgd` or `adamw`",
    "LRScheduler": "it is the base of the others; use `step_lr` or `cosine_annealing_lr`",
}
"""Classes of torch.optim that need more than parameters: why they cannot be used, what can."""
ActivationName = Literal["relu", "leaky_relu", "elu", "gelu", "silu", "tanh"]
NormalizationName = Literal["batch_norm", "group_norm", "layer_norm", "none"]
DataName = Literal["digits", "cifar10", "cifar100", "folder", "npz"]
CifarName = Literal["cifar10", "cifar100"]
CorruptionName = Literal[
    "gaussian_noise",
    "shot_noise",
    "impulse_noise",
    "defocus_blur",
    "glass_blur",
    "motion_blur",
    "zoom_blur",
    "snow",
    "fog",
    "brightness",
    "contrast",
    "elastic_transform",
    "pixelate",
    "jpeg_compression",
    "speckle_noise",
    "gaussian_blur",
    "spatter",
    "saturate",
]


class ImageStatistics(NamedTuple):
    """What normalisation needs to know of a data set: side in pixels, mean and std per channel."""

    size: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]


# cifar10 and cifar100: the training sets' published channel statistics on [0, 1].
# digits: measured on its training split as shown, 32 x 32 RGB; a test measures again.
IMAGE_STATISTICS: Final[dict[DataName, ImageStatistics]] = {
    "digits": ImageStatistics(32, (0.3047, 0.3047, 0.3047), (0.3236, 0.3236, 0.3236)),
    "cifar10": ImageStatistics(32, (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)),
    "cifar100": ImageStatistics(32, (0.5071, 0.4867, 0.4408), (0.2675, 0.2565, 0.2761)),
    # ImageNet's, as torchvision's weights expect.
    "folder": ImageStatistics(224, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    # Unknown images go to -1 to 1.
    "npz": ImageStatistics(32, (0.5, 0.5, 0.5), (0.5, 0.5, 0.5)),
}

CLASS_COUNT: Final[dict[DataName, int]] = {"digits": 10, "cifar10": 10, "cifar100": 100}
CIFAR_FOLDER: Final[dict[DataName, str]] = {
    "cifar10": "cifar-10-batches-py",
    "cifar100": "cifar-100-python",
}

_V1, _V2 = "IMAGENET1K_V1", "IMAGENET1K_V2"
_SWAG = ("IMAGENET1K_SWAG_E2E_V1", "IMAGENET1K_SWAG_LINEAR_V1")
_SECOND_WEIGHTS = (
    "efficientnet_b1",
    "mobilenet_v2",
    "mobilenet_v3_large",
    "regnet_x_16gf",
    "regnet_x_1_6gf",
    "regnet_x_32gf",
    "regnet_x_3_2gf",
    "regnet_x_400mf",
    "regnet_x_800mf",
    "regnet_x_8gf",
    "regnet_y_1_6gf",
    "regnet_y_3_2gf",
    "regnet_y_400mf",
    "regnet_y_800mf",
    "regnet_y_8gf",
    "resnet101",
    "resnet152",
    "resnet50",
    "resnext101_32x8d",
    "resnext50_32x4d",
    "wide_resnet101_2",
    "wide_resnet50_2",
)
# Whoever is not named here has the first ones alone.
_MORE_WEIGHTS: Final[dict[str, tuple[str, ...]]] = {
    **dict.fromkeys(_SECOND_WEIGHTS, (_V1, _V2)),
    "regnet_y_128gf": _SWAG,
    "regnet_y_16gf": (_V1, _V2, *_SWAG),
    "regnet_y_32gf": (_V1, _V2, *_SWAG),
    "vgg16": (_V1, "IMAGENET1K_FEATURES"),
    "vit_b_16": (_V1, *_SWAG),
    "vit_h_14": _SWAG,
    "vit_l_16": (_V1, *_SWAG),
}


def weights_of(name: str) -> tuple[str, ...]:
    """The names of the published weights of one of torchvision's networks."""
    return _MORE_WEIGHTS.get(name, (_V1,))


def names_a_file(weights: str) -> bool:
    """Whether `weights` is the path of a file and no name of published weights."""
    return "/" in weights or weights.endswith((".pt", ".pth"))


CIFAR_FILES: Final[dict[DataName, tuple[str, ...]]] = {
    "cifar10": (*(f"data_batch_{number}" for number in range(1, 6)), "test_batch"),
    "cifar100": ("train", "test"),
}
