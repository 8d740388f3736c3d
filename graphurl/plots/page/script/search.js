/** Most points that are listed. */
const HITS = 30;

/** Search by name: the very name first, then names that begin so, then those that hold it. */
class Search {
  /** @param found Called with the row that was chosen. */
  constructor(model, found) {
    Object.assign(this, { model, found, hits: [], at: -1, names: null });
    this.query = byId("query");
    this.list = byId("hits");
    this.query.addEventListener("input", () => this.look());
    this.query.addEventListener("focus", () => this.look());
    this.query.addEventListener("blur", () => this.close());
    this.query.addEventListener("keydown", (event) => this.key(event));
    this.list.addEventListener("mousedown", (event) => event.preventDefault());  // the field keeps the focus
    this.list.addEventListener("click", (event) => {
      const place = [...this.list.children].indexOf(event.target.closest("li"));
      if (place >= 0 && place < this.hits.length) this.take(place);
    });
  }

  rowsFor(text) {
    const wanted = text.trim().toLowerCase();
    if (!wanted) return [];
    this.names ??= Array.from({ length: this.model.count }, (_, row) => nameOf(this.model, row).toLowerCase());
    const ranks = [[], [], []];
    for (let row = 0; row < this.names.length; row++) {
      const place = this.names[row].indexOf(wanted);
      if (place < 0) continue;
      const rank = place > 0 ? 2 : this.names[row].length === wanted.length ? 0 : 1;
      if (ranks[rank].length < HITS) ranks[rank].push(row);
    }
    return ranks.flat().slice(0, HITS);
  }

  look() {
    this.hits = this.rowsFor(this.query.value);
    this.list.replaceChildren(...this.hits.map((row, i) => {
      const entry = element("li", { id: `hit-${i}`, textContent: nameOf(this.model, row).slice(0, 200) });
      entry.setAttribute("role", "option");
      return entry;
    }));
    const asked = this.query.value.trim() !== "";
    if (asked && !this.hits.length) this.list.append(element("li", { className: "none", textContent: "No such id" }));
    this.list.hidden = !asked;
    this.query.setAttribute("aria-expanded", String(asked));
    this.mark(this.hits.length ? 0 : -1);
  }

  mark(place) {
    this.at = place;
    [...this.list.children].forEach((entry, i) => entry.setAttribute("aria-selected", String(i === place)));
    this.list.children[place]?.scrollIntoView({ block: "nearest" });
    if (place >= 0) this.query.setAttribute("aria-activedescendant", `hit-${place}`);
    else this.query.removeAttribute("aria-activedescendant");
  }

  key(event) {
    event.stopPropagation();
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      const step = event.key === "ArrowDown" ? 1 : -1;
      if (this.hits.length) this.mark((this.at + step + this.hits.length) % this.hits.length);
    } else if (event.key === "Enter" && this.at >= 0) this.take(this.at);
    else if (event.key === "Escape") {
      this.query.value = "";
      this.query.blur();
      byId("over").focus();
    }
  }

  take(place) {
    const row = this.hits[place];
    this.close();
    this.query.blur();
    this.found(row);
  }

  close() {
    this.list.hidden = true;
    this.query.setAttribute("aria-expanded", "false");
  }
}
