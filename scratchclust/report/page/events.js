/* What the pointer and the keys do; and the start. */

// --- events

function at(event) {
  const box = map.getBoundingClientRect();
  return [event.clientX - box.left, event.clientY - box.top];
}

function listenToMap() {
  const down = new Map(); // pointer -> its place
  for (const kind of ["pointerdown", "wheel", "keydown"]) {
    map.addEventListener(kind, () => ($("hint").hidden = true), { once: true, passive: true });
  }
  let moved = 0;
  map.addEventListener("pointerdown", (event) => {
    if (event.target.closest("button")) return;
    map.setPointerCapture(event.pointerId);
    down.set(event.pointerId, at(event));
    moved = 0;
    if ($("lasso").getAttribute("aria-pressed") === "true" || event.shiftKey) lasso = [at(event)];
  });
  map.addEventListener("pointermove", (event) => {
    const [x, y] = at(event);
    const was = down.get(event.pointerId);
    if (!was) {
      hover(event.target.closest("button") ? -1 : nearest(x, y), event.clientX, event.clientY);
      return;
    }
    moved += Math.abs(x - was[0]) + Math.abs(y - was[1]);
    if (lasso) {
      lasso.push([x, y]);
    } else if (down.size === 2) {
      const [other] = [...down].filter(([id]) => id !== event.pointerId).map(([, place]) => place);
      const far = (place) => Math.hypot(place[0] - other[0], place[1] - other[1]);
      zoom(far([x, y]) / Math.max(1, far(was)), (x + other[0]) / 2, (y + other[1]) / 2);
    } else {
      view.x -= (x - was[0]) / side();
      view.y += (y - was[1]) / side();
      move();
    }
    down.set(event.pointerId, [x, y]);
    if (moved > 4) hover(-1);
    redraw();
  });
  const up = (event) => {
    if (!down.delete(event.pointerId)) return;
    const [x, y] = at(event);
    if (lasso && lasso.length > 2) {
      choose(placed.filter((i) => matches[i] && within(lasso, ...toScreen(i))), true);
    } else if (moved <= 4 && event.type === "pointerup") {
      const i = nearest(x, y);
      hover(i, event.clientX, event.clientY);
      if (i >= 0) choose([i], !state.chosen.has(i));
    }
    lasso = null;
    redraw();
  };
  map.addEventListener("pointerup", up);
  map.addEventListener("pointercancel", up);
  map.addEventListener("pointerleave", () => hover(-1));
  map.addEventListener("wheel", (event) => {
    event.preventDefault();
    const lines = event.deltaMode === 1 ? 20 : 1;
    zoom(Math.exp(-event.deltaY * lines * 0.0018), ...at(event));
  }, { passive: false });
  map.addEventListener("keydown", (event) => {
    const step = 60 / side();
    const keys = {
      ArrowLeft: () => (view.x -= step), ArrowRight: () => (view.x += step),
      ArrowUp: () => (view.y += step), ArrowDown: () => (view.y -= step),
      "+": () => zoomMiddle(1.4), "=": () => zoomMiddle(1.4), "-": () => zoomMiddle(1 / 1.4), 0: home,
    };
    if (event.target !== map || !keys[event.key] || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    keys[event.key]();
    redraw();
  });
}

function listenToLegend() {
  const legend = $("legend");
  legend.addEventListener("click", (event) => {
    const button = event.target.closest(".group");
    if (!button) return;
    const group = Number(button.dataset.group);
    only(group === state.only ? -1 : group);
  });
  legend.addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1 }[event.key];
    const buttons = [...legend.children];
    const here = buttons.indexOf(document.activeElement);
    const ends = { Home: 0, End: buttons.length - 1 }[event.key];
    if (here < 0 || (step === undefined && ends === undefined)) return;
    event.preventDefault();
    const next = ends ?? Math.min(buttons.length - 1, Math.max(0, here + step));
    buttons[here].tabIndex = -1;
    buttons[next].tabIndex = 0;
    buttons[next].focus();
  });
}

function listen() {
  listenToMap();
  listenToLegend();
  $("zoom-in").addEventListener("click", () => zoomMiddle(1.6));
  $("zoom-out").addEventListener("click", () => zoomMiddle(1 / 1.6));
  $("home").addEventListener("click", home);
  $("lasso").addEventListener("click", () => {
    const isOn = $("lasso").getAttribute("aria-pressed") !== "true";
    $("lasso").setAttribute("aria-pressed", isOn);
    map.classList.toggle("lassoing", isOn);
  });
  $("colouring").addEventListener("change", () => {
    state.colouring = Number($("colouring").value);
    only(-1);
    fillLegend();
  });
  let later = 0;
  $("search").addEventListener("input", () => {
    clearTimeout(later);
    later = setTimeout(() => {
      state.query = $("search").value.trim();
      only(state.only);
    }, 120);
  });
  $("show-all").addEventListener("click", showAll);
  $("more").addEventListener("click", () => {
    state.page += 1;
    showMembers();
  });
  $("copy").addEventListener("click", copy);
  $("clear").addEventListener("click", () => choose([...state.chosen], false));
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    lasso = null;
    hover(-1);
    if ($("lasso").getAttribute("aria-pressed") === "true") $("lasso").click();
    else showAll();
  });
  document.addEventListener("click", (event) => {
    const one = event.target.closest(".tile");
    if (one) choose([Number(one.dataset.image)], !state.chosen.has(Number(one.dataset.image)));
    const on = event.target.closest("[data-show]");
    if (!on) return;
    $("colouring").value = "0";
    state.colouring = 0;
    fillLegend();
    only(Number(on.dataset.show));
    $("explore").scrollIntoView();
  });
  const over_tile = (event) => {
    const one = event.target.closest && event.target.closest(".tile");
    if (!one) return;
    const box = one.getBoundingClientRect();
    hover(Number(one.dataset.image), box.right - 12, box.bottom - 12);
  };
  document.addEventListener("pointerover", over_tile);
  document.addEventListener("focusin", over_tile);
  for (const kind of ["pointerout", "focusout"]) {
    document.addEventListener(kind, (event) => event.target.closest?.(".tile") && hover(-1));
  }
  dark.addEventListener("change", () => {
    fillLegend();
    colourSheets();
    recolour();
  });
  new ResizeObserver(resize).observe(map);
}

function start() {
  colourings.forEach((one, number) => {
    const option = document.createElement("option");
    option.value = number;
    option.textContent = shown(one.name);
    $("colouring").append(option);
  });
  makePainter();
  medians = mediansOf();
  fillLegend();
  colourSheets();
  choose([], true);
  listen();
  resize();
  document.querySelectorAll("[data-tiles]").forEach((box) => arriving.observe(box));
  document.documentElement.dataset.ready = "yes";
}

// for who wants to drive the page by a program
window.scratchclust = {
  n, nameOf, state,
  place: (i) => {
    const box = map.getBoundingClientRect();
    const [x, y] = toScreen(i);
    return [box.left + x, box.top + y];
  },
  frame: () => { const began = performance.now(); paint(); return performance.now() - began; },
  zoom: zoomMiddle,
};
start();
