"""Lesson 10: the real house.

Every idea of the nine lessons is in minigrad, beside what it takes to be relied on. First file and line of each, then
seven short programs. Each runs on the engine that you have built, which it breaks, and on minigrad. Each is a file.

    python demos/lessons/10_the_real_house
"""

import runpy
from pathlib import Path

from house import Minigrad, classroom, errors, np

HERE = Path(__file__).parent
PROGRAMS = """
    where_it_lives floats_keep_their_size a_write_is_noticed a_hook_on_the_way nothing_in_a_circle freed_on_the_way
    a_wrong_rule_is_caught fast_where_it_counts
"""
for name in PROGRAMS.split():
    runpy.run_path(str(HERE / f"{name}.py"))

values = {"x": np.zeros(4), "w": np.ones(4)}
classroom.draw(HERE.name, lambda x, w: np.exp(x * w).sum(), values, detail="saved")
classroom.ask(
    "Where does minigrad refuse, and was the answer of the lessons' engine right?",
    lambda: (
        f"""{", ".join(t.partition(":")[0] for t, engine in errors if engine is Minigrad)}. Neither answer
        was right, and nothing said so. An engine may fail, but not in silence: that is minigrad's promise."""
    ),
)
