from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torchvision.transforms.v2 import functional as torchvision

from tests.train.test_dataset import random_split
from tui_trainer.spec import augmentation as spec
from tui_trainer.spec.data import Pipeline
from tui_trainer.train import augment, geometry
from tui_trainer.train.pipeline import ImagePipeline
from tui_trainer.train.randomness import generator

if TYPE_CHECKING:
    from tui_trainer.spec.augmentation import Augmentation

CPU = torch.device("cpu")
COUNT = 64
ALL: tuple[Augmentation, ...] = (
    spec.RandomCrop("random_crop", 4),
    spec.HorizontalFlip("horizontal_flip"),
    spec.Rotation("rotation", 180.0),
    spec.GaussianBlur("gaussian_blur"),
    spec.GaussianNoise("gaussian_noise"),
    spec.Affine("affine", 90.0, (0.3, 0.2), (0.5, 1.5), 30.0),
    spec.RandomErasing("random_erasing", value=0.25),
    spec.ColorJitter("color_jitter", 0.5, 0.5, 0.5, 0.2),
    spec.RandAugment("rand_augment"),
    spec.TrivialAugmentWide("trivial_augment_wide"),
    spec.AugMix("aug_mix"),
    spec.Mixup("mixup"),
    spec.CutMix("cutmix"),
)
by_name = pytest.mark.parametrize("step", ALL, ids=lambda step: step.name)


def pipeline_of(size: int) -> ImagePipeline:
    return ImagePipeline(Pipeline(size, (0.5, 0.4, 0.3), (0.2, 0.25, 0.3)), CPU)


def by_torchvision(image: Tensor, step: augment.Drawn, index: int) -> Any:
    """One image by torchvision, with the parameters that ours drew."""
    side = image.shape[-1]
    if isinstance(step, geometry.Crop):
        padded = torchvision.pad(image, [step.padding])
        return torchvision.crop(padded, int(step.top[index]), int(step.left[index]), side, side)
    if isinstance(step, geometry.Flip):
        return torchvision.horizontal_flip(image) if step.flipped[index] else image
    if isinstance(step, geometry.Rotate):
        return torchvision.rotate(image, float(step.degrees[index]))
    if isinstance(step, geometry.Affine):
        across, down = step.shift[:, index].tolist()
        return torchvision.affine(
            image,
            float(step.degrees[index]),
            [int(across), int(down)],
            float(step.scale[index]),
            step.shear[:, index].tolist(),
        )
    if isinstance(step, augment.Erase):
        box = [int(edge[index]) for edge in (step.top, step.left, step.height, step.width)]
        return torchvision.erase(image, *box, torch.tensor([step.value]))
    assert isinstance(step, augment.Blur)
    return torchvision.gaussian_blur(image, [step.kernel_size] * 2, [float(step.sigma[index])])


def all_by_torchvision(images: Tensor, drawn: list[augment.Drawn]) -> Tensor:
    done = []
    for index, image in enumerate(images):
        changed = image
        for step in drawn:
            changed = by_torchvision(changed, step, index)
        done.append(changed)
    return torch.stack(done)


@pytest.mark.parametrize("side", [32, 33, 8, 1])
@pytest.mark.parametrize(
    "order", [(0, 1, 2), (2, 1, 0), (0,), (1,), (2,), (5,), (2, 0, 2, 0), (5, 1, 5)]
)
def test_what_moves_pixels_is_torchvision_to_the_pixel(side: int, order: tuple[int, ...]) -> None:
    split, images = random_split(COUNT, side)
    indices = torch.randperm(COUNT)
    drawn = augment.draw([ALL[i] for i in order], COUNT, side, generator(1, "test", side))
    ours = augment.augmented(split, indices, drawn, pipeline_of(side))
    theirs = all_by_torchvision(images[indices], drawn)
    assert torch.equal((ours * 255).round().byte(), theirs)


@pytest.mark.parametrize("kernel_size", [3, 5, 9, 31])
def test_blur_is_torchvisions(kernel_size: int) -> None:
    images = torch.rand(8, 3, 32, 32)
    drawn = augment.draw(
        [spec.GaussianBlur("gaussian_blur", kernel_size, (0.1, 3.0))], 8, 32, generator(0, "test")
    )
    difference = augment.changed(images, drawn) - all_by_torchvision(images, drawn)
    assert difference.abs().max() <= 1e-5


