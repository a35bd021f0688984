"""From bytes to rows: journal, recorder, book, pipeline, gaps, import."""
