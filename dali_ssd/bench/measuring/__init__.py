"""How a contender is measured: in a child process, by time, memory, CPU and GPU."""
