"""Interrupts: a call that an exception ends at a chosen step of the bytecode."""

import contextlib
import dis
import itertools
import sys

from minigrad.core import writes


class Interrupt(BaseException):
    pass


def interrupted_at(step, code, call, where=lambda code, offset: True):
    """`call()`, interrupted at that step of the bytecode of `code` and what it calls; False if it ended before.

    Steps are counted `where` this says so.
    """
    steps = itertools.count()

    def reached(at, offset):
        return where(at, offset) and next(steps) == step

    try:
        with stepping(code, reached):
            call()
    except Interrupt:
        return True
    finally:
        # this can come between taking a lock and the block that gives it back; a signal handler cannot
        while writes._writing._is_owned():
            writes._writing.release()
    return False


def where_signals_are_handled(code):
    """The offsets in `code` where Python runs signal handlers: at a jump back, and after a call."""
    steps = list(dis.get_instructions(code))
    jumps = {step.offset for step in steps if "JUMP_BACKWARD" in step.opname}
    after_calls = {b.offset for a, b in itertools.pairwise(steps) if a.opname.startswith("CALL")}
    return jumps | after_calls


@contextlib.contextmanager
def _traced(code, reached):
    """Interrupt by `sys.settrace`, before Python 3.12."""
    inside = []

    def trace(frame, event, argument):
        if not inside and frame.f_code is not code:
            return None
        inside.append(frame)
        frame.f_trace_opcodes = True
        return trace_inside

    def trace_inside(frame, event, argument):
        if event == "return":
            inside.remove(frame)
        elif event == "opcode" and reached(frame.f_code, frame.f_lasti):
            sys.settrace(None)
            raise Interrupt
        return trace_inside

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        yield
    finally:
        sys.settrace(before)


@contextlib.contextmanager
def _monitored(code, reached):
    """The same by `sys.monitoring`: Python 3.13 traces no opcodes any more in a call after one that was interrupted."""
    monitoring = sys.monitoring
    tool, events = monitoring.DEBUGGER_ID, monitoring.events
    inside = []

    def entered(at, offset):
        if at is code:
            inside.append(at)

    def left(at, *_):
        if at is code:
            inside.pop()

    def stepped(at, offset):
        if inside and reached(at, offset):
            monitoring.set_events(tool, 0)
            raise Interrupt

    told = {
        events.PY_START: entered,
        events.PY_RETURN: left,
        events.PY_UNWIND: left,
        events.INSTRUCTION: stepped,
    }
    monitoring.use_tool_id(tool, "interrupts")
    for event, function in told.items():
        monitoring.register_callback(tool, event, function)
    monitoring.set_events(tool, sum(told))
    try:
        yield
    finally:
        monitoring.set_events(tool, 0)
        for event in told:
            monitoring.register_callback(tool, event, None)
        monitoring.free_tool_id(tool)


stepping = _monitored if hasattr(sys, "monitoring") else _traced
