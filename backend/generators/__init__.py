"""Write files that are made from code: reference pages, the OpenAPI document, the TypeScript client."""
