"""What was written: the run folder, its files and what they mean."""
