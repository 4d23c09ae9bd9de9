"""HTTP for all routes: middleware, exception handlers, limits of requests, the client's IP address."""
