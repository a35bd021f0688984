"""Running the system: child processes, health probes, checks of the machine."""