@pytest.mark.parametrize("order", [(3, 0, 2), (0, 3, 1), (2, 3, 0, 3, 1), (6, 5, 3)])
def test_a_mix_is_done_in_the_declared_order(order: tuple[int, ...]) -> None:
    split, images = random_split(16, 32)
    drawn = augment.draw([ALL[i] for i in order], 16, 32, generator(2, "test"))
    ours = augment.augmented(split, torch.arange(16), drawn, pipeline_of(32))
    assert (ours - all_by_torchvision(images / 255, drawn)).abs().max() <= 1e-5
    backwards = augment.augmented(split, torch.arange(16), drawn[::-1], pipeline_of(32))
    assert (ours - backwards).abs().max() > 0.1


def test_images_are_resized_before_they_are_changed() -> None:
    split, images = random_split(8, 16)
    drawn = augment.draw(ALL[:3], 8, 24, generator(3, "test"))
    ours = augment.augmented(split, torch.arange(8), drawn, pipeline_of(24))
    resized = torchvision.resize(images / 255, [24, 24], antialias=True)
    assert (ours - all_by_torchvision(resized, drawn)).abs().max() <= 1e-6


def test_noise_has_its_sigma_and_stays_within_bounds() -> None:
    grey = torch.full((16, 3, 32, 32), 0.5)
    step = spec.GaussianNoise("gaussian_noise", 0.1)
    noisy = augment.changed(grey, augment.draw([step], 16, 32, generator(0, "test")))
    assert abs(float((noisy - grey).std()) - 0.1) < 0.002
    assert abs(float((noisy - grey).mean())) < 0.002
    loud = msgspec.structs.replace(step, sigma=5.0)
    noisy = augment.changed(grey, augment.draw([loud], 16, 32, generator(0, "test")))
    assert float(noisy.min()) == 0.0
    assert float(noisy.max()) == 1.0


@by_name
def test_each_image_of_a_batch_has_its_own_draw(step: Augmentation) -> None:
    split, _ = random_split(2, 32)
    # Mixing needs a neighbour that differs.
    same = torch.arange(COUNT) % 2
    drawn = augment.draw([step], COUNT, 32, generator(0, "test"))
    images = augment.augmented(split, same, drawn, pipeline_of(32))
    assert len({bytes(image.numpy().tobytes()) for image in images[::2]}) > 1


@by_name
def test_draws_depend_on_the_generator_alone(step: Augmentation) -> None:
    def result(*key: int) -> Tensor:
        split, _ = fixed
        drawn = augment.draw([step], COUNT, 32, generator(0, "test", *key))
        return augment.augmented(split, torch.arange(COUNT), drawn, pipeline_of(32))

    fixed = random_split(COUNT, 32)
    first = result(1)
    torch.manual_seed(7)
    assert torch.equal(first, result(1))
    assert not torch.equal(first, result(2))


@by_name
def test_the_result_is_channels_last_and_on_the_unit_interval(step: Augmentation) -> None:
    split, _ = random_split(4, 32)
    drawn = augment.draw([step], 4, 32, generator(0, "test"))
    images = augment.augmented(split, torch.arange(4), drawn, pipeline_of(32))
    assert images.is_contiguous(memory_format=torch.channels_last)
    assert 0 <= float(images.min()) <= float(images.max()) <= 1 + 1e-6


@pytest.mark.parametrize(
    ("step", "lowest", "highest", "drawn_values"),
    [
        (ALL[0], 0, 8, lambda drawn: torch.cat((drawn.top, drawn.left))),
        (ALL[2], -180, 180, lambda drawn: drawn.degrees),
        (ALL[3], 0.1, 2.0, lambda drawn: drawn.sigma),
    ],
)
def test_the_whole_range_is_drawn_from(
    step: Augmentation, lowest: float, highest: float, drawn_values: Any
) -> None:
    values = drawn_values(augment.draw([step], 4000, 32, generator(0, "test"))[0]).double()
    margin = (highest - lowest) / 100
    assert lowest <= float(values.min()) < lowest + margin
    assert highest - margin < float(values.max()) <= highest
    assert abs(float(values.mean()) - (lowest + highest) / 2) < 3 * margin


