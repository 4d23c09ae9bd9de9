"""Run jobs by type: functions, agents and kernels of notebooks."""
