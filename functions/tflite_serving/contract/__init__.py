"""Documents that the export and the function share. Standard library and numpy only."""
