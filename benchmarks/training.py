"""Training side by side: a plain script, Lightning's Trainer, and ours, on the same images.

    python benchmarks/training.py [--models NAME…] [--rounds N] [--batch IMAGES…] [--device DEVICE]

Every contender is a process of its own with the same network, initial weights, images, batch size,
augmentation (crop, flip, rotation, blur) and optimizer. First all train a few batches without
augmentation and in one order, and must have the same losses. Then they train one epoch after
another, in turn, while the others are idle: the first epoch warms up, the others are the rounds. In
between the machine's peak is measured by convolutions. At the end all must have learnt the same.

Lightning takes part where it is installed: pip install -e '.[bench]'.
"""

from __future__ import annotations

import argparse
import importlib.util
import math
import os
import statistics
import sys
import tempfile
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from contest.experiment import experiment_for
from contest.job import CLASSES, JOB_VARIABLE, SEED, Job, write_cifar100
from contest.turns import Contender, Turn

from tui_trainer.launch.core_process import MALLOC_SETTINGS, THREAD_VARIABLES, core_environment
from tui_trainer.launch.resources import allotted_cores
from tui_trainer.record.claim import claim
from tui_trainer.record.run_folder import claim_run
from tui_trainer.spec.snapshot import experiment_to_toml
from tui_trainer.train import models, randomness
from tui_trainer.train.anatomy import anatomy
from tui_trainer.train.dataset import stratified_order

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

PLAIN, LIGHTNING, OUR_BATCHES, OURS = "plain script", "Lightning", "Lightning, our batches", "ours"
PEAK = "peak"
MODULES = {
    PEAK: ["peak"],
    PLAIN: ["plain_script"],
    LIGHTNING: ["with_lightning"],
    OUR_BATCHES: ["with_lightning", "our-batches"],
}
# Images of an epoch on a processor: ten to twenty seconds of the plain script on two cores.
IMAGES = {"simple2": 6400, "cnn4": 3200, "resnet18": 3200, "resnet18-cifar": 640, "resnet50": 1280}
IMAGES_ON_A_GPU = 50_000
OUR_BATCHES_FOR = {"simple2"}
# Seen: 2e-7, for data and weights are the same and so is the order of every sum.
SAME_STEPS, STEPS_COMPARED = 1e-4, 10
# Every contender draws its own order and augmentation; knowing nothing is a loss of 4.6.
SAME_LOSS, SAME_ACCURACY = 0.3, 0.1
# Of the loss of a network that knows nothing: above it, chance decides how far each has come.
LEARNT = 0.3


def _model(name: str) -> str:
    if name in IMAGES or name.removesuffix("-cifar").startswith("resnet"):
        return name
    raise argparse.ArgumentTypeError(f"{name} is none of {', '.join(IMAGES)}, nor another resnet")


@dataclass
class Entry:
    """One contender and what its turns took, without the first of each kind."""

    name: str
    contender: Contender
    training: list[Turn] = field(default_factory=list)
    evaluation: list[Turn] = field(default_factory=list)

    @property
    def evaluates(self) -> bool:
        """Whether it has something to compare there: Lightning's loader is the plain script's."""
        return not self.name.startswith(LIGHTNING)


@dataclass
class Contest:
    """All of one network at one batch size."""

    job: Job
    entries: list[Entry]
    flops: float
    """Of a training step, for each image."""
    peaks: list[dict[str, float]] = field(default_factory=list)
    """Of each round, operations per second in each precision."""

    def __getitem__(self, name: str) -> Entry:
        return next(entry for entry in self.entries if entry.name == name)

    def share_of_peak(self, entry: Entry) -> float:
        """Of its precision, median over the rounds."""
        precision = "bf16" if "bf16" in entry.name else "fp32"
        return statistics.median(
            turn.images_per_second * self.flops / peak[precision]
            for turn, peak in zip(entry.training, self.peaks, strict=True)
        )


