"""Finds a function of the user's own, `module:function`, in the project's folder."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import sys
import sysconfig
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tui_trainer.errors import PreflightError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

# What foreign code may end with; a script that parses its command line calls sys.exit.
FAILURES = (Exception, SystemExit)
# An environment often lies in the project's folder.
_INSTALLED = {"site-packages", "dist-packages"}
_NOT_THE_USERS = (Path(__file__).resolve().parents[1], Path(sysconfig.get_path("stdlib")).resolve())


def function(name: str, project: Path) -> Callable[..., Any]:
    """The function of that name.

    Args:
        name: `module:function`.
        project: The folder that the module is looked for in.

    Raises:
        PreflightError: There is no such module or function, or the module cannot be imported.
    """
    module_name, _, function_name = name.partition(":")
    _check_place(module_name, project)
    try:
        module = importlib.import_module(module_name)
    except FAILURES as error:
        raise PreflightError(
            f"{module_name} cannot be imported: {describe(error)}",
            hint=_unasked(error) or _alone(project, f"import {module_name}"),
        ) from error
    found = getattr(module, function_name, None)
    if not callable(found):
        raise PreflightError(
            f"{module.__file__} defines no function {function_name}",
            hint=f"write def {function_name}(...) there, or name another one",
        )
    wanted: Callable[..., Any] = found
    return wanted


def called(name: str, project: Path, **arguments: Any) -> Any:
    """What the function returns.

    Raises:
        PreflightError: It cannot be found, does not take the arguments, or raises an error.
    """
    wanted = function(name, project)
    _check_parameters(name, wanted, arguments)
    try:
        return wanted(**arguments)
    except FAILURES as error:
        module_name, _, function_name = name.partition(":")
        call = f"{function_name}({_given(arguments)})"
        raise PreflightError(
            f"{name} called with ({_given(arguments)}) fails: {describe(error)}",
            hint=_alone(project, f"from {module_name} import {function_name}; {call}"),
        ) from error


def imported(project: Path) -> list[str]:
    """The files of every module of the project's that is imported, as paths from its folder."""
    folder, files = project.resolve(), list[str]()
    for name, module in [*sys.modules.items()]:
        file = Path(getattr(module, "__file__", None) or "/").resolve()
        is_ours = name.partition(".")[0] == __package__.partition(".")[0]
        if file.is_relative_to(folder) and not is_ours and not _INSTALLED & {*file.parts}:
            files.append(file.relative_to(folder).as_posix())
    return files


def describe(error: BaseException) -> str:
    """An error of foreign code with the last line of the user's that led to it, as one line."""
    return _described(error, " ".join(str(error).split()))


def describe_shortly(error: BaseException) -> str:
    """As `describe`, without what the error says after its first line."""
    return _described(error, str(error).partition("\n")[0])


def place_of(error: BaseException) -> str:
    """The last line of the user's that led to an error, ` (mynets.py, line 3)`; empty without."""
    trace, place = error.__traceback__, ""
    while trace is not None:
        file = trace.tb_frame.f_code.co_filename
        if _is_the_users(file):
            place = f" ({Path(file).name}, line {trace.tb_lineno})"
        trace = trace.tb_next
    return place


def _described(error: BaseException, words: str) -> str:
    if isinstance(error, SystemExit):
        return f"it ends the program with sys.exit({words}){place_of(error)}"
    named = f"{type(error).__name__}: {words}" if words else type(error).__name__
    return f"{named}{place_of(error)}"


def _is_the_users(file: str) -> bool:
    path = Path(file)
    is_ours = any(path.resolve().is_relative_to(folder) for folder in _NOT_THE_USERS)
    return not (is_ours or file.startswith("<") or _INSTALLED & {*path.parts})


def _check_parameters(name: str, wanted: Callable[..., Any], arguments: Mapping[str, Any]) -> None:
    """Tell where the user's function is: Python would name the line that calls it."""
    try:
        signature = inspect.signature(wanted)
    except (TypeError, ValueError):
        return  # it is written in C, and checks for itself
    try:
        signature.bind(**arguments)
    except TypeError as error:
        _, _, function_name = name.partition(":")
        raise PreflightError(
            f"{name}{_defined_at(wanted)} takes {signature}, but is called with "
            f"({_given(arguments)}): {error}",
            hint=f"define it as def {function_name}({', '.join(arguments)})",
        ) from error


def _defined_at(wanted: Callable[..., Any]) -> str:
    try:
        file, (_, line) = inspect.getsourcefile(wanted), inspect.getsourcelines(wanted)
    except (OSError, TypeError):
        return ""
    return f" ({Path(file or '').name}, line {line})"


def _given(arguments: Mapping[str, Any]) -> str:
    return ", ".join(f"{key}={value!r}" for key, value in arguments.items())


def _unasked(error: BaseException) -> str:
    """What helps a module that acts as a program when it is only imported."""
    if not isinstance(error, SystemExit):
        return ""
    return 'put what the module does as a program below: if __name__ == "__main__":'


def _alone(project: Path, statement: str) -> str:
    """How the user sees the whole traceback."""
    return f'mend it; to try it alone, in {project}: python -c "{statement}"'


def _check_place(module_name: str, project: Path) -> None:
    """Make the project's modules importable, behind all that is installed."""
    folder = str(project.resolve())
    if folder not in sys.path:
        sys.path.append(folder)
    try:
        found = importlib.util.find_spec(module_name)
    except FAILURES as error:  # it imports the packages that the module lies in
        raise PreflightError(
            f"{module_name} cannot be found: {describe(error)}", hint=_unasked(error)
        ) from error
    if found is None:
        raise PreflightError(
            f"there is no module {module_name} in {project}",
            hint=f"write {module_name.replace('.', '/')}.py there",
        )
    if not Path(found.origin or "/").resolve().is_relative_to(folder):
        raise PreflightError(
            f"{module_name} is an installed module ({found.origin}), not one of {project}",
            hint="give your module a name of its own",
        )
