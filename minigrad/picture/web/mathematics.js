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

/**
 * The right side of such a line's equation with numbers for names; null if there is none, or a tensor is too large.
 * Of cases that which applies is left, with the reason; of an elementwise op of `shape`, to each element its own.
 */
function withNumbers(text, values, shape = null) {
  const { firstElementChild: math } = new DOMParser().parseFromString(text, "text/html").body;
  const parts = [...(math?.firstElementChild?.childNodes ?? [])];
  const right = parts.slice(parts.findIndex((part) => part.localName === "mo" && part.textContent === "=") + 1);
  if (right.length === parts.length) return null;
  try {
    return right.map((part) => copyMath(part, values, shape));
  } catch (problem) {
    if (problem === NO_NUMBERS) return null;
    throw problem;
  }
}

const NO_NUMBERS = Symbol("a name stands for what is too large to be written, or is not known");
const keyOfName = (text) => text.replace(/[\s_]/g, ""); // w_ih is written as w with an index
const isFence = (element, left) => element?.localName === "mrow" && element.firstElementChild?.textContent === left && element.firstElementChild.localName === "mo";
const isCall = (element) => element.localName === "mrow" && element.children.length === 2 && element.firstElementChild.localName === "mi" && isFence(element.lastElementChild, "(");

function copyMath(source, values = new Map(), shape = null) {
  const tag = source.localName;
  if (!tag) return document.createTextNode(source.textContent);
  if (values.size) {
    const found = putIn(source, tag, values, shape);
    if (found) return found;
  }
  const element = document.createElementNS(MATHML, MATH_TAGS.has(tag) ? tag : "mrow");
  for (const { name, value } of source.attributes) if (MATH_ATTRIBUTES.has(name)) element.setAttribute(name, value);
  element.append(...[...source.childNodes].map((child) => copyMath(child, values, shape)));
  return element;
}

/** What stands for an element where numbers are put in; null where it stays, with numbers in its parts. */
function putIn(source, tag, values, shape) {
  const key = keyOfName(source.textContent);
  if (["mi", "mtext", "msub"].includes(tag) && values.has(key)) {
    const stats = values.get(key);
    const isUnder = source.parentNode.localName === "munder"; // an axis to sum over
    if (stats?.text || isUnder) return mathOf(["mtext", isUnder ? `${key} ${stats?.text ?? stats?.values}` : stats.text]);
    if (!isWritable(stats)) throw NO_NUMBERS;
    return matrix(stats, source.parentNode.children.length > 1);
  }
  if (tag === "msub" && values.has(keyOfName(source.firstElementChild.textContent))) throw NO_NUMBERS; // one element of it
  if (tag === "mfrac" && key.startsWith("∂")) {
    if (!isWritable(values.get(key))) throw NO_NUMBERS;
    return matrix(values.get(key), true);
  }
  // between single numbers, what stood for a product is a sign of its own; between arrays a gap would be that of matrices
  if ((tag === "mspace" || key === "⊙") && [...values.values()].every((stats) => !stats || stats.size === 1)) return operator("×");
  if (tag === "mspace" && shape && ![source.previousElementSibling, source.nextElementSibling].some((beside) => beside?.localName === "mn")) return operator("⊙");
  if (isCall(source) && source.firstElementChild.textContent === "sum to" && [...values.values()].every((stats) => !stats?.shape?.length || stats.shape.length === 2)) {
    return copyMath(source.lastElementChild.children[1].firstElementChild, values, shape); // of matrices nothing was broadcast
  }
  if (isCall(source) && source.firstElementChild.textContent === "shape") return mathOf(["mtext", shapeText(shapeOfName(source, values))]);
  if (isCall(source) && source.firstElementChild.textContent === "ndim") return mathOf(["mn", String(shapeOfName(source, values).length)]);
  if (isFence(source, "{") && source.querySelector("mtable")) return whatApplies(source, values, shape);
  if (isFence(source, "[") && source.children.length === 3 && relationOf(source.children[1], values)) return truths(source, values, shape);
  return null;
}

