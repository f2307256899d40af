"""One renderer a file: each takes a `surgeon.report.report.Report` and returns text.

`surgeon.report.formats.registry` lists them with their names and suffixes. To add one: a file here with a function
``render(report)``, and its line there.
"""
