"""The prediction function: loads TensorFlow Lite models lazily and answers over HTTP."""
