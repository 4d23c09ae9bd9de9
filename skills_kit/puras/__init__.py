"""What a Puras skill imports."""
