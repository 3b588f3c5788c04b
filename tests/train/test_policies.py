from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
import torch
from torchvision.transforms import v2

from tests.train.test_colour import difficult_images
from tui_trainer.spec import augmentation as spec
from tui_trainer.train import policies
from tui_trainer.train.policies import OPERATORS, Chain
from tui_trainer.train.randomness import generator

if TYPE_CHECKING:
    from torch import Tensor

RAND = spec.RandAugment("rand_augment")
TRIVIAL = spec.TrivialAugmentWide("trivial_augment_wide")
AUG_MIX = spec.AugMix("aug_mix")
JITTER = spec.ColorJitter("color_jitter", 0.4, 0.3, 0.8, 0.2)
SIDE = 32


def chain_of(step: Any, count: int, side: int = SIDE, seed: int = 0) -> Chain:
    drawn = policies.draw(step, count, side, generator(seed, "test"))
    assert isinstance(drawn, Chain)
    return drawn


def by_torchvision(image: Tensor, operator: int, magnitude: float, mode: str) -> Any:
    """torchvision's own dispatch, on floats, except where it has another rule for bytes."""
    name = OPERATORS[operator]
    if name == "Hue":
        return v2.functional.adjust_hue(image, magnitude)
    if name == "Posterize":
        levels = v2.functional.to_dtype(image, torch.uint8, scale=True)
        return v2.functional.posterize(levels, int(magnitude)) / 255
    if name == "Solarize":
        # As on bytes, where a level right on the threshold is inverted.
        magnitude = max(magnitude - 1e-6, 0)
    dispatch = v2.RandAugment()._apply_image_or_video_transform
    return dispatch(image, name, magnitude, v2.InterpolationMode(mode), {torch.Tensor: None})


def chained_by_torchvision(images: Tensor, chain: Chain) -> Tensor:
    done = []
    for at, image in enumerate(images):
        changed = image
        for operators, magnitudes in zip(chain.operators, chain.magnitudes, strict=True):
            changed = by_torchvision(changed, int(operators[at]), float(magnitudes[at]), chain.mode)
        done.append(changed)
    return torch.stack(done)


def share_of_differences(ours: Tensor, theirs: Tensor) -> float:
    return float(((ours - theirs).abs() > 1e-5).double().mean())


@pytest.mark.parametrize("mode", ["nearest", "bilinear"])
@pytest.mark.parametrize("operator", range(len(OPERATORS)), ids=OPERATORS)
def test_each_operator_is_torchvisions(operator: int, mode: Any) -> None:
    images = difficult_images() / 255
    most = {"Rotate": 135.0, "Posterize": 8.0, "Hue": 0.5}.get(OPERATORS[operator], 0.99)
    most = 32.0 if "Translate" in OPERATORS[operator] else most
    signs = (1, -1) if policies._TRANSLATE_X <= operator <= policies._ROTATE else (1,)
    for sign in signs:
        magnitudes = torch.linspace(0, sign * most, len(images))[None]
        chain = Chain(torch.full_like(magnitudes, operator, dtype=torch.long), magnitudes, mode)
        theirs = chained_by_torchvision(images, chain)
        assert share_of_differences(chain.apply(images), theirs) == 0


@pytest.mark.parametrize("side", [32, 33, 8, 1])
@pytest.mark.parametrize(
    ("step", "links"),
    [(RAND, 2), (TRIVIAL, 1), (spec.RandAugment("rand_augment", 3, 30, 31), 3), (JITTER, 4)],
)
def test_a_chain_is_torchvisions_image_by_image(step: Any, links: int, side: int) -> None:
    images = difficult_images(side).repeat(12, 1, 1, 1) / 255
    chain = chain_of(step, len(images), side)
    assert chain.operators.shape == chain.magnitudes.shape == (links, len(images))
    theirs = chained_by_torchvision(images, chain)
    # A float that lies between two levels may fall to either, and equalize spreads them.
    assert share_of_differences(chain.apply(images), theirs) < 1e-3


