"""Show the calls of models by an agent: the request as it was sent, and the reply."""
