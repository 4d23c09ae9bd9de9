"""`puras-studio`: the commands with which an operator manages an instance."""
