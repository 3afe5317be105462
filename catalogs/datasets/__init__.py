"""Labelled chips for training and evaluation: one module an archive of chips."""