@pytest.mark.parametrize("depth", [-1, 1, 4])
def test_aug_mix_mixes_its_chains_as_torchvision_does(depth: int) -> None:
    images = difficult_images().repeat(8, 1, 1, 1) / 255
    step = spec.AugMix("aug_mix", severity=5, mixture_width=2, chain_depth=depth, alpha=0.7)
    drawn = policies.draw(step, len(images), SIDE, generator(0, "test"))
    assert isinstance(drawn, policies.Mixture)
    assert drawn.chains.mode == "bilinear"
    versions = chained_by_torchvision(images.repeat(2, 1, 1, 1), drawn.chains)
    first, second = versions.chunk(2)
    weights = drawn.weights[..., None, None, None]
    theirs = weights[0] * images + weights[1] * first + weights[2] * second
    assert share_of_differences(drawn.apply(images), theirs) < 1e-3


@pytest.mark.parametrize("side", [32, 224])
@pytest.mark.parametrize("bins", [10, 31, 2])
@pytest.mark.parametrize(
    ("step", "theirs"),
    [
        (RAND, v2.RandAugment),
        (TRIVIAL, v2.TrivialAugmentWide),
        (AUG_MIX, v2.AugMix),
    ],
)
def test_magnitudes_are_torchvisions(step: Any, theirs: Any, bins: int, side: int) -> None:
    ours = policies.ranges_of(step, side).table(bins)
    for name, (magnitudes_of, _) in theirs._AUGMENTATION_SPACE.items():
        expected = magnitudes_of(bins, side, side)
        if expected is not None:
            assert torch.equal(ours[OPERATORS.index(name)], expected.float()), name


@pytest.mark.parametrize(
    ("step", "theirs"),
    [
        (RAND, v2.RandAugment._AUGMENTATION_SPACE),
        (TRIVIAL, v2.TrivialAugmentWide._AUGMENTATION_SPACE),
        (AUG_MIX, v2.AugMix._AUGMENTATION_SPACE),
        (spec.AugMix("aug_mix", all_ops=False), v2.AugMix._PARTIAL_AUGMENTATION_SPACE),
    ],
)
def test_all_of_torchvisions_operators_are_drawn_equally_often(step: Any, theirs: Any) -> None:
    drawn = policies.draw(step, 8000, SIDE, generator(0, "test"))
    chain = drawn.chains if isinstance(drawn, policies.Mixture) else drawn
    # AugMix's chains end early; their first links are all drawn.
    operators, magnitudes = chain.operators[0], chain.magnitudes[0]
    counts = torch.bincount(operators, minlength=len(OPERATORS)) / len(operators)
    assert {OPERATORS[at] for at in counts.nonzero().flatten()} == set(theirs)
    for name, (_, signed) in theirs.items():
        at = OPERATORS.index(name)
        assert abs(float(counts[at]) - 1 / len(theirs)) < 0.02
        if signed:
            below = magnitudes[operators == at] < 0
            # TrivialAugment and AugMix draw the magnitude 0 too, which has no sign.
            assert 0.25 < float(below.double().mean()) < 0.56
        else:
            assert not (magnitudes[operators == at] < 0).any()


def test_rand_augment_takes_the_magnitude_and_the_others_draw_it() -> None:
    rand = chain_of(RAND, 4000)
    rotations = rand.magnitudes[rand.operators == OPERATORS.index("Rotate")].abs()
    assert set(rotations.tolist()) == {9.0}
    trivial = chain_of(TRIVIAL, 20_000)
    rotations = trivial.magnitudes[trivial.operators == OPERATORS.index("Rotate")].abs()
    assert len(set(rotations.tolist())) == 31
    drawn = policies.draw(AUG_MIX, 4000, SIDE, generator(0, "test"))
    assert isinstance(drawn, policies.Mixture)
    rotate = drawn.chains.operators == OPERATORS.index("Rotate")
    rotations = drawn.chains.magnitudes[rotate].abs()
    assert sorted(set(rotations.tolist())) == pytest.approx([0, 30 / 9, 60 / 9])


