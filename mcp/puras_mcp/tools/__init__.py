"""The tools by topic."""
