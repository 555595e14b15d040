"""The verbs of a pipeline: functions on DALI's DataNodes, one step a file. See README.md beside this file."""
