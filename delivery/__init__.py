"""What the pipelines do: a script for each step, and the parts of them that need Python."""
