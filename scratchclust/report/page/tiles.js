/* Tiles: contact sheets, the members of a group, what is chosen; and the legend. */

// --- tiles

function tile(i, isFluid) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "tile";
  button.dataset.image = i;
  button.setAttribute("aria-pressed", state.chosen.has(i));
  button.setAttribute("aria-label", `${shown(nameOf(i))}, ${describe(i).join(", ")}`);
  if (thumbs) {
    const canvas = document.createElement("canvas");
    paintCanvas(canvas, i, isFluid ? 96 : 56, isFluid);
    button.append(canvas);
  } else {
    button.textContent = shown(nameOf(i));
    button.classList.add("named");
  }
  return button;
}

function fillTiles(box) {
  if (box.dataset.filled) return;
  box.dataset.filled = "yes";
  box.append(...box.dataset.tiles.split(",").filter(Boolean).map((i) => tile(Number(i), box.classList.contains("fluid"))));
}

const arriving = new IntersectionObserver(
  (entries) => {
    for (const entry of entries) {
      if (!entry.isIntersecting) continue;
      arriving.unobserve(entry.target);
      fillTiles(entry.target);
    }
  },
  { rootMargin: "400px" },
);

const A_PAGE = 96;
function showMembers() {
  const members = $("members");
  const isAsked = state.only >= 0 || state.query !== "";
  $("member-part").hidden = !isAsked;
  if (!isAsked) return;
  const found = [];
  for (let i = 0; i < n; i++) if (matches[i]) found.push(i);
  if (state.only >= 0) {
    const sure = (i) => (confidence[i] === confidence[i] ? confidence[i] : -1);
    found.sort((a, b) => sure(b) - sure(a) || distance[a] - distance[b] || a - b);
  }
  const name = state.only >= 0 ? shown(groups()[state.only].name) : "all images";
  const asked = state.query ? `, with “${shown(state.query)}” in the name` : "";
  $("member-title").textContent = `${name[0].toUpperCase()}${name.slice(1)}${asked}: ${found.length.toLocaleString("en")}`;
  members.replaceChildren(...found.slice(0, A_PAGE * state.page).map((i) => tile(i)));
  $("more").hidden = found.length <= A_PAGE * state.page;
  $("choose-all").onclick = () => choose(found, true);
}

// --- what is chosen

function choose(images, isChosen) {
  for (const i of images) {
    if (isChosen) state.chosen.add(i);
    else state.chosen.delete(i);
  }
  const names = [...state.chosen].map(nameOf);
  $("chosen-count").textContent = names.length.toLocaleString("en");
  $("names").value = names.join("\n");
  $("copy").disabled = $("clear").disabled = !names.length;
  for (const one of document.querySelectorAll(".tile")) {
    one.setAttribute("aria-pressed", state.chosen.has(Number(one.dataset.image)));
  }
  redraw();
}

async function copy() {
  const box = $("names");
  try {
    await navigator.clipboard.writeText(box.value);
  } catch {
    box.select(); // a page from a file may have no clipboard
    document.execCommand("copy");
  }
  $("copy").textContent = "Copied";
  setTimeout(() => ($("copy").textContent = "Copy"), 1500);
}

// --- the legend

const MOST_GROUPS = 500; // in the legend: more would be slow to show, and nobody's to read
function fillLegend() {
  const rows = groups().slice(0, MOST_GROUPS).map((group, number) => {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "group";
    button.dataset.group = number;
    button.tabIndex = number === Math.max(0, state.only) ? 0 : -1; // one stop for Tab, arrows within
    const dot = document.createElement("span");
    dot.className = "swatch";
    dot.style.background = css(colourOf(group.color));
    const name = document.createElement("span");
    name.className = "group-name";
    name.textContent = shown(group.name);
    const count = document.createElement("span");
    count.className = "count";
    count.textContent = group.n.toLocaleString("en");
    button.append(dot, name, count);
    return button;
  });
  $("legend").replaceChildren(...rows);
  const more = groups().length - rows.length;
  $("more-groups").hidden = more <= 0;
  $("more-groups").textContent = `and ${more.toLocaleString("en")} more, on the map only`;
  markLegend();
}

/* The contact sheets' dots, in the legend's colours. */
function colourSheets() {
  for (const circle of document.querySelectorAll(".dots circle")) {
    circle.style.fill = css(seen(circle.getAttribute("fill")));
  }
}

function markLegend() {
  for (const button of $("legend").children) {
    button.setAttribute("aria-pressed", Number(button.dataset.group) === state.only);
  }
  $("show-all").disabled = state.only < 0 && !state.query;
}

function only(group) {
  state.only = group;
  state.page = 1;
  map.dataset.only = group;
  recolour();
  markLegend();
  showMembers();
}

function showAll() {
  state.query = "";
  $("search").value = "";
  only(-1);
}
