"""What the user gets: one module per format."""
