"""Ways to run floodfuse: the command line."""
