"""The recipe: how one model is exported, read from TOML and checked, a module per section."""
