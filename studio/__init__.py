"""The web studio: a Reflex application on top of the backend's services."""
