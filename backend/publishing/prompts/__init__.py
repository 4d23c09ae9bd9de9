"""The versions of the prompt of an agent, with their deployments, statistics and labels."""
