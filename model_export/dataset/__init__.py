"""The examples: loaded, checked, cast, split, and arranged as images, texts or records."""
