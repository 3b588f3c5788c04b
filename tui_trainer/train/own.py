"""Finds a function of the user's own, `module:function`, in the project's folder."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tui_trainer.errors import PreflightError

if TYPE_CHECKING:
    from collections.abc import Callable

# An environment often lies in the project's folder.
_INSTALLED = {"site-packages", "dist-packages"}


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
    except Exception as error:
        raise PreflightError(f"{module_name} cannot be imported: {describe(error)}") from error
    found = getattr(module, function_name, None)
    if not callable(found):
        raise PreflightError(f"{module.__file__} defines no function {function_name}")
    wanted: Callable[..., Any] = found
    return wanted


def called(name: str, project: Path, **arguments: Any) -> Any:
    """What the function returns.

    Raises:
        PreflightError: It cannot be found, or it raises an error.
    """
    wanted = function(name, project)
    try:
        return wanted(**arguments)
    except Exception as error:
        given = ", ".join(f"{key}={value!r}" for key, value in arguments.items())
        raise PreflightError(f"{name} called with ({given}) fails: {describe(error)}") from error


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
    """An error of foreign code with the line that it came from, as one line."""
    trace, place = error.__traceback__, ""
    while trace is not None:
        file = Path(trace.tb_frame.f_code.co_filename)
        place = f" ({file.name}, line {trace.tb_lineno})"
        trace = trace.tb_next
    words = " ".join(str(error).split())
    return f"{type(error).__name__}: {words}{place}"


def _check_place(module_name: str, project: Path) -> None:
    """Make the project's modules importable, behind all that is installed."""
    folder = str(project.resolve())
    if folder not in sys.path:
        sys.path.append(folder)
    try:
        found = importlib.util.find_spec(module_name)
    except (ImportError, ValueError) as error:
        raise PreflightError(f"{module_name} cannot be found: {error}") from error
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
