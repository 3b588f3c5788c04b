"""Runs for other tools and other machines: one module for each, all by one protocol."""
