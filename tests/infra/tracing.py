"""What need not be measured runs without coverage, which makes our code take up to five times as long.

For tests that run lines again which shorter tests have run: they have to pass, and the gates have to hold without
them. Without coverage nothing changes.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Generator, Iterator
from contextlib import contextmanager

import pytest

MARK = "untraced"
CONFIGURATION = "COVERAGE_PROCESS_CONFIG"  # makes processes that are started measure themselves


@contextmanager
def untraced() -> Iterator[None]:
    """Measure neither what runs meanwhile in this thread and in new ones, nor the processes that it starts."""
    trace, trace_of_threads = sys.gettrace(), threading.gettrace()
    configuration = os.environ.pop(CONFIGURATION, None)
    sys.settrace(None)
    threading.settrace(None)  # type: ignore[arg-type]
    try:
        yield
    finally:
        if configuration is not None:
            os.environ[CONFIGURATION] = configuration
        threading.settrace(trace_of_threads)  # type: ignore[arg-type]
        sys.settrace(trace)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Run a test marked `untraced`, and the fixtures that it is the first to ask for, without coverage."""
    if item.get_closest_marker(MARK) is None:
        return (yield)
    with untraced():
        return (yield)
