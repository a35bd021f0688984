"""Whether to act on an opportunity: limits, the halt switch, agents."""
