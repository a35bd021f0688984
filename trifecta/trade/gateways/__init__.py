"""Ways to a venue: paper, which fills by a model, and live ones."""
