"""Shared by the suites: a shop, its buyers and its seller, programs with JSON-RPC, and the test runner."""
