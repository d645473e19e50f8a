"""The function in a process of its own."""
