"""The tape as a program: what a function does to arrays, written as NumPy."""

from .compiled import Compiled, compile
from .recorded import Call, Input, Program, Ref, Value
from .written import Script, script

__all__ = ["Call", "Compiled", "Input", "Program", "Ref", "Script", "Value", "compile", "script"]
