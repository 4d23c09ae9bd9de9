"""The checks of `puras-studio doctor`."""
