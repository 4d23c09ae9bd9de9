"""Rails: guards of a skill on what goes in, comes out, or passes a tool. What they cannot judge does not pass."""