def test_the_depth_of_aug_mix_is_drawn_for_each_chain() -> None:
    drawn = policies.draw(AUG_MIX, 4000, SIDE, generator(0, "test"))
    assert isinstance(drawn, policies.Mixture)
    depths = (drawn.chains.operators != 0).sum(0)
    shares = torch.bincount(depths) / len(depths)
    assert float(shares[0]) == 0
    assert shares[1:].tolist() == pytest.approx([1 / 3] * 3, abs=0.03)
    fixed = spec.AugMix("aug_mix", chain_depth=2)
    drawn = policies.draw(fixed, 4000, SIDE, generator(0, "test"))
    assert isinstance(drawn, policies.Mixture)
    assert set((drawn.chains.operators != 0).sum(0).tolist()) == {2}


@pytest.mark.parametrize("alpha", [0.01, 0.2, 1.0, 50.0])
def test_weights_of_aug_mix_are_shares(alpha: float) -> None:
    step = spec.AugMix("aug_mix", alpha=alpha)
    drawn = policies.draw(step, 4000, SIDE, generator(0, "test"))
    assert isinstance(drawn, policies.Mixture)
    assert drawn.weights.shape == (4, 4000)
    assert float(drawn.weights.min()) >= 0
    assert torch.allclose(drawn.weights.sum(0), torch.ones(4000), atol=1e-5)
    means = drawn.weights.mean(1).tolist()
    assert means == pytest.approx([1 / 2, 1 / 6, 1 / 6, 1 / 6], abs=0.03)
    # The variance of Beta(alpha, alpha).
    assert float(drawn.weights[0].var()) == pytest.approx(1 / (4 * (2 * alpha + 1)), abs=0.01)


def test_color_jitter_draws_factors_within_reach_in_every_order() -> None:
    chain = chain_of(JITTER, 8000)
    reach = {"Brightness": 0.4, "Contrast": 0.3, "Color": 0.8, "Hue": 0.2}
    for name, most in reach.items():
        drawn = chain.magnitudes[chain.operators == OPERATORS.index(name)]
        assert len(drawn) == 8000
        assert -most <= float(drawn.min()) < -0.99 * most
        assert 0.99 * most < float(drawn.max()) <= most
    orders = Counter(map(tuple, chain.operators.T.tolist()))
    assert len(orders) == 24
    assert min(orders.values()) > 8000 / 24 * 0.8


def test_color_jitter_never_goes_below_black_and_skips_what_is_zero() -> None:
    chain = chain_of(spec.ColorJitter("color_jitter", brightness=3.0), 4000)
    drawn = chain.magnitudes[chain.operators == OPERATORS.index("Brightness")]
    assert -1 <= float(drawn.min()) < -0.98
    assert 2.9 < float(drawn.max()) <= 3
    assert set(chain.operators.flatten().tolist()) == {0, OPERATORS.index("Brightness")}


@pytest.mark.parametrize("step", [RAND, TRIVIAL, AUG_MIX, JITTER], ids=lambda step: step.name)
def test_images_do_not_depend_on_their_company(step: Any) -> None:
    images = difficult_images() / 255
    whole = policies.draw(step, len(images), SIDE, generator(3, "test"))
    chain = whole.chains if isinstance(whole, policies.Mixture) else whole
    versions = chain.operators.shape[1] // len(images)
    batch = images.repeat(versions, 1, 1, 1)
    together = chain.apply(batch)
    for at, image in enumerate(batch):
        alone = Chain(chain.operators[:, [at]], chain.magnitudes[:, [at]], chain.mode)
        assert (alone.apply(image[None])[0] - together[at]).abs().max() <= 1e-5
