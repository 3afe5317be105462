"""Fusion: from the evidence of each sensor to the probability of each class."""
