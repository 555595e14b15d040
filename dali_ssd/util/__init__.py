"""What all rooms need and no room owns: files, processes, progress, words, and what may not be installed."""
