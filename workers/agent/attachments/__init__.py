"""Files among the inputs of an agent: fetched, validated, stored for tools, and shown to the model."""