function shapeOfName(call, values) {
  const found = values.get(keyOfName(call.lastElementChild.textContent.slice(1, -1)));
  if (!found?.shape) throw NO_NUMBERS;
  return found.shape;
}

// --- cases ------------------------------------------------------------------------------------------------------

/** The case that applies, with numbers, and why; of tensors one for each element. */
function whatApplies(source, values, shape) {
  const rows = [...source.querySelector("mtable").children].map((row) => [...row.children].map((cell) => cell.firstElementChild));
  const applied = (known, mark) => {
    const at = rows.findIndex(([, condition], i) => i === rows.length - 1 || holds(conditionIn(condition), known));
    const isLast = at === rows.length - 1;
    return mark(copyMath(rows[at][0], known), reason(conditionIn(rows[isLast ? at - 1 : at][1]), known, !isLast));
  };
  const beside = (value, why) => mathOf(["mrow", value, ["mtext", "\u2002as\u00a0"], why]);
  if (shape === null || !shape.length) return applied(values, beside);
  return eachElement(shape, values, (known) => applied(known, (value, why) => mathOf(["munder", value, why])));
}

const conditionIn = (cell) => (cell.localName === "mrow" && cell.firstElementChild.localName === "mtext" ? cell.lastElementChild : cell);

/** [a > b] is 1 where that is so and otherwise 0. */
function truths(source, values, shape) {
  const inside = source.children[1];
  const truth = (known) => mathOf(["mn", String(Number(holds(inside, known)))]);
  const several = [...inside.querySelectorAll("mi")].map((name) => values.get(keyOfName(name.textContent))).filter((stats) => stats && stats.size !== 1);
  if (!several.length) return truth(values);
  const own = shape ?? several.reduce((a, b) => (sizeOf(b.shape) > sizeOf(a) ? b.shape : a), []);
  if (!shape && several.some((stats) => stats.shape.length !== own.length || stats.shape.some((length, axis) => length > 1 && length !== own[axis]))) throw NO_NUMBERS;
  return eachElement(own, values, truth);
}

/** A matrix of what is written for each element of an array, to which the others are broadcast. */
function eachElement(shape, values, write) {
  if (!shape || shape.length > 2 || !shape.length || sizeOf(shape) > FEW_IN_A_MATRIX) throw NO_NUMBERS;
  const elements = Array.from({ length: sizeOf(shape) }, (_, t) => write(new Map([...values].map(([name, stats]) => [name, numberAt(stats, shape, t)]))));
  const columns = shape.at(-1);
  return tableOf(Array.from({ length: elements.length / columns }, (_, k) => elements.slice(k * columns, (k + 1) * columns)));
}

/** The number that an array has where it is broadcast to element t of a shape; what is no array stays. */
function numberAt(stats, shape, t) {
  if (stats?.values == null) return stats;
  return { values: flat(stats.values)[broadcastIndex(shape, stats.shape, t)], size: 1, shape: [] };
}

const COMPARED = { "<": (a, b) => a < b, ">": (a, b) => a > b, "≤": (a, b) => a <= b, "≥": (a, b) => a >= b, "=": (a, b) => a === b, "≠": (a, b) => a !== b };
const NEGATED = { "<": "≮", ">": "≯", "≤": "≰", "≥": "≱", "=": "≠", "≠": "=" };
const ASKED = { isnan: Number.isNaN, isfinite: Number.isFinite, max: Math.max, min: Math.min };

const isGiven = (part, known) => part.localName !== "mi" || known.has(keyOfName(part.textContent));