def main() -> None:
    """Run, and print tables to paste."""
    options = _options()
    contests, complaints = [], list[str]()
    for model in options.models:
        for batch in options.batch:
            with tempfile.TemporaryDirectory() as name:
                job = Job(Path(name), model, batch, 1 + options.rounds, options.device, True, False)
                check_steps(job, options)
                contest = compete(job, options)
            contests.append(contest)
            complaints += differences(contest)
    print(f"{options.rounds} rounds on {machine(options.device)}, medians\n")
    print_training(contests)
    print_evaluation(contests)
    if complaints:
        raise SystemExit("\n".join(["these did not learn the same:", *complaints]))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    found = "cuda" if torch.cuda.is_available() else "cpu"
    parser.add_argument("--device", choices=("cpu", "cuda"), default=found)
    parser.add_argument("--models", nargs="+", type=_model, default=["simple2", "cnn4", "resnet18"])
    parser.add_argument("--batch", nargs="+", type=int)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--images", type=int, help="of an epoch; default: by model")
    parser.add_argument("--threads", type=int, default=allotted_cores().cores)
    parser.add_argument("--without-lightning", action="store_true")
    options = parser.parse_args()
    options.batch = options.batch or ([64, 256, 1024] if options.device == "cuda" else [64])
    if not options.without_lightning and not importlib.util.find_spec("lightning"):
        talk("Lightning is not installed and takes no part: pip install -e '.[bench]'")
        options.without_lightning = True
    return options


def check_steps(job: Job, options: argparse.Namespace) -> None:
    """Without augmentation, and in one order, all must compute the same losses."""
    job = replace(job, folder=job.folder / "check", epochs=1, augment=False, in_order=True)
    prepare(job, STEPS_COMPARED * job.batch, 256)
    names = [PLAIN, *([] if options.without_lightning else [LIGHTNING]), OURS]
    with contenders(job, names, options) as entries:
        losses = {entry.name: entry.contender.turn("train").results["losses"] for entry in entries}
        measured = {
            entry.name: entry.contender.turn("evaluate").results["loss"]
            for entry in entries
            if entry.evaluates
        }
        for entry in entries:
            entry.contender.end()
    differing = {
        name: max(
            abs(theirs - ours) / ours
            for theirs, ours in zip(
                [*losses[name], measured.get(name, measured[OURS])],
                [*losses[OURS], measured[OURS]],
                strict=True,
            )
        )
        for name in names
    }
    shown = ", ".join(f"{name} {most:.1e}" for name, most in differing.items() if name != OURS)
    talk(f"{job.model}: losses of {STEPS_COMPARED} steps differ from ours by at most {shown}")
    if max(differing.values()) > SAME_STEPS:
        raise SystemExit(f"these are not the same training: {losses}, {measured}")


