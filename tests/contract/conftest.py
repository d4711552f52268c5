"""The contract is a plain module: let pytest explain its assertions too."""

import pytest

pytest.register_assert_rewrite("tests.contract.controller_contract")
