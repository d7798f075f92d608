"""The web book: Sphinx configuration, page templates, style sheet, glossary and bibliography."""
