# Two commands do all the set-up on a fresh machine: `make demo` and `make test`.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo results bench test install clean
install: .venv/installed

.venv/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[test]'
	touch $@

demo: install
	$(BIN)/mac-control demo $(if $(DATA),--data $(DATA))
	@$(BIN)/mac-control doctor --optional

# The published comparison: kitchen-complete-v0 as it is, three training seeds, 20 episodes each.
results: install
	$(BIN)/mac-control demo --data kitchen-complete-v0 --seeds 0,1,2 --episodes 20 \
		--out results/complete-raw

# The policy that ships: MAC on the built-in demonstrations, four minutes of one core.
.PHONY: pretrained
pretrained: install
	$(BIN)/mac-control train --policy mac --data builtin \
		--steps 40000 --seed 0 --out runs/pretrained
	mkdir -p mac_control/pretrained/kitchen && rm -f mac_control/pretrained/kitchen/*
	cp runs/pretrained/policy.json runs/pretrained/weights-*.safetensors mac_control/pretrained/kitchen/

# Everything that takes minutes, about ten in all: benchmarks/README.md and results.json.
bench: install
	$(BIN)/python -m benchmarks all

test: install
	$(BIN)/ruff check . && $(BIN)/ruff format --check .
	$(MAKE) types
	$(BIN)/python -m pytest -n 2
	@$(BIN)/mac-control doctor --optional

# What draws, opens a browser or reads keys, as on a machine that has nothing for it.
.PHONY: test-bare
BARE_TESTS = rendering video doctor kitchen rollout cockpit cockpit_browser teleop_devices
test-bare: install
	tests/bare $(BIN)/python -m pytest -n 2 -rs $(BARE_TESTS:%=tests/test_%.py)

.PHONY: types docs coverage
# On the installed wheel, as a user's type checker sees it; build/ is left by setuptools.
types: install
	rm -rf build && $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps \
		--no-build-isolation --target build/types .
	cd build && PYTHONPATH=types ../$(BIN)/mypy --config-file ../pyproject.toml
	cd build && PYTHONPATH=types ../$(BIN)/mypy --config-file ../pyproject.toml ../tests/typed_user.py

# The variable silences a notice about the successor of mkdocs-material.
docs: install
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict && echo site/index.html

.PHONY: test-lowest audit
# The oldest versions that pyproject.toml admits, in an environment of their own; without the extra
# onnx, which needs a newer torch than everything else.
LOWEST = .[diffusion,tune,ray,expert,video,keyboard,cockpit,lerobot-data,tensorboard,docs,types]
test-lowest:
	$(PYTHON) -m venv .venv-lowest
	.venv-lowest/bin/python -m pip install --quiet --disable-pip-version-check \
		-c constraints-lowest.txt -e '$(LOWEST)' \
		pytest pytest-xdist pytest-cov hypothesis ruff build setuptools
	.venv-lowest/bin/python -m pytest -n 2

# Known weaknesses of what is pinned, from the package index's own service. A version that is known
# to be weak goes first: where it is not found out, nothing can be, and no silence is taken for clean.
PIP_AUDIT = .venv-audit/bin/pip-audit --no-deps --disable-pip
audit:
	$(PYTHON) -m venv .venv-audit
	.venv-audit/bin/python -m pip install --quiet --disable-pip-version-check pip-audit
	@echo 'jinja2==2.11.2' > .venv-audit/weak.txt
	@$(PIP_AUDIT) -r .venv-audit/weak.txt 2>&1 | grep -Eq 'PYSEC-|GHSA-|CVE-' || { echo \
		"audit: nothing was audited: this package index does not say which versions are weak" \
		"(jinja2 2.11.2 is, and was not found out). Run it where https://pypi.org answers."; exit 1; }
	$(PIP_AUDIT) --strict -r constraints.txt

coverage: install
	$(BIN)/python -m pytest -n 1 --cov --cov-report=term --cov-report=html

clean:
	rm -rf .venv .venv-lowest .venv-audit build dist site htmlcov *.egg-info
