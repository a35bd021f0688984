"""Trifecta: record markets with nothing lost, forecast honestly, trade on paper, serve the result."""

__version__ = "0.1.0"
