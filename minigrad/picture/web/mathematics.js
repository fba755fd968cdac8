// Mathematics: formulas and rules in MathML, and the same with numbers put in for the names of small tensors.

const MATHML = "http://www.w3.org/1998/Math/MathML";
const MATH_TAGS = new Set("mrow mi mn mo mtext ms mspace mfrac msqrt mroot msub msup msubsup munder mover munderover mtable mtr mtd mstyle mpadded".split(" "));
const MATH_ATTRIBUTES = new Set("mathvariant stretchy fence form separator lspace rspace width accent largeop movablelimits displaystyle columnalign linethickness".split(" "));
const FEW_IN_A_MATRIX = 12;

/** Nested lists as elements: ["mfrac", ["mi", "a"], ["mi", "b"]]. */
function mathOf([tag, ...parts]) {
  const element = document.createElementNS(MATHML, tag);
  element.append(...parts.map((part) => (Array.isArray(part) ? mathOf(part) : part)));
  return element;
}

/** A formula of elements and nested lists. */
function formula(parts) {
  const math = mathOf(["math", ...parts]);
  math.setAttribute("displaystyle", "true");
  return math;
}

const mathLine = (parent, parts) => make(parent, "div", { class: "math-line" }).append(formula(parts));

const operator = (sign) => mathOf(["mo", sign]);
const named = (name) => mathOf(/^[a-z]$/i.test(name) ? ["mi", name] : ["mtext", name]);
const gradientBy = (name) => mathOf(["mfrac", ["mrow", ["mi", "∂"], ["mi", "L"]], ["mrow", ["mi", "∂"], named(name)]]);

/** A line of prose and mathematics, from a text of HTML; nothing is taken over but text and elements that are known here. */
function lawLine(parent, text) {
  const line = make(parent, "div", { class: "math-line" });
  for (const part of new DOMParser().parseFromString(text, "text/html").body.childNodes) {
    if (part.localName !== "math") line.append(part.textContent);
    else line.append(formula([...part.childNodes].map((child) => copyMath(child))));
  }
}

/** The right side of such a line's equation with numbers for names; null if there is none, or a tensor is too large. */
function withNumbers(text, values) {
  const { firstElementChild: math } = new DOMParser().parseFromString(text, "text/html").body;
  const parts = [...(math?.firstElementChild?.childNodes ?? [])];
  const right = parts.slice(parts.findIndex((part) => part.localName === "mo" && part.textContent === "=") + 1);
  const isLarge = [...values.values()].some((stats) => stats?.size > 1);
  if (right.length === parts.length || (isLarge && right.some((part) => part.querySelector?.("mtable")))) return null; // matrices in cases
  try {
    return right.map((part) => copyMath(part, values));
  } catch (problem) {
    if (problem === TOO_LARGE) return null;
    throw problem;
  }
}

const TOO_LARGE = Symbol("a name stands for a tensor that is too large to be written");

function copyMath(source, values = new Map()) {
  const tag = source.localName;
  if (!tag) return document.createTextNode(source.textContent);
  const isName = ["mi", "mtext", "msub"].includes(tag) && values.has(source.textContent);
  if (isName && !isWritable(values.get(source.textContent))) throw TOO_LARGE;
  if (isName) return matrix(values.get(source.textContent), source.parentNode.children.length > 1);
  if (tag === "msub" && values.has(source.firstElementChild.textContent)) throw TOO_LARGE; // one element of it
  // between single numbers, what stood for a product is a sign of its own
  const isProduct = (tag === "mspace" || source.textContent === "⊙") && [...values.values()].every((stats) => !stats || stats.size === 1);
  if (values.size && isProduct) return operator("×");
  const element = document.createElementNS(MATHML, MATH_TAGS.has(tag) ? tag : "mrow");
  for (const { name, value } of source.attributes) if (MATH_ATTRIBUTES.has(name)) element.setAttribute(name, value);
  element.append(...[...source.childNodes].map((child) => copyMath(child, values)));
  return element;
}

const isWritable = (stats) => stats?.values != null && stats.size > 0 && stats.size <= FEW_IN_A_MATRIX && depthOfList(stats.values) <= 2;
const depthOfList = (values) => (Array.isArray(values) ? 1 + depthOfList(values[0]) : 0);

/** A number, a row or a matrix of up to twelve elements; a negative number in parentheses where others stand beside it. */
function matrix({ values }, isBeside = false) {
  if (!Array.isArray(values)) {
    const element = mathOf(["mn", number(values, 3).replace("-", "−")]);
    return isBeside && values < 0 ? bracketedMath(element) : element;
  }
  const rows = Array.isArray(values[0]) ? values : [values];
  const table = document.createElementNS(MATHML, "mtable");
  for (const row of rows) {
    const line = document.createElementNS(MATHML, "mtr");
    for (const value of row) { const cell = document.createElementNS(MATHML, "mtd"); cell.append(matrix({ values: value })); line.append(cell); }
    table.append(line);
  }
  return bracketedMath(table, "[", "]");
}

function bracketedMath(element, left = "(", right = ")") {
  const row = document.createElementNS(MATHML, "mrow");
  row.append(operator(left), element, operator(right));
  return row;
}
