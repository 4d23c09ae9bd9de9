"""The pages: one module per route, each with its state and its function."""
