"""Inputs that are pictures: how clients send them, and the examples that a data source gives.

An example is the array of a picture's values, or the path of a file. Arrays of whole numbers
(uint8) are pixels; arrays of floats are what the model is fed, which the scale of the input turns
into pixels again. Once read, examples are one of

- [examples, height, width, channels] uint8, or float32 where pixels are no whole numbers;
- objects: such pictures of different sizes, or files as bytes that know their path.
"""
