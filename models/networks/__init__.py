"""Segmentation networks that fuse sensors early, between encoders, by attention, or late."""
