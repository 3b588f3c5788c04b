"""The fingerprint: the same for what gives the same result, another for what does not."""

from __future__ import annotations

from typing import Any

import pytest

from tui_trainer.spec.augmentation import Augmentation
from tui_trainer.spec.check import annotated_keys, check_experiment, kinds
from tui_trainer.spec.experiment import Experiment

CIFAR: dict[str, Any] = {"data": {"name": "cifar10"}}
ADAM: dict[str, Any] = {"optimizer": {"name": "adam"}}
BLUR: dict[str, Any] = {"name": "gaussian_blur"}


def fingerprint(*trees: dict[str, Any]) -> str:
    merged: dict[str, Any] = {}
    for tree in trees:
        for key, value in tree.items():
            old = merged.get(key)
            merged[key] = (
                old | value if isinstance(old, dict) and isinstance(value, dict) else value
            )
    checked = check_experiment(merged)
    assert checked.table is not None, checked.problems
    return checked.table.fingerprint


def scheduler(name: str, **values: Any) -> dict[str, Any]:
    return {"scheduler": {"name": name, **values}}


def augmented(name: str, **values: Any) -> dict[str, Any]:
    return {"augment": [{"name": name, **values}]}


STEP = scheduler("step_lr", step_size=3)
STEPS = scheduler("multi_step_lr", milestones=[3])
COSINE = scheduler("cosine_annealing_lr")
CYCLE = scheduler("one_cycle_lr")
PLATEAU = scheduler("reduce_lr_on_plateau")
POLYNOMIAL = scheduler("torch.optim.lr_scheduler.PolynomialLR")
RMSPROP: dict[str, Any] = {"optimizer": {"name": "rmsprop"}}
NADAM: dict[str, Any] = {"optimizer": {"name": "torch.optim.NAdam"}}