/** The parts of a relation and the signs between them, without bounds that were not given. */
function relationOf(element, known) {
  const children = element.localName === "mrow" ? [...element.children] : [];
  const parts = children.filter((_, k) => k % 2 === 0);
  const signs = children.filter((_, k) => k % 2 === 1).map((sign) => sign.textContent);
  if (!signs.length || parts.length !== signs.length + 1 || !signs.every((sign) => sign in COMPARED || "∨∧".includes(sign))) return null;
  while (signs.length && signs[0] in COMPARED && !isGiven(parts[0], known)) { parts.shift(); signs.shift(); }
  while (signs.length && signs.at(-1) in COMPARED && !isGiven(parts.at(-1), known)) { parts.pop(); signs.pop(); }
  return { parts, signs };
}

/** Tell whether a condition holds of single numbers. */
function holds(element, known) {
  const relation = relationOf(element, known);
  if (!relation) return Boolean(valueIn(element, known));
  const { parts, signs } = relation;
  if (signs.every((sign) => sign in COMPARED)) return signs.every((sign, k) => COMPARED[sign](valueIn(parts[k], known), valueIn(parts[k + 1], known)));
  const all = parts.map((part) => holds(part, known));
  if (new Set(signs).size > 1) throw NO_NUMBERS;
  return signs[0] === "∨" ? all.some(Boolean) : all.every(Boolean);
}

function valueIn(element, known) {
  const text = element.textContent.replace("−", "-");
  const stats = known.get(keyOfName(text));
  if (element.localName === "mn") return Number(text);
  if (isFence(element, "(")) return holds(element.children[1], known);
  if (isCall(element)) {
    const name = element.firstElementChild.textContent;
    if (name === "ndim") return shapeOfName(element, known).length;
    const inside = element.lastElementChild.children[1];
    const given = [...(inside.localName === "mrow" ? inside.children : [inside])].filter((part) => part.localName !== "mo" && isGiven(part, known));
    if (name in ASKED) return ASKED[name](...given.map((part) => valueIn(part, known)));
  }
  if (element.localName !== "mi" || stats?.size !== 1 || stats.values == null) throw NO_NUMBERS;
  const value = flat(stats.values)[0];
  return typeof value === "string" ? { inf: Infinity, "-inf": -Infinity }[value] ?? NaN : Number(value);
}

/** The condition with numbers; where it does not hold, the first comparison that fails, with the opposite sign. */
function reason(condition, known, isSo) {
  const not = isSo ? [] : [["mtext", "not\u00a0"]];
  const relation = relationOf(condition, known);
  if (!relation && condition.localName === "mi") return mathOf(["mtext", `${condition.textContent} is ${isSo ? "true" : "false"}`]);
  if (!relation) return mathOf(["mrow", ...not, copyMath(condition, known)]);
  const { parts, signs } = relation;
  const bare = (part) => copyMath(part.localName === "mi" ? mathOf(["mrow", part.cloneNode(true)]).firstChild : part, known);
  if (!signs.every((sign) => sign in COMPARED)) return mathOf(["mrow", ...not, bare(parts[0]), ...signs.flatMap((sign, k) => [operator(sign), bare(parts[k + 1])])]);
  const failed = isSo ? -1 : signs.findIndex((sign, k) => !COMPARED[sign](valueIn(parts[k], known), valueIn(parts[k + 1], known)));
  if (failed >= 0) return mathOf(["mrow", bare(parts[failed]), operator(NEGATED[signs[failed]]), bare(parts[failed + 1])]);
  return mathOf(["mrow", bare(parts[0]), ...signs.flatMap((sign, k) => [operator(sign), bare(parts[k + 1])])]);
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
  return tableOf(rows.map((row) => row.map((value) => matrix({ values: value }))));
}

/** A matrix of what is written already. */
function tableOf(rows) {
  return bracketedMath(mathOf(["mtable", ...rows.map((row) => ["mtr", ...row.map((cell) => ["mtd", cell])])]), "[", "]");
}

function bracketedMath(element, left = "(", right = ")") {
  const row = document.createElementNS(MATHML, "mrow");
  row.append(operator(left), element, operator(right));
  return row;
}
