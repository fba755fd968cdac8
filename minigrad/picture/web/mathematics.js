// Mathematics: formulas and rules in MathML, and the same with numbers put in for the names of small tensors.

const MATHML = "http://www.w3.org/1998/Math/MathML";
const MATH_TAGS = new Set("mrow mi mn mo mtext ms mspace mfrac msqrt mroot msub msup msubsup munder mover munderover mtable mtr mtd mstyle mpadded".split(" "));
const MATH_ATTRIBUTES = new Set("mathvariant stretchy fence form separator lspace rspace width accent largeop movablelimits displaystyle columnalign linethickness".split(" "));
const FEW_IN_A_MATRIX = 9;

/** Nested lists as elements: ["mfrac", ["mi", "a"], ["mi", "b"]]. */
function mathOf([tag, ...parts]) {
  const element = document.createElementNS(MATHML, tag);
  element.append(...parts.map((part) => (Array.isArray(part) ? mathOf(part) : part)));
  return element;
}

/** A line of mathematics, from elements and nested lists. */
function mathLine(parent, parts) {
  const math = document.createElementNS(MATHML, "math");
  math.setAttribute("displaystyle", "true");
  math.append(...parts.map((part) => (Array.isArray(part) ? mathOf(part) : part)));
  make(parent, "div", { class: "math-line" }).append(math);
  return math;
}

const operator = (sign) => mathOf(["mo", sign]);
const named = (name) => mathOf(/^[a-z]$/i.test(name) ? ["mi", name] : ["mtext", name]);
const gradientBy = (name) => mathOf(["mfrac", ["mrow", ["mi", "∂"], ["mi", "L"]], ["mrow", ["mi", "∂"], named(name)]]);

/** The elements that a text of MathML describes; null if it is none. Only names known here are taken over. */
function readMath(text, values = new Map()) {
  const read = new DOMParser().parseFromString(`<math xmlns="${MATHML}">${text}</math>`, "application/xml");
  if (read.querySelector("parsererror")) return null;
  try {
    return [...read.documentElement.childNodes].map((child) => copyMath(child, values));
  } catch (problem) {
    if (problem === TOO_LARGE) return null;
    throw problem;
  }
}

const TOO_LARGE = Symbol("a name in it stands for a tensor that is too large to be written");

function copyMath(source, values) {
  if (source.nodeType !== Node.ELEMENT_NODE) return document.createTextNode(source.textContent);
  const name = ["mi", "mtext", "msub"].includes(source.localName) ? source.textContent : null;
  if (values.has(name)) {
    const stats = values.get(name);
    if (!isWritable(stats)) throw TOO_LARGE;
    return matrix(stats, source.parentNode.children.length > 1);
  }
  const element = document.createElementNS(MATHML, MATH_TAGS.has(source.localName) ? source.localName : "mrow");
  for (const { name, value } of source.attributes) if (MATH_ATTRIBUTES.has(name)) element.setAttribute(name, value);
  element.append(...[...source.childNodes].map((child) => copyMath(child, values)));
  return element;
}

const isWritable = (stats) => stats?.values != null && stats.size > 0 && stats.size <= FEW_IN_A_MATRIX && depthOfList(stats.values) <= 2;
const depthOfList = (values) => (Array.isArray(values) ? 1 + depthOfList(values[0]) : 0);

/** A number, a row or a matrix of up to nine elements; a negative number in parentheses where others stand beside it. */
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
