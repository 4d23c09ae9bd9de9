"""The performance numbers of the project, most of them measured together with a comparable product or baseline."""
