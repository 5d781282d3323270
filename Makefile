.PHONY: run test lint bench

run: ## set up, train if needed, start everything
	@scripts/setup
	@.venv/bin/python -m bot.cli up

test: ## set up, and run every test in both environments
	@scripts/setup tests
	@scripts/test

lint:
	@scripts/setup
	@.venv/bin/ruff check . && .venv/bin/ruff format --check . && .venv/bin/mypy

bench: ## what a question costs, from the gateway's door and back
	@scripts/setup
	@.venv/bin/python -m bot.cli bench
