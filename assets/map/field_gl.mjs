/**
 * Fields drawn from value tiles by a shader of our own: colours, the highlighted part and the hatch of missing cells are
 * decided per pixel, so that another ramp or threshold costs one frame and no request. See docs/decisions/0006.
 */

import {SIZE} from './field_tiles.mjs';
import {channels} from './ramp.mjs';

const MOST_STOPS = 32;
const MOST_TEXTURES = 192; // of 128 KB each

const VERTEX = `#version 300 es
uniform mat4 u_matrix;
uniform vec4 u_part;   // of the texture: left, top, width, height
uniform vec4 u_place;  // of the quad on the world: left, top, width, height
in vec2 a_corner;
out vec2 v_texture;
out vec2 v_world;
void main() {
  v_texture = u_part.xy + a_corner * u_part.zw;
  v_world = u_place.xy + a_corner * u_place.zw;
  gl_Position = u_matrix * vec4(a_corner, 0.0, 1.0);
}`;

const FRAGMENT = `#version 300 es
precision highp float;
precision highp int;
precision highp usampler2D;
uniform usampler2D u_codes;
uniform bool u_empty;
uniform bool u_smooth;
uniform bool u_classes;
uniform int u_count;
uniform float u_limits[${MOST_STOPS}];  // the stops of the ramp as codes
uniform vec3 u_colours[${MOST_STOPS}];
uniform float u_mark;      // the code from which cells are highlighted; 0 highlights none
uniform float u_opacity;
uniform vec4 u_bounds;     // of the field on the world: left, top, right, bottom
uniform vec3 u_missing;    // colour of the hatch
uniform float u_ratio;     // device pixels to a pixel
in vec2 v_texture;
in vec2 v_world;
out vec4 colour;

float codeAt(ivec2 at) {
  return float(texelFetch(u_codes, clamp(at, ivec2(0), ivec2(${SIZE - 1})), 0).r);
}

float codeHere() {
  if (u_empty) return 0.0;
  vec2 place = v_texture * ${SIZE}.0;
  float nearest = codeAt(ivec2(floor(place)));
  if (!u_smooth || nearest < 0.5) return nearest;
  vec2 corner = floor(place - 0.5);
  vec2 share = place - 0.5 - corner;
  ivec2 at = ivec2(corner);
  vec4 four = vec4(codeAt(at), codeAt(at + ivec2(1, 0)), codeAt(at + ivec2(0, 1)), codeAt(at + ivec2(1, 1)));
  if (min(min(four.x, four.y), min(four.z, four.w)) < 0.5) return nearest;
  return mix(mix(four.x, four.y, share.x), mix(four.z, four.w, share.x), share.y);
}

vec4 hatch() {
  bool inside = all(greaterThanEqual(v_world, u_bounds.xy)) && all(lessThan(v_world, u_bounds.zw));
  float line = mod((gl_FragCoord.x - gl_FragCoord.y) / u_ratio, 9.0);
  return inside && line < 1.4 ? vec4(u_missing, 1.0) * 0.6 : vec4(0.0);
}

void main() {
  float code = codeHere();
  if (code < 0.5) {
    colour = hatch() * min(1.0, u_opacity * 1.5);
    return;
  }
  int place = 0;
  for (int i = 0; i < u_count; i++) if (code >= u_limits[i]) place = i + 1;
  vec3 shade;
  float alpha = u_opacity;
  if (u_classes) {
    if (place == 0) alpha = 0.0;
    shade = u_colours[max(place - 1, 0)];
  } else if (place == 0 || place == u_count) {
    shade = u_colours[max(place - 1, 0)];
  } else {
    float share = (code - u_limits[place - 1]) / max(u_limits[place] - u_limits[place - 1], 1e-6);
    shade = mix(u_colours[place - 1], u_colours[place], share);
  }
  if (u_mark > 0.0) {
    if (code < u_mark) alpha *= 0.18;
    else alpha = max(alpha, min(1.0, u_opacity * 1.3));
  }
  colour = vec4(shade, 1.0) * alpha;
}`;

/**
 * @typedef {object} Look
 * @property {import('./ramp.mjs').Ramp} ramp
 * @property {boolean} smooth
 * @property {number} opacity
 * @property {number | null} mark cells at or above it are highlighted
 * @property {[number, number, number, number]} bounds west, south, east, north
 * @property {string} missing colour of the hatch
 *
 * @typedef {object} Quad one tile to draw, from the texture of itself or of a tile above it
 * @property {{z: number, x: number, y: number}} place
 * @property {number} wrap
 * @property {string} name of the texture
 * @property {import('./field_tiles.mjs').Tile} tile
 * @property {[number, number, number]} part left, top and width of the part of the texture
 */

