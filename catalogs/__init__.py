"""Where data comes from: what an acquisition is, and how archives describe theirs."""
