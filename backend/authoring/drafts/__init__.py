"""Working copies: the files of a skillpack while people write them, until they are published as a version."""
