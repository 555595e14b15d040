"""The steps of a pipeline: functions on DALI's DataNodes, one step per file. See README.md beside this file."""
