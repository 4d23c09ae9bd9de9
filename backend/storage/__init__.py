"""The storage seam: where bytes live."""
