// The overview: all of the graph in a corner, where the stage shows only a part of it. A press on it leads there.

const map = id("map");
let isMapDue = false;

/** Draw it anew before the next frame, however often it is asked. */
function refreshMap() {
  map.hidden = isAllInSight();
  if (isMapDue || map.hidden) return;
  isMapDue = true;
  requestAnimationFrame(() => { isMapDue = false; drawMap(); });
}

/** The scale of the map, its size, and where the graph begins on it: it is never a hairline. */
function planOfMap() {
  const small = Math.min(150 / extent.width, 110 / extent.height, (0.2 * stage.clientWidth) / extent.width);
  const size = [extent.width, extent.height].map((length) => Math.max(24, length * small));
  return { small, size, begin: [size[0] - extent.width * small, size[1] - extent.height * small].map((rest) => rest / 2) };
}

function isAllInSight() {
  const { x, y, scale } = state.view;
  const [width, height] = sizeOfStage();
  return x >= -1 && y >= -1 && x + extent.width * scale <= width + 1 && y + extent.height * scale <= height + 1;
}

function drawMap() {
  const [{ small, size, begin }, sharp] = [planOfMap(), window.devicePixelRatio || 1];
  ["width", "height"].forEach((side, k) => { map.style[side] = `${size[k]}px`; map[side] = size[k] * sharp; });
  const pen = map.getContext("2d");
  const colours = getComputedStyle(map);
  pen.setTransform(small * sharp, 0, 0, small * sharp, begin[0] * sharp, begin[1] * sharp);
  const playing = inPlay();
  stepAside(playing, size);
  for (const [thing, [u, v, w, h]] of standing) {
    const kind = typeof thing === "string" ? "module" : nodes[thing].kind;
    const name = thing === playing ? (state.pass === "forward" ? "--ahead" : "--flow") : { module: "--soft", ghost: "--constant-line" }[kind] ?? `--${kind}-line`;
    pen.fillStyle = colours.getPropertyValue(name);
    pen.fillRect(u - w / 2, v - h / 2, w, h);
  }
  shade(pen, colours, small);
}

/** Go into the other corner while what plays would be under the map. */
function stepAside(playing, size) {
  const [, , right, bottom] = playing === null ? [0, 0, 0, 0] : spanOf([playing]);
  const [width, height] = sizeOfStage();
  map.classList.toggle("aside", right > width - size[0] - 20 && bottom > height - size[1] - 20);
}

/** Dim what is out of sight, and frame the rest. */
function shade(pen, colours, small) {
  const { x, y, scale } = state.view;
  const [width, height] = sizeOfStage();
  const [left, top] = [Math.max(0, -x / scale), Math.max(0, -y / scale)];
  const [right, bottom] = [Math.min(extent.width, (width - x) / scale), Math.min(extent.height, (height - y) / scale)];
  pen.fillStyle = colours.getPropertyValue("--paper");
  pen.globalAlpha = 0.6;
  pen.beginPath();
  pen.rect(0, 0, extent.width, extent.height);
  pen.rect(left, top, right - left, bottom - top);
  pen.fill("evenodd");
  pen.globalAlpha = 1;
  pen.strokeStyle = colours.getPropertyValue("--chosen");
  pen.lineWidth = 1.5 / small;
  pen.strokeRect(left + pen.lineWidth / 2, top + pen.lineWidth / 2, right - left - pen.lineWidth, bottom - top - pen.lineWidth);
}

function moveByMap(event) {
  const box = map.getBoundingClientRect();
  const { small, begin } = planOfMap();
  const [u, v] = [(event.clientX - box.left - begin[0]) / small, (event.clientY - box.top - begin[1]) / small];
  const [width, height] = sizeOfStage();
  state.isTouched = true;
  move(width / 2 - u * state.view.scale, height / 2 - v * state.view.scale, state.view.scale);
}

map.addEventListener("pointerdown", (event) => { map.setPointerCapture(event.pointerId); moveByMap(event); });
map.addEventListener("pointermove", (event) => { if (map.hasPointerCapture(event.pointerId)) moveByMap(event); });
