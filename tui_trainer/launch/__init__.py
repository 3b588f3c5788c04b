"""Start it: claim a run folder, supervise the training core."""
