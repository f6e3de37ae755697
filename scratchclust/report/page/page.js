"use strict";
/* The explorer of a run's page: a map of all images, their small pictures, and what is chosen of them.

   Nothing here loads anything: all comes from the elements #data (JSON, arrays in base64) and #sprites (sheets
   of small pictures, one after another, in base64). Names, labels and paths are text from elsewhere: they go into
   the page by textContent and attributes alone, never as markup. */
(() => {
  const $ = (id) => document.getElementById(id);
  const bytesOf = (text) => {
    if (Uint8Array.fromBase64) return Uint8Array.fromBase64(text);
    const letters = atob(text);
    const bytes = new Uint8Array(letters.length);
    for (let i = 0; i < letters.length; i++) bytes[i] = letters.charCodeAt(i);
    return bytes;
  };
  const floats = (text) => new Float32Array(bytesOf(text).buffer);
  const ints = (text) => new Int32Array(bytesOf(text).buffer);

  const data = JSON.parse($("data").textContent);
  const n = data.n;
  const X = floats(data.x); // 0 to 1, NaN where there is no place
  const Y = floats(data.y);
  const distance = floats(data.distance);
  const confidence = floats(data.confidence);
  const folderOf = data.folder_of ? ints(data.folder_of) : null;
  const colourings = data.colourings.map((one) => ({ ...one, of: ints(one.of) }));
  const clusters = colourings[0];
  const nameOf = (i) => (data.names ? (folderOf ? data.folders[folderOf[i]] : "") + data.names[i] : String(i));
  // what would turn the direction of writing or hide is shown as its number
  const odd = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu;
  const shown = (name) => name.replace(odd, (c) => "\\u" + c.codePointAt(0).toString(16).padStart(4, "0"));

  // --- small pictures

  const thumbs = data.thumbnails;
  const perSheet = thumbs ? thumbs.rows * thumbs.columns : 1;
  const KEPT = 48; // decoded sheets, 4 MB each at most
  let blobs = null; // of each sheet; made once
  const decoded = new Map(); // sheet -> ImageBitmap; null while it is decoded
  const waiting = new Set(); // what is to be drawn again when a sheet is there

  function makeBlobs() {
    const all = bytesOf($("sprites").textContent.trim());
    $("sprites").textContent = ""; // its letters are no longer needed
    let start = 0;
    blobs = thumbs.sizes.map((size) => {
      const blob = new Blob([all.subarray(start, start + size)], { type: thumbs.media_type });
      start += size;
      return blob;
    });
  }

  function sheetOf(i) {
    const sheet = Math.floor(i / perSheet);
    const there = decoded.get(sheet);
    if (there !== undefined) return there;
    if (!blobs) makeBlobs();
    decoded.set(sheet, null);
    createImageBitmap(blobs[sheet]).then((bitmap) => {
      decoded.set(sheet, bitmap);
      for (const [old, picture] of decoded) {
        if (decoded.size <= KEPT) break;
        if (picture && old !== sheet) {
          picture.close();
          decoded.delete(old);
        }
      }
      const again = [...waiting];
      waiting.clear();
      again.forEach((draw) => draw());
    });
    return null;
  }

  /* Draw image i into a box; false where its sheet is not decoded yet: `again` is called when it is. */
  function drawThumb(context, i, x, y, width, height, again) {
    if (!thumbs || i >= thumbs.n) return false;
    const bitmap = sheetOf(i);
    if (!bitmap) {
      waiting.add(again);
      return false;
    }
    const cell = i % perSheet;
    const row = Math.floor(cell / thumbs.columns);
    const column = cell % thumbs.columns;
    context.imageSmoothingEnabled = thumbs.width > 16;
    context.imageSmoothingQuality = "high";
    context.drawImage(
      bitmap, column * thumbs.width, row * thumbs.height, thumbs.width, thumbs.height, x, y, width, height,
    );
    return true;
  }

  /* The sides of a picture whose longer side is `side`. */
  function sidesOf(side) {
    if (!thumbs) return [side, side];
    const longer = Math.max(thumbs.width, thumbs.height);
    return [(side * thumbs.width) / longer, (side * thumbs.height) / longer];
  }

  function paintCanvas(canvas, i, side, isFluid) {
    const ratio = window.devicePixelRatio || 1;
    const [width, height] = sidesOf(side);
    canvas.width = Math.max(1, Math.round(width * ratio));
    canvas.height = Math.max(1, Math.round(height * ratio));
    if (!isFluid) {
      canvas.style.width = width + "px";
      canvas.style.height = height + "px";
    }
    const draw = () => drawThumb(canvas.getContext("2d"), i, 0, 0, canvas.width, canvas.height, draw);
    draw();
  }

  // --- colours

  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const channels = (colour) => [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16));
  /* The figures' colour, made lighter on a dark page where it would not be seen. */
  function seen(colour) {
    const rgb = channels(colour);
    if (!dark.matches) return rgb;
    const light = (0.3 * rgb[0] + 0.59 * rgb[1] + 0.11 * rgb[2]) / 255;
    const more = Math.max(0, 0.5 - light);
    return rgb.map((value) => Math.round(value + (255 - value) * more));
  }
  function colourOf(number) {
    return seen(number < 0 ? data.noise_color : data.palette[number % data.palette.length]);
  }
  const css = (rgb) => `rgb(${rgb.join(",")})`;

  // --- what is shown

  const state = {
    colouring: 0,
    only: -1, // the group whose members are shown; -1: all
    query: "",
    chosen: new Set(),
    hover: -1,
    page: 1, // of the members
  };
  const matches = new Uint8Array(n).fill(1);
  const lower = [];
  const groups = () => colourings[state.colouring].groups;
  const groupOf = (i) => colourings[state.colouring].of[i];

  function applyFilter() {
    const query = state.query.toLowerCase();
    if (query && !lower.length) for (let i = 0; i < n; i++) lower.push(nameOf(i).toLowerCase());
    for (let i = 0; i < n; i++) {
      matches[i] = (state.only < 0 || groupOf(i) === state.only) && (!query || lower[i].includes(query)) ? 1 : 0;
    }
  }

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

  const MOST_PICTURES = 450;
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

  const VERTEX = `
    attribute vec2 place; attribute vec4 colour;
    uniform vec4 view; uniform mediump float size; uniform float faint;
    varying vec4 tint;
    void main() {
      bool isFaint = colour.a < 0.5;
      gl_Position = (isFaint == (faint > 0.5)) ? vec4((place - view.xy) * view.zw, 0.0, 1.0) : vec4(2.0, 2.0, 2.0, 1.0);
      gl_PointSize = size;
      tint = colour;
    }`;
  const FRAGMENT = `
    precision mediump float;
    varying vec4 tint; uniform mediump float size;
    void main() {
      float away = length(gl_PointCoord - 0.5) * size;
      float alpha = tint.a * clamp(size * 0.5 - away, 0.0, 1.0);
      gl_FragColor = vec4(tint.rgb * alpha, alpha);
    }`;

  function pointColours() {
    const colours = new Uint8Array(4 * n);
    const of = groups().map((group) => colourOf(group.color));
    const faint = colourOf(-1);
    for (let i = 0; i < n; i++) {
      const rgb = matches[i] ? of[groupOf(i)] : faint;
      colours[4 * i] = rgb[0];
      colours[4 * i + 1] = rgb[1];
      colours[4 * i + 2] = rgb[2];
      colours[4 * i + 3] = matches[i] ? 215 : 60;
    }
    return colours;
  }

  /* Dots by WebGL; null where there is none, or one that computes without a graphics card: the canvas is faster
     then. #webgl and #canvas behind the page's address ask for one of the two. */
  function webglPainter(canvas) {
    if (location.hash === "#canvas") return null;
    const failIfMajorPerformanceCaveat = location.hash !== "#webgl";
    const gl = canvas.getContext("webgl", { antialias: false, alpha: true, failIfMajorPerformanceCaveat });
    if (!gl) return null;
    const told = gl.getExtension("WEBGL_debug_renderer_info");
    const renderer = told ? gl.getParameter(told.UNMASKED_RENDERER_WEBGL) : "";
    if (failIfMajorPerformanceCaveat && /swiftshader|llvmpipe|software/i.test(renderer)) return null;
    const program = gl.createProgram();
    for (const [kind, text] of [[gl.VERTEX_SHADER, VERTEX], [gl.FRAGMENT_SHADER, FRAGMENT]]) {
      const shader = gl.createShader(kind);
      gl.shaderSource(shader, text);
      gl.compileShader(shader);
      gl.attachShader(program, shader);
    }
    gl.linkProgram(program);
    if (!gl.getProgramParameter(program, gl.LINK_STATUS)) return null;
    gl.useProgram(program);
    const places = new Float32Array(2 * n);
    for (let i = 0; i < n; i++) {
      places[2 * i] = X[i] === X[i] ? X[i] : 9e9;
      places[2 * i + 1] = Y[i] === Y[i] ? Y[i] : 9e9;
    }
    const fill = (name, values, length, type, normalised) => {
      const at = gl.getAttribLocation(program, name);
      gl.bindBuffer(gl.ARRAY_BUFFER, gl.createBuffer());
      gl.bufferData(gl.ARRAY_BUFFER, values, gl.DYNAMIC_DRAW);
      gl.enableVertexAttribArray(at);
      gl.vertexAttribPointer(at, length, type, normalised, 0, 0);
    };
    fill("place", places, 2, gl.FLOAT, false);
    fill("colour", pointColours(), 4, gl.UNSIGNED_BYTE, true); // stays bound: `recolour` fills it again
    const uniform = Object.fromEntries(
      ["view", "size", "faint"].map((name) => [name, gl.getUniformLocation(program, name)]),
    );
    gl.enable(gl.BLEND);
    gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
    return {
      name: "webgl",
      recolour: () => gl.bufferSubData(gl.ARRAY_BUFFER, 0, pointColours()),
      paint(withDots) {
        gl.viewport(0, 0, canvas.width, canvas.height);
        gl.clearColor(0, 0, 0, 0);
        gl.clear(gl.COLOR_BUFFER_BIT);
        gl.uniform4f(uniform.view, view.x, view.y, (2 * side()) / view.width, (2 * side()) / view.height);
        gl.uniform1f(uniform.size, 2 * radius() * view.ratio + 1);
        for (const faint of withDots ? [1, 0] : [1]) {
          gl.uniform1f(uniform.faint, faint);
          gl.drawArrays(gl.POINTS, 0, n);
        }
      },
    };
  }

  /* Dots on a plain canvas, for a browser without WebGL. */
  function canvasPainter(canvas) {
    const context = canvas.getContext("2d");
    let members = [];
    let others = [];
    const recolour = () => {
      members = groups().map(() => []);
      others = [];
      for (const i of placed) (matches[i] ? members[groupOf(i)] : others).push(i);
    };
    recolour();
    return {
      name: "canvas",
      recolour,
      paint(withDots) {
        context.setTransform(view.ratio, 0, 0, view.ratio, 0, 0);
        context.clearRect(0, 0, view.width, view.height);
        const r = radius();
        const step = isMoving() ? Math.ceil(n / 12000) : 1; // all of them as soon as the map rests
        const each = (images, call) => {
          for (let at = 0; at < images.length; at += step) call(images[at]);
        };
        const isRound = n <= 10000; // circles cost ten times a square
        const dot = (i) => {
          const [x, y] = toScreen(i);
          if (x < -r || y < -r || x > view.width + r || y > view.height + r) return;
          if (isRound) {
            context.beginPath();
            context.arc(x, y, r, 0, 7);
            context.fill();
          } else context.fillRect(x - r, y - r, 2 * r, 2 * r);
        };
        context.globalAlpha = 0.24;
        context.fillStyle = css(colourOf(-1));
        each(others, dot);
        if (!withDots) return;
        context.globalAlpha = 0.84;
        groups().forEach((group, number) => {
          context.fillStyle = css(colourOf(group.color));
          each(members[number], dot);
        });
      },
    };
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
})();
