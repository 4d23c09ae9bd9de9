"""Models that skills may name, and the API keys that projects set for them."""
