"""The prediction function: loads TensorFlow Lite models lazily and serves them over HTTP."""
