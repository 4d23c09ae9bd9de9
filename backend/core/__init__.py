"""Parts without business meaning: this package imports no other part of the backend."""
