"""Floor 3: controllers for instruments; all of them obey ``tests/contract/controller_contract.py``."""
