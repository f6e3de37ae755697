/* The map: where images stand, what is near a place, drawing, zooming, the picture under the pointer. */

// --- the map

const map = $("map");
const over = $("over");
const view = { x: 0.5, y: 0.5, scale: 1, width: 1, height: 1, ratio: 1 };
const side = () => Math.min(view.width, view.height) * 0.92 * view.scale;
const toScreen = (i) => [
  view.width / 2 + (X[i] - view.x) * side(),
  view.height / 2 - (Y[i] - view.y) * side(),
];
const toMap = (px, py) => [view.x + (px - view.width / 2) / side(), view.y - (py - view.height / 2) / side()];
const radius = () => Math.max(1.1, Math.min(5, (n > 20000 ? 1.1 : n > 3000 ? 1.9 : 3) * Math.sqrt(view.scale)));

/* Images by the cell of a grid, to find those near a place. */
const CELLS = 128;
const cellOf = (x, y) =>
  Math.min(CELLS - 1, Math.max(0, Math.floor(y * CELLS))) * CELLS +
  Math.min(CELLS - 1, Math.max(0, Math.floor(x * CELLS)));
const first = new Int32Array(CELLS * CELLS + 1);
const sorted = new Int32Array(n);
const placed = [];
(() => {
  for (let i = 0; i < n; i++) if (X[i] === X[i] && Y[i] === Y[i]) placed.push(i);
  for (const i of placed) first[cellOf(X[i], Y[i]) + 1]++;
  for (let cell = 0; cell < CELLS * CELLS; cell++) first[cell + 1] += first[cell];
  const next = first.slice();
  for (const i of placed) sorted[next[cellOf(X[i], Y[i])]++] = i;
})();

/* Call for each image in a rectangle of the map that takes part; stop where the answer is false. */
function eachIn(x0, y0, x1, y1, call) {
  const clamp = (value) => Math.min(CELLS - 1, Math.max(0, Math.floor(value * CELLS)));
  for (let row = clamp(y0); row <= clamp(y1); row++) {
    for (let column = clamp(x0); column <= clamp(x1); column++) {
      const cell = row * CELLS + column;
      for (let at = first[cell]; at < first[cell + 1]; at++) {
        const i = sorted[at];
        if (!matches[i] || X[i] < x0 || X[i] > x1 || Y[i] < y0 || Y[i] > y1) continue;
        if (call(i) === false) return;
      }
    }
  }
}

const MOST_PICTURES = 800;
/* The images in view where they are few enough to be shown as pictures; else null. */
function inView() {
  const found = [];
  const [x0, y1] = toMap(-20, -20);
  const [x1, y0] = toMap(view.width + 20, view.height + 20);
  eachIn(x0, y0, x1, y1, (i) => found.push(i) <= MOST_PICTURES);
  return found.length <= MOST_PICTURES && !isPile(found) ? found : null;
}

/* Whether pictures at these places would cover each other: more than two a place, on average. */
function isPile(images) {
  const size = pictureSide(images.length);
  const taken = new Set(images.map((i) => toScreen(i).map((at) => Math.floor(at / size)).join()));
  return images.length > 2.2 * taken.size;
}

let painter = null;
function makePainter() {
  const canvas = $("dots");
  painter = webglPainter(canvas);
  if (!painter) {
    const other = canvas.cloneNode(false); // one that was asked for WebGL gives nothing else
    canvas.replaceWith(other);
    painter = canvasPainter(other);
  } else {
    canvas.addEventListener("webglcontextlost", () => {
      const other = canvas.cloneNode(false);
      canvas.replaceWith(other);
      painter = canvasPainter(other);
      map.dataset.painter = painter.name;
      resize();
    });
  }
  map.dataset.painter = painter.name;
}

let planned = false;
let lasso = null; // corners on the screen, while one is drawn
let medians = [];

function redraw() {
  if (planned) return;
  planned = true;
  requestAnimationFrame(() => {
    planned = false;
    paint();
  });
}

let lastMove = -1e9;
let resting = 0;
const isMoving = () => performance.now() - lastMove < 140;
/* Draw while the map moves, and once more when it rests. */
function move() {
  lastMove = performance.now();
  clearTimeout(resting);
  resting = setTimeout(redraw, 160);
  redraw();
}

function recolour() {
  applyFilter();
  medians = mediansOf();
  painter.recolour();
  redraw();
}

/* Where each group's name stands: the middle of its images. */
function mediansOf() {
  if (groups().length > 60) return [];
  const members = groups().map(() => [[], []]);
  for (const i of placed) {
    if (!matches[i]) continue;
    members[groupOf(i)][0].push(X[i]);
    members[groupOf(i)][1].push(Y[i]);
  }
  const middle = (values) => values.sort((a, b) => a - b)[values.length >> 1];
  return members.map(([xs, ys]) => (xs.length ? [middle(xs), middle(ys)] : null));
}

function paint() {
  const pictures = thumbs ? inView() : null;
  painter.paint(!pictures);
  map.dataset.pictures = pictures ? pictures.length : 0;
  const context = over.getContext("2d");
  context.setTransform(view.ratio, 0, 0, view.ratio, 0, 0);
  context.clearRect(0, 0, view.width, view.height);
  if (pictures) paintPictures(context, pictures);
  else paintNames(context);
  paintMarks(context, pictures);
  if (lasso) paintLasso(context);
}

function pictureSide(count) {
  const roomy = Math.sqrt((view.width * view.height) / Math.max(1, count)) * 0.62;
  return Math.max(18, Math.min(64, roomy));
}

