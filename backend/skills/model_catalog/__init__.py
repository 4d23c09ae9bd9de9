"""Know the models of the instance: families, addresses, prices."""
