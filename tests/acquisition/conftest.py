"""The cases are a plain module: let pytest explain its assertions too."""

import pytest

pytest.register_assert_rewrite("tests.acquisition.fault_cases")
