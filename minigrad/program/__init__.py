"""The tape as a program: what a function does to arrays, written as NumPy."""

from .recorded import Call, Input, Program, Ref, Value
from .written import Script, script

__all__ = ["Call", "Input", "Program", "Ref", "Script", "Value", "script"]
