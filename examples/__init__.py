"""One folder per kind of model: how to train it, and the recipe that exports it."""
