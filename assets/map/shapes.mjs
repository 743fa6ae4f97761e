/** The shapes and hatches that say a level without colour, drawn once for the map's canvas and once for the page. */

import {UNKNOWN, levelKey} from './palette.mjs';

const RATIO = 2;
const TURN = Math.PI * 2;

/** Corners on a circle of radius 1. */
function ring(/** @type {number} */ corners, /** @type {number} */ start) {
  return Array.from({length: corners}, (_, i) => {
    const angle = start + (i * TURN) / corners;
    return [Math.cos(angle), Math.sin(angle)];
  });
}

/** Outlines in a square from -1 to 1; the circle is an outline of many corners. */
const OUTLINES = {
  red: ring(8, Math.PI / 8),
  orange: ring(4, 0),
  yellow: ring(3, -Math.PI / 2).map(([x, y]) => [x * 1.08, y * 1.08 + 0.2]),
  blue: ring(40, 0).map(([x, y]) => [x * 0.86, y * 0.86]),
};

/** @param {CanvasRenderingContext2D} pen */
function trace(pen, /** @type {number[][]} */ outline, /** @type {number} */ centre, /** @type {number} */ radius) {
  pen.beginPath();
  outline.forEach(([x, y], i) => pen[i ? 'lineTo' : 'moveTo'](centre + x * radius, centre + y * radius));
  pen.closePath();
}

/** @returns {CanvasRenderingContext2D} */
function canvas(/** @type {number} */ width, /** @type {number} */ height) {
  const element = document.createElement('canvas');
  element.width = width;
  element.height = height;
  return /** @type {CanvasRenderingContext2D} */ (element.getContext('2d', {willReadFrequently: true}));
}

function pixels(/** @type {CanvasRenderingContext2D} */ pen) {
  return pen.getImageData(0, 0, pen.canvas.width, pen.canvas.height);
}

/** A filled level shape with an edge that sets it off from any fill. */
function shapeImage(/** @type {number} */ level, /** @type {import('./palette.mjs').Palette} */ palette) {
  const size = 22 * RATIO;
  const pen = canvas(size, size);
  trace(pen, OUTLINES[levelKey(level)], size / 2, size * 0.36);
  pen.lineJoin = 'round';
  pen.lineWidth = 5 * RATIO;
  pen.strokeStyle = palette.halo;
  pen.stroke();
  pen.lineWidth = 1.75 * RATIO;
  pen.strokeStyle = palette.ink;
  pen.stroke();
  pen.fillStyle = palette.level[level];
  pen.fill();
  return pixels(pen);
}

/** The dashed ring with a question mark. */
function unknownImage(/** @type {import('./palette.mjs').Palette} */ palette) {
  const size = 22 * RATIO;
  const pen = canvas(size, size);
  const radius = size * 0.34;
  pen.beginPath();
  pen.arc(size / 2, size / 2, radius + RATIO, 0, TURN);
  pen.fillStyle = palette.halo;
  pen.fill();
  pen.setLineDash([TURN * radius / 16, TURN * radius / 16]);
  pen.lineWidth = 2 * RATIO;
  pen.strokeStyle = palette.unknown;
  pen.beginPath();
  pen.arc(size / 2, size / 2, radius, 0, TURN);
  pen.stroke();
  pen.fillStyle = palette.ink;
  pen.font = `700 ${11 * RATIO}px system-ui, sans-serif`;
  pen.textAlign = 'center';
  pen.textBaseline = 'middle';
  pen.fillText('?', size / 2, size / 2 + RATIO * 0.5);
  return pixels(pen);
}

/** A station or place without a level: a small neutral square, so that it is no level's shape. */
function noneImage(/** @type {import('./palette.mjs').Palette} */ palette) {
  const size = 22 * RATIO;
  const pen = canvas(size, size);
  const half = 3.2 * RATIO;
  pen.fillStyle = palette.halo;
  pen.fillRect(size / 2 - half - 2, size / 2 - half - 2, 2 * half + 4, 2 * half + 4);
  pen.fillStyle = palette.quiet;
  pen.fillRect(size / 2 - half, size / 2 - half, 2 * half, 2 * half);
  return pixels(pen);
}

