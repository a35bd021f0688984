"""The past, traded again: the scanners, the governor and the desk of the running system over recorded quotes."""
