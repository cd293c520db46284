"""How many cases the tests of faults try."""

import pytest


def pytest_addoption(parser):
    parser.addoption("--cases", type=int, default=None)


@pytest.fixture
def cases(request):
    """The number of cases to try: that of the option, else the test's own."""
    asked = request.config.getoption("--cases", None)
    return lambda default: default if asked is None else asked
