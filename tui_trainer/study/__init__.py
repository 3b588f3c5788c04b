"""What it means: questions about many runs at once."""
