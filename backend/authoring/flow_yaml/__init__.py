"""Edit the text of a flow.yaml by changes of its steps, as the canvas of the editor does."""
