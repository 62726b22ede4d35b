"""Fixtures of the exercises' tests."""

import importlib.util
import os

import pytest


@pytest.fixture
def patience():
    """Seconds to wait for what should happen at once."""
    return float(os.environ.get("LESSON_PATIENCE", "5"))


@pytest.fixture
def exercise(request):
    """The module ``exercise.py`` next to the test."""
    path = request.path.with_name("exercise.py")
    spec = importlib.util.spec_from_file_location("exercise", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
