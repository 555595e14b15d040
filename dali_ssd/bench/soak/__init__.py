"""The soak: thousands of batches and training steps over shards with planted faults; memory and files must stay flat.

options.py    how long, how much, and how much growth is allowed
faults.py     shards with planted faults of every kind
run.py        load, train, score, sample
  trend.py        growth per thousand batches
report.py  plot.py    the result as text and picture
"""