/** Where a longitude and a latitude are on the mercator square, 0 to 1. */
export const worldX = (/** @type {number} */ lon) => (lon + 180) / 360;
export const worldY = (/** @type {number} */ lat) => {
  const angle = (Math.max(-85.0511, Math.min(85.0511, lat)) * Math.PI) / 180;
  return (1 - Math.log(Math.tan(angle) + 1 / Math.cos(angle)) / Math.PI) / 2;
};

/** The stop as a code: whole codes for classes, so that a limit on the lattice is compared exactly. */
export function toCode(/** @type {number} */ value, /** @type {{offset: number, step: number}} */ {offset, step}) {
  return Math.ceil((value - offset) / step - 0.01) + 1;
}

export class FieldPainter {
  /**
   * @param {string} id of the layer
   * @param {() => {quads: Quad[], look: Look, gaps: number} | null} picture what to draw in the frame
   * @param {(drawn: number, gaps: number) => void} drawn told after each frame
   */
  constructor(id, picture, drawn) {
    this.id = id;
    this.type = 'custom';
    this.renderingMode = '2d';
    this.picture = picture;
    this.drawn = drawn;
    /** @type {Map<string, WebGLTexture>} least recently used first */
    this.textures = new Map();
    /** @type {any} */
    this.program = null;
  }

  onAdd(/** @type {any} */ map, /** @type {WebGL2RenderingContext} */ gl) {
    this.map = map;
    this.forget = () => {
      this.program = null;
      this.textures.clear();
    };
    map.on('webglcontextlost', this.forget);
    this.prepare(gl);
  }

  onRemove(/** @type {any} */ map, /** @type {WebGL2RenderingContext} */ gl) {
    map.off('webglcontextlost', this.forget);
    for (const texture of this.textures.values()) gl.deleteTexture(texture);
    this.textures.clear();
    if (this.program) {
      gl.deleteProgram(this.program);
      gl.deleteBuffer(this.corners);
      gl.deleteVertexArray(this.array);
    }
    this.program = null;
  }

  prepare(/** @type {WebGL2RenderingContext} */ gl) {
    const program = gl.createProgram();
    for (const [kind, source] of /** @type {const} */ ([[gl.VERTEX_SHADER, VERTEX], [gl.FRAGMENT_SHADER, FRAGMENT]])) {
      const shader = /** @type {WebGLShader} */ (gl.createShader(kind));
      gl.shaderSource(shader, source);
      gl.compileShader(shader);
      if (!gl.getShaderParameter(shader, gl.COMPILE_STATUS) && !gl.isContextLost()) {
        throw new Error(`field shader: ${gl.getShaderInfoLog(shader)}`);
      }
      gl.attachShader(program, shader);
    }
    gl.bindAttribLocation(program, 0, 'a_corner');
    gl.linkProgram(program);
    this.program = program;
    this.at = new Proxy({}, {
      get: (known, name) => (known[name] ??= gl.getUniformLocation(program, String(name))),
    });
    this.array = gl.createVertexArray();
    gl.bindVertexArray(this.array);
    this.corners = gl.createBuffer();
    gl.bindBuffer(gl.ARRAY_BUFFER, this.corners);
    gl.bufferData(gl.ARRAY_BUFFER, new Float32Array([0, 0, 1, 0, 0, 1, 1, 1]), gl.STATIC_DRAW);
    gl.enableVertexAttribArray(0);
    gl.vertexAttribPointer(0, 2, gl.FLOAT, false, 0, 0);
    gl.bindVertexArray(null);
  }

  render(/** @type {WebGL2RenderingContext} */ gl, /** @type {any} */ {defaultProjectionData}) {
    const picture = this.picture();
    if (!picture) return;
    if (!this.program) this.prepare(gl);
    const {quads, look, gaps} = picture;
    const at = /** @type {any} */ (this.at);
    gl.useProgram(this.program);
    gl.bindVertexArray(this.array);
    gl.activeTexture(gl.TEXTURE0);
    gl.uniform1i(at.u_codes, 0);
    this.setLook(gl, at, look);
    let lattice = '';
    for (const quad of quads) {
      const {tile} = quad;
      if (`${tile.offset} ${tile.step}` !== lattice) {
        lattice = `${tile.offset} ${tile.step}`;
        this.setLimits(gl, at, look, tile);
      }
      gl.uniform1i(at.u_empty, tile.codes ? 0 : 1);
      gl.bindTexture(gl.TEXTURE_2D, this.texture(gl, quad));
      this.drawQuad(gl, at, quad, defaultProjectionData.mainMatrix);
    }
    gl.bindVertexArray(null);
    this.trim(gl);
    this.drawn(quads.length, gaps);
  }

