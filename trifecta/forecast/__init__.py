"""Forecasts of market range, and how good they were."""
