"""The only folder that imports TensorFlow: load, prune, convert."""
