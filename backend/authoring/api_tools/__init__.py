"""Make function tools of agents from curl commands and OpenAPI documents, which are only parsed."""
