"""Show it: the terminal app."""
