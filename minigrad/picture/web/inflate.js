// Text from the bytes that zlib made of it: RFC 1951. Browsers have this too, but their answer comes later.
"use strict";

/** The text of an element that holds such bytes, as letters of base64. */
function inflated(element) {
  const letters = atob(document.getElementById(element).textContent);
  return inflate(Uint8Array.from(letters, (letter) => letter.charCodeAt(0)));
}

function inflate(bytes) {
  let [at, out, size] = [16, new Uint8Array(8 * bytes.length), 0]; // at: in bits, behind a header of two bytes
  const bits = (count) => {
    let found = 0;
    for (let k = 0; k < count; k++, at++) found |= ((bytes[at >> 3] >> (at & 7)) & 1) << k;
    return found;
  };
  const put = (byte) => {
    if (size === out.length) { const more = new Uint8Array(2 * size); more.set(out); out = more; }
    out[size++] = byte;
  };
  // a code of Huffman's: how many symbols have each length, and the symbols from short to long
  const codeOf = (lengths) => ({
    counts: Array.from({ length: 16 }, (_, length) => (length ? lengths.filter((one) => one === length).length : 0)),
    symbols: [...lengths.keys()].filter((k) => lengths[k]).sort((a, b) => lengths[a] - lengths[b]),
  });
  const next = ({ counts, symbols }) => {
    for (let [length, code, first, index] = [1, 0, 0, 0]; length < 16; length++) {
      code |= bits(1);
      if (code < first + counts[length]) return symbols[index + code - first];
      index += counts[length];
      first = (first + counts[length]) << 1;
      code <<= 1;
    }
    throw new Error("inflate: a code that no symbol has");
  };
  const fixed = () => [[[8, 144], [9, 112], [7, 24], [8, 8]].flatMap(([length, times]) => Array(times).fill(length)), Array(30).fill(5)];
  const described = () => {
    const [literals, distances, count] = [257 + bits(5), 1 + bits(5), 4 + bits(4)];
    const lengths = Array(19).fill(0);
    for (const k of [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15].slice(0, count)) lengths[k] = bits(3);
    const [code, found] = [codeOf(lengths), []];
    while (found.length < literals + distances) {
      const symbol = next(code);
      if (symbol < 16) found.push(symbol);
      else found.push(...Array(symbol === 16 ? 3 + bits(2) : symbol === 17 ? 3 + bits(3) : 11 + bits(7)).fill(symbol === 16 ? found.at(-1) : 0));
    }
    return [found.slice(0, literals), found.slice(literals)];
  };
  const repeat = (length, distance) => { while (length--) put(out[size - distance]); };
  const block = (literals, distances) => {
    for (let symbol = next(literals); symbol !== 256; symbol = next(literals)) {
      if (symbol < 256) { put(symbol); continue; }
      const long = symbol - 257; // each length and distance begins where the one before ends
      const more = long < 8 ? 0 : (long >> 2) - 1;
      const length = long === 28 ? 258 : long < 8 ? long + 3 : 3 + ((4 + (long & 3)) << more) + bits(more);
      const far = next(distances);
      const beyond = far < 4 ? 0 : (far >> 1) - 1;
      repeat(length, far < 4 ? far + 1 : 1 + ((2 + (far & 1)) << beyond) + bits(beyond));
    }
  };
  const stored = () => {
    at = (at + 7) & ~7;
    const length = bits(16);
    bits(16); // its complement
    for (let k = 0; k < length; k++) put(bits(8));
  };
  for (let isLast = false; !isLast;) {
    isLast = bits(1) === 1;
    const kind = bits(2);
    if (kind === 0) stored();
    else block(...(kind === 1 ? fixed() : described()).map(codeOf));
  }
  return new TextDecoder().decode(out.subarray(0, size));
}
