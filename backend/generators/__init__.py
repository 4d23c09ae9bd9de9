"""Write files that are generated from code: reference pages, the OpenAPI document, the TypeScript client."""
