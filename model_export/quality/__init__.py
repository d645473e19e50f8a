"""How good a model is: metrics, their comparison and uncertainty, thresholds, and the gate."""
