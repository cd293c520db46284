"""How many cases the tests of faults try."""

import pytest


def pytest_addoption(parser):
    parser.addoption("--cases", type=int, default=None)


@pytest.fixture
def cases(request):
    """The number of cases to try: that of the option, else the test's own; its part among several.

    It is reported.
    """
    asked = request.config.getoption("--cases", None)

    def number(default, among=1):
        found = (default if asked is None else asked) // among
        if found:
            request.node.user_properties.append(("cases", found))
        return found

    return number