class NoMixedDevices(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Fails where an operation takes tensors of two devices, which CUDA would refuse."""

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        tensors = [part for part in tree_leaves((args, kwargs)) if isinstance(part, Tensor)]
        devices = {tensor.device for tensor in tensors if tensor.ndim}
        assert len(devices) <= 1 or "copy" in str(func), f"{func} on {devices}"
        return func(*args, **(kwargs or {}))


# The meta device has no generator for noise, which is drawn where the images are.
@pytest.mark.parametrize("step", [*ALL[:4], *ALL[5:]], ids=lambda step: step.name)
def test_the_device_is_never_waited_for(step: Augmentation) -> None:
    # A tensor on the meta device has no values: reading one is an error.
    drawn = augment.draw([step], COUNT, 32, generator(0, "test"))
    before = torch.rand(COUNT, 3, 32, 32, device="meta")
    with NoMixedDevices():  # type: ignore[no-untyped-call]
        images = augment.changed(before, drawn)
        labels = augment.targets(drawn, torch.zeros(COUNT, dtype=torch.long, device="meta"), 10)
    assert images.shape == (COUNT, 3, 32, 32)
    assert images.device == labels.device == torch.device("meta")


@pytest.mark.parametrize("side", [1, 2, 3, 33])
def test_the_widest_settings_keep_images_finite_and_on_the_unit_interval(side: int) -> None:
    steps: tuple[Augmentation, ...] = (
        spec.Affine("affine", 180.0, (1.0, 1.0), (0.01, 100.0), 89.9),
        spec.ColorJitter("color_jitter", 100.0, 100.0, 100.0, 0.5),
        spec.RandAugment("rand_augment", 20, 999, 1000),
        spec.AugMix("aug_mix", 10, 20, 20, 0.01),
        spec.RandomErasing("random_erasing", 1.0, (0.0, 1.0), (0.01, 100.0)),
        spec.CutMix("cutmix", 1000.0),
    )
    images = torch.rand(8, 3, side, side)
    for step in steps:
        drawn = augment.draw([step], 8, side, generator(0, "test"))
        changed = augment.changed(images, drawn)
        assert 0 <= float(changed.min()) <= float(changed.max()) <= 1 + 1e-5, step.name


def test_affine_draws_what_it_is_asked_for() -> None:
    step = spec.Affine("affine", 20.0, (0.25, 0.5), (0.5, 2.0), 10.0)
    (drawn,) = augment.draw([step], 4000, 32, generator(0, "test"))
    assert isinstance(drawn, geometry.Affine)
    expected = [
        (drawn.degrees, -20, 20),
        (drawn.shift[0], -8, 8),
        (drawn.shift[1], -16, 16),
        (drawn.scale, 0.5, 2.0),
        (drawn.shear[0], -10, 10),
    ]
    for values, lowest, highest in expected:
        margin = (highest - lowest) / 100
        assert lowest <= float(values.min()) < lowest + margin
        assert highest - margin < float(values.max()) <= highest
        assert abs(float(values.double().mean()) - (lowest + highest) / 2) < 3 * margin
    assert torch.equal(drawn.shift, drawn.shift.round())
    assert not drawn.shear[1].any()


@pytest.mark.parametrize("p", [0.0, 0.5, 1.0])
def test_boxes_are_erased_as_often_and_as_large_as_asked(p: float) -> None:
    step = spec.RandomErasing("random_erasing", p, (0.1, 0.3), (0.5, 2.0))
    (drawn,) = augment.draw([step], 4000, 64, generator(0, "test"))
    assert isinstance(drawn, augment.Erase)
    erased = drawn.height > 0
    assert abs(float(erased.double().mean()) - p) < 0.03
    height, width = drawn.height[erased].double(), drawn.width[erased].double()
    share, ratio = height * width / 64**2, height / width
    if p:
        assert [float(share.min()), float(share.max())] == pytest.approx([0.1, 0.3], abs=0.01)
        assert [float(ratio.min()), float(ratio.max())] == pytest.approx([0.5, 2.0], rel=0.1)
        assert abs(float(ratio.log().mean())) < 0.03
        assert int(drawn.top[erased].min()) == int(drawn.left[erased].min()) == 0
        assert int((drawn.top + drawn.height)[erased].max()) == 64
        assert int((drawn.left + drawn.width)[erased].max()) == 64


@pytest.mark.parametrize(("share", "ratio"), [(1.0, 1.0), (0.5, 2.0), (0.5, 0.5), (0.5, 10.0)])
def test_what_would_reach_from_edge_to_edge_is_not_erased(share: float, ratio: float) -> None:
    step = spec.RandomErasing("random_erasing", 1.0, (share, share), (ratio, ratio))
    images = torch.rand(8, 3, 16, 16)
    assert torch.equal(
        augment.changed(images, augment.draw([step], 8, 16, generator(0, "test"))), images
    )


@pytest.mark.parametrize("p", [0.0, 0.25, 1.0])
def test_flips_happen_as_often_as_asked(p: float) -> None:
    step = spec.HorizontalFlip("horizontal_flip", p)
    (drawn,) = augment.draw([step], 4000, 32, generator(0, "test"))
    assert isinstance(drawn, geometry.Flip)
    assert abs(float(drawn.flipped.double().mean()) - p) < 0.03