/** A bell crossed out: somebody holds the proposals of a level back. */
function mutedImage(/** @type {import('./palette.mjs').Palette} */ palette) {
  const size = 14 * RATIO;
  const pen = canvas(size, size);
  const middle = size / 2;
  pen.beginPath();
  pen.arc(middle, middle, middle - 1, 0, TURN);
  pen.fillStyle = palette.halo;
  pen.fill();
  pen.fillStyle = palette.ink;
  pen.beginPath();
  pen.arc(middle, middle - RATIO, 3 * RATIO, Math.PI, 0);
  pen.lineTo(middle + 4 * RATIO, middle + 3 * RATIO);
  pen.lineTo(middle - 4 * RATIO, middle + 3 * RATIO);
  pen.fill();
  pen.lineWidth = 1.5 * RATIO;
  pen.strokeStyle = palette.ink;
  pen.beginPath();
  pen.moveTo(3 * RATIO, size - 3 * RATIO);
  pen.lineTo(size - 3 * RATIO, 3 * RATIO);
  pen.stroke();
  return pixels(pen);
}

/**
 * Seamless stripes: `slope` 1 is the diagonal of the unknown hatch, 0 the level stripes of other people's warnings.
 * @param {string} colour
 */
function stripes(colour, /** @type {number} */ slope, /** @type {number} */ width) {
  const size = (slope ? 8 : 12) * RATIO;
  const pen = canvas(size, size);
  pen.strokeStyle = colour;
  pen.lineWidth = width * RATIO;
  pen.beginPath();
  for (const shift of [-size, 0, size]) {
    pen.moveTo(shift - size, slope ? 2 * size : size / 2);
    pen.lineTo(shift + 2 * size, slope ? -size : size / 2);
  }
  pen.stroke();
  return pixels(pen);
}

/**
 * Every image the map's style names.
 * @param {import('./palette.mjs').Palette} palette
 * @returns {Record<string, ImageData>}
 */
export function images(palette) {
  /** @type {Record<string, ImageData>} */
  const all = {
    'hatch-unknown': stripes(palette.unknown, 1, 1.6),
    'stripe--1': stripes(palette.unknown, 0, 1),
    'stripe-0': stripes(palette.unknown, 0, 1),
    'shape--1': unknownImage(palette),
    'shape-0': noneImage(palette),
    muted: mutedImage(palette),
  };
  for (const level of [1, 2, 3, 4]) {
    all[`shape-${level}`] = shapeImage(level, palette);
    all[`stripe-${level}`] = stripes(palette.level[level], 0, 1.4);
  }
  return all;
}

export const IMAGE_OPTIONS = {pixelRatio: RATIO};

const SVG = 'http://www.w3.org/2000/svg';

/** The same shape as an inline drawing for lists and legends; `level` -1 is unknown, null is not watched. */
export function shapeElement(/** @type {number | null} */ level) {
  const svg = document.createElementNS(SVG, 'svg');
  svg.setAttribute('viewBox', '-1.3 -1.3 2.6 2.6');
  svg.setAttribute('aria-hidden', 'true');
  svg.classList.add('map-shape', `map-shape-${level === null ? 'unwatched' : levelKey(level)}`);
  if (level !== null && level > 0) {
    const polygon = document.createElementNS(SVG, 'polygon');
    const outline = OUTLINES[levelKey(level)];
    polygon.setAttribute('points', outline.map((point) => point.map((n) => n.toFixed(3)).join(',')).join(' '));
    svg.append(polygon);
  } else if (level === UNKNOWN) {
    const circle = document.createElementNS(SVG, 'circle');
    circle.setAttribute('r', '1');
    const mark = document.createElementNS(SVG, 'text');
    mark.setAttribute('y', '0.5');
    mark.textContent = '?';
    svg.append(circle, mark);
  } else {
    const square = document.createElementNS(SVG, 'rect');
    for (const [key, value] of Object.entries({x: -1, y: -0.8, width: 2, height: 1.6})) {
      square.setAttribute(key, String(value));
    }
    svg.append(square);
  }
  return svg;
}
