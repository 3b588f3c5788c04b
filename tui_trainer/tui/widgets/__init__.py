"""What is seen: each widget takes data, draws lines and emits messages."""
