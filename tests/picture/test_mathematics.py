"""Formulas and rules as mathematics: in MathML that browsers know, and in LaTeX."""

import ast
import re
from xml.etree import ElementTree

import numpy as np
import pytest
from latex_syntax import check
from leaves import leaf
from table import ROWS

import minigrad as mg
from minigrad.picture.equations import in_html, in_latex, mathematics_of
from minigrad.picture.line_reader import of_line
from minigrad.picture.mathematics import LaTeX, MathML, Term
from minigrad.picture.python_reader import of_python

# https://www.w3.org/TR/mathml-core/: those that are set, without `maction` and its like, which are obsolete
CORE = {
    "math", "mi", "mn", "mo", "mtext", "mspace", "ms", "mrow", "mfrac", "msqrt", "mroot", "mstyle", "merror",
    "mpadded", "mphantom", "msub", "msup", "msubsup", "munder", "mover", "munderover", "mmultiscripts", "mprescripts",
    "mtable", "mtr", "mtd", "semantics", "annotation",
}  # fmt: skip
CHILDREN = {"mfrac": 2, "msub": 2, "msup": 2, "munder": 2}


def written(op, write):
    found = mathematics_of(op, write)
    return [found["formula"], *found["rules"].values()]


def test_every_formula_and_rule_of_the_table_is_well_formed_mathml():
    for html in (html for row in ROWS for html in written(row, in_html)):
        page = ElementTree.fromstring(f"<p>{html}</p>")
        inside = [element for m in page.iter("math") for element in m.iter()]
        assert {e.tag for e in inside} <= CORE, html
        assert not [e for e in inside if len(e) != CHILDREN.get(e.tag, len(e))], html
        assert_no_python("".join(e.text or "" for e in inside))


def test_every_formula_and_rule_of_the_table_is_latex():
    for text in (text for row in ROWS for text in written(row, in_latex)):
        check(text)


def assert_no_python(text):
    left = re.findall(
        r"lambda\b|\*\*|==|\bnp\.|\[|_|\bself\b|->|//", text.replace("[", "", text.count("]"))
    )
    assert not left, f"{left} in {text}"


def test_every_rule_states_the_gradient_of_its_argument():
    for row in ROWS:
        found = mathematics_of(row)["rules"]
        assert found.keys() == set(row.arguments), row.name


def mathml(text):
    return MathML()(of_python(ast.parse(text, mode="eval").body, {}))


def latex(text):
    return re.sub(r"\s+", " ", LaTeX()(of_python(ast.parse(text, mode="eval").body, {})))


@pytest.mark.parametrize(
    ("python", "expected"),
    [
        ("a + b - c", "a + b - c"),
        ("a - (b - c)", r"a - \left( b - c \right)"),
        ("(a + b) * c", r"\left( a + b \right) \odot c"),
        ("2 * a", r"2\,a"),
        ("-a * b", " - a \\odot b"),
        ("(a - b) ** 2", r"{\left( a - b \right)}^{2}"),
        ("(-a) ** 2", r"{\left( - a \right)}^{2}"),
        ("x ** 0.5", r"\sqrt{x}"),
        ("np.sqrt(x)", r"\sqrt{x}"),
        ("a / (b + c)", r"\frac{a}{b + c}"),
        ("a @ b.mT", r"a\,{b}^{\mathrm{T}}"),
        ("(a.T @ b).T", r"{b}^{\mathrm{T}}\,a"),
        ("np.abs(x)", r"\left| x \right|"),
        ("x.sum(axis=1)", r"\sum_{\text{axis 1}} x"),
        ("x.sum() * y", r"\left( \sum x \right) \odot y"),
        ("where(x > 0, a, 0)", r"\begin{cases} a & \text{if }x > 0 \\ 0 & \text{otherwise} \end{cases}"),
        ("a if b >= 0 else c", r"\begin{cases} a & \text{if }b \ge 0 \\ c & \text{otherwise} \end{cases}"),
        ("alpha * W1", r"\alpha \odot {W}_{\mathrm{1}}"),
        ("x[i, j]", "{x}_{i , j}"),
        ("sigmoid(x)", r"\sigma \left( x \right)"),
        ("of_known(take, x, i)", r"\mathrm{take}\left( x , i \right)"),
    ],
)  # fmt: skip
def test_python_becomes_the_notation_of_mathematics(python, expected):
    assert latex(python) == expected
    check(f"${expected}$")
    ElementTree.fromstring(f"<math>{mathml(python)}</math>")


def test_what_mathematics_has_no_notation_for_is_shown_as_it_is_written():
    assert latex("{a: 1}") == r"\text{\{a: 1\}}"
    assert mathml("f'<{a}>'") == "<mtext>f&#x27;&lt;{a}&gt;&#x27;</mtext>"


def line(text, *known):
    return [
        p if isinstance(p, str) else re.sub(r"\s+", " ", LaTeX()(p)) for p in of_line(text, known)
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x tanh(exp(x)). Misra", [r"x\,\tanh\left( \exp\left( x \right) \right)", ". Misra"]),
        ("a^+ b is the least", [r"{a}^{\text{+}}\,b", " is the least"]),
        ("|a| with the sign of b", [r"\left| a \right|", " with the sign of ", "b"]),
        ("A symmetric matrix from a.", ["A symmetric matrix from ", "a", "."]),
        ("sum_i |x_i|^ord", [r"\sum_{i} {\left| {x}_{i} \right|}^{\mathrm{ord}}"]),
        ("c_t = f c_{t-1} + i g", ["{c}_{t} = f\\,{c}_{t - 1} + i\\,g"]),
        ("x for x > 0, weight x below", ["x", " for ", "x > 0", ", ", r"\mathrm{weight}\,x", " below"]),
        ("Zeros, everywhere (but here)", ["Zeros, everywhere (but here)"]),
    ],
)  # fmt: skip
def test_a_line_of_prose_and_formulas_is_told_apart(text, expected):
    assert line(text, "ord", "weight") == expected


def test_no_text_is_lost_between_formulas():
    for row in ROWS:
        text = (row.__doc__ or "").partition("\n")[0]
        kept = [part for part in of_line(text, row.names) if isinstance(part, str)]
        assert all(part in text for part in kept)


def test_a_rule_speaks_of_the_gradient_that_comes_in():
    rule = mathematics_of(leaf(2).exp()._node.op, in_latex)["rules"]["x"]
    assert rule == r"$\frac{\partial L}{\partial x} = \frac{\partial L}{\partial y} \odot y$"


def test_a_helper_is_replaced_by_the_formula_that_documents_it():
    rules = mathematics_of(mg.tanh(leaf(2))._node.op, in_latex)["rules"]
    assert r"\mathrm{cosh}\left( x \right)}^{2}" in rules["x"]


def test_words_of_a_user_are_escaped():
    op = mg.primitive(lambda x: x, x=lambda g: g, doc="<script> & x")
    assert mathematics_of(op)["formula"].startswith("&lt;script&gt; &amp; ")
    assert LaTeX()(Term("word", text="a_b%$#{}\\~^é∂")).count("\\") > 8
    check(f"${LaTeX()(Term('word', text='a_b%$#{}~^é∂'))}$")


def test_a_rule_without_source_has_its_name_and_arguments():
    back = eval("lambda g, x: g")
    op = mg.primitive(lambda x: np.array(x), x=back)
    assert (
        r"\left( \frac{\partial L}{\partial y} , x \right)"
        in mathematics_of(op, in_latex)["rules"]["x"]
    )
