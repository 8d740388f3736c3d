/** Codes of the ways to colour that are no column of the data. */
const PLAIN = "plain", DENSITY = "density";
const UNKNOWN = { light: [176, 180, 186], dark: [92, 99, 108] };

function rgbOf(hex) {
  return [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));
}

function cssOf(rgb) {
  return `rgb(${rgb.map(Math.round).join(" ")})`;
}

function mixed(rgb, other, share) {
  return rgb.map((value, i) => value + (other[i] - value) * share);
}

/** What the points are coloured by, and the colour and visibility of each of them. */
class Colours {
  constructor(model, grid) {
    Object.assign(this, { model, grid, dark: false, hidden: new Set() });
    this.palette = {};
    for (const name of ["few", "many", "scale"]) this.palette[name] = model.palette[name].map(rgbOf);
    this.shown = new Uint8Array(model.count).fill(1);
    this.choose(model.columns.length && model.columns[0].names ? 0 : model.columns.length ? 0 : DENSITY);
  }

  /** @param key The number of a column, or PLAIN or DENSITY. */
  choose(key) {
    this.key = key;
    this.hidden.clear();
    this.column = typeof key === "number" ? this.model.columns[key] : null;
    if (key === DENSITY) {
      this.column = { name: "density", names: null, note: "points around, as a power of ten" };
      this.column.values = this.cachedDensity ??= this.grid.density(this.model.count);
    }
    this.measure();
  }

  /** Counts of the classes, or the range of the numbers. */
  measure() {
    const column = this.column;
    this.counts = this.range = null;
    if (!column) return;
    if (column.names) {
      this.counts = new Uint32Array(column.names.length + 1);
      for (const code of column.values) this.counts[code === NONE ? column.names.length : code]++;
      return;
    }
    const known = column.values.filter((value) => !Number.isNaN(value)).sort();
    const at = (share) => known[Math.round((known.length - 1) * share)];
    // The outermost hundredth does not stretch the colours; where that leaves one value, all count.
    this.range = known.length ? [at(0.01), at(0.99)] : null;
    if (this.range && this.range[0] === this.range[1]) this.range = [known[0], known[known.length - 1]];
  }

  get unknown() {
    return UNKNOWN[this.dark ? "dark" : "light"];
  }

  /** Colour of a class. Every shade has to stand out from the ground, so the second ten are lighter in the dark. */
  ofClass(code) {
    const names = this.column.names.length;
    if (code === NONE || code >= names) return this.unknown;
    if (names <= this.palette.few.length) {
      const ten = this.palette.few[code % 10];
      if (code < 10) return this.dark ? mixed(ten, [255, 255, 255], 0.12) : ten;
      return this.dark ? mixed(ten, [255, 255, 255], 0.55) : this.palette.few[code];
    }
    const many = this.palette.many;
    const place = names <= many.length ? Math.floor(((code + 0.5) * many.length) / names) : (code * 37) % many.length;
    return many[place];
  }

  /** Colour of a share of the scale; its ends that would drown in the ground are left out. */
  ofShare(share) {
    const scale = this.palette.scale;
    const bent = this.dark ? 0.22 + 0.78 * share : 0.92 * share;
    return scale[Math.round(clamp(bent, 0, 1) * (scale.length - 1))];
  }

  ofRow(row) {
    const column = this.column;
    if (!column) return this.plain;
    if (column.names) return this.ofClass(column.values[row]);
    const value = column.values[row];
    if (Number.isNaN(value) || !this.range) return this.unknown;
    const [low, high] = this.range;
    return this.ofShare(high > low ? (value - low) / (high - low) : 0.5);
  }

  get plain() {
    const rgb = rgbOf(this.model.palette.plain);
    return this.dark ? mixed(rgb, [255, 255, 255], 0.35) : rgb;
  }

  /** Fills RGBA bytes: alpha 0 where the class is hidden, little where something else is selected. */
  fill(bytes, selected) {
    const words = new Uint32Array(bytes.buffer);
    const column = this.column;
    const pack = (rgb) => Math.round(rgb[0]) | (Math.round(rgb[1]) << 8) | (Math.round(rgb[2]) << 16);
    const none = column?.names?.length ?? 0;
    const byClass = column?.names ? Array.from({ length: none + 1 }, (_, code) => pack(this.ofClass(code))) : null;
    const hidden = new Uint8Array(none + 1);
    for (const code of this.hidden) hidden[code] = 1;
    this.count = 0;
    for (let row = 0; row < this.model.count; row++) {
      const code = byClass ? Math.min(column.values[row], none) : 0;
      const shown = byClass && hidden[code] ? 0 : 1;
      const alpha = !shown ? 0 : !selected.size || selected.has(row) ? 255 : 46;
      this.shown[row] = shown;
      this.count += shown;
      words[row] = ((byClass ? byClass[code] : pack(this.ofRow(row))) | (alpha << 24)) >>> 0;
    }
  }

  /** Shows or hides a class; alone: shows no other, and all again where it is the only one. */
  toggle(code, alone = false) {
    const all = this.counts.length;
    if (alone) {
      const only = this.hidden.size === all - 1 && !this.hidden.has(code);
      this.hidden.clear();
      if (!only) for (let other = 0; other < all; other++) if (other !== code) this.hidden.add(other);
    } else if (!this.hidden.delete(code)) this.hidden.add(code);
  }
}
