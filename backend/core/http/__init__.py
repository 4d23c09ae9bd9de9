"""HTTP around every route: middleware, exception handlers, limits of requests, the client's IP address."""
