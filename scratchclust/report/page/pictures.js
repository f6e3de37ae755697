/* Small pictures: sheets of many, decoded when one of them is first drawn. */

// what holds all images, and, where these are tiny, what holds some of them larger
const thumbs = data.thumbnails ? { ...data.thumbnails, before: 0 } : null;
const larger = data.larger ? { ...data.larger, before: thumbs.sizes.length } : null;
const cellOfLarger = new Map(larger ? [...ints(larger.images)].map((image, cell) => [image, cell]) : []);
const KEPT = 48; // decoded sheets, 4 MB each at most
let blobs = null; // of each sheet; made once
const decoded = new Map(); // sheet -> ImageBitmap; null while it is decoded
const waiting = new Set(); // what is to be drawn again when a sheet is there

function makeBlobs() {
  const all = bytesOf($("sprites").textContent.trim());
  $("sprites").textContent = ""; // its letters are no longer needed
  let start = 0;
  blobs = [...thumbs.sizes, ...(larger ? larger.sizes : [])].map((size) => {
    const blob = new Blob([all.subarray(start, start + size)], { type: thumbs.media_type });
    start += size;
    return blob;
  });
}

function bitmapOf(sheet) {
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
  const isLarger = cellOfLarger.has(i) && width > thumbs.width;
  const from = isLarger ? larger : thumbs;
  const at = isLarger ? cellOfLarger.get(i) : i;
  const perSheet = from.rows * from.columns;
  const bitmap = bitmapOf(from.before + Math.floor(at / perSheet));
  if (!bitmap) {
    waiting.add(again);
    return false;
  }
  const left = (at % from.columns) * from.width;
  const top = Math.floor((at % perSheet) / from.columns) * from.height;
  context.imageSmoothingEnabled = from.width > 16;
  context.imageSmoothingQuality = "high";
  context.drawImage(bitmap, left, top, from.width, from.height, x, y, width, height);
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
