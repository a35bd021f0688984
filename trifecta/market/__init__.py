"""The nouns every other part speaks in: instruments, events, enums."""
