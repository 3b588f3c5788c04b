"""Train image classifiers over SSH: define, launch, watch and resume experiments."""

__version__ = "0.1.0"
