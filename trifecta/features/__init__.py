"""What is computed from events, one implementation for live, replay and history."""
