/** Most classes whose names are written on the map, and the longest such name. */
const WRITTEN = 20, WRITTEN_LONG = 24;

/** What is drawn over the points: names of classes, the chosen point with lines to its neighbours, the lasso. */
class Overlay {
  constructor(canvas, model, view, colours) {
    Object.assign(this, { canvas, model, view, colours, path: null });
    this.context = canvas.getContext("2d");
  }

  draw(row, ratio) {
    const { context, view } = this;
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, view.width, view.height);
    this.css = getComputedStyle(document.documentElement);
    this.ground = this.css.getPropertyValue("--back");
    if (row < 0) this.names();
    else this.lines(row);
    if (this.path) this.lasso();
  }

  /** Above 0 where the neighbours of a row lie to its right. */
  leans(row) {
    const { near, unit } = this.model;
    if (!near.length) return 0;
    return neighboursOf(near[near.length - 1], row).reduce((sum, other) => sum + unit[2 * other] - unit[2 * row], 0);
  }

  at(row) {
    return this.view.toScreen(this.model.unit[2 * row], this.model.unit[2 * row + 1]);
  }

  /** Lines to the neighbours in both spaces and along the strongest edges. */
  lines(row) {
    const { context, model } = this;
    const from = this.at(row);
    const ends = [];
    const stroke = (others, style, dash, width) => {
      const colour = this.css.getPropertyValue(style);
      others.forEach((other, i) => {
        const to = this.at(other);
        context.setLineDash(dash);
        for (const [ink, extra, alpha] of [[this.ground, 2.5, 0.55], [colour, 0, 0.95]]) {
          Object.assign(context, { strokeStyle: ink, lineWidth: width(i) + extra, globalAlpha: alpha });
          context.beginPath();
          context.moveTo(...from);
          context.lineTo(...to);
          context.stroke();
        }
        ends.push([to, colour, other]);
      });
      context.setLineDash([]);
      context.globalAlpha = 1;
    };
    if (model.edges) {
      const found = edgesOf(model.edges, row);
      stroke(found.map(({ other }) => other), "--edge", [1, 3], (i) => 0.8 + 1.6 * found[i].p);
    }
    for (const space of model.near) {
      const { dash, style } = SPACES[space.name];
      stroke(neighboursOf(space, row), style, dash ? dash.split(" ").map(Number) : [], () => 1.4);
    }
    const radius = this.view.pointSize(this.colours.count) / 2;
    for (const [to, colour, other] of ends) this.dot(to, Math.max(2.5, radius), cssOf(this.colours.ofRow(other)), colour, 1.5);
    this.dot(from, Math.max(5, radius + 2), cssOf(this.colours.ofRow(row)), this.css.getPropertyValue("--ink"), 2);
  }

  dot([x, y], radius, fill, edge, width) {
    const { context } = this;
    Object.assign(context, { fillStyle: fill, strokeStyle: edge, lineWidth: width });
    context.beginPath();
    context.arc(x, y, radius, 0, 2 * Math.PI);
    context.fill();
    context.stroke();
  }

  /** Names of the classes on the medians of their points, where they are few and short. */
  names() {
    const { context, colours } = this;
    if (!colours.column?.names || colours.column.names.length > WRITTEN) return;
    Object.assign(context, { font: `600 13px ${this.css.fontFamily || "sans-serif"}`, textAlign: "center", textBaseline: "middle" });
    context.font = `600 13px ${getComputedStyle(document.body).fontFamily}`;
    const taken = [];
    for (const [code, place] of this.medians()) {
      const name = colours.column.names[code];
      if (colours.hidden.has(code) || name.length > WRITTEN_LONG) continue;
      const [x, y] = this.view.toScreen(...place);
      const half = context.measureText(name).width / 2 + 4;
      if (taken.some(([u, v, w]) => Math.abs(u - x) < w + half && Math.abs(v - y) < 18)) continue;
      taken.push([x, y, half]);
      Object.assign(context, { lineWidth: 4, lineJoin: "round", strokeStyle: this.ground, globalAlpha: 0.85 });
      context.strokeText(name, x, y);
      context.globalAlpha = 1;
      context.fillStyle = cssOf(mixed(colours.ofClass(code), colours.dark ? [255, 255, 255] : [0, 0, 0], 0.42));
      context.fillText(name, x, y);
    }
  }

  medians() {
    const { colours, model } = this;
    if (this.of === colours.column) return this.found;
    const groups = new Map();
    for (let row = 0; row < model.count; row++) {
      const code = colours.column.values[row];
      if (code === NONE) continue;
      if (!groups.has(code)) groups.set(code, [[], []]);
      groups.get(code)[0].push(model.unit[2 * row]);
      groups.get(code)[1].push(model.unit[2 * row + 1]);
    }
    const median = (values) => Float32Array.from(values).sort()[values.length >> 1];
    this.found = [...groups].map(([code, axes]) => [code, axes.map(median)]);
    this.of = colours.column;
    return this.found;
  }

  lasso() {
    const { context, path } = this;
    const ink = this.css.getPropertyValue("--focus");
    context.beginPath();
    for (let i = 0; i < path.length; i += 2) context.lineTo(path[i], path[i + 1]);
    context.closePath();
    Object.assign(context, { strokeStyle: ink, fillStyle: ink, lineWidth: 1.5, globalAlpha: 0.12 });
    context.fill();
    context.globalAlpha = 1;
    context.setLineDash([5, 4]);
    context.stroke();
    context.setLineDash([]);
  }
}
