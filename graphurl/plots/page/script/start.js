/** Puts all parts together. `window.graphurl` is for the console, and for tests. */
async function start() {
  if (!window.DecompressionStream) {
    byId("loading").textContent = "This page needs a browser of 2023 or newer.";
    return;
  }
  await new Promise((done) => setTimeout(done));  // the words on the screen come first
  try {
    window.graphurl = new App(await readModel());
  } catch (error) {
    byId("loading").textContent = `This page cannot be shown: ${error.message}`;
    throw error;
  }
  byId("loading").hidden = true;
  document.body.dataset.ready = "yes";
}

/** What draws the points: WebGL where a graphics processor runs it; #webgl or #raster after the address decide it. */
function drawer(model) {
  const canvas = byId("points");
  const wanted = location.hash === "#webgl" || (location.hash !== "#raster" && WebGlPoints.fast());
  try {
    if (wanted) return new WebGlPoints(canvas, model.unit, model.count);
  } catch (error) {
    console.info(`drawn without WebGL: ${error.message}`);
  }
  const fresh = canvas.cloneNode();  // a canvas that had one kind of context never gets the other
  canvas.replaceWith(fresh);
  return new RasterPoints(fresh, model.unit, model.count);
}

class App {
  constructor(model) {
    this.model = model;
    this.still = matchMedia("(prefers-reduced-motion: reduce)").matches;
    this.view = new View();
    this.grid = new Grid(model.unit, model.count);
    this.colours = new Colours(model, this.grid);
    this.points = drawer(model);
    this.points.onrestored = () => this.paint();
    this.over = byId("over");
    this.overlay = new Overlay(this.over, model, this.view, this.colours);
    this.row = -1;
    this.kept = false;
    this.card = new Card(model, this.colours, (row) => this.keep(row ?? -1, { follow: true }));
    this.selection = new Selection(model, this.colours, () => this.paint());
    this.legend = new Legend(model, this.colours, () => this.paint());
    this.search = new Search(model, (row) => this.goTo(row));
    this.gestures = new Gestures(this.over, this.view, {
      moved: () => this.changed(),
      hover: (x, y) => this.hover(x, y),
      click: (x, y) => this.keep(this.rowAt(x, y)),
      lassoing: (path) => { this.overlay.path = path; this.changed(); },
      lasso: (path, adds) => this.lasso(path, adds),
    });
    this.describe();
    this.buttons();
    followTheme(this);
    new ResizeObserver(() => this.resize()).observe(byId("stage"));
    this.resize();
    document.addEventListener("keydown", (event) => pressed(this, event));
  }

  describe() {
    const { model } = this;
    byId("title").textContent = model.title;
    const axes = model.axes.filter((axis) => axis && axis !== "z").join(" · ");
    byId("subtitle").textContent = [`${model.count.toLocaleString("en")} points`, axes].filter(Boolean).join(" · ");
    byId("foot").textContent = model.notes.join("\n");
  }

  buttons() {
    const middle = () => [this.view.width / 2, this.view.height / 2];
    const on = (id, act) => byId(id).addEventListener("click", act);
    on("zoom-in", () => this.zoom(1.5, ...middle()));
    on("zoom-out", () => this.zoom(1 / 1.5, ...middle()));
    on("reset", () => this.home());
    on("lasso", () => this.useLasso(this.gestures.tool !== "lasso"));
    on("help", () => byId("keys").showModal());
    on("panel-button", () => {
      const open = byId("panel").classList.toggle("open");
      byId("panel-button").setAttribute("aria-expanded", String(open));
    });
    this.over.addEventListener("pointerdown", () => {
      byId("panel").classList.remove("open");
      byId("panel-button").setAttribute("aria-expanded", "false");
    });
  }

  resize() {
    const { clientWidth: width, clientHeight: height } = byId("stage");
    this.ratio = Math.min(2, window.devicePixelRatio || 1);
    Object.assign(this.view, { width: Math.max(1, width), height: Math.max(1, height) });
    for (const canvas of [byId("points"), this.over]) {
      canvas.width = Math.max(1, Math.round(width * this.ratio));
      canvas.height = Math.max(1, Math.round(height * this.ratio));
    }
    this.render();
  }

