"""Scripts: a function's program as a text of NumPy's own words, to be read, saved and run."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from typing import Any

import numpy as np

from ..core import writes
from ..core.graph import TensorBase
from ..files import StrPath, whole
from .helpers import SCIPY
from .lines import wrapped
from .recorded import Input, Program, leaves
from .simplify import simplified
from .text import Text
from .tracing import ARRAYS, traced

CHECK = '''
def checked(step, **expected):
    """The step, which refuses arrays of other shapes and dtypes."""

    def call(*arrays):
        assert len(arrays) == len(expected), f"{len(arrays)} arrays given, {len(expected)} needed"
        for (name, kind), a in zip(expected.items(), arrays, strict=True):
            met = f"{a.shape} {a.dtype}" if hasattr(a, "dtype") else type(a).__name__
            assert met == kind, f"{name} is {met}; the script was written for {kind}"
        return step(*arrays)

    call.__doc__ = step.__doc__
    return call
'''


class Script:
    """A function as a straight-line program of NumPy; `print(script)` shows it.

    source   the whole module, which imports NumPy and what the standard library has
    program  the program behind it, as plain data
    """

    def __init__(self, program: Program, paths: dict[int, str], example: Any) -> None:
        self.program = program
        self._fixed = self._others(example)
        text = Text(program, paths)
        names = [text.names[i.at] for i in program.inputs]
        kinds = [_kind(program, i) for i in program.inputs]
        head = wrapped(f"def {_step_name(program)}({', '.join(names)}):")
        summary = f'"""{_summary(program, names)}"""'
        lines = textwrap.wrap(summary, 100, initial_indent="    ", subsequent_indent="    ")
        head += [line.replace("\0", " ") for line in lines]
        if program.quiet:
            head.insert(0, '@np.errstate(all="ignore")')
        results = ", ".join(text.results)
        end = wrapped(f"    return ({results})" if len(results) > 85 else f"    return {results}")
        above = [*text.constants, *[t.rstrip("\n") for t in text.helpers.texts]]
        step = "\n".join([*head, *text.lines, *end]) + "\n"
        self._text = "\n\n\n".join([*above, step]) if above else step
        imports = ["import numpy as np", *text.helpers.imports]
        needed = "NumPy alone" if SCIPY not in imports else "NumPy and SciPy"
        arguments = "".join(f'    {n}="{k}",\n' for n, k in zip(names, kinds, strict=True))
        name = _step_name(program)
        self.source = (
            f'"""{name}: written by minigrad; it needs {needed}."""\n\nfrom __future__ import annotations\n\n'
            + "\n".join(dict.fromkeys(imports))
            + f"\n\n\n{self._text}\n{CHECK}\n\n{name} = checked(\n    {name},\n{arguments})\n"
        )
        self._step: Any = None

    def __str__(self) -> str:
        return self._text.rstrip("\n")

    def __repr__(self) -> str:
        return f"<script of {self.program.name}, {len(self.program.calls)} steps>"

    def __call__(self, *arguments: Any) -> Any:
        """The results for other arguments, with the parameters as they are now: plain arrays."""
        if self._step is None:
            space: dict[str, Any] = {"__name__": "script"}
            exec(compile(self.source, f"<script of {self.program.name}>", "exec"), space)
            self._step = space[_step_name(self.program)]
        return self._step(*self.arrays(*arguments))

    def arrays(self, *arguments: Any) -> list[Any]:
        """The arrays of a call of the step: those of the arguments, then parameters and the like as they are now."""
        given = [v._data if isinstance(v, TensorBase) else v for v in leaves(list(arguments))]
        mine = [np.asarray(v) for v in given if isinstance(v, ARRAYS)]
        needed = sum(i.kind == "argument" for i in self.program.inputs)
        if len(mine) != needed or self._others(given) != self._fixed:
            raise ValueError(
                f"{self.program.name}: {len(mine)} arrays given beside {self._others(given)}; the script was written "
                f"for {needed} beside {self._fixed}, which are numbers in it"
            )
        following = iter(mine)
        found = [
            next(following) if i.kind == "argument" else i.array() for i in self.program.inputs
        ]
        touched = {
            self.program.values[c.writes].root for c in self.program.calls if c.writes is not None
        }
        writes.mark_written(
            *[
                a
                for i, a in zip(self.program.inputs, found, strict=True)
                if i.at in touched and i.kind != "generator"
            ]
        )
        return found

    @staticmethod
    def _others(given: Any) -> list[str]:
        """The arguments that are no arrays."""
        return [repr(v) for v in leaves(list(given)) if not isinstance(v, ARRAYS)]

    def save(self, path: StrPath) -> None:
        """Write the source as a module, whole or not at all; its folder is made if missing."""
        with whole(path) as file:
            file.write(self.source.encode())


def script(f: Callable[..., Any], *example: Any) -> Script:
    '''A function's steps as a straight-line NumPy script: what you would have written by hand, bit for bit.

        >>> import numpy as np
        >>> print(script(lambda x: np.square(x).mean(), np.ones(3)))
        def step(x):
            """x (3,) float64"""
            # forward
            loss = np.square(x).mean()                                      # ()
            return loss

    f        a function of arrays or Tensors, and of the modules, Parameters and Tensors that it names. What it does is
             written, `backward()` too: the gradients of parameters are returned behind its results
    example  arguments; the script takes arrays of their shapes and dtypes. Numbers among them stay as they are

    f runs twice, on copies: parameters, buffers and the default generator are left as they were, but no other thread
    may use them meanwhile; all else that f does happens twice. A script is one way through f: numbers, options and the
    mode of modules stay as they were. What looks into values (`item()`, `bool(t)`, a mask as an index) raises TypeError
    with your line, and so does what differs when f runs again; what the engine checks is checked. The last bits of sums
    and products depend on how arrays lie in memory: copy with order="K".
    '''
    program, paths = traced(f, example)
    return Script(simplified(program), paths, example)


def _step_name(program: Program) -> str:
    return program.name if program.name.isidentifier() else "step"


def _kind(program: Program, given: Input) -> str:
    value = program.values[given.at]
    return "Generator" if given.kind == "generator" else f"{value.shape} {value.dtype}"


def _summary(program: Program, names: list[str]) -> str:
    """Shapes and dtypes of the arguments, then those of the parameters, where theirs is that of the floats before."""
    # the words of an array stay on one line
    groups: dict[bool, list[str]] = {True: [], False: []}
    floats = None
    for name, given in zip(names, program.inputs, strict=True):
        value, is_argument = program.values[given.at], given.kind == "argument"
        is_known = not is_argument and value.dtype == floats
        text = f"{name} {value.shape}" if is_known else f"{name} {_kind(program, given)}"
        groups[is_argument].append(text.replace(" ", "\0"))
        if floats is None and value.dtype is not None and value.dtype.kind == "f":
            floats = value.dtype
    return "; ".join(", ".join(group) for group in groups.values() if group)
