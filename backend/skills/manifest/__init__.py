"""Read skill.yaml.

The package defines its keys and the types that other code uses, and reports problems with their positions.
"""
