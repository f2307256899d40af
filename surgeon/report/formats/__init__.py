"""One renderer a file; `surgeon.report.formats.registry` lists them by name and suffix."""
