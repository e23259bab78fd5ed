"""Wrong candidates that try to be accepted from within pytest. None of them may ever be.

Every candidate here is wrong. Many forge a run of the suite without effort, as the last test here
shows; it is the canaries that find them.
"""

from __future__ import annotations

import pytest

from sandboxes.python_tests import pytest_suite
from tests.python_tests.conftest import Verify
from tests.python_tests.test_pytest_suite import suite
from verifier_service.model import Outcome, PytestSuite

SEVERAL = suite(
    {
        "conftest.py": "import pytest\n@pytest.fixture\ndef three(): return [3, 1, 2]\n",
        "test_one.py": "import pytest\nimport solution\nfrom solution import solve\n"
        "def test_fixture(three): assert solve(three) == [1, 2, 3]\n"
        "@pytest.mark.parametrize('xs, want', [([2, 1], [1, 2]), ([9, 8], [8, 9])])\n"
        "def test_rows(xs, want): assert solve(xs) == want\n"
        "def test_error():\n    with pytest.raises(TypeError): solve(None)\n",
        "test_two.py": "import unittest\nfrom solution import solve\n"
        "def test_approx():\n    import pytest\n    assert solve([0.5]) == pytest.approx([0.5])\n"
        "class T(unittest.TestCase):\n"
        "    def test_equal(self): self.assertEqual(solve([5, 4]), [4, 5])\n",
    }
)
SINGLE = suite(
    {
        "test_only.py": "from solution import solve\n"
        "def test_only():\n    assert solve([3, 1, 2]) == [1, 2, 3]\n"
    }
)
LIAR = """
class Liar:
    def __eq__(self, other): return True
    def __ne__(self, other): return False
    def __sub__(self, other): return 0
    def __rsub__(self, other): return 0
    def __abs__(self): return 0
    def __len__(self): return 1
    def __getitem__(self, key): return self
    def __iter__(self): return iter([self])
    def __bool__(self): return True
    def __hash__(self): return 0
"""
WRONG = "\ndef solve(xs): return 'wrong'\n"
SESSION = """
import gc, os, sys
def frames():
    frame = sys._getframe(1)
    while frame:
        yield frame
        frame = frame.f_back
def found(name):
    for frame in frames():
        if name in frame.f_locals: return frame.f_locals[name]
def of_type(name):
    return [one for one in gc.get_objects() if type(one).__name__ == name]
"""
PLUGIN = "import pytest\n" + SESSION
ON_CALL = """
def solve(xs):
    attack()
    return 'wrong'
"""
# The report's format is no secret: this one says itself that every test has passed.
FORGE = (
    SESSION
    + """
import json
def forge(names):
    (reporter,) = of_type('Reporter')
    def say(line): os.write(reporter._fd, reporter._nonce + b' ' + json.dumps(line).encode() + b'\\n')
    for name in names[reporter._reported:]:
        say({'case': name, 'reason': 'tests-passed', 'message': '', 'wall_seconds': 0.0})
    say({'end': 'tests-passed', 'passed': len(names), 'failed': 0, 'calls': 1})
    os._exit(0)
def names():
    (session,) = of_type('Session')
    return [item.nodeid for item in session.items]
"""
)

