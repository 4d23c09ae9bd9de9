"""The history of the prompts of agents: which deployment has which prompt, and the labels of prompts."""
