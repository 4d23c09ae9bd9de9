"""Run an agent: a loop of a language model and tools."""
