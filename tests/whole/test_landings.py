"""Landings: a deep graph is freed at once, in any thread, however small its stack is."""

import contextlib
import itertools
import subprocess
import sys
import threading

import pytest
from accounting import nodes, settled, without_collector
from chains import LINKS, chain
from leaves import leaf64 as leaf

import minigrad as mg
from minigrad import landings
from minigrad.core.graph import Node

pytestmark = pytest.mark.untraced


def kept(h, x):
    h = h * 1
    h.retain_grad()
    return h


def hooked(h, x):
    """A node that leads to h through its hook alone."""
    y = x * 1
    y.register_hook(lambda g, h=h: g)
    return y


def cut(h, x):
    """A node that leads to h through what made it, which recording keeps."""
    return (h * 1).detach()


EDGES = {**LINKS, "a kept gradient": kept, "a hook": hooked, "a detach": cut}


@contextlib.contextmanager
def stacks_of(size):
    before = threading.stack_size(size)
    try:
        yield
    finally:
        threading.stack_size(before)


@pytest.fixture(params=["as it comes", "with landings"])
def landing(request, monkeypatch):
    """Nodes as this interpreter needs them, and as Python 3.13 does."""
    if request.param == "with landings":
        monkeypatch.setattr(Node, "draw", landings.draw)


def free_in_a_thread_with_a_small_stack(held):
    with stacks_of(256 * 1024):
        thread = threading.Thread(target=held.clear)
        thread.start()
        thread.join()
    assert not held


@pytest.mark.usefixtures("landing")
def test_a_graph_of_100000_nodes_may_be_freed_in_another_thread_with_a_small_stack():
    free_in_a_thread_with_a_small_stack([chain(leaf(1), 100_000)])


@pytest.mark.usefixtures("landing")
@pytest.mark.parametrize("recorded", [False, True], ids=["plain", "recorded"])
@pytest.mark.parametrize("link", EDGES.values(), ids=EDGES)
def test_whatever_links_a_deep_graph_it_may_be_freed_in_such_a_thread(link, recorded):
    x = leaf(1)
    before = settled()
    with without_collector():
        with mg.record() if recorded else contextlib.nullcontext():
            held = [chain(x, 20_000, link)]
        free_in_a_thread_with_a_small_stack(held)
        assert nodes() == before


@pytest.mark.parametrize("stride", [*range(1, 70), 128, 1000])
def test_landings_lie_close_together_on_every_regular_path_through_a_graph(stride):
    drawn = [landings.draw() is not None for _ in range(4099)]
    path = [drawn[stride * k % 4099] for k in range(2 * 4099)]
    assert 100 < sum(drawn) < 150
    assert max(len(list(run)) for lands, run in itertools.groupby(path) if not lands) < 400


def test_no_python_runs_while_the_main_thread_frees_a_graph_so_that_no_interrupt_is_lost_in_it(
    monkeypatch,
):
    monkeypatch.setattr(Node, "draw", landings.draw)
    held, events = [chain(leaf(1), 1000)], []
    before = sys.getprofile()
    sys.setprofile(lambda frame, event, argument: events.append(event))
    held.clear()
    sys.setprofile(before)
    assert "c_call" in events
    assert "call" not in events


def test_a_graph_freed_while_another_is_being_freed_in_the_thread_is_freed_with_it(monkeypatch):
    """A landing within a landing; and the thread, and other threads, free at once after it."""
    monkeypatch.setattr(Node, "draw", lambda: landings.Landing)
    x = leaf(1)
    before = settled()
    found = []

    def free(held):
        held.clear()
        found.append(nodes() - before)

    with without_collector():
        for _ in range(3):
            thread = threading.Thread(target=free, args=([chain(x, 100), chain(x, 100)],))
            thread.start()
            thread.join()
    assert found == [0, 0, 0]


def test_a_program_may_end_while_it_holds_a_deep_graph():
    program = """
import threading
import minigrad as mg
from minigrad import landings
from minigrad.core.graph import Node
Node.draw = landings.draw
kept = threading.local()

def hold():
    kept.graph = mg.Tensor([1.0], requires_grad=True)
    for _ in range(50_000):
        kept.graph = kept.graph + 0

hold()
thread = threading.Thread(target=hold)
thread.start()
thread.join()
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
