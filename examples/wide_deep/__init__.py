"""Records of categories and numbers: a wide & deep classifier."""
