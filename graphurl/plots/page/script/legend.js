/** Most classes that are listed; the largest are. */
const LISTED = 200;

function element(tag, settings = {}, ...children) {
  const made = Object.assign(document.createElement(tag), settings);
  made.append(...children);
  return made;
}

const byId = (id) => document.getElementById(id);

/** The choice of colours, and what they mean. */
class Legend {
  /** @param changed Called when colours or visibility are other than before. */
  constructor(model, colours, changed) {
    Object.assign(this, { model, colours, changed });
    const select = byId("colour");
    model.columns.forEach((column, i) => select.append(new Option(column.name, i)));
    select.append(new Option("density of points", DENSITY), new Option("one colour", PLAIN));
    select.value = String(colours.key);
    select.addEventListener("change", () => {
      colours.choose(/^\d+$/.test(select.value) ? Number(select.value) : select.value);
      this.show();
      changed();
    });
    byId("all").addEventListener("click", () => {
      colours.hidden.clear();
      this.show();
      changed();
    });
  }

  show() {
    const { colours } = this;
    const column = colours.column;
    byId("note").textContent = column?.note ?? "";
    byId("note").hidden = !column?.note;
    this.showBar();
    const list = byId("legend");
    list.replaceChildren();
    byId("legend-head").hidden = !column?.names;
    if (!column?.names) return;
    const present = [...column.names.keys(), column.names.length].filter((code) => colours.counts[code]);
    const most = present.length > LISTED ? present.sort((a, b) => colours.counts[b] - colours.counts[a]).slice(0, LISTED) : present;
    list.append(...most.map((code) => this.entry(code)));
    if (present.length > most.length) {
      const rest = `and ${(present.length - most.length).toLocaleString("en")} smaller ones`;
      list.append(element("li", { className: "more", textContent: rest }));
    }
    this.showHead(present.length);
  }

  showHead(count = this.classes) {
    this.classes = count;
    const hidden = this.colours.hidden.size;
    byId("legend-count").textContent = `${count.toLocaleString("en")} ${count === 1 ? "class" : "classes"}${hidden ? `, ${hidden} hidden` : ""}`;
    byId("all").hidden = !hidden;
  }

  entry(code) {
    const { colours } = this;
    const name = colours.column.names[code] ?? "unknown";
    const swatch = element("span", { className: "swatch" });
    swatch.style.background = cssOf(colours.ofClass(code));
    const button = element("button", { title: `${name}\nClick: hide or show. Double click: this one alone.` }, swatch,
      element("span", { className: "name", textContent: name }),
      element("span", { className: "number", textContent: colours.counts[code].toLocaleString("en") }));
    button.setAttribute("aria-pressed", String(!colours.hidden.has(code)));
    button.dataset.code = code;
    const toggle = (alone) => {
      colours.toggle(code, alone);
      for (const each of byId("legend").querySelectorAll("button")) {
        each.setAttribute("aria-pressed", String(!colours.hidden.has(Number(each.dataset.code))));
      }
      this.showHead();
      this.changed();
    };
    // The two clicks of a double click cancel each other before it.
    button.addEventListener("click", () => toggle(false));
    button.addEventListener("dblclick", () => toggle(true));
    return element("li", {}, button);
  }

  showBar() {
    const { colours } = this;
    const shown = colours.column && !colours.column.names && colours.range;
    byId("bar").hidden = !shown;
    if (!shown) return;
    const ramp = byId("ramp"), context = ramp.getContext("2d");
    for (let x = 0; x < ramp.width; x++) {
      context.fillStyle = cssOf(colours.ofShare(x / (ramp.width - 1)));
      context.fillRect(x, 0, 1, 1);
    }
    const power = colours.key === DENSITY;
    const [low, high] = colours.range.map((value) => shortNumber(power ? Math.round(10 ** value) : value));
    byId("low").textContent = power ? `${low} nearby` : low;
    byId("high").textContent = high;
  }
}
