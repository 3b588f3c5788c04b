"""What to run: experiments.toml, checked and resolved."""
