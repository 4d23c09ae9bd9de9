"""Read skill.yaml: what each key means, and where in the file it is wrong."""
