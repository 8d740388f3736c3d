/** What is selected: how many, of which classes, and as a file. */
class Selection {
  constructor(model, colours, changed) {
    Object.assign(this, { model, colours, changed, rows: new Set() });
    byId("export").addEventListener("click", () => this.save());
    byId("clear").addEventListener("click", () => this.replace([]));
  }

  replace(rows, add = false) {
    this.rows = new Set(add ? [...this.rows, ...rows] : rows);
    this.show();
    this.changed();
  }

  toggle(row) {
    if (!this.rows.delete(row)) this.rows.add(row);
    this.show();
    this.changed();
  }

  /** The rows that a file would hold: those selected, else all that are shown. */
  exported() {
    const rows = this.rows.size ? [...this.rows] : [...this.colours.shown.keys()].filter((row) => this.colours.shown[row]);
    return rows.sort((a, b) => a - b);
  }

  show() {
    const count = this.rows.size;
    byId("selection-count").textContent = count ? `${count.toLocaleString("en")} selected` : "Nothing selected";
    byId("selection-hint").hidden = count > 0;
    byId("clear").hidden = !count;
    byId("export").textContent = count ? "Export selection" : "Export all";
    byId("summary").replaceChildren(...this.classes());
  }

  /** The most frequent classes among what is selected. */
  classes() {
    const column = this.colours.column?.names ? this.colours.column : this.model.columns.find((each) => each.names);
    if (!column || !this.rows.size) return [];
    const counts = new Map();
    for (const row of this.rows) counts.set(column.values[row], (counts.get(column.values[row]) ?? 0) + 1);
    const top = [...counts].sort((a, b) => b[1] - a[1]).slice(0, 6);
    return top.map(([code, number]) => {
      const share = element("span", { className: "share" });
      share.style.width = `${(100 * number) / this.rows.size}%`;
      share.style.background = column === this.colours.column ? cssOf(this.colours.ofClass(code)) : "var(--soft)";
      return element("li", {}, share, element("span", { className: "name", textContent: column.names[code] ?? "unknown" }),
        element("span", { className: "number", textContent: number.toLocaleString("en") }));
    });
  }

  /** A table of comma-separated values: id, label, x, y and every other column. */
  csv() {
    const { model } = this;
    const label = model.columns.filter((column) => column.name === "label" && column.names);
    const others = model.columns.filter((column) => !label.includes(column));
    const head = ["id", ...label.map((column) => column.name), "x", "y", ...others.map((column) => column.name)];
    const lines = [head.map(csvCell).join(",")];
    for (const row of this.exported()) {
      const cells = [nameOf(model, row), ...label.map((column) => exactOf(column, row))];
      cells.push(numberCell(model.xy[2 * row]), numberCell(model.xy[2 * row + 1]));
      cells.push(...others.map((column) => exactOf(column, row)));
      lines.push(cells.map(csvCell).join(","));
    }
    return `${lines.join("\n")}\n`;
  }

  save() {
    const link = element("a", { download: this.rows.size ? "selection.csv" : "points.csv" });
    link.href = URL.createObjectURL(new Blob([this.csv()], { type: "text/csv" }));
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60000);
  }
}

function exactOf(column, row) {
  return column.names ? textOf(column, row) : numberCell(column.values[row]);
}

/** A float32 with the nine digits that tell it from every other. */
function numberCell(value) {
  return Number.isNaN(value) ? "" : String(Number(value.toPrecision(9)));
}

function csvCell(text) {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
