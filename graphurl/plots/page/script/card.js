/** Neighbours and columns that a card lists. */
const LISTED_NEAR = 10, LISTED_COLUMNS = 8;
/** Neighbours and edges of a card that only passes by. */
const PASSING_NEAR = 6, PASSING_EDGES = 3;

/** What a card calls the two spaces, and the line that leads to their neighbours. */
const SPACES = {
  original: { title: "nearest in the data", dash: "6 4", style: "--original" },
  embedded: { title: "nearest in the embedding", dash: "", style: "--embedded" },
};

/** Pictures of the points, decoded a sheet at a time when one of it is first shown. */
class Thumbs {
  constructor(model) {
    this.about = model.thumbs;
    this.sheets = new Map();
  }

  sheet(number) {
    if (!this.sheets.has(number)) {
      const image = new Image();
      image.src = `data:image/jpeg;base64,${byId(`sheet-${number}`).textContent}`;
      this.sheets.set(number, image.decode().then(() => image));
    }
    return this.sheets.get(number);
  }

  /** A canvas that shows the picture of a row as soon as it is decoded. */
  canvas(row) {
    const { side, across, coarse } = this.about;
    const made = element("canvas", { className: coarse ? "thumb coarse" : "thumb", width: side, height: side });
    const place = row % (across * across);
    this.sheet(Math.floor(row / (across * across))).then((sheet) => {
      const [left, top] = [(place % across) * side, Math.floor(place / across) * side];
      made.getContext("2d").drawImage(sheet, left, top, side, side, 0, 0, side, side);
    });
    return made;
  }
}

/** The card of a point: what it is, who is near in both spaces, and which edges pull it. */
class Card {
  /** @param go Called with a row whose card is wanted next, or null to close. */
  constructor(model, colours, go) {
    Object.assign(this, { model, colours, go, row: -1, kept: false });
    this.box = byId("card");
    this.thumbs = model.thumbs ? new Thumbs(model) : null;
  }

  show(row, kept) {
    if (row === this.row && kept === this.kept) return;
    const held = this.box.contains(document.activeElement);
    Object.assign(this, { row, kept });
    this.box.hidden = row < 0;
    this.box.classList.toggle("kept", kept);
    if (row >= 0) this.fill(row);
    this.box.scrollTop = 0;
    if (held) byId("over").focus();
  }

  fill(row) {
    const { model, colours } = this;
    const close = element("button", { className: "close", textContent: "×", title: "Close (Esc)" });
    close.setAttribute("aria-label", "Close");
    close.addEventListener("click", () => this.go(null));
    const words = element("div", {}, element("div", { className: "id", textContent: nameOf(model, row).slice(0, 400) }));
    const label = model.columns.find((column) => column.names);
    if (label && textOf(label, row)) {
      const chip = element("span", { className: "chip", textContent: textOf(label, row).slice(0, 200), title: label.name });
      if (label === colours.column) chip.style.setProperty("--own", cssOf(colours.ofRow(row)));
      words.append(chip);
    }
    const top = element("div", { className: "top" }, ...(this.thumbs ? [this.thumbs.canvas(row)] : []), words);
    this.box.replaceChildren(close, top, ...this.values(row, label));
    for (const space of model.near) this.box.append(...this.near(space, row));
    if (model.edges) this.box.append(...this.edges(row));
  }

  values(row, label) {
    const shown = this.model.columns.filter((column) => column !== label).slice(0, LISTED_COLUMNS);
    const pairs = shown.flatMap((column) => [
      element("dt", { textContent: column.name, title: column.note }),
      element("dd", { textContent: textOf(column, row).slice(0, 100) || "–" }),
    ]);
    return pairs.length ? [element("dl", {}, ...pairs)] : [];
  }

  /** The neighbours in one space; those that the other space has too are framed. */
  near(space, row) {
    const { title, dash, style } = SPACES[space.name];
    const others = new Set(this.model.near.filter((each) => each !== space).flatMap((each) => neighboursOf(each, row)));
    const list = neighboursOf(space, row).slice(0, this.kept ? LISTED_NEAR : PASSING_NEAR);
    const heading = element("h3", { title: `by ${space.metric} distance` }, line(style, dash), element("span", { textContent: title }));
    const common = neighboursOf(space, row).filter((other) => others.has(other)).length;
    if (others.size && space.name === "original") heading.append(element("span", { className: "from", textContent: `${common} of ${space.k} in both` }));
    return [heading, element("div", { className: "near" }, ...list.map((other) => this.link(other, others.has(other))))];
  }

