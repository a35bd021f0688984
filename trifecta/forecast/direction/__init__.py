"""Which way a price goes next: models of direction on closed M15 bars, judged like those of the range."""
