"""The soak: thousands of batches and training steps over shards with planted faults; memory and files must stay flat.

options.py    how long, how much, and which growth is too much
faults.py     shards with records that are bad in every way, and which they are
run.py        load, train, score, watch
  trend.py        what grows by how much for every thousand batches
report.py  plot.py    the result as text and as a picture
"""
