"""The export pipeline: prunes, converts, quantizes, measures, gates and publishes a model."""
