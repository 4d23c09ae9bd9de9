"""Edit the text of a skill.yaml by changes of single values, as the Design tab of the editor does."""
