"""Reads run folders and compares them: tables, figures, pages. Nothing here trains."""
