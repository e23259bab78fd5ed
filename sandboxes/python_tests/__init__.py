"""Unit tests of Python code: prepare, run in jails, judge."""

from __future__ import annotations

from sandboxes.python_tests.executor import PythonTestsExecutor

__all__ = ["PythonTestsExecutor"]
