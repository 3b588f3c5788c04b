"""Does it: the training core, a process of its own and the only room that knows torch."""
