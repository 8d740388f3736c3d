/** Which part of the map is seen, and how large: unit coordinates to pixels and back. */
class View {
  constructor() {
    this.width = this.height = 1;
    this.home();
  }

  home() {
    [this.x, this.y, this.zoom] = [0, 0, 1];
  }

  /** Pixels of one unit. */
  get scale() {
    return Math.max(1, (Math.min(this.width, this.height - 60) / 2) * 0.92) * this.zoom;
  }

  toScreen(x, y) {
    return [(x - this.x) * this.scale + this.width / 2, (this.y - y) * this.scale + this.height / 2];
  }

  toUnit(x, y) {
    return [(x - this.width / 2) / this.scale + this.x, this.y - (y - this.height / 2) / this.scale];
  }

  pan(dx, dy) {
    this.x = clamp(this.x - dx / this.scale, -1.5, 1.5);
    this.y = clamp(this.y + dy / this.scale, -1.5, 1.5);
  }

  /** Zooms so that the place under a pixel stays there. */
  zoomAt(px, py, factor) {
    const [x, y] = this.toUnit(px, py);
    this.zoom = clamp(this.zoom * factor, 0.3, 4000);
    const [nx, ny] = this.toUnit(px, py);
    this.x = clamp(this.x + x - nx, -1.5, 1.5);
    this.y = clamp(this.y + y - ny, -1.5, 1.5);
  }

  /** Side of a point in pixels: smaller the more there are, and it grows slowly with the zoom. */
  pointSize(count) {
    const plain = Math.sqrt((0.075 * this.width * this.height) / Math.max(count, 1));
    return clamp(clamp(plain, 1.5, 9) * Math.max(1, this.zoom) ** 0.4, 1.5, 16);
  }

  /** Opacity of a point: what lies on top of each other has to be seen through. */
  opacity(count) {
    const crowd = Math.log10(Math.max(count, 1) / Math.max(1, this.zoom));
    return clamp(1.18 - 0.11 * crowd, 0.5, 0.92);
  }
}

function clamp(value, low, high) {
  return Math.max(low, Math.min(high, value));
}

/** Moves and zooms by pointer, wheel and touch; tells clicks, hovering and lassos from each other. */
class Gestures {
  /**
   * @param canvas Where the pointer is.
   * @param view What moves.
   * @param on Called back: moved(), hover(x, y) or hover(null), click(x, y), lasso(path, adds), lassoing(path).
   */
  constructor(canvas, view, on) {
    Object.assign(this, { canvas, view, on, tool: "move", pointers: new Map(), path: null, travelled: 0 });
    canvas.addEventListener("pointerdown", (event) => this.down(event));
    canvas.addEventListener("pointermove", (event) => this.move(event));
    canvas.addEventListener("pointerup", (event) => this.up(event));
    canvas.addEventListener("pointercancel", (event) => this.up(event, true));
    canvas.addEventListener("pointerleave", () => this.pointers.size || on.hover(null));
    canvas.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    canvas.addEventListener("dblclick", (event) => {
      view.zoomAt(event.offsetX, event.offsetY, 2);
      on.moved();
    });
  }

  down(event) {
    if (event.button > 0) return;
    this.canvas.setPointerCapture(event.pointerId);
    this.pointers.set(event.pointerId, [event.offsetX, event.offsetY]);
    if (this.pointers.size === 1) {
      this.travelled = 0;
      this.path = this.tool === "lasso" || event.shiftKey ? [event.offsetX, event.offsetY] : null;
    } else {
      this.path = null;  // a second finger: zoom
      this.on.lassoing(null);
      this.travelled = Infinity;
    }
  }

  move(event) {
    const before = this.pointers.get(event.pointerId);
    const now = [event.offsetX, event.offsetY];
    if (!before) {
      if (event.pointerType !== "touch") this.on.hover(...now);
      return;
    }
    this.travelled += Math.hypot(now[0] - before[0], now[1] - before[1]);
    if (this.path) {
      this.path.push(...now);
      this.on.lassoing(this.path);
    } else if (this.pointers.size === 2) {
      const other = [...this.pointers].find(([id]) => id !== event.pointerId)[1];
      const spread = (at) => Math.max(1, Math.hypot(at[0] - other[0], at[1] - other[1]));
      const middle = (at) => [(at[0] + other[0]) / 2, (at[1] + other[1]) / 2];
      const [from, to] = [middle(before), middle(now)];
      this.view.pan(to[0] - from[0], to[1] - from[1]);
      this.view.zoomAt(...to, spread(now) / spread(before));
      this.on.moved();
    } else if (this.travelled > 4) {
      this.canvas.classList.add("moving");
      this.view.pan(now[0] - before[0], now[1] - before[1]);
      this.on.moved();
    }
    this.pointers.set(event.pointerId, now);
  }

  up(event, broken = false) {
    if (!this.pointers.delete(event.pointerId)) return;
    this.canvas.classList.remove("moving");
    if (this.pointers.size) return;
    const path = this.path;
    this.path = null;
    this.on.lassoing(null);
    if (broken) return;
    if (this.travelled <= 4) this.on.click(event.offsetX, event.offsetY);
    else if (path) this.on.lasso(path, event.ctrlKey || event.metaKey);
  }

  wheel(event) {
    event.preventDefault();
    const lines = event.deltaMode === 1 ? 16 : 1;
    this.view.zoomAt(event.offsetX, event.offsetY, Math.exp(-clamp(event.deltaY * lines, -200, 200) * 0.0022));
    this.on.moved();
  }
}
