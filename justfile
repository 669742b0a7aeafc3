# The commands of a working day. Each is the one that .ci/run or the README runs; a test holds them together.

export MPLBACKEND := "Agg"

# style, types and tests: what you run before a commit
default: lint test

# the README's own setup
setup:
    python3 -m venv .venv
    .venv/bin/pip install -q --no-deps -r requirements/dev.txt
    .venv/bin/pip install -q --no-deps --no-build-isolation -e .
    .venv/bin/pip check

# style and types
lint:
    .venv/bin/ruff format --check .
    .venv/bin/ruff check .
    .venv/bin/pyright --pythonpath .venv/bin/python

# the tests
test:
    .venv/bin/pytest -q -n auto

# every branch of the decisions and the protocol, by the tests of these two rooms alone
cover:
    .venv/bin/pytest -q -n 2 tests/reference_impl/domain tests/reference_impl/protocol --cov

# the studies of many seconds
slow:
    .venv/bin/pytest -q -m "slow and simulated" -n 2 -p no:randomly
    .venv/bin/pytest -q -m "slow and not simulated" -n 2 --dist loadfile -p no:randomly --ignore=tests/loadtest
    .venv/bin/pytest -q -m "slow and not simulated" -p no:randomly tests/loadtest

# put the code into the house's form
format:
    .venv/bin/ruff format .
    .venv/bin/ruff check --fix .

# write the reference pages that are made from code
docs:
    .venv/bin/python docs/generate.py

# what a release hands out: the wheel, the bill of its parts, their sums
ship:
    .venv/bin/python .ci/supply.py dist

# everything, on a bare machine
ci:
    .ci/run
