"""No deadline for an example: the first that reaches a compiled loop waits for its compiler."""

from hypothesis import settings

settings.register_profile("compiled", deadline=None)
settings.load_profile("compiled")
