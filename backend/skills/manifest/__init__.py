"""Read skill.yaml: what each key means, where in the file it is wrong, and the types that the rest of the code uses."""
