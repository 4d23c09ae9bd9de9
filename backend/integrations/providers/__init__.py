"""Models that skills may name, and the keys that projects bring for them."""
