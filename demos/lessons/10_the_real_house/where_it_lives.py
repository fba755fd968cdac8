"""The ideas of the nine lessons, and what the house has added, with file and line. They are looked up as you read."""

import inspect
from pathlib import Path

from house import classroom

import minigrad
import nn
from minigrad.core import backward, dtypes, graph, op, rows, rule, writes
from minigrad.ops import conv, elementwise, products
from minigrad.ops.kernels import conv as kernels

IDEAS = [
    ("1  a node: how something was made", graph.Node),
    ("2  the walk: each node once, newest first", backward.traverse),
    ("3  the order, by a list and not by recursion", graph.creation_order),
    ("4  summed back over what was broadcast", op.sum_to_shape),
    ("5  the rules of the matrix product", products._matmul_row.rules[0].function),
    ("6  a row of the table", elementwise.divide.rules[0].function),
    ("6  the names of its parameters say what is kept", rule.Rule),
    ("7  the kept values as tensors, for the next order", rule.Rule.lift),
    ("8  a layer", nn.Linear.forward),
    ("8  a loss", minigrad.cross_entropy),
    ("8  an optimiser", nn.optim.SGD),
    ("9  convolution, the first rule of three times two", conv._conv2d_row.rules[0].function),
    ("+  dtypes", dtypes.unify),
    ("+  the clock of writes", writes.mark_written),
    ("+  hooks", backward._run_hooks),
    ("+  no cycles: an array is kept, and made a tensor later", rule.output_of),
    ("+  only a row of this kind is summed back", rows.elementwise),
    ("+  speed: convolution as one matrix product", kernels.conv2d),
]
classroom.heading("Where it lives")
for idea, thing in IDEAS:
    path = Path(inspect.getsourcefile(thing)).relative_to(Path(minigrad.__file__).parents[1])
    print(f"{idea:58}{path}:{inspect.getsourcelines(thing)[1]}")
