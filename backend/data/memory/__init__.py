"""What jobs remember for later ones: records of a project, found by key, by words and, where it can be, by meaning."""
