"""One area of interest: grid, search, ingest, evidence, segmentation, publication."""
