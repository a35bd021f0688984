"""Files of history into the lake: a file a format, told by content, taken in exactly once."""

from trifecta.capture.importers.importing import import_file
from trifecta.capture.importers.registry import FORMATS, detect
from trifecta.capture.importers.summary import Example, ImportSummary, Refused, Written, describe

__all__ = ["FORMATS", "Example", "ImportSummary", "Refused", "Written", "describe", "detect", "import_file"]
