"""The domain and the REST API of Puras Studio."""
