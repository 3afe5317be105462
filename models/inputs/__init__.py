"""How images become the channels of a network, and how they are varied in training. One module a radiometry."""
