"""Install the packages that skills require: build those without a wheel, cache and share environments."""
