// A small graph computed anew: the value and the derivatives of each op that this page knows, on arrays {shape, data}
// whose elements lie row by row. A test compares every op here with its row in minigrad's table.

/** op -> f of single elements, then its derivative by each argument. */
const ELEMENTWISE = {
  add: [(a, b) => a + b, () => 1, () => 1],
  subtract: [(a, b) => a - b, () => 1, () => -1],
  multiply: [(a, b) => a * b, (a, b) => b, (a) => a],
  divide: [(a, b) => a / b, (a, b) => 1 / b, (a, b) => -a / (b * b)],
  power: [(a, b) => a ** b, (a, b) => (b === 0 ? 0 : b * a ** (b - 1)), (a, b) => (a === 0 ? 0 : a ** b * Math.log(a))],
  negative: [(x) => -x, () => -1],
  square: [(x) => x * x, (x) => 2 * x],
  sqrt: [Math.sqrt, (x) => 0.5 / Math.sqrt(x)],
  exp: [Math.exp, Math.exp],
  log: [Math.log, (x) => 1 / x],
  sin: [Math.sin, Math.cos],
  cos: [Math.cos, (x) => -Math.sin(x)],
  tanh: [Math.tanh, (x) => 1 - Math.tanh(x) ** 2],
  sigmoid: [sigmoid, (x) => sigmoid(x) * (1 - sigmoid(x))],
  relu: [(x) => (x > 0 || Number.isNaN(x) ? x : 0), (x) => (x > 0 ? 1 : 0)],
};

function sigmoid(x) {
  return 1 / (1 + Math.exp(-x));
}

const sizeOf = (shape) => shape.reduce((product, length) => product * length, 1);
const zeros = (shape) => ({ shape, data: new Array(sizeOf(shape)).fill(0) });

/** op -> value(inputs, options, shape), and back(g, inputs, options, y), the gradients of the inputs in their order. */
const WHOLE = {
  sum: {
    value: ([x], options, shape) => summed(x, keptOf(x.shape, options), shape),
    back: (g, [x], options) => [{ shape: x.shape, data: x.data.map((_, s) => g.data[broadcastIndex(x.shape, keptOf(x.shape, options), s)]) }],
  },
  reshape: {
    value: ([x], _, shape) => ({ shape, data: x.data }),
    back: (g, [x]) => [{ shape: x.shape, data: g.data }],
  },
  transpose: {
    value: ([x], options, shape) => ({ shape, data: transposedPlaces(x.shape, options, shape).map((s) => x.data[s]) }),
    back: (g, [x], options) => {
      const gradient = zeros(x.shape);
      transposedPlaces(x.shape, options, g.shape).forEach((s, t) => { gradient.data[s] = g.data[t]; });
      return [gradient];
    },
  },
  matmul: {
    value: ([a, b], _, shape) => {
      const y = zeros(shape);
      eachProduct(a.shape, b.shape, shape, (t, i, j) => { y.data[t] += a.data[i] * b.data[j]; });
      return y;
    },
    back: (g, [a, b]) => {
      const [da, db] = [zeros(a.shape), zeros(b.shape)];
      eachProduct(a.shape, b.shape, g.shape, (t, i, j) => {
        da.data[i] += g.data[t] * b.data[j];
        db.data[j] += g.data[t] * a.data[i];
      });
      return [da, db];
    },
  },
  linear: { // x (..., in), w (out, in), b (out,)
    value: ([x, w, b], _, shape) => {
      const y = zeros(shape);
      eachWeight(x.shape, w.shape, (t, i, j) => { y.data[t] += x.data[i] * w.data[j]; });
      if (b) y.data = y.data.map((v, t) => v + b.data[t % b.data.length]);
      return y;
    },
    back: (g, [x, w, b]) => {
      const [dx, dw] = [zeros(x.shape), zeros(w.shape)];
      eachWeight(x.shape, w.shape, (t, i, j) => {
        dx.data[i] += g.data[t] * w.data[j];
        dw.data[j] += g.data[t] * x.data[i];
      });
      return b ? [dx, dw, summed(g, b.shape, b.shape)] : [dx, dw];
    },
  },
  softmax: {
    value: ([x], options, shape) => {
      const [kept, most] = [keptOf(x.shape, options), []];
      const row = (s) => broadcastIndex(x.shape, kept, s);
      x.data.forEach((v, s) => { most[row(s)] = Math.max(v, most[row(s)] ?? -Infinity); });
      const powers = { shape, data: x.data.map((v, s) => Math.exp(v - most[row(s)])) };
      const total = summed(powers, kept, kept);
      return { shape, data: powers.data.map((v, s) => v / total.data[row(s)]) };
    },
    back: (g, [x], options, y) => {
      const kept = keptOf(x.shape, options);
      const along = summed({ shape: x.shape, data: g.data.map((v, s) => v * y.data[s]) }, kept, kept);
      return [{ shape: x.shape, data: y.data.map((v, s) => v * (g.data[s] - along.data[broadcastIndex(x.shape, kept, s)])) }];
    },
  },
  softmax_cross_entropy: { // x (N, classes), labels (N,); a label outside of the classes is ignored
    value: ([x, labels], options) => {
      const parts = labels.data.map((label, n) => {
        const row = rowOf(x, n);
        return label in row ? logSum(row) - row[label] : 0;
      });
      return { shape: [], data: [Number(options.row_weight) * parts.reduce((sum, part) => sum + part, 0)] };
    },
    back: (g, [x, labels], options) => {
      const scale = g.data[0] * Number(options.row_weight);
      const rows = labels.data.map((label, n) => {
        const row = rowOf(x, n);
        const total = logSum(row);
        return row.map((v, k) => (label in row ? scale * (Math.exp(v - total) - (k === label ? 1 : 0)) : 0));
      });
      return [{ shape: x.shape, data: rows.flat() }, null];
    },
  },
};

