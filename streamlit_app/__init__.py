"""The dashboard: reads the warehouse, acts only through the sidecar."""
