"""The only room that imports TensorFlow: loads, prunes and converts Keras models."""
