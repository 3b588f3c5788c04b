"""A contender: the script that a student writes.

PIL images, one transform after the other for each image, a DataLoader with two workers, and numbers
taken from the device at every step.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import torchvision
from contest.job import CLASSES, LEARNING_RATE, MEAN, MOMENTUM, STD, Job
from contest.turns import Turns
from PIL import Image
from torch import nn
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms

if TYPE_CHECKING:
    from torch import Tensor

WORKERS = 2


class Cifar100(Dataset):
    """As torchvision.datasets.CIFAR100 gives its images, without its checks of the files."""

    def __init__(self, job: Job, part: str, transform: transforms.Compose) -> None:
        self.data, self.targets = job.images(part)
        self.transform = transform

    def __len__(self) -> int:
        return len(self.data)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        return self.transform(Image.fromarray(self.data[index])), self.targets[index]


def loaders(job: Job) -> tuple[DataLoader, DataLoader]:
    """Images to train on and images to validate on."""
    to_tensor = [transforms.ToTensor(), transforms.Normalize(MEAN, STD)]
    augmentation = [
        transforms.RandomCrop(32, padding=4),
        transforms.RandomHorizontalFlip(),
        transforms.RandomRotation(15),
        transforms.GaussianBlur(3),
    ]
    train = Cifar100(
        job, "train", transforms.Compose([*(augmentation if job.augment else []), *to_tensor])
    )
    validation = Cifar100(job, "validation", transforms.Compose(to_tensor))
    # Workers that stay: an epoch here is short, and would pay for new ones more often than a
    # student's does.
    options = {"num_workers": WORKERS, "pin_memory": job.device == "cuda"}
    return (
        DataLoader(
            train,
            job.batch,
            shuffle=not job.in_order,
            persistent_workers=True,
            **options,
        ),
        DataLoader(validation, job.batch, persistent_workers=True, **options),
    )


def network_for(job: Job) -> nn.Module:
    """The network with the initial weights that all begin with."""
    network = _built(job.model)
    weights = torch.load(job.weights_file, weights_only=True)
    names = network.state_dict()
    network.load_state_dict(dict(zip(names, weights, strict=True)))
    return network


def _built(model: str) -> nn.Module:
    if model == "simple2":
        return nn.Sequential(
            *(nn.Conv2d(3, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
            *(nn.Conv2d(32, 64, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
            *(nn.Flatten(), nn.Linear(64 * 8 * 8, 128), nn.ReLU(), nn.Linear(128, CLASSES)),
        )
    if model == "cnn4":
        return nn.Sequential(
            *_block(3, 64),
            *_block(64, 128),
            *_block(128, 256),
            *_block(256, 256),
            *(nn.Flatten(), nn.Linear(256 * 2 * 2, CLASSES)),
        )
    network = torchvision.models.get_model(
        model.removesuffix("-cifar"), weights=None, num_classes=CLASSES
    )
    if model.endswith("-cifar"):
        network.conv1 = nn.Conv2d(3, 64, 3, padding=1, bias=False)
        network.maxpool = nn.Identity()
    return network


def _block(channels: int, wider: int) -> list[nn.Module]:
    return [
        nn.Conv2d(channels, wider, 3, padding=1, bias=False),
        nn.BatchNorm2d(wider),
        nn.LeakyReLU(),
        nn.MaxPool2d(2),
    ]


def main() -> None:
    """Train, and validate after each epoch."""
    turns, job = Turns(), Job.read()
    train_loader, validation_loader = loaders(job)
    network = network_for(job).to(job.device)
    criterion = nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(network.parameters(), lr=LEARNING_RATE, momentum=MOMENTUM)
    for _ in range(job.epochs):
        turns.wait_for("train")
        network.train()
        losses, total_loss, correct, seen = [], 0.0, 0, 0
        for batch, answers in train_loader:
            images, labels = batch.to(job.device), answers.to(job.device)
            optimizer.zero_grad()
            logits = network(images)
            loss = criterion(logits, labels)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
            total_loss += loss.item() * len(labels)
            correct += (logits.argmax(1) == labels).sum().item()
            seen += len(labels)
        turns.done(seen, loss=total_loss / seen, accuracy=correct / seen, losses=losses)

        turns.wait_for("evaluate")
        network.eval()
        total_loss, correct, seen = 0.0, 0, 0
        with torch.no_grad():
            for batch, answers in validation_loader:
                images, labels = batch.to(job.device), answers.to(job.device)
                logits = network(images)
                total_loss += criterion(logits, labels).item() * len(labels)
                correct += (logits.argmax(1) == labels).sum().item()
                seen += len(labels)
        turns.done(seen, loss=total_loss / seen, accuracy=correct / seen)


if __name__ == "__main__":
    main()