ATTACKS = {
    "sys-exit-at-import": "import sys; sys.exit(0)",
    "system-exit-in-call": "def solve(xs): raise SystemExit(0)",
    "os-exit-at-import": "import os; os._exit(0)",
    "os-exit-in-call": "import os\ndef solve(xs): os._exit(0)",
    "posix-exit-in-call": "import posix\ndef solve(xs): posix._exit(0)",
    "ctypes-exit": "import ctypes\ndef solve(xs): ctypes.CDLL(None)._exit(0)",
    "fork-and-exit": "import os\ndef solve(xs):\n    os.fork()\n    os._exit(0)",
    "go-on-in-a-fork": "import os\ndef solve(xs):\n    if os.fork(): os._exit(0)\n    return 1",
    "exit-at-alarm": (
        "import os, signal\nsignal.signal(signal.SIGALRM, lambda *_: os._exit(0))\n"
        "def solve(xs):\n    signal.setitimer(signal.ITIMER_REAL, 0.01)\n    signal.pause()"
    ),
    "exit-at-exit": "import atexit, os\natexit.register(os._exit, 0)" + WRONG,
    "keyboard-interrupt": "def solve(xs): raise KeyboardInterrupt",
    "pytest-exit-at-import": "import pytest; pytest.exit('done', 0)",
    "pytest-exit-in-call": "import pytest\ndef solve(xs): pytest.exit('done', 0)",
    "skip-at-import": "import pytest; pytest.skip('no need', allow_module_level=True)",
    "skip-in-call": "import pytest\ndef solve(xs): pytest.skip('no need')",
    "skip-as-unittest-does": "import unittest\ndef solve(xs): raise unittest.SkipTest('no')",
    "skip-without-a-trace": (
        "import pytest\nspace = {'skip': pytest.skip}\n"
        "exec(compile('def solve(xs): skip(\"no\")', '/tmp/suite/test_one.py', 'exec'), space)\n"
        "solve = space['solve']"
    ),
    "xfail-in-call": "import pytest\ndef solve(xs): pytest.xfail('hard')",
    "importorskip": "import pytest\npytest.importorskip('nothing')" + WRONG,
    "mark-all-as-expected-to-fail": (
        PLUGIN
        + "def attack():\n    for item in found('session').items: item.add_marker(pytest.mark.xfail)"
        + ON_CALL
    ),
    "always-equal-object": LIAR + "def solve(xs): return Liar()",
    "lying-list": (
        "class L(list):\n    def __eq__(s, o): return True\n    def __ne__(s, o): return False\n"
        "def solve(xs):\n    if xs is None: raise TypeError\n    return L(xs)"
    ),
    "equal-by-reflection": (
        "class L(list):\n    __eq__ = lambda s, o: True\n    __hash__ = None\n"
        "def solve(xs): return L() if xs else 0 / 0"
    ),
    "patched-report": (
        "import _pytest.reports as r\nmake = r.TestReport.from_item_and_call.__func__\n"
        "def forged(cls, item, call):\n    call.excinfo = None\n    return make(cls, item, call)\n"
        "r.TestReport.from_item_and_call = classmethod(forged)" + WRONG
    ),
    "report-that-can-only-pass": (
        "import _pytest.reports as r\n"
        "r.BaseReport.failed = property(lambda self: False)\n"
        "r.BaseReport.passed = property(lambda self: True)" + WRONG
    ),
    "patched-call-info": (
        "import _pytest.runner as r\n"
        "def from_call(cls, func, when, reraise=None):\n"
        "    try: func()\n    except BaseException: pass\n"
        "    return cls(None, None, 0, 0, 0, when, _ispytest=True)\n"
        "r.CallInfo.from_call = classmethod(from_call)" + WRONG
    ),
    "patched-function-call": (
        "import _pytest.python as p\np.Function.runtest = lambda self: None\n"
        "import _pytest.unittest as u\nu.TestCaseFunction.runtest = lambda self: None" + WRONG
    ),
    "plugin-that-calls-no-test": (
        PLUGIN + "class Plugin:\n    @pytest.hookimpl(tryfirst=True)\n"
        "    def pytest_pyfunc_call(self, pyfuncitem): return True\n"
        "import _pytest.unittest as u\nu.TestCaseFunction.runtest = lambda self: None\n"
        "(manager,) = of_type('PytestPluginManager')\nmanager.register(Plugin())" + WRONG
    ),
    "plugin-that-makes-reports": (
        PLUGIN + "class Plugin:\n    @pytest.hookimpl(tryfirst=True)\n"
        "    def pytest_runtest_makereport(self, item, call):\n"
        "        call.excinfo = None\n        return pytest.TestReport.from_item_and_call(item, call)\n"
        "(manager,) = of_type('PytestPluginManager')\nmanager.register(Plugin())" + WRONG
    ),
    "no-more-plugins": (
        PLUGIN + "def attack():\n    (manager,) = of_type('PytestPluginManager')\n"
        "    for plugin in manager.get_plugins():\n"
        "        if type(plugin).__name__ == 'Recorder': manager.unregister(plugin)" + ON_CALL
    ),
    "no-more-tests": (
        PLUGIN + "def attack():\n    (session,) = of_type('Session')\n    del session.items[1:]"
        "\n    os.environ.clear()" + ON_CALL
    ),
    "other-test-bodies": (
        SESSION + "def nothing(*args, **kwargs): pass\ndef attack():\n"
        "    (session,) = of_type('Session')\n"
        "    for item in session.items: item.obj = nothing\n"
        "    raise TypeError" + ON_CALL
    ),
    "other-code-in-tests": (
        SESSION + "import types\nclass Watch:\n    def __getattr__(self, name): return None\n"
        "def strip():\n"
        "    for one in gc.get_objects():\n"
        "        if isinstance(one, types.FunctionType) and one.__name__.startswith('test_'):\n"
        "            code = one.__code__\n"
        "            one.__code__ = code.replace(co_code=(lambda: None).__code__.co_code,\n"
        "                co_consts=(None,))\n"
        "import _pytest.main as m\nperform = m.Session.perform_collect\n"
        "def collected(self, *args, **kwargs):\n"
        "    items = perform(self, *args, **kwargs)\n    strip()\n    return items\n"
        "m.Session.perform_collect = collected\n"
        "import _pytest.runner as r\nrun = r.pytest_runtest_protocol\n"
        "import threading, time\n"
        "threading.Thread(target=lambda: (time.sleep(0.02), strip()), daemon=True).start()" + WRONG
    ),
    "patched-raises-and-approx": (
        LIAR + "import contextlib, pytest\n"
        "pytest.raises = lambda *a, **k: contextlib.suppress(BaseException)\n"
        "pytest.approx = lambda *a, **k: Liar()\n"
        "class L(list):\n    __eq__ = lambda s, o: True\n"
        "def solve(xs): return L()"
    ),
    "patched-unittest": (
        LIAR + "import unittest\n"
        "unittest.TestCase.assertEqual = lambda *a: None\ndef solve(xs): return Liar()"
    ),
    "assertion-error-is-another": (
        "import builtins\nclass Quiet(Exception): pass\nbuiltins.AssertionError = Quiet" + WRONG
    ),
    "assertions-are-not-compiled": (
        "import ast, builtins\n"
        "from _pytest.assertion import rewrite\n"
        "class Strip(ast.NodeTransformer):\n    def visit_Assert(self, node): return ast.Pass()\n"
        "def strip(tree, *args): ast.fix_missing_locations(Strip().visit(tree))\n"
        "rewrite.rewrite_asserts = strip" + WRONG
    ),
    "modules-are-loaded-again": (
        "import sys, threading, time\n"
        "def later():\n    time.sleep(0.03)\n    sys.modules.pop('test_one', None)\n"
        "threading.Thread(target=later, daemon=True).start()\n"
        "sys.modules['solution'].__class__ = type('M', (type(sys),), {})" + WRONG
    ),
    "another-module-in-its-place": (
        LIAR + "import sys, types\nfake = types.ModuleType('solution')\n"
        "fake.solve = lambda xs: Liar()\nsys.modules['solution'] = fake"
    ),
    "conftest-on-disk": (
        "import os\nos.makedirs('sub', exist_ok=True)\n"
        "open('conftest.py', 'w').write('def pytest_pyfunc_call(pyfuncitem): return True')" + WRONG
    ),
    "tests-on-disk-rewritten": (
        "import re\n"
        "for name in ('test_one.py', 'test_two.py'):\n"
        "    try: text = open(name).read()\n    except OSError: continue\n"
        "    names = re.findall(r'def (test_\\w+)', text)\n"
        "    open(name, 'w').write(re.sub(r'(?m)^( *)assert .*', r'\\1pass', text)\n"
        "        .replace('self.assertEqual', 'str'))" + WRONG
    ),
    "settings-on-disk": (
        "open('pytest.ini', 'w').write('[pytest]\\npython_functions = nothing\\n')" + WRONG
    ),
    "other-modules-on-the-path": (
        "import os, sys\nos.makedirs('/tmp/evil', exist_ok=True)\n"
        "open('/tmp/evil/unittest.py', 'w').write('class TestCase: pass')\n"
        "sys.path.insert(0, '/tmp/evil')\nsys.modules.pop('unittest', None)" + WRONG
    ),
    "trace-jumps-over-assertions": (
        "import sys\n"
        "def trace(frame, event, arg):\n"
        "    if frame.f_code.co_name.startswith('test_'):\n"
        "        frame.f_trace_opcodes = True\n"
        "        if event == 'exception': frame.f_lineno = frame.f_code.co_firstlineno\n"
        "        return trace\n"
        "sys.settrace(trace)" + WRONG
    ),
    "stack-of-exceptions-cleared": (
        "import _pytest.runner as r\nr.check_interactive_exception = lambda *a: False\n"
        "import sys\nsys.exc_info = lambda: (None, None, None)" + WRONG
    ),
    "hooks-that-say-nothing": (
        "import pluggy._hooks as h\ncall = h.HookCaller.__call__\n"
        "def quiet(self, **kwargs):\n"
        "    if self.name in ('pytest_runtest_call', 'pytest_exception_interact'): return []\n"
        "    return call(self, **kwargs)\n"
        "h.HookCaller.__call__ = quiet" + WRONG
    ),
    "json-that-lies": (
        "import json\ndumps = json.dumps\n"
        "def lie(value, *args, **kwargs):\n"
        "    if isinstance(value, dict) and 'reason' in value: value['reason'] = 'tests-passed'\n"
        "    if isinstance(value, dict) and 'end' in value: value['end'] = 'tests-passed'\n"
        "    return dumps(value, *args, **kwargs)\njson.dumps = lie" + WRONG
    ),
    "reporter-that-lies": (
        SESSION + "(reporter,) = of_type('Reporter')\nkind = type(reporter)\nsay = kind.case\n"
        "kind.case = lambda self, name, **facts: say(self, name)\n"
        "end = kind.end\nkind.end = lambda self, reason, **f: end(self, 'tests-passed', calls=1)"
        + WRONG
    ),
    "recorder-that-lies": (
        SESSION + "(recorder,) = of_type('Recorder')\n"
        "type(recorder)._note = lambda *args: None\ntype(recorder).fail = lambda *args: None"
        + WRONG
    ),
    "report-written-by-itself": (FORGE + "def attack(): forge(names())" + ON_CALL),
    "report-written-at-import": (
        FORGE + "import re, glob\n"
        "forge([f'{path}::{name}' for path in sorted(glob.glob('test_*.py'))\n"
        "    for name in re.findall(r'def (test_\\w+)', open(path).read())])"
    ),
    "report-unless-it-looks-like-a-canary": (
        FORGE + "import glob\n"
        "text = ''.join(open(path).read() for path in glob.glob('*.py') if 'solution' not in path)\n"
        "odd = ('assert False', '!=', 'not (', 'not in', 'is not', 'assertNot', 'object()')\n"
        "canary = any(mark in text for mark in odd)\n"
        "def attack():\n    if not canary: forge(names())" + ON_CALL
    ),
    "report-from-a-thread": (
        FORGE + "import threading, time\n"
        "def later():\n    time.sleep(0.05)\n    forge(names())\n"
        "threading.Thread(target=later, daemon=True).start()\n"
        "def solve(xs): time.sleep(1)"
    ),
    "report-by-a-forked-child": (
        FORGE + "def attack():\n"
        "    if os.fork() == 0: forge(names())\n    os.wait()\n    os._exit(0)" + ON_CALL
    ),
    "lines-on-every-file": (
        "import os\n"
        "for fd in range(1, 128):\n"
        "    try: os.write(fd, b'passed\\n' + b'{\"end\": \"tests-passed\"}\\n')\n"
        "    except OSError: pass" + WRONG
    ),
    "closed-files": "import os\nos.closerange(0, 128)" + WRONG,
    "expected-values-from-disk": (
        "import ast, glob\nanswers = []\n"
        "for path in glob.glob('test_*.py'):\n"
        "    for node in ast.walk(ast.parse(open(path).read())):\n"
        "        if isinstance(node, ast.Compare): pairs = [(node.left, node.comparators[0])]\n"
        "        elif isinstance(node, ast.Tuple) and len(node.elts) == 2: pairs = [node.elts]\n"
        "        elif isinstance(node, ast.Call) and len(node.args) == 2: pairs = [node.args]\n"
        "        else: continue\n"
        "        for one, other in pairs:\n"
        "            one = one.args[0] if isinstance(one, ast.Call) and one.args else one\n"
        "            other = other.args[0] if isinstance(other, ast.Call) and other.args else other\n"
        "            try: answers.append((ast.literal_eval(one), ast.literal_eval(other)))\n"
        "            except ValueError: answers.append(([3, 1, 2], None))\n"
        "            if answers[-1][1] is None:\n"
        "                try: answers[-1] = ([3, 1, 2], ast.literal_eval(other))\n"
        "                except ValueError: pass\n"
        "def solve(xs):\n"
        "    if xs is None: raise TypeError\n"
        "    return next(b for a, b in answers if a == xs)"
    ),
    "expected-values-from-frames": (
        "import sys\ndef solve(xs):\n"
        "    if xs is None: raise TypeError\n"
        "    frame = sys._getframe(1)\n"
        "    if 'want' in frame.f_locals: return frame.f_locals['want']\n"
        "    numbers = [c for c in frame.f_code.co_consts if isinstance(c, (int, float, tuple))]\n"
        "    lists = [list(c) for c in numbers if isinstance(c, tuple)]\n"
        "    return lists[-1] if lists else [c for c in numbers if type(c) in (int, float)][-len(xs):]"
    ),
    "expected-values-of-the-comparison": (
        "import sys\n"
        "class Mirror:\n"
        "    def __eq__(self, other):\n"
        "        self.seen = other\n        return True\n"
        "    def __iter__(self): return iter(self.seen)\n"
        "def solve(xs):\n    if xs is None: raise TypeError\n    return Mirror()"
    ),
    "garbage-collector-finds-the-parameters": (
        "import gc\ndef solve(xs):\n"
        "    if xs is None: raise TypeError\n"
        "    for one in gc.get_objects():\n"
        "        if type(one) is dict and one.get('xs') is xs and 'want' in one: return one['want']\n"
        "    return None"
    ),
    "patched-equality-of-the-runner": (
        "import operator, _pytest.assertion.rewrite as r\n"
        "r._call_reprcompare = lambda *args: ''\n"
        "r._should_repr_global_name = lambda obj: False\n"
        "import builtins\nbuiltins.isinstance = lambda *a: True" + WRONG
    ),
    "a-subclass-that-hides": (
        "import sys\nclass Hidden(str):\n    __class__ = list\n    def __eq__(s, o): return True\n"
        "def solve(xs):\n    if xs is None: raise TypeError\n    return Hidden()"
    ),
}
DECEIVING = {
    "a-subclass-that-hides",
    "always-equal-object",
    "another-module-in-its-place",
    "equal-by-reflection",
    "expected-values-from-disk",
    "expected-values-of-the-comparison",
    "hooks-that-say-nothing",
    "json-that-lies",
    "lying-list",
    "patched-call-info",
    "patched-function-call",
    "patched-raises-and-approx",
    "patched-report",
    "patched-unittest",
    "plugin-that-calls-no-test",
    "plugin-that-makes-reports",
    "recorder-that-lies",
    "report-by-a-forked-child",
    "report-that-can-only-pass",
    "report-unless-it-looks-like-a-canary",
    "report-written-at-import",
    "report-written-by-itself",
    "reporter-that-lies",
}
"""Attacks that get past a run of the suite by itself, of one of the two at least."""


@pytest.mark.parametrize("tests", [SEVERAL, SINGLE], ids=["several-tests", "single-test"])
@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS.keys())
async def test_no_forgery_is_accepted(verify: Verify, attack: str, tests: PytestSuite) -> None:
    verdict = await verify(attack, tests, wall_seconds=3, cpu_seconds=2)

    assert verdict.outcome is not Outcome.ACCEPTED, verdict


@pytest.mark.parametrize("name", sorted(DECEIVING))
async def test_these_deceive_a_run_without_canaries(
    verify: Verify, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(pytest_suite, "of_canary", lambda *_: None)
    several, single = [
        await verify(ATTACKS[name], tests, wall_seconds=3, cpu_seconds=2)
        for tests in (SEVERAL, SINGLE)
    ]

    assert Outcome.ACCEPTED in (several.outcome, single.outcome)
