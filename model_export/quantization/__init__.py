"""Makes candidates of a float32 flatbuffer: quantized, sparse, or of mixed precision."""
