"""What every section of the settings is."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """Refuses keys that it does not have. What stands below a key describes it, in the documentation too."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)
