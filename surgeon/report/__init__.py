"""Reports: results become plain tables, tables become text, HTML, Markdown or JSON.

``results -> document (tables.py's model) -> one renderer a file``. Nothing here measures, and nothing here imports
torch or Ultralytics; rich is imported by `surgeon.report.formats.console` alone.
"""
