"""Create the demo project."""