# Each row: what stays, and what is added to it and must show.
DECIDING: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "epochs": ({}, {"epochs": 21}),
    "batch_size": ({}, {"batch_size": 65}),
    "seed": ({}, {"seed": 1}),
    "Cnn.name": ({}, {"model": {"name": "resnet18"}}),
    "Cnn.depth": ({}, {"model": {"depth": 3}}),
    "Cnn.width": ({}, {"model": {"width": 65}}),
    "Cnn.activation": ({}, {"model": {"activation": "gelu"}}),
    "Cnn.normalization": ({}, {"model": {"normalization": "none"}}),
    "Cnn.dropout": ({}, {"model": {"dropout": 0.1}}),
    "Cnn.hidden": ({}, {"model": {"hidden": 8}}),
    "Cnn.init": ({}, {"model": {"init": "pytorch"}}),
    **{
        f"{kind}.{key}": ({"model": {"name": name}}, {"model": {key: value}})
        for kind, name in (("SimpleCnn", "simple_cnn"), ("Cnn4", "cnn4"))
        for key, value in {
            "name": "cnn",
            "depth": 3,
            "width": 65,
            "activation": "gelu",
            "normalization": "group_norm",
            "dropout": 0.1,
            "hidden": 8,
            "init": "scaled" if name == "simple_cnn" else "pytorch",
        }.items()
    },
    "Classifier.name": ({"model": {"name": "alexnet"}}, {"model": {"name": "vgg11"}}),
    "Classifier.weights": ({"model": {"name": "alexnet"}}, {"model": {"weights": "default"}}),
    "OwnModel.name": ({"model": {"name": "my.nets:one"}}, {"model": {"name": "my.nets:two"}}),
    "ResNet.stem": ({"model": {"name": "resnet18"}}, {"model": {"stem": "cifar"}}),
    "ResNet.name": ({"model": {"name": "resnet18"}}, {"model": {"name": "resnet34"}}),
    "ResNet.weights": ({"model": {"name": "resnet18"}}, {"model": {"weights": "default"}}),
    "Digits.name": ({}, CIFAR),
    "Cifar.name": (CIFAR, {"data": {"name": "cifar100"}}),
    "Cifar.validation_fraction": (CIFAR, {"data": {"validation_fraction": 0.2}}),
    "Cifar.split_seed": (CIFAR, {"data": {"split_seed": 1}}),
    **{
        f"{kind}.{key}": ({"data": {"name": name, **path}}, {"data": {key: value}})
        for kind, name, path in (
            ("ImageFolder", "folder", {"path": "images"}),
            ("Npz", "npz", {"path": "images.npz"}),
            ("OwnData", "mine:load", {}),
        )
        for key, value in {
            "name": "npz" if name == "folder" else "other:load",
            "validation_fraction": 0.2,
            "test_fraction": 0.2,
            "split_seed": 1,
            **dict.fromkeys(path, "elsewhere"),
        }.items()
        if (name, key) != ("npz", "name")
    },
    "Npz.name": ({"data": {"name": "npz", "path": "a"}}, {"data": {"name": "folder"}}),
    "Pipeline.size": ({}, {"pipeline": {"size": 64}}),
    "Pipeline.mean": ({}, {"pipeline": {"mean": [0, 0, 0]}}),
    "Pipeline.std": ({}, {"pipeline": {"std": [1, 1, 1]}}),
    "Sgd.name": ({}, ADAM),
    "Sgd.lr": ({}, {"optimizer": {"lr": 0.2}}),
    "Sgd.momentum": ({}, {"optimizer": {"momentum": 0.9}}),
    "Sgd.dampening": ({}, {"optimizer": {"dampening": 0.1}}),
    "Sgd.weight_decay": ({}, {"optimizer": {"weight_decay": 0.1}}),
    "Sgd.nesterov": ({"optimizer": {"momentum": 0.9}}, {"optimizer": {"nesterov": True}}),
    "Adam.name": (ADAM, {"optimizer": {"name": "adamw"}}),
    "Adam.lr": (ADAM, {"optimizer": {"lr": 0.2}}),
    "Adam.betas": (ADAM, {"optimizer": {"betas": [0.8, 0.9]}}),
    "Adam.eps": (ADAM, {"optimizer": {"eps": 1e-3}}),
    "Adam.weight_decay": (ADAM, {"optimizer": {"weight_decay": 0.0}}),
    "Adam.amsgrad": (ADAM, {"optimizer": {"amsgrad": True}}),
    "NoScheduler.name": ({}, CYCLE),
    "StepLR.name": (STEP, COSINE | {"scheduler": {"name": "step_lr", "step_size": 4}}),
    "StepLR.step_size": (STEP, {"scheduler": {"step_size": 4}}),
    "StepLR.gamma": (STEP, {"scheduler": {"gamma": 0.5}}),
    "MultiStepLR.name": (STEPS, {"scheduler": {"milestones": [5]}}),
    "MultiStepLR.milestones": (STEPS, {"scheduler": {"milestones": [3, 4]}}),
    "MultiStepLR.gamma": (STEPS, {"scheduler": {"gamma": 0.5}}),
    "CosineAnnealingLR.name": (COSINE, {"scheduler": {"name": "none"}}),
    "CosineAnnealingLR.T_max": (COSINE, {"scheduler": {"T_max": 5}}),
    "CosineAnnealingLR.eta_min": (COSINE, {"scheduler": {"eta_min": 0.1}}),
    "OneCycleLR.name": (CYCLE, {"scheduler": {"name": "none"}}),
    "OneCycleLR.max_lr": (CYCLE, {"scheduler": {"max_lr": 1.0}}),
    "OneCycleLR.pct_start": (CYCLE, {"scheduler": {"pct_start": 0.5}}),
    "OneCycleLR.anneal_strategy": (CYCLE, {"scheduler": {"anneal_strategy": "linear"}}),
    "OneCycleLR.div_factor": (CYCLE, {"scheduler": {"div_factor": 9.0}}),
    "OneCycleLR.final_div_factor": (CYCLE, {"scheduler": {"final_div_factor": 9.0}}),
    "OneCycleLR.three_phase": (CYCLE, {"scheduler": {"three_phase": True}}),
    "CrossEntropy.label_smoothing": ({}, {"loss": {"label_smoothing": 0.1}}),
    "RmsProp.name": (RMSPROP, {"optimizer": {"name": "adam"}}),
    "RmsProp.lr": (RMSPROP, {"optimizer": {"lr": 0.2}}),
    "RmsProp.alpha": (RMSPROP, {"optimizer": {"alpha": 0.2}}),
    "RmsProp.eps": (RMSPROP, {"optimizer": {"eps": 0.2}}),
    "RmsProp.weight_decay": (RMSPROP, {"optimizer": {"weight_decay": 0.2}}),
    "RmsProp.momentum": (RMSPROP, {"optimizer": {"momentum": 0.2}}),
    "RmsProp.centered": (RMSPROP, {"optimizer": {"centered": True}}),
    "TorchOptimizer.name": (NADAM, {"optimizer": {"name": "torch.optim.RAdam"}}),
    "TorchOptimizer.parameters": (NADAM, {"optimizer": {"lr": 0.2}}),
    "ReduceLROnPlateau.name": (PLATEAU, {"scheduler": {"name": "none"}}),
    "ReduceLROnPlateau.monitor": (PLATEAU, {"scheduler": {"monitor": "accuracy"}}),
    "ReduceLROnPlateau.factor": (PLATEAU, {"scheduler": {"factor": 0.2}}),
    "ReduceLROnPlateau.patience": (PLATEAU, {"scheduler": {"patience": 2}}),
    "ReduceLROnPlateau.threshold": (PLATEAU, {"scheduler": {"threshold": 0.2}}),
    "ReduceLROnPlateau.threshold_mode": (PLATEAU, {"scheduler": {"threshold_mode": "abs"}}),
    "ReduceLROnPlateau.cooldown": (PLATEAU, {"scheduler": {"cooldown": 2}}),
    "ReduceLROnPlateau.min_lr": (PLATEAU, {"scheduler": {"min_lr": 0.2}}),
    "TorchScheduler.name": (POLYNOMIAL, {"scheduler": {"name": "none"}}),
    "TorchScheduler.step_each": (POLYNOMIAL, {"scheduler": {"step_each": "batch"}}),
    "TorchScheduler.parameters": (POLYNOMIAL, {"scheduler": {"power": 2}}),
    "CrossEntropy.class_weights": ({}, {"loss": {"class_weights": "balanced"}}),
    "CrossEntropy.jsd": (augmented("aug_mix"), {"loss": {"jsd": 12}}),
    "Warmup.epochs": ({}, {"warmup": {"epochs": 1}}),
    "Warmup.steps": ({}, {"warmup": {"steps": 1}}),
    "Warmup.start": ({}, {"warmup": {"start": 0.1}}),
    "Ema.decay": ({}, {"ema": {"decay": 0.9}}),
    "Training.precision": ({}, {"training": {"precision": "bf16"}}),
    "Training.accumulate": ({}, {"training": {"accumulate": 2}}),
    "Training.gradient_clip_norm": ({}, {"training": {"gradient_clip_norm": 1}}),
    "Training.gradient_clip_value": ({}, {"training": {"gradient_clip_value": 1}}),
    "Training.layout": ({}, {"training": {"layout": "contiguous"}}),
    "Training.compile": ({}, {"training": {"compile": True}}),
    "Training.on_nan": ({}, {"training": {"on_nan": "reload"}}),
    "RandomCrop.name": ({}, augmented("random_crop")),
    "RandomCrop.padding": (augmented("random_crop"), augmented("random_crop", padding=5)),
    "HorizontalFlip.name": ({}, augmented("horizontal_flip")),
    "HorizontalFlip.p": (augmented("horizontal_flip"), augmented("horizontal_flip", p=0.1)),
    "Rotation.name": ({}, augmented("rotation")),
    "Rotation.degrees": (augmented("rotation"), augmented("rotation", degrees=5)),
    "GaussianBlur.name": ({}, augmented("gaussian_blur")),
    "GaussianBlur.kernel_size": ({"augment": [BLUR]}, augmented("gaussian_blur", kernel_size=5)),
    "GaussianBlur.sigma": ({"augment": [BLUR]}, augmented("gaussian_blur", sigma=[1, 1])),
    "GaussianNoise.name": ({}, augmented("gaussian_noise")),
    "GaussianNoise.sigma": (augmented("gaussian_noise"), augmented("gaussian_noise", sigma=1)),
    "Affine.name": ({}, augmented("affine", degrees=10)),
    "Affine.degrees": (augmented("affine", degrees=10), augmented("affine", degrees=20)),
    "Affine.translate": (
        augmented("affine", degrees=10),
        augmented("affine", degrees=10, translate=[0.1, 0.0]),
    ),
    "Affine.scale": (
        augmented("affine", degrees=10),
        augmented("affine", degrees=10, scale=[0.9, 1.1]),
    ),
    "Affine.shear": (augmented("affine", degrees=10), augmented("affine", degrees=10, shear=5)),
    "ColorJitter.name": ({}, augmented("color_jitter")),
    "ColorJitter.brightness": (
        augmented("color_jitter"),
        augmented("color_jitter", brightness=0.1),
    ),
    "ColorJitter.contrast": (augmented("color_jitter"), augmented("color_jitter", contrast=0.1)),
    "ColorJitter.saturation": (
        augmented("color_jitter"),
        augmented("color_jitter", saturation=0.1),
    ),
    "ColorJitter.hue": (augmented("color_jitter"), augmented("color_jitter", hue=0.1)),
    "RandomErasing.name": ({}, augmented("random_erasing")),
    "RandomErasing.p": (augmented("random_erasing"), augmented("random_erasing", p=0.1)),
    "RandomErasing.scale": (
        augmented("random_erasing"),
        augmented("random_erasing", scale=[0.1, 0.2]),
    ),
    "RandomErasing.ratio": (augmented("random_erasing"), augmented("random_erasing", ratio=[1, 1])),
    "RandomErasing.value": (augmented("random_erasing"), augmented("random_erasing", value=0.5)),
    "RandAugment.name": ({}, augmented("rand_augment")),
    "RandAugment.num_ops": (augmented("rand_augment"), augmented("rand_augment", num_ops=1)),
    "RandAugment.magnitude": (augmented("rand_augment"), augmented("rand_augment", magnitude=5)),
    "RandAugment.num_magnitude_bins": (
        augmented("rand_augment"),
        augmented("rand_augment", num_magnitude_bins=10),
    ),
    "TrivialAugmentWide.name": ({}, augmented("trivial_augment_wide")),
    "TrivialAugmentWide.num_magnitude_bins": (
        augmented("trivial_augment_wide"),
        augmented("trivial_augment_wide", num_magnitude_bins=10),
    ),
    "AugMix.name": ({}, augmented("aug_mix")),
    "AugMix.severity": (augmented("aug_mix"), augmented("aug_mix", severity=1)),
    "AugMix.mixture_width": (augmented("aug_mix"), augmented("aug_mix", mixture_width=2)),
    "AugMix.chain_depth": (augmented("aug_mix"), augmented("aug_mix", chain_depth=2)),
    "AugMix.alpha": (augmented("aug_mix"), augmented("aug_mix", alpha=0.5)),
    "AugMix.all_ops": (augmented("aug_mix"), augmented("aug_mix", all_ops=False)),
    "Mixup.name": ({}, augmented("mixup")),
    "Mixup.alpha": (augmented("mixup"), augmented("mixup", alpha=0.5)),
    "CutMix.name": ({}, augmented("cutmix")),
    "CutMix.alpha": (augmented("cutmix"), augmented("cutmix", alpha=0.5)),
    "Ood.corruptions": ({"ood": {}}, {"ood": {"corruptions": ["fog", "snow"]}}),
    "Ood.severities": ({"ood": {}}, {"ood": {"severities": [1, 3, 5]}}),
    "Ood.split": ({"ood": {}}, {"ood": {"split": "validation"}}),
    "Ood.probe": ({"ood": {}}, {"ood": {"probe": 64}}),
    "Ood.adapt_batch_norm": ({"ood": {}}, {"ood": {"adapt_batch_norm": 200}}),
    "Ood.adapt_prior": (
        {"ood": {"adapt_batch_norm": 200}},
        {"ood": {"adapt_batch_norm": 200, "adapt_prior": 16}},
    ),
    "Evaluation.flip": ({}, {"evaluation": {"flip": True}}),
    "Ood.folder": ({"ood": {}}, {"ood": {"folder": "data/ood"}}),
}
NOT_DECIDING: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "description": ({}, {"description": "another"}),
    "checkpoint_minutes": ({}, {"checkpoint_minutes": 0.5}),
    "Cifar.root": (CIFAR, {"data": {"root": "/elsewhere"}}),
    "Cifar.verify": (CIFAR, {"data": {"verify": "shape"}}),
    "ImageFolder.stage": (
        {"data": {"name": "folder", "path": "images"}},
        {"data": {"stage": True}},
    ),
    "Resources.slots": ({}, {"resources": {"slots": 2}}),
    "Resources.device": ({}, {"resources": {"device": "cpu"}}),
    "Resources.max_restarts": ({}, {"resources": {"max_restarts": 0}}),
    "Resources.walltime": ({}, {"resources": {"walltime": "12:00:00"}}),
    "Resources.memory": ({}, {"resources": {"memory": "16G"}}),
    "Resources.gpus": ({}, {"resources": {"gpus": 1}}),
    "Resources.cluster": ({}, {"resources": {"cluster": "big"}}),
    "launcher": ({}, {"launcher": "slurm"}),
}
# One value only, so nothing can be changed.
WITHOUT_CHOICE = {"CrossEntropy.name"}


