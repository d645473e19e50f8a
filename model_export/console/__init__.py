"""Text for people on a terminal: artifacts, aliases, candidates and findings."""
