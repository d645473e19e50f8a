"""Records of thirty numbers: the tabular classifier of every tutorial."""
