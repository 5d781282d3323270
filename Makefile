.PHONY: run test test-security scale-demo mutants lint bench

run: ## set up, train if needed, start everything
	@scripts/setup
	@.venv/bin/python -m bot.cli up

test: ## set up, and run every test in both environments
	@scripts/setup tests
	@scripts/test

test-security: ## the proofs at the full numbers of the reference: kills, races, faults, machines; prints the counts
	@scripts/setup tests
	@ANXIN_ROUNDS=10 .venv/bin/python -m pytest -s tests/proof tests/actions

scale-demo: ## 3 engines, 2 gateways, 2 actions behind nginx on this machine, and the proof that nothing is lost; two minutes
	@scripts/setup tests
	@scripts/scale-demo

mutants: ## every small change of a rule, and which of them no test notices; three to twenty minutes
	@scripts/setup
	@scripts/mutants

lint:
	@scripts/setup
	@.venv/bin/ruff check . && .venv/bin/ruff format --check . && .venv/bin/mypy

bench: ## what a turn costs, beside stock Rasa and beside its limit
	@scripts/setup
	@.venv/bin/python -m bot.cli bench turns