def compete(job: Job, options: argparse.Namespace) -> Contest:
    """Train, turn by turn."""
    job = replace(job, folder=job.folder / "contest")
    images = options.images or IMAGES.get(job.model, min(IMAGES.values()))
    if options.device == "cuda" and not options.images:
        images = IMAGES_ON_A_GPU
    images = max(images // job.batch, 1) * job.batch
    prepare(job, images, max(images // 2, 1))
    with contenders(job, participants(job, options), options) as (peak, *entries):
        flops = anatomy(experiment_for(job), job.folder)["training_flops"]
        contest = Contest(job, entries, flops)
        for number in range(job.epochs):
            play(contest, peak.contender, counts=number > 0)
        for entry in (peak, *entries):
            entry.contender.end()
    return contest


def play(contest: Contest, peak: Contender, *, counts: bool) -> None:
    """One round: everybody once, in one order."""
    peaks = peak.turn("peak").results["peaks"]
    turns = [(entry, entry.contender.turn("train")) for entry in contest.entries]
    judged = [
        (entry, entry.contender.turn("evaluate")) for entry in contest.entries if entry.evaluates
    ]
    for entry, turn in turns:
        talk(
            f"  {entry.name:<24}{turn.images_per_second:9.0f} images/s  {turn.results['loss']:.3f}"
        )
    if counts:
        contest.peaks.append(peaks)
        for entry, turn in turns:
            entry.training.append(turn)
        for entry, turn in judged:
            entry.evaluation.append(turn)


def participants(job: Job, options: argparse.Namespace) -> list[str]:
    """Who competes, in the order of turns; the peak first."""
    names = [PEAK, PLAIN]
    if not options.without_lightning:
        names += [LIGHTNING, *([OUR_BATCHES] if job.model in OUR_BATCHES_FOR else [])]
    names.append(OURS)
    if job.device == "cuda":
        names += [f"{OURS}, bf16", f"{OURS}, compile", f"{OURS}, bf16, compile"]
    return names


def prepare(job: Job, train: int, validation: int) -> None:
    """Images, which of them are for what, and the weights to begin with."""
    job.folder.mkdir()
    labels = write_cifar100(job.folder / "data", train=train + validation, test=job.batch)
    # As the core splits and shuffles its images.
    held_out, chosen = np.split(stratified_order(labels, SEED), [validation])
    if job.in_order:
        chosen = chosen[randomness.permutation(SEED, 1, train).numpy()]
    np.save(job.folder / "validation.npy", held_out)
    np.save(job.folder / "train.npy", chosen)
    experiment = experiment_for(job)
    randomness.reseed(SEED, "weights")
    network = models.build(experiment.model, experiment.pipeline.size, CLASSES)
    torch.save(list(network.state_dict().values()), job.weights_file)


@contextmanager
def contenders(
    job: Job, names: Sequence[str], options: argparse.Namespace
) -> Iterator[list[Entry]]:
    """All of them alive, and none of them afterwards."""
    with ExitStack() as stack:
        entries = []
        for name in names:
            contender = start(job, name, options.threads)
            stack.callback(contender.remove)
            entries.append(Entry(name, contender))
        yield entries


def start(job: Job, name: str, threads: int) -> Contender:
    """A contender's process, in the environment that its like has in use."""
    kind, *variant = name.split(", ")
    if kind == OURS:
        job = replace(
            job, compile="compile" in variant, precision="bf16" if "bf16" in variant else "fp32"
        )
    file, log = job.folder / f"{name}.json", job.folder / f"{name}.log"
    job.write(file)
    path = [str(Path(__file__).parent), str(Path(__file__).parents[1])]
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([*path, os.environ.get("PYTHONPATH", "")]),
        JOB_VARIABLE: str(file),
    }
    if kind == OURS:
        return start_core(job, environment, log, threads)
    # The plain script and Lightning with its loader run as their users run them.
    environment.update(dict.fromkeys(THREAD_VARIABLES, str(threads)))
    if name in {PEAK, OUR_BATCHES}:
        environment = {**MALLOC_SETTINGS, **environment}
    module, *arguments = MODULES[name]
    return Contender(f"contest.{module}", environment, log, arguments)


def start_core(job: Job, environment: dict[str, str], log: Path, threads: int) -> Contender:
    """A run of its own, trained as a supervisor would have it trained."""
    folder = claim_run(job.folder / "runs", "contest")
    folder.experiment_file.write_text(experiment_to_toml(experiment_for(job), {}))
    attempt, _ = claim(folder)
    nobody = os.open(os.devnull, os.O_WRONLY)
    try:
        return Contender(
            "contest.core",
            core_environment(environment, attempt.number, nobody, threads),
            log,
            [str(folder.path)],
            [nobody],
        )
    finally:
        os.close(nobody)


def differences(contest: Contest) -> Iterator[str]:
    """What the contenders have not learnt alike."""
    ours = contest[OURS]
    loss, accuracy = last(ours.training, "loss"), last(ours.evaluation, "accuracy")
    talk(f"  ours ends with training loss {loss:.3f} and validation accuracy {accuracy:.1%}")
    if loss > LEARNT * math.log(CLASSES):
        talk("  too short to have learnt: the losses of the first steps alone were compared")
        return
    for entry in contest.entries:
        theirs = last(entry.training, "loss")
        if abs(theirs - loss) > SAME_LOSS:
            yield f"{title(contest)}, {entry.name}: training loss {theirs:.3f}, ours {loss:.3f}"
        if not entry.evaluates:
            continue
        judged = last(entry.evaluation, "accuracy")
        if abs(judged - accuracy) > SAME_ACCURACY:
            yield f"{title(contest)}, {entry.name}: accuracy {judged:.1%}, ours {accuracy:.1%}"


def last(turns: Sequence[Turn], figure: str) -> float:
    """What a contender said of its last turn."""
    return float(turns[-1].results[figure])


def print_training(contests: Sequence[Contest]) -> None:
    """Each contender beside ours."""
    print("| training | images/s | ours is faster | CPU µs/image | ours uses less | of the peak |")
    print("|---|---|---|---|---|---|")
    for contest in contests:
        ours = contest[OURS]
        for entry in contest.entries:
            faster = ratio(ours.training, entry.training, speed)
            less = ratio(entry.training, ours.training, cpu)
            cells = [
                f"{title(contest)}, {entry.name}",
                f"{median(entry.training, speed):,.0f}",
                "" if entry is ours else f"{faster:.2f} x",
                f"{median(entry.training, cpu):,.0f}",
                "" if entry is ours else f"{less:.2f} x",
                f"{contest.share_of_peak(entry):.0%}",
            ]
            print("| " + " | ".join(cells) + " |")
    print()
    for contest in contests:
        peak = statistics.median(peaks["fp32"] for peaks in contest.peaks) / 1e9
        share = median(contest[OURS].training, lambda turn: turn.results["data_share"])
        print(
            f"{title(contest)}: {contest.flops / 1e6:,.0f} million operations an image, peak "
            f"{peak:,.0f} GFLOP/s; {share:.1%} of our step is for data and augmentation"
        )
    print()


def print_evaluation(contests: Sequence[Contest]) -> None:
    """Ours beside the plain script."""
    print("| evaluation | plain, images/s | ours | ratio | plain, CPU µs/image | ours | ratio |")
    print("|---|---|---|---|---|---|---|")
    for contest in contests:
        plain, ours = contest[PLAIN].evaluation, contest[OURS].evaluation
        cells = [
            title(contest),
            *(f"{median(side, speed):,.0f}" for side in (plain, ours)),
            f"{ratio(ours, plain, speed):.2f} x",
            *(f"{median(side, cpu):,.0f}" for side in (plain, ours)),
            f"{ratio(plain, ours, cpu):.2f} x",
        ]
        print("| " + " | ".join(cells) + " |")


def title(contest: Contest) -> str:
    """What is trained."""
    return f"{contest.job.model}, {contest.job.batch}"


def speed(turn: Turn) -> float:
    """By the clock on the wall."""
    return turn.images_per_second


def cpu(turn: Turn) -> float:
    """What it costs where others use the processor, too."""
    return turn.cpu_microseconds


def median(turns: Sequence[Turn], figure: Callable[[Turn], float]) -> float:
    """Over the rounds."""
    return statistics.median(map(figure, turns))


def ratio(upper: Sequence[Turn], lower: Sequence[Turn], figure: Callable[[Turn], float]) -> float:
    """Median of the ratios of each round, which a busy moment troubles less than their sides."""
    return statistics.median(
        figure(above) / figure(below) for above, below in zip(upper, lower, strict=True)
    )


def machine(device: str) -> str:
    """What it was measured on."""
    if device == "cuda":
        return torch.cuda.get_device_name()
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    name = next((line.partition(": ")[2] for line in lines if line.startswith("model name")), "?")
    capability = torch.backends.cpu.get_cpu_capability()
    return f"{allotted_cores().cores} cores of {name} ({capability}), torch {torch.__version__}"


def talk(line: str) -> None:
    """For who watches; the figures go to standard output."""
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
