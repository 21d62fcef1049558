"""Failover between real servers, measured and counted: `python -m tests.failover`."""
