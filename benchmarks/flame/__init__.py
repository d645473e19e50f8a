"""Where a prediction's time goes, as a flame graph."""
