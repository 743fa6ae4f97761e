/**
 * Wind barbs and arrows as pictures, each drawn once per palette into one sheet. A barb points to where the wind comes
 * from, with its feathers towards lower pressure on the northern half of the earth; an arrow points to where it goes.
 */

export const KNOT_MS = 1852 / 3600;
export const RATIO = 2;
/** Pixels of a picture's side, and how many stand in a row of the sheet. */
export const CELL = 44;
export const ROW = 8;
/** Where in a picture the place itself is, from the upper left. */
export const ANCHORS = {barbs: [CELL / 2, CELL - 8], arrows: [CELL / 2, CELL / 2]};

const SHAFT = 28;
const FEATHER = 11;
const GAP = 4; // between feathers
const SLANT = 4; // a feather leans away from the place
const CALM_KT = 1;
const TWIG_KT = 2.5; // below it a shaft without feathers
const MOST_KT = 290; // the server sends none above
/** Lower limits of the arrow's classes [m/s]: Beaufort 1, 3, 4, 5, 6, 7, 8, 10, 12. */
export const ARROW_LIMITS = [0.3, 3.4, 5.5, 8, 10.8, 13.9, 17.2, 24.5, 32.7];

/** @typedef {'arrows' | 'barbs'} Kind */

/** How many pictures a kind has. */
export const countOf = (/** @type {Kind} */ kind) => (kind === 'barbs' ? 2 + MOST_KT / 5 : 1 + ARROW_LIMITS.length);

/** The number of the picture for a speed. */
export function pictureOf(/** @type {Kind} */ kind, /** @type {number} */ speed) {
  if (kind === 'arrows') return ARROW_LIMITS.filter((limit) => speed >= limit).length;
  const knots = speed / KNOT_MS;
  if (knots < CALM_KT) return 0;
  return knots < TWIG_KT ? 1 : Math.min(countOf(kind) - 1, 1 + Math.round(knots / 5));
}

/** How far the picture is turned clockwise, in radians, for a wind of these components. */
export function turnOf(/** @type {Kind} */ kind, /** @type {number} */ u, /** @type {number} */ v) {
  return kind === 'barbs' ? Math.atan2(-u, -v) : Math.atan2(u, v);
}

/** The lines of a barb in a wind from the north: [x, y, x, y] from the place, and corners of pennants. */
function barb(/** @type {number} */ knots) {
  const lines = [[0, 0, 0, -SHAFT]];
  const pennants = [];
  let left = knots;
  let at = -SHAFT;
  for (; left >= 50; left -= 50, at += 2 * GAP) pennants.push([0, at, FEATHER, at - SLANT / 2, 0, at + 1.5 * GAP]);
  if (pennants.length && left) at += GAP / 2;
  if (left === 5 && at === -SHAFT) at += GAP; // a lone half feather stands in from the end
  for (; left >= 5; left -= left >= 10 ? 10 : 5, at += GAP) {
    const part = left >= 10 ? 1 : 0.5;
    lines.push([0, at, FEATHER * part, at - SLANT * part]);
  }
  return {lines, pennants};
}

/** @param {CanvasRenderingContext2D} pen */
function drawBarb(pen, /** @type {number} */ picture, /** @type {(width: number, grow: number) => void} */ ink) {
  pen.beginPath();
  if (!picture) {
    pen.arc(0, 0, 4, 0, 2 * Math.PI);
    ink(1.4, 0);
    return;
  }
  const {lines, pennants} = barb((picture - 1) * 5);
  for (const [x, y, toX, toY] of lines) {
    pen.moveTo(x, y);
    pen.lineTo(toX, toY);
  }
  for (const [x, y, tipX, tipY, toX, toY] of pennants) {
    pen.moveTo(x, y);
    pen.lineTo(tipX, tipY);
    pen.lineTo(toX, toY);
    pen.closePath();
  }
  ink(1.5, pennants.length);
}

/** Longer and wider by class; the place is in the middle of the arrow. */
function drawArrow(/** @type {CanvasRenderingContext2D} */ pen, /** @type {number} */ picture, /** @type {(width: number, grow: number) => void} */ ink) {
  pen.beginPath();
  if (!picture) {
    pen.arc(0, 0, 1.6, 0, 2 * Math.PI);
    ink(1.4, 1);
    return;
  }
  const half = 5 + 1.35 * picture;
  const head = 3 + 0.6 * picture;
  pen.moveTo(0, half);
  pen.lineTo(0, -half);
  pen.moveTo(-head * 0.75, -half + head);
  pen.lineTo(0, -half);
  pen.lineTo(head * 0.75, -half + head);
  ink(0.9 + 0.24 * picture, 0);
}

/** Draw one picture with its place at the origin of the pen: first an edge that sets it off, then the ink. */
function draw(/** @type {CanvasRenderingContext2D} */ pen, /** @type {Kind} */ kind, /** @type {number} */ picture, /** @type {import('./palette.mjs').Palette} */ palette) {
  pen.lineCap = 'round';
  pen.lineJoin = 'round';
  (kind === 'barbs' ? drawBarb : drawArrow)(pen, picture, (width, filled) => {
    pen.strokeStyle = palette.halo;
    pen.lineWidth = width + 2.6;
    pen.stroke();
    pen.strokeStyle = pen.fillStyle = palette.ink;
    pen.lineWidth = width;
    pen.stroke();
    if (filled) pen.fill();
  });
}

/** One picture for the legend. */
export function sample(/** @type {Kind} */ kind, /** @type {number} */ speed, /** @type {import('./palette.mjs').Palette} */ palette) {
  const canvas = document.createElement('canvas');
  canvas.width = canvas.height = CELL * RATIO;
  const pen = /** @type {CanvasRenderingContext2D} */ (canvas.getContext('2d'));
  const [x, y] = ANCHORS[kind];
  pen.scale(RATIO, RATIO);
  pen.translate(x, y);
  draw(pen, kind, pictureOf(kind, speed), palette);
  return canvas;
}

/** All pictures of a kind in rows of ROW. */
export function sheet(/** @type {Kind} */ kind, /** @type {import('./palette.mjs').Palette} */ palette) {
  const canvas = document.createElement('canvas');
  const count = countOf(kind);
  canvas.width = ROW * CELL * RATIO;
  canvas.height = Math.ceil(count / ROW) * CELL * RATIO;
  const pen = /** @type {CanvasRenderingContext2D} */ (canvas.getContext('2d', {willReadFrequently: true}));
  const [x, y] = ANCHORS[kind];
  for (let picture = 0; picture < count; picture++) {
    pen.setTransform(RATIO, 0, 0, RATIO, ((picture % ROW) * CELL + x) * RATIO, (Math.floor(picture / ROW) * CELL + y) * RATIO);
    draw(pen, kind, picture, palette);
  }
  return pen.getImageData(0, 0, canvas.width, canvas.height);
}