  setLook(/** @type {WebGL2RenderingContext} */ gl, /** @type {any} */ at, /** @type {Look} */ look) {
    const [west, south, east, north] = look.bounds;
    gl.uniform1i(at.u_smooth, look.smooth ? 1 : 0);
    gl.uniform1i(at.u_classes, look.ramp.kind === 'classes' ? 1 : 0);
    gl.uniform1f(at.u_opacity, look.opacity);
    gl.uniform4f(at.u_bounds, worldX(west), worldY(north), worldX(east), worldY(south));
    gl.uniform3fv(at.u_missing, channels(look.missing));
    gl.uniform1f(at.u_ratio, this.map.getPixelRatio());
    const stops = look.ramp.stops.slice(0, MOST_STOPS);
    gl.uniform1i(at.u_count, stops.length);
    gl.uniform3fv(at.u_colours, new Float32Array(stops.flatMap(({colour}) => channels(colour))));
  }

  setLimits(/** @type {WebGL2RenderingContext} */ gl, /** @type {any} */ at, /** @type {Look} */ look, /** @type {any} */ tile) {
    const limits = look.ramp.stops.slice(0, MOST_STOPS).map(({value}) => (look.ramp.kind === 'classes'
      ? toCode(value, tile) : (value - tile.offset) / tile.step + 1));
    gl.uniform1fv(at.u_limits, new Float32Array(limits));
    gl.uniform1f(at.u_mark, look.mark === null ? 0 : Math.max(toCode(look.mark, tile), 0.5));
  }

  /** The matrix is kept in double precision until it is one of a tile: at deep zooms the world is too large for less. */
  drawQuad(/** @type {WebGL2RenderingContext} */ gl, /** @type {any} */ at, /** @type {Quad} */ quad, /** @type {any} */ world) {
    const {place: {z, x, y}, wrap, part: [left, top, width]} = quad;
    const size = 2 ** -z;
    const [moveX, moveY] = [x * size + wrap, y * size];
    const matrix = new Float32Array(16);
    for (let i = 0; i < 4; i++) {
      matrix[i] = world[i] * size;
      matrix[4 + i] = world[4 + i] * size;
      matrix[8 + i] = world[8 + i];
      matrix[12 + i] = world[i] * moveX + world[4 + i] * moveY + world[12 + i];
    }
    gl.uniformMatrix4fv(at.u_matrix, false, matrix);
    gl.uniform4f(at.u_part, left, top, width, width);
    gl.uniform4f(at.u_place, x * size, y * size, size, size);
    gl.drawArrays(gl.TRIANGLE_STRIP, 0, 4);
  }

  /** The texture of a tile; an empty one has the smallest, because the shader must have some. */
  texture(/** @type {WebGL2RenderingContext} */ gl, /** @type {Quad} */ {name, tile}) {
    const key = tile.codes ? name : '';
    let texture = this.textures.get(key);
    if (texture) this.textures.delete(key);
    else texture = this.upload(gl, tile.codes);
    this.textures.set(key, texture);
    return texture;
  }

  upload(/** @type {WebGL2RenderingContext} */ gl, /** @type {Uint16Array | null} */ codes) {
    const texture = /** @type {WebGLTexture} */ (gl.createTexture());
    gl.bindTexture(gl.TEXTURE_2D, texture);
    gl.pixelStorei(gl.UNPACK_FLIP_Y_WEBGL, false);
    gl.pixelStorei(gl.UNPACK_PREMULTIPLY_ALPHA_WEBGL, false);
    gl.pixelStorei(gl.UNPACK_ALIGNMENT, 2);
    const size = codes ? SIZE : 1;
    gl.texImage2D(gl.TEXTURE_2D, 0, gl.R16UI, size, size, 0, gl.RED_INTEGER, gl.UNSIGNED_SHORT, codes ?? new Uint16Array(1));
    gl.pixelStorei(gl.UNPACK_ALIGNMENT, 4);
    for (const filter of [gl.TEXTURE_MIN_FILTER, gl.TEXTURE_MAG_FILTER]) gl.texParameteri(gl.TEXTURE_2D, filter, gl.NEAREST);
    for (const wrap of [gl.TEXTURE_WRAP_S, gl.TEXTURE_WRAP_T]) gl.texParameteri(gl.TEXTURE_2D, wrap, gl.CLAMP_TO_EDGE);
    return texture;
  }

  trim(/** @type {WebGL2RenderingContext} */ gl) {
    for (const [name, texture] of this.textures) {
      if (this.textures.size <= MOST_TEXTURES) break;
      gl.deleteTexture(texture);
      this.textures.delete(name);
    }
  }
}