function paintPictures(context, pictures, count = pictures.length) {
  const [width, height] = sidesOf(pictureSide(count));
  for (const i of pictures) {
    const [x, y] = toScreen(i);
    context.fillStyle = css(colourOf(groups()[groupOf(i)].color));
    context.fillRect(x - width / 2 - 1.5, y - height / 2 - 1.5, width + 3, height + 3);
    drawThumb(context, i, x - width / 2, y - height / 2, width, height, redraw);
  }
}

function paintNames(context) {
  const style = getComputedStyle(map);
  context.font = "600 13px system-ui, sans-serif";
  context.textAlign = "center";
  context.textBaseline = "middle";
  context.lineJoin = "round";
  context.lineWidth = 4;
  medians.forEach((median, number) => {
    if (!median) return;
    const x = view.width / 2 + (median[0] - view.x) * side();
    const y = view.height / 2 - (median[1] - view.y) * side();
    const name = shown(groups()[number].short).slice(0, 24);
    context.strokeStyle = style.getPropertyValue("--map");
    context.strokeText(name, x, y);
    context.fillStyle = style.getPropertyValue("--ink");
    context.fillText(name, x, y);
  });
}

function paintMarks(context, pictures) {
  const away = pictures ? Math.max(...sidesOf(pictureSide(pictures.length))) / 2 + 3 : radius() + 3;
  const ring = (i, width) => {
    const [x, y] = toScreen(i);
    if (!(x > -40 && y > -40 && x < view.width + 40 && y < view.height + 40)) return;
    context.lineWidth = width;
    context.beginPath();
    if (pictures) context.rect(x - away, y - away, 2 * away, 2 * away);
    else context.arc(x, y, away, 0, 7);
    context.stroke();
  };
  if (pictures && state.hover >= 0 && matches[state.hover]) paintPictures(context, [state.hover], pictures.length);
  context.strokeStyle = getComputedStyle(map).getPropertyValue("--ink");
  for (const i of state.chosen) ring(i, 1.6);
  if (state.hover >= 0) ring(state.hover, 2.4);
}

function paintLasso(context) {
  const style = getComputedStyle(map);
  context.beginPath();
  lasso.forEach(([x, y], at) => (at ? context.lineTo(x, y) : context.moveTo(x, y)));
  context.closePath();
  context.globalAlpha = 0.15;
  context.fillStyle = style.getPropertyValue("--accent");
  context.fill();
  context.globalAlpha = 1;
  context.strokeStyle = style.getPropertyValue("--accent");
  context.lineWidth = 2;
  context.stroke();
}

function resize() {
  view.width = Math.max(1, map.clientWidth);
  view.height = Math.max(1, map.clientHeight);
  view.ratio = Math.min(2, window.devicePixelRatio || 1);
  for (const canvas of [$("dots"), over]) {
    canvas.width = Math.round(view.width * view.ratio);
    canvas.height = Math.round(view.height * view.ratio);
  }
  paint();
}

function zoom(factor, px, py) {
  const [x, y] = toMap(px, py);
  view.scale = Math.min(4000, Math.max(0.5, view.scale * factor));
  view.x = x - (px - view.width / 2) / side();
  view.y = y + (py - view.height / 2) / side();
  move();
}
const zoomMiddle = (factor) => zoom(factor, view.width / 2, view.height / 2);
function home() {
  Object.assign(view, { x: 0.5, y: 0.5, scale: 1 });
  redraw();
}

/* The image nearest to a place on the screen, within a finger's width; -1: none. */
function nearest(px, py) {
  const reach = map.dataset.pictures > 0 ? 34 : 14;
  const [x0, y1] = toMap(px - reach, py - reach);
  const [x1, y0] = toMap(px + reach, py + reach);
  let best = -1;
  let least = reach * reach;
  eachIn(x0, y0, x1, y1, (i) => {
    const [x, y] = toScreen(i);
    const squared = (x - px) ** 2 + (y - py) ** 2;
    if (squared < least) [best, least] = [i, squared];
  });
  return best;
}

function within(corners, x, y) {
  let inside = false;
  for (let a = 0, b = corners.length - 1; a < corners.length; b = a++) {
    const [xa, ya] = corners[a];
    const [xb, yb] = corners[b];
    if (ya > y !== yb > y && x < ((xb - xa) * (y - ya)) / (yb - ya) + xa) inside = !inside;
  }
  return inside;
}

// --- the picture under the pointer

const tip = $("tip");
function describe(i) {
  const lines = [clusters.groups[clusters.of[i]].name];
  for (const one of colourings) if (one.is_label) lines.push(`label ${shown(one.groups[one.of[i]].name)}`);
  if (confidence[i] === confidence[i]) lines.push(`confidence ${confidence[i].toFixed(2)}`);
  if (distance[i] === distance[i]) lines.push(`distance ${distance[i].toPrecision(3)}`);
  return lines;
}

function showTip(i, x, y) {
  if (i < 0) {
    tip.hidden = true;
    return;
  }
  if (tip.dataset.image !== String(i) || tip.hidden) {
    tip.dataset.image = i;
    paintCanvas($("tip-picture"), i, 112);
    $("tip-picture").hidden = !thumbs;
    $("tip-name").textContent = shown(nameOf(i));
    $("tip-lines").textContent = describe(i).join(" · ");
    tip.hidden = false;
  }
  const box = tip.getBoundingClientRect();
  const room = document.documentElement.clientWidth;
  tip.style.left = Math.max(6, Math.min(x + 16, room - box.width - 6)) + "px";
  tip.style.top = Math.max(6, y + 20 + box.height > window.innerHeight ? y - box.height - 14 : y + 20) + "px";
}

function hover(i, x, y) {
  if (state.hover !== i) {
    state.hover = i;
    redraw();
  }
  map.dataset.hover = i;
  showTip(i, x, y);
}
