"""Finds what could be traded: routes between markets, forex signals, binary signals."""
