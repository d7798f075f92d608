"""Figures of the chapters: one module per chapter, one style for all (`lib.figures.style`)."""
