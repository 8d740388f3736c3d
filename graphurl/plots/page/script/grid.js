/** A uniform grid over the points: finds the nearest one without looking at all. */
class Grid {
  constructor(unit, count) {
    this.unit = unit;
    this.side = Math.max(1, Math.min(1024, Math.ceil(Math.sqrt(count / 2))));
    const cells = new Uint32Array(count);
    this.starts = new Uint32Array(this.side * this.side + 1);
    for (let i = 0; i < count; i++) {
      cells[i] = this.place(unit[2 * i + 1]) * this.side + this.place(unit[2 * i]);
      this.starts[cells[i] + 1]++;
    }
    for (let cell = 0; cell < this.side * this.side; cell++) this.starts[cell + 1] += this.starts[cell];
    const next = this.starts.slice();
    this.rows = new Uint32Array(count);
    for (let i = 0; i < count; i++) this.rows[next[cells[i]]++] = i;
  }

  place(value) {
    return Math.max(0, Math.min(this.side - 1, Math.floor(((value + 1) / 2) * this.side)));
  }

  /** Calls `visit` with every row of the cells that touch a box. */
  within(left, bottom, right, top, visit) {
    for (let y = this.place(bottom); y <= this.place(top); y++) {
      const from = y * this.side;
      const stop = this.starts[from + this.place(right) + 1];
      for (let at = this.starts[from + this.place(left)]; at < stop; at++) visit(this.rows[at]);
    }
  }

  /** The shown row nearest to a place, at most `reach` away (a width and a height), or -1. */
  nearest(x, y, reachX, reachY, shown) {
    let best = -1, least = 1;
    this.within(x - reachX, y - reachY, x + reachX, y + reachY, (row) => {
      if (!shown[row]) return;
      const far = ((this.unit[2 * row] - x) / reachX) ** 2 + ((this.unit[2 * row + 1] - y) / reachY) ** 2;
      // Of points on one spot the first: it does not depend on how the cells are filled.
      if (far < least || (far === least && row < best)) [best, least] = [row, far];
    });
    return best;
  }

  /** How many points lie in and around the cell of each row: a density to colour by. */
  density(count) {
    const side = Math.min(this.side, 256);
    const cells = new Float32Array(side * side);
    const cell = (i) => Math.min(side - 1, Math.max(0, Math.floor(((this.unit[i] + 1) / 2) * side)));
    for (let i = 0; i < count; i++) cells[cell(2 * i + 1) * side + cell(2 * i)]++;
    const found = new Float32Array(count);
    for (let i = 0; i < count; i++) {
      const x = cell(2 * i), y = cell(2 * i + 1);
      for (let v = Math.max(0, y - 1); v <= Math.min(side - 1, y + 1); v++) {
        for (let u = Math.max(0, x - 1); u <= Math.min(side - 1, x + 1); u++) found[i] += cells[v * side + u];
      }
      found[i] = Math.log10(found[i]);
    }
    return found;
  }
}

/** Whether a place lies inside a polygon [x, y, x, y, …] (even-odd). */
function inside(polygon, x, y) {
  let odd = false;
  for (let i = 0, j = polygon.length - 2; i < polygon.length; j = i, i += 2) {
    const yi = polygon[i + 1], yj = polygon[j + 1];
    if (yi > y !== yj > y && x < ((polygon[j] - polygon[i]) * (y - yi)) / (yj - yi) + polygon[i]) odd = !odd;
  }
  return odd;
}

/** The shown rows inside a polygon. */
function rowsInside(grid, polygon, shown) {
  let [left, bottom, right, top] = [Infinity, Infinity, -Infinity, -Infinity];
  for (let i = 0; i < polygon.length; i += 2) {
    left = Math.min(left, polygon[i]); right = Math.max(right, polygon[i]);
    bottom = Math.min(bottom, polygon[i + 1]); top = Math.max(top, polygon[i + 1]);
  }
  const found = [];
  if (polygon.length < 6) return found;
  grid.within(left, bottom, right, top, (row) => {
    if (shown[row] && inside(polygon, grid.unit[2 * row], grid.unit[2 * row + 1])) found.push(row);
  });
  return found.sort((a, b) => a - b);
}
