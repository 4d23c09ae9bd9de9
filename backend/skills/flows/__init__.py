"""Define the language of flows: `flow.yaml`, its expressions, and the checks at deployment."""
