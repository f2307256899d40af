"""The command line: one command a file. It parses, calls a workflow, hands the result to a report, and returns a code.

Nothing here knows how an edit or a measurement works. Modules of this package import neither torch nor Ultralytics at
their top: ``surgeon --help`` is answered in a tenth of a second.
"""
