"""Physics: arrays in, arrays out. What a measured value says about the ground, whatever sensor measured it."""
