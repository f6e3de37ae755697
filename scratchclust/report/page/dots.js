/* The dots of the map, by WebGL or on a plain canvas. */

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
