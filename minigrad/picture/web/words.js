// What every page needs: its data, numbers in words, elements, colours. The other scripts follow in the same element,
// in order, and share its names. Every text of the user's reaches the page as textContent only.
"use strict";

const id = (name) => document.getElementById(name);
const written = JSON.parse(inflated("data"));

function number(x, digits = 4) {
  if (typeof x !== "number") return x === null || x === undefined ? "none" : String(x); // "nan", "inf"
  if (Number.isInteger(x) && Math.abs(x) < 1e6) return String(x);
  const size = Math.abs(x);
  return size >= 1e-3 && size < 1e6 ? String(Number(x.toPrecision(digits))) : Number(x.toPrecision(3)).toExponential().replace("e+", "e");
}

const shapeText = (shape) => (shape.length ? `(${shape.join(", ")}${shape.length === 1 ? "," : ""})` : "scalar");

function make(parent, tag, attributes = {}, text = null) {
  const isDrawn = parent instanceof SVGElement || tag === "svg";
  const element = isDrawn ? document.createElementNS("http://www.w3.org/2000/svg", tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  if (text !== null) element.textContent = text;
  parent.append(element);
  return element;
}

/** The colour at a share, 0 to 1, of the way along `stops`. */
function mix(stops, share) {
  const at = Math.min(0.9999, Math.max(0, share)) * (stops.length - 1);
  const [low, high] = [stops[Math.floor(at)], stops[Math.floor(at) + 1]];
  return low.map((v, k) => Math.round(v + (high[k] - v) * (at % 1)));
}
