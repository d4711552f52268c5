"""The contract is a plain module: let pytest explain its assertions too."""

import pytest

pytest.register_assert_rewrite("controller_contract")
