// Moving and zooming: by mouse, trackpad, fingers and buttons, and after what plays.

const LEGIBLE = 12 / 13; // the scale at which the letters of a box, 13 pixels high, are 12
const GLIDE = 300; // milliseconds

function move(x, y, scale) {
  state.view = { x, y, scale };
  view.setAttribute("transform", `translate(${x} ${y}) scale(${scale})`);
  refreshMap();
}

/** The same, seen to happen, where a pass plays by itself and the reader has not asked for less motion. */
function glide(x, y, scale) {
  if (state.timer === null || matchMedia("(prefers-reduced-motion: reduce)").matches) return move(x, y, scale);
  const from = { ...state.view };
  const start = performance.now();
  const frame = (now) => {
    const share = Math.min(1, Math.max(0, (now - start) / GLIDE));
    const eased = share * share * (3 - 2 * share);
    const [u, v, s] = [[from.x, x], [from.y, y], [from.scale, scale]].map(([a, b]) => a + (b - a) * eased);
    move(u, v, s);
    if (share < 1 && state.timer !== null) requestAnimationFrame(frame);
  };
  requestAnimationFrame(frame);
}

function zoom(factor, x = stage.clientWidth / 2, y = stage.clientHeight / 2) {
  const scale = Math.min(4, Math.max(0.02, state.view.scale * factor));
  const ratio = scale / state.view.scale;
  move(x - (x - state.view.x) * ratio, y - (y - state.view.y) * ratio, scale);
}

const sizeOfStage = () => [stage.clientWidth || 900, stage.clientHeight || 600];

function scaleToFit() {
  const [width, height] = sizeOfStage();
  return Math.min(1.5, (width - 16) / extent.width, (height - 8) / extent.height); // there is a margin in the layout, too
}

function fit() {
  const [[width, height], scale] = [sizeOfStage(), scaleToFit()];
  state.isTouched = false;
  move((width - extent.width * scale) / 2, (height - extent.height * scale) / 2, scale);
}

function show(thing, scale = Math.max(state.view.scale, LEGIBLE)) {
  const [x, y] = standing.get(thing);
  move(stage.clientWidth / 2 - x * scale, stage.clientHeight / 2 - y * scale, scale);
}

/** [left, top, right, bottom] on the stage of all these things. */
function spanOf(things) {
  const { x, y, scale } = state.view;
  const spans = things.map((thing) => standing.get(thing)).filter(Boolean).map(([u, v, w, h]) => [u - w / 2, v - h / 2, u + w / 2, v + h / 2]);
  const most = (k) => (k < 2 ? Math.min : Math.max)(...spans.map((span) => span[k]));
  return [0, 1, 2, 3].map((k) => most(k) * scale + (k % 2 ? y : x));
}

/** Move no further than needed to have a thing in sight, with what it is joined to if there is room for all. */
function keepInSight(thing, joined = []) {
  const margin = 24;
  const room = sizeOfStage().map((length) => length - 2 * margin);
  const whole = spanOf([thing, ...joined]);
  const isRoom = whole[2] - whole[0] <= room[0] && whole[3] - whole[1] <= room[1];
  const span = isRoom ? whole : spanOf([thing]);
  const [dx, dy] = [0, 1].map((k) => {
    if (span[k + 2] - span[k] > room[k]) return margin + room[k] / 2 - (span[k] + span[k + 2]) / 2;
    return Math.max(0, margin - span[k]) || Math.min(0, margin + room[k] - span[k + 2]);
  });
  if (dx || dy) glide(state.view.x + dx, state.view.y + dy, state.view.scale);
}

// --- the wheel: a mouse zooms, two fingers on a trackpad pan, and their pinch, which comes with Ctrl, zooms --------

let [lastWheel, isTrackpad] = [-Infinity, false];

/** Whether a turn of the wheel is a trackpad's, whose steps are small or aslant; a gesture stays what it began as. */
function isFromTrackpad({ deltaMode, deltaX, deltaY, timeStamp }) {
  if (timeStamp - lastWheel > 250) isTrackpad = deltaX !== 0 || Math.abs(deltaY) < 40;
  lastWheel = timeStamp;
  return isTrackpad && deltaMode === 0;
}

graph.addEventListener("wheel", (event) => {
  event.preventDefault();
  state.isTouched = true;
  const { x, y, scale } = state.view;
  if (!event.ctrlKey && isFromTrackpad(event)) return move(x - event.deltaX, y - event.deltaY, scale);
  const box = stage.getBoundingClientRect();
  const speed = event.deltaMode ? 0.05 : event.ctrlKey && Math.abs(event.deltaY) < 40 ? 0.01 : 0.0015;
  zoom(Math.exp(-event.deltaY * speed), event.clientX - box.left, event.clientY - box.top);
}, { passive: false });

// --- fingers and the mouse's button: one drags, two pinch -----------------------------------------------------------

const fingers = new Map();
let hasMoved = false;
graph.addEventListener("pointerdown", (event) => { fingers.set(event.pointerId, event); hasMoved = false; });
window.addEventListener("pointermove", (event) => {
  const before = fingers.get(event.pointerId);
  if (!before) return;
  const other = [...fingers].find(([finger]) => finger !== event.pointerId)?.[1];
  const [dx, dy] = [event.clientX - before.clientX, event.clientY - before.clientY];
  if (!hasMoved && !other && Math.hypot(dx, dy) < 4) return;
  hasMoved = state.isTouched = true;
  fingers.set(event.pointerId, event);
  if (other) {
    const distance = (e) => Math.hypot(e.clientX - other.clientX, e.clientY - other.clientY);
    const box = stage.getBoundingClientRect();
    zoom(distance(event) / Math.max(1, distance(before)), (event.clientX + other.clientX) / 2 - box.left, (event.clientY + other.clientY) / 2 - box.top);
  } else move(state.view.x + dx, state.view.y + dy, state.view.scale);
});
for (const name of ["pointerup", "pointercancel"]) window.addEventListener(name, (event) => fingers.delete(event.pointerId));
graph.addEventListener("click", (event) => { if (hasMoved) event.stopPropagation(); }, true);