  link(row, both) {
    const name = nameOf(this.model, row);
    const button = element("button", { title: both ? `${name} (in both spaces)` : name });
    button.dataset.row = row;
    if (both) button.classList.add("both");
    if (this.thumbs) {
      button.classList.add("pictured");
      button.append(this.thumbs.canvas(row));
      button.setAttribute("aria-label", name);
    } else {
      const dot = element("span", { className: "dot" });
      dot.style.background = cssOf(this.colours.ofRow(row));
      button.append(dot, element("span", { textContent: name.slice(0, 60) }));
    }
    button.addEventListener("click", () => this.go(row));
    return button;
  }

  /** The strongest edges with p_X, p_Z and their difference, and what each source adds. */
  edges(row) {
    const { edges } = this.model;
    const found = edgesOf(edges, row).slice(0, this.kept ? edges.most : PASSING_EDGES);
    const heading = element("h3", {}, line("--edge", "1 3"), element("span", { textContent: found.length ? "pulled by its edges" : "no edges" }));
    if (!found.length) return [heading];
    const head = element("tr", {}, ...["to", "p_X", "p_Z", "|p_X − p_Z|"].map((text) => element("th", { innerHTML: text.replaceAll(/_(.)/g, "<sub>$1</sub>") })));
    const rows = found.flatMap(({ other, p, q, parts }) => {
      const cells = [nameOf(this.model, other).slice(0, 60), p.toFixed(2), q.toFixed(2), Math.abs(p - q).toFixed(2)];
      const made = [element("tr", {}, ...cells.map((text) => element("td", { textContent: text, title: text })))];
      if (parts.length) {
        const words = parts.map((part, i) => (part ? `${edges.sources[i]} ${part.toFixed(2)}` : "")).filter(Boolean);
        made.push(element("tr", {}, element("td", { className: "from", colSpan: 4, textContent: `from ${words.join(" + ")}` })));
      }
      return made;
    });
    const from = element("p", { className: "from", textContent: `source: ${edges.sources.join(" + ")}` });
    from.style.margin = "4px 0 0";
    return [heading, element("table", {}, head, ...rows), from];
  }

  /** Puts the card beside its point, away from its neighbours: `leans` is above 0 where these lie to the right. */
  place(x, y, width, height, leans) {
    if (this.row < 0) return;
    const { offsetWidth: w, offsetHeight: h } = this.box;
    const [rightFits, leftFits] = [x + 22 + w < width - 8, x - 22 - w > 8];
    const left = rightFits && (leans <= 0 || !leftFits) ? x + 22 : x - 22 - w;
    this.box.style.left = `${clamp(left, 8, Math.max(8, width - w - 8))}px`;
    this.box.style.top = `${clamp(y - h / 3, 8, Math.max(8, height - h - 8))}px`;
  }
}

function neighboursOf(space, row) {
  return [...space.rows.subarray(row * space.k, (row + 1) * space.k)];
}

/** The edges of a row, strongest first, with p_X, p_Z and what each source adds. */
function edgesOf(edges, row) {
  const found = [];
  for (let at = row * edges.most; at < (row + 1) * edges.most; at++) {
    if (edges.target[at] === NONE) break;
    const parts = edges.parts.map((part) => part[at] / 65535);
    found.push({ other: edges.target[at], p: edges.p[at] / 65535, q: edges.q[at] / 65535, parts });
  }
  return found;
}

/** A small picture of a line, as the map draws it. */
function line(style, dash) {
  const space = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(space, "svg");
  const stroke = document.createElementNS(space, "path");
  const settings = { d: "M1 2h24", fill: "none", stroke: `var(${style})`, "stroke-width": "2", "stroke-dasharray": dash };
  for (const [name, value] of Object.entries(settings)) stroke.setAttribute(name, value);
  svg.setAttribute("aria-hidden", "true");
  svg.append(stroke);
  return svg;
}
