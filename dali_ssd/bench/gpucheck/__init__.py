"""`dali-ssd gpu-check`: what only a GPU can tell of this package, in one run, one JSON file and one page.

options.py   the options
sample.py    some of the user's records, as they are and without loss
checks.py    the assertions: what a GPU makes against what the CPU makes
  child.py       the process that they run in, one for each device
  runner.py      that process, whatever happens to it
session.py   the checks, and the loader beside nvJPEG alone, on each device and on all
goals.py     which goals the figures reach
report.py    the JSON file and the page
"""
