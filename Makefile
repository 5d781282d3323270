.PHONY: run test test-security mutants lint bench

run: ## set up, train if needed, start everything
	@scripts/setup
	@.venv/bin/python -m bot.cli up

test: ## set up, and run every test in both environments
	@scripts/setup tests
	@scripts/test

test-security: ## the proofs at the full numbers of the reference: kills, races, faults, machines; prints the counts
	@scripts/setup tests
	@ANXIN_ROUNDS=10 .venv/bin/python -m pytest -s tests/proof tests/actions

mutants: ## every small change of a rule, and which of them no test notices; three to twenty minutes
	@scripts/setup
	@scripts/mutants

lint:
	@scripts/setup
	@.venv/bin/ruff check . && .venv/bin/ruff format --check . && .venv/bin/mypy

bench: ## what a question costs, from the gateway's door and back
	@scripts/setup
	@.venv/bin/python -m bot.cli bench
