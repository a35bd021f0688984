"""What runs on a schedule, and the long-running recorder. Steps only: no SQL, no arithmetic."""
