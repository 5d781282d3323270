"""What proofs and benchmarks stand on: real actions processes, a private PostgreSQL, customers by the hundred."""