@pytest.mark.parametrize("key", DECIDING)
def test_what_decides_the_result_shows_in_the_fingerprint(key: str) -> None:
    before, change = DECIDING[key]
    assert fingerprint(before, change) != fingerprint(before)


@pytest.mark.parametrize("key", NOT_DECIDING)
def test_what_does_not_decide_the_result_does_not_show(key: str) -> None:
    before, change = NOT_DECIDING[key]
    assert fingerprint(before, change) == fingerprint(before)


def test_every_key_of_the_schema_is_in_one_of_the_lists() -> None:
    every = set()
    for key, annotation in annotated_keys(Experiment).items():
        tables = kinds(Augmentation) if key == "augment" else kinds(annotation)
        every |= {
            f"{table.__name__}.{inner}" for table in tables for inner in annotated_keys(table)
        }
        every |= set() if tables else {key}
    assert every == DECIDING.keys() | NOT_DECIDING.keys() | WITHOUT_CHOICE


def test_the_order_of_keys_does_not_show() -> None:
    forwards = {"epochs": 3, "optimizer": {"lr": 0.5, "momentum": 0.9}}
    backwards = {"optimizer": {"momentum": 0.9, "lr": 0.5}, "epochs": 3}
    assert fingerprint(forwards) == fingerprint(backwards)


def test_a_default_written_out_does_not_show() -> None:
    assert fingerprint({"epochs": 20, "model": {"name": "cnn", "depth": 2}}) == fingerprint({})


def test_a_whole_number_and_its_float_are_one() -> None:
    assert fingerprint({"optimizer": {"lr": 1}}) == fingerprint({"optimizer": {"lr": 1.0}})


def test_the_order_of_augmentations_shows() -> None:
    one, two = {"name": "rotation"}, {"name": "random_crop"}
    assert fingerprint({"augment": [one, two]}) != fingerprint({"augment": [two, one]})
