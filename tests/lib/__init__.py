"""What the suites share: a shop, its buyers and its seller, programs with JSON-RPC, and the test runner."""
