"""Who needs an extra of the package and has not installed it is told which one."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib.metadata import packages_distributions, requires

import pytest

from diagnostics.errors import UsageProblem
from diagnostics.extras import MODULES, explain_missing_extra
from tests.check_runs import ROOT

# A finder in front of all others that finds nothing of the extra, as where it is not installed.
WITHOUT = """
import sys
class Without:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {absent!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Without())
"""


def run_without(absent: frozenset[str], code: str) -> subprocess.CompletedProcess[str]:
    program = WITHOUT.format(absent=set(absent)) + code
    return subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)


def requirements(extra: str) -> set[str]:
    """The names in one extra, as the installed package declares them."""
    ours = [each for each in requires("whatsapp-diagnostics") or [] if re.search(rf"extra == ['\"]{extra}['\"]", each)]
    return {re.match(r"[\w-]+", each)[0].lower() for each in ours} - {"whatsapp-diagnostics"}


def installed_by(modules: frozenset[str]) -> set[str]:
    distributions = packages_distributions()
    return {name.lower().replace("_", "-") for module in modules for name in distributions[module]}


@pytest.mark.parametrize("extra", MODULES)
def test_what_the_table_lists_for_an_extra_is_required_by_it(extra):
    assert installed_by(MODULES[extra]) <= requirements(extra)


def test_whatever_an_extra_requires_is_in_the_table():
    assert installed_by(frozenset().union(*MODULES.values())) == requirements("all")


@pytest.mark.parametrize(("module", "extra"), [("fastapi.routing", "gateway"), ("psycopg", "postgres")])
def test_a_failed_import_of_an_extra_names_the_command_that_installs_it(module, extra):
    with (
        pytest.raises(UsageProblem, match=rf"^{module.partition('.')[0]} .*'whatsapp-diagnostics\[{extra}\]'$"),
        explain_missing_extra(),
    ):
        raise ModuleNotFoundError(f"No module named {module!r}", name=module)


def test_any_other_failed_import_is_raised_as_it_is():
    with pytest.raises(ModuleNotFoundError, match="nothing_of_ours"), explain_missing_extra():
        raise ModuleNotFoundError("No module named 'nothing_of_ours'", name="nothing_of_ours")


def test_a_bot_that_attaches_without_the_extra_is_told_so_and_listens_nowhere():
    ran = run_without(
        MODULES["gateway"],
        "from diagnostics.gateway import attach\n"
        "from diagnostics.errors import UsageProblem\n"
        "try: attach(object(), session='bot', token='a-token-for-these-tests', port=0)\n"
        "except UsageProblem as problem: print(problem)\n",
    )
    assert ran.stderr == ""
    assert ran.stdout.strip().endswith(
        "is not installed, and this needs it: pip install 'whatsapp-diagnostics[gateway]'"
    )


def test_what_a_plain_installation_runs_needs_no_extra():
    modules = [
        "diagnostics.plugin",
        "diagnostics.testing",
        "diagnostics.gateway",
        "diagnostics.running.run",
        "diagnostics.simulator",
        "diagnostics.targets.http",
        "diagnostics.targets.neonize",
        "diagnostics.neonize.worker.service",
        "diagnostics.commands.explain",
        "diagnostics.commands.pair",
        "diagnostics.commands.simulate",
    ]
    everything = frozenset().union(*MODULES.values())
    ran = run_without(everything, "".join(f"import {module}\n" for module in modules))
    assert (ran.returncode, ran.stderr) == (0, "")
