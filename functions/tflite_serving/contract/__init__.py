"""What the export pipeline and the function agree on. Standard library and numpy only."""
