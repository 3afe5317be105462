"""Several strategies on one area: their maps held side by side, where and why they differ, and which to trust."""
