"""What raw inputs come to: how equal the answers are to Keras's, and what hostile ones are told."""
