"""Weights: files with a card inside, and those that come with floodfuse, one for each strategy."""
