"""Whether what is served answers like the model that it was made from, from raw inputs on."""
