"""The export as Python calls it: keyword arguments, objects in memory, results that show."""
