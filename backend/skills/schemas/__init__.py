"""The dialect of JSON Schema of skills: check schemas, check values against them, and report what is wrong."""
