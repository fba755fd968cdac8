// Heat maps: a large tensor as a picture, blue below zero, white at zero, red above, which reads out what is pointed at.

function heatMap(panel, heat, shape) {
  const canvas = make(panel, "canvas", { class: "heat", width: heat.columns, height: heat.rows, role: "img", tabindex: 0 });
  const [down, across] = heat.block;
  const means = down * across > 1 ? `, each cell the mean of ${down} × ${across} elements` : "";
  const told = `${heat.rows} × ${heat.columns} cells from ${number(-heat.limit)} (blue) to ${number(heat.limit)} (red)${means}`;
  canvas.setAttribute("aria-label", told);
  canvas.style.aspectRatio = `${heat.columns} / ${Math.max(heat.rows, heat.columns / 12)}`;
  const levels = Int8Array.from(atob(heat.cells), (letter) => letter.charCodeAt(0));
  const context = canvas.getContext("2d");
  const image = context.createImageData(heat.columns, heat.rows);
  levels.forEach((level, i) => image.data.set([...(level === -128 ? [0, 0, 0] : mix(COLD, (level / 127 + 1) / 2)), 255], 4 * i));
  context.putImageData(image, 0, 0);
  const line = make(panel, "p", { class: "soft read-out", "aria-live": "polite" }, told);
  const read = (row, column) => { line.textContent = readOut(heat, levels, shape, row, column); };
  readByPointer(canvas, heat, read, () => { line.textContent = told; });
  readByKeys(canvas, heat, read);
}

function readByPointer(canvas, heat, read, leave) {
  canvas.addEventListener("pointermove", (event) => {
    const box = canvas.getBoundingClientRect();
    const place = (at, length, count) => Math.min(count - 1, Math.max(0, Math.floor((at / length) * count)));
    read(place(event.clientY - box.top, box.height, heat.rows), place(event.clientX - box.left, box.width, heat.columns));
  });
  canvas.addEventListener("pointerleave", leave);
}

function readByKeys(canvas, heat, read) {
  const at = { row: 0, column: 0 };
  canvas.addEventListener("keydown", (event) => {
    const move = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key];
    if (!move) return;
    event.preventDefault();
    at.row = Math.min(heat.rows - 1, Math.max(0, at.row + move[0]));
    at.column = Math.min(heat.columns - 1, Math.max(0, at.column + move[1]));
    read(at.row, at.column);
  });
}

/** "[3, 17] ≈ 0.12", or the mean of a block. The picture knows 127 shades to each side, so the number is a rounded one. */
function readOut({ rows, columns, block, limit }, levels, shape, row, column) {
  const [down, across] = block;
  const level = levels[row * columns + column];
  const value = level === -128 ? "not finite" : `≈ ${number((level / 127) * limit, 2)}`;
  const width = shape.at(-1) ?? 1;
  const height = shape.slice(0, -1).reduce((product, length) => product * length, 1);
  const [top, left] = [row * down, column * across];
  const [bottom, right] = [Math.min(height, top + down) - 1, Math.min(width, left + across) - 1];
  const first = placeOf(shape, top * width + left);
  const isOne = top === bottom && left === right;
  return isOne ? `[${first.join(", ")}] ${value}` : `mean of [${first.join(", ")}] to [${placeOf(shape, bottom * width + right).join(", ")}] ${value}`;
}

/** The indices of the element at a place in row-major order. */
function placeOf(shape, index) {
  const places = [];
  for (let k = shape.length - 1, rest = index; k >= 0; rest = Math.floor(rest / shape[k]), k--) places.unshift(rest % shape[k]);
  return places;
}
