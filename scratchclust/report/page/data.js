/* The explorer of a run's page: a map of all images, their small pictures, and what is chosen of them.

   Nothing here loads anything: all comes from the elements #data (JSON, arrays in base64) and #sprites (sheets
   of small pictures, one after another, in base64). Names, labels and paths are text from elsewhere: they go into
   the page by textContent and attributes alone, never as markup. */

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
