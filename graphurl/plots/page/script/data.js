/** What no row has: a code without a name, a neighbour that is not there. */
const NONE = 0xffffffff;
const KINDS = { f4: Float32Array, u1: Uint8Array, u2: Uint16Array, u4: Uint32Array };

/** The bytes of base64 text. */
function fromBase64(text) {
  if (Uint8Array.fromBase64) return Uint8Array.fromBase64(text);
  const letters = atob(text);
  const bytes = new Uint8Array(letters.length);
  for (let i = 0; i < letters.length; i++) bytes[i] = letters.charCodeAt(i);
  return bytes;
}

/** Unpacks an array of the page: base64, deflated, its bytes sorted by significance; the element is freed. */
async function unpack(name) {
  const element = document.getElementById(`array-${name}`);
  const kind = KINDS[element.dataset.kind];
  const packed = new Blob([fromBase64(element.textContent)]).stream().pipeThrough(new DecompressionStream("deflate"));
  element.remove();
  const planes = new Uint8Array(await new Response(packed).arrayBuffer());
  const size = kind.BYTES_PER_ELEMENT;
  const count = planes.length / size;
  const bytes = new Uint8Array(planes.length);
  for (let plane = 0; plane < size; plane++) {
    for (let i = 0, from = plane * count; i < count; i++) bytes[i * size + plane] = planes[from + i];
  }
  return new kind(bytes.buffer);
}

/**
 * Everything that is known of the points.
 * count; xy as given; unit: the same within [-1, 1]; ids; columns of {name, names, note, values}; near of
 * {name, metric, k, rows}; edges of {most, sources, target, p, q, parts}; thumbs.
 */
async function readModel() {
  const model = JSON.parse(document.getElementById("contents").textContent);
  model.xy = await unpack("points");
  model.original = model.rows ? await unpack("rows") : null;
  for (const [i, column] of model.columns.entries()) column.values = await unpack(`column-${i}`);
  for (const space of model.near) space.rows = await unpack(`near-${space.name}`);
  if (model.edges) {
    const edges = model.edges;
    edges.target = await unpack("edge-target");
    edges.p = await unpack("edge-p");
    edges.q = await unpack("edge-q");
    edges.parts = [];
    if (edges.sources.length > 1) {
      for (let i = 0; i < edges.sources.length; i++) edges.parts.push(await unpack(`edge-part${i}`));
    }
  }
  model.unit = withinUnit(model.xy, model.count, model.strip);
  return model;
}

/** Coordinates within [-1, 1], alike in both directions; a strip of one dimension has a height of its own. */
function withinUnit(xy, count, strip) {
  const low = [Infinity, Infinity], high = [-Infinity, -Infinity];
  for (let i = 0; i < 2 * count; i++) {
    low[i & 1] = Math.min(low[i & 1], xy[i]);
    high[i & 1] = Math.max(high[i & 1], xy[i]);
  }
  const middle = [0, 1].map((axis) => low[axis] / 2 + high[axis] / 2);
  let half = [0, 1].map((axis) => high[axis] / 2 - low[axis] / 2);
  half = strip ? [half[0], 4 * half[1]] : half.map(() => Math.max(...half));
  half = half.map((size) => size || 1);
  const unit = new Float32Array(2 * count);
  for (let i = 0; i < 2 * count; i++) unit[i] = (xy[i] - middle[i & 1]) / half[i & 1];
  return unit;
}

/** The name of a row: the user's, or its number in the table that was embedded. */
function nameOf(model, row) {
  if (model.ids) return model.ids[row];
  return String(model.original ? model.original[row] : row);
}

/** What a column holds for a row, as text; "" where it is not known. */
function textOf(column, row) {
  const value = column.values[row];
  if (column.names) return value === NONE ? "" : column.names[value];
  return Number.isNaN(value) ? "" : shortNumber(value);
}

/** A number with the digits that a reader wants. */
function shortNumber(value) {
  if (!Number.isFinite(value)) return "";
  const size = Math.abs(value);
  if (size >= 1e6 || (size > 0 && size < 1e-3)) return value.toExponential(2);
  return String(Number(value.toPrecision(4)));
}