  /** Colours, visibility or selection are other than before. */
  paint() {
    this.colours.fill(this.points.colours, this.selection.rows);
    this.points.upload(this.selection.rows.size ? this.selection.rows : null);
    if (this.row >= 0 && !this.colours.shown[this.row]) this.keep(-1);
    const { row, kept } = this.card;
    this.card.row = -1;
    this.card.show(row, kept);
    this.changed();
  }

  /** Draws once before the next frame, however often this is called. */
  changed() {
    this.waiting ??= requestAnimationFrame(() => this.render());
  }

  render() {
    this.waiting = undefined;
    const ground = getComputedStyle(document.documentElement).getPropertyValue("--back");
    this.points.draw(this.view, this.colours.count ?? this.model.count, this.ratio, ground);
    this.overlay.draw(this.row, this.ratio);
    if (this.row >= 0) {
      const { width, height } = this.view;
      this.card.place(...this.overlay.at(this.row), width, height, this.overlay.leans(this.row));
    }
    this.frames = (this.frames ?? 0) + 1;
  }

  rowAt(x, y) {
    const reach = Math.max(12, this.view.pointSize(this.colours.count)) / this.view.scale;
    return this.grid.nearest(...this.view.toUnit(x, y), reach, reach, this.colours.shown);
  }

  hover(x, y) {
    if (this.kept || this.gestures.tool === "lasso") return;
    this.choose(x === null ? -1 : this.rowAt(x, y), false);
  }

  /** Keeps the card of a row; -1 lets go. */
  keep(row, { follow = false } = {}) {
    if (follow && row >= 0) this.bringIntoSight(row);
    this.choose(row, row >= 0);
    if (row >= 0) this.say(row);
  }

  choose(row, kept) {
    if (row === this.row && kept === this.kept) return;
    Object.assign(this, { row, kept });
    this.over.classList.toggle("point", row >= 0 && !kept);
    this.card.show(row, kept);
    this.changed();
  }

  /** Tells a reader of the screen which point it is. */
  say(row) {
    const label = this.model.columns.find((column) => column.names);
    byId("said").textContent = [nameOf(this.model, row).slice(0, 200), label && textOf(label, row)].filter(Boolean).join(", ");
  }

  lasso(path, adds) {
    const polygon = path.map((value, i) => this.view.toUnit(i & 1 ? 0 : value, i & 1 ? value : 0)[i & 1]);
    const rows = rowsInside(this.grid, polygon, this.colours.shown);
    this.selection.replace(rows, adds);
    byId("said").textContent = `${this.selection.rows.size} selected`;
    if (this.gestures.tool === "lasso") this.useLasso(false);
  }

  useLasso(on) {
    this.gestures.tool = on ? "lasso" : "move";
    byId("lasso").setAttribute("aria-pressed", String(on));
    this.over.classList.toggle("lasso", on);
    if (on) this.keep(-1);
  }

  zoom(factor, x, y) {
    this.view.zoomAt(x, y, factor);
    this.changed();
  }

  home() {
    this.view.home();
    this.changed();
  }

  /** Goes to a row that was searched for; a class that is hidden is shown again. */
  goTo(row) {
    if (!this.colours.shown[row]) {
      this.colours.hidden.clear();
      this.legend.show();
      this.paint();
    }
    const unit = this.model.unit;
    this.fly(unit[2 * row], unit[2 * row + 1], Math.max(this.view.zoom, 4));
    this.keep(row);
    this.over.focus();
  }

  bringIntoSight(row) {
    const [x, y] = this.overlay.at(row);
    const edge = 40;
    const seen = x > edge && y > edge && x < this.view.width - edge && y < this.view.height - edge;
    if (!seen) this.fly(this.model.unit[2 * row], this.model.unit[2 * row + 1], this.view.zoom);
  }

  /** Moves there in a quarter of a second, or at once where motion is not wanted. */
  fly(x, y, zoom) {
    const { view } = this;
    const from = [view.x, view.y, Math.log(view.zoom)], to = [x, y, Math.log(zoom)];
    const began = performance.now();
    const step = (now) => {
      const share = this.still ? 1 : clamp((now - began) / 250, 0, 1);
      const eased = 1 - (1 - share) ** 3;
      const [u, v, z] = from.map((value, i) => value + (to[i] - value) * eased);
      Object.assign(view, { x: u, y: v, zoom: Math.exp(z) });
      this.changed();
      if (share < 1 && this.flight === began) requestAnimationFrame(step);
    };
    this.flight = began;
    step(began);
  }
}
