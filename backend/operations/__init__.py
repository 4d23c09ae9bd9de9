"""`puras-studio`: what an operator does with an instance."""
