/** Pixels that an arrow key moves. */
const STEP = 60;

/** What a key does, wherever the focus is except in a field. */
function pressed(app, event) {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
  const { target } = event;
  if (/^(input|select|textarea)$/i.test(target.tagName) || byId("keys").open) return;
  const act = KEYS[event.key] ?? KEYS[event.key.toLowerCase()];
  if (!act) return;
  const onButton = target.tagName === "BUTTON";
  if (onButton && event.key === "Enter") return;
  const inPanel = byId("panel").contains(target) || byId("card").contains(target);
  if (inPanel && event.key.startsWith("Arrow")) return;
  event.preventDefault();
  act(app);
}

/** To the neighbour so many places further, in the embedding; from the last to the first. */
function walk(app, step) {
  const space = app.model.near.find((each) => each.name === "embedded");
  if (!space) return;
  if (app.row < 0) {
    toMiddle(app);
    return;
  }
  if (app.walked?.now !== app.row) app.walked = { from: app.row, place: step > 0 ? -1 : 0 };
  const near = neighboursOf(space, app.walked.from).filter((row) => app.colours.shown[row]);
  if (!near.length) return;
  const place = (app.walked.place + step + near.length) % near.length;
  app.walked = { from: app.walked.from, place, now: near[place] };
  app.keep(near[place], { follow: true });
}

/** The shown point nearest to the middle of the map. */
function toMiddle(app) {
  const { view, grid, colours } = app;
  for (let reach = 20; reach < 16 * (view.width + view.height); reach *= 2) {
    const row = grid.nearest(view.x, view.y, reach / view.scale, reach / view.scale, colours.shown);
    if (row >= 0) {
      app.keep(row, { follow: true });
      return;
    }
  }
}

/** All shown points within the map's window. */
function selectInSight(app) {
  const [left, top] = app.view.toUnit(0, 0);
  const [right, bottom] = app.view.toUnit(app.view.width, app.view.height);
  app.selection.replace(rowsInside(app.grid, [left, top, right, top, right, bottom, left, bottom], app.colours.shown));
}

function closeAll(app) {
  if (byId("panel").classList.contains("open")) byId("panel-button").click();
  else if (app.gestures.tool === "lasso") app.useLasso(false);
  else if (app.row >= 0) app.keep(-1);
  else app.selection.replace([]);
}

function move(app, dx, dy) {
  app.view.pan(dx, dy);
  app.changed();
}

const middleZoom = (app, factor) => app.zoom(factor, app.view.width / 2, app.view.height / 2);

const KEYS = {
  ArrowLeft: (app) => move(app, STEP, 0),
  ArrowRight: (app) => move(app, -STEP, 0),
  ArrowUp: (app) => move(app, 0, STEP),
  ArrowDown: (app) => move(app, 0, -STEP),
  "+": (app) => middleZoom(app, 1.5),
  "=": (app) => middleZoom(app, 1.5),
  "-": (app) => middleZoom(app, 1 / 1.5),
  0: (app) => app.home(),
  Enter: toMiddle,
  n: (app) => walk(app, 1),
  p: (app) => walk(app, -1),
  s: (app) => app.row >= 0 && app.selection.toggle(app.row),
  v: selectInSight,
  "/": () => byId("query").focus(),
  c: () => byId("colour").focus(),
  e: (app) => app.selection.save(),
  l: (app) => app.useLasso(app.gestures.tool !== "lasso"),
  t: () => byId("theme").click(),
  "?": () => byId("keys").showModal(),
  Escape: closeAll,
};

/** Light or dark as the system is, until the button says otherwise. */
function followTheme(app) {
  const system = matchMedia("(prefers-color-scheme: dark)");
  const set = (dark) => {
    document.documentElement.dataset.theme = dark ? "dark" : "light";
    document.documentElement.style.colorScheme = dark ? "dark" : "light";
    app.colours.dark = dark;
    app.legend.show();
    app.paint();
    app.selection.show();
  };
  const follow = (event) => set(event.matches);
  system.addEventListener("change", follow);
  byId("theme").addEventListener("click", () => {
    system.removeEventListener("change", follow);
    set(!app.colours.dark);
  });
  set(system.matches);
}
