"""Call language models behind one protocol."""
