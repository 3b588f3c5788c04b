"""Faults on purpose: calls that fail, kills at named points, full disks; and who checks it."""