/** Why an op cannot be computed here; "" where it can. */
function unknownOp(op, options, shapes) {
  if (!(op in ELEMENTWISE) && !(op in WHOLE)) return `the op ${op} is not among those that this page computes`;
  if (op === "softmax_cross_entropy" && (shapes[0].length !== 2 || !Number.isFinite(Number(options.row_weight)))) return "its cross-entropy has weights, or axes, that this page does not compute";
  return "";
}

function valueOf(op, inputs, options, shape) {
  if (!(op in ELEMENTWISE)) return WHOLE[op].value(inputs, options, shape);
  const [f] = ELEMENTWISE[op];
  return { shape, data: zeros(shape).data.map((_, t) => f(...elementsAt(inputs, shape, t))) };
}

/** The gradients of the inputs, for the gradient g of the output y. */
function backOf(op, g, inputs, options, y) {
  if (!(op in ELEMENTWISE)) return WHOLE[op].back(g, inputs, options, y);
  const slopes = ELEMENTWISE[op].slice(1);
  return inputs.map((input, k) => {
    const products = g.data.map((v, t) => v * slopes[k](...elementsAt(inputs, y.shape, t)));
    return summed({ shape: y.shape, data: products }, input.shape, input.shape);
  });
}

const elementsAt = (inputs, shape, t) => inputs.map((input) => input.data[broadcastIndex(shape, input.shape, t)]);

/** The sums over the axes along which an array of shape `kept` would be broadcast to x, as an array of `shape`. */
function summed(x, kept, shape) {
  const y = zeros(shape);
  x.data.forEach((v, s) => { y.data[broadcastIndex(x.shape, kept, s)] += v; });
  return y;
}

/** The shape with a 1 for each axis that a sum is over. */
function keptOf(shape, { axis }) {
  const axes = (axis === "None" ? [...shape.keys()] : axis.match(/-?\d+/g) ?? []).map((k) => (Number(k) + shape.length) % shape.length);
  return shape.map((length, k) => (axes.includes(k) ? 1 : length));
}

/** For each element of a transpose its place in x. */
function transposedPlaces(from, { axes }, shape) {
  const order = axes === "None" ? [...from.keys()].reverse() : (axes.match(/-?\d+/g) ?? []).map((k) => (Number(k) + from.length) % from.length);
  const strides = from.map((_, k) => sizeOf(from.slice(k + 1)));
  return zeros(shape).data.map((_, t) => {
    let [place, rest] = [0, t];
    for (let k = shape.length - 1; k >= 0; rest = Math.floor(rest / shape[k]), k--) place += (rest % shape[k]) * strides[order[k]];
    return place;
  });
}

/** Calls visit(t, i, j) for each product a_i b_j that is added to element t of a @ b. */
function eachProduct(aShape, bShape, shape, visit) {
  const [rows, columns] = shape.slice(-2);
  const inner = aShape.at(-1);
  const batch = shape.slice(0, -2);
  for (let n = 0; n < sizeOf(batch); n++) {
    const a = broadcastIndex(batch, aShape.slice(0, -2), n) * rows * inner;
    const b = broadcastIndex(batch, bShape.slice(0, -2), n) * inner * columns;
    for (let r = 0; r < rows; r++) for (let c = 0; c < columns; c++) for (let k = 0; k < inner; k++)
      visit((n * rows + r) * columns + c, a + r * inner + k, b + k * columns + c);
  }
}

/** Calls visit(t, i, j) for each product x_i w_j that is added to element t of x W^T. */
function eachWeight(xShape, [outs, ins], visit) {
  for (let n = 0; n < sizeOf(xShape) / ins; n++) for (let o = 0; o < outs; o++) for (let k = 0; k < ins; k++)
    visit(n * outs + o, n * ins + k, o * ins + k);
}

const rowOf = (x, n) => x.data.slice(n * x.shape[1], (n + 1) * x.shape[1]);

/** log(sum(exp(row))), the largest taken out so that nothing overflows. */
function logSum(row) {
  const most = Math.max(...row);
  return most + Math.log(row.reduce((sum, v) => sum + Math.exp(v - most), 0));
}
