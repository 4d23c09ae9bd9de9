"""Complete scenarios of one project over the public interfaces."""
