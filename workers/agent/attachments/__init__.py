"""Process the files in the inputs of an agent.

Fetch and validate them, store them for tools, and show them to the model.
"""
