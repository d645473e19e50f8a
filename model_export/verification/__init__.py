"""Checks over HTTP or in process that a served model gives the Keras model's predictions."""
