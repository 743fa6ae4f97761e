/** Wind symbols in the very frame of the field they belong to: one call draws them all from a sheet of pictures. */

import {ANCHORS, CELL, RATIO, ROW, sheet} from './wind_symbols.mjs';

const NUMBERS = 5; // of a symbol: place across and down, turn, picture, side

const VERTEX = `#version 300 es
uniform vec2 u_pixel;    // a pixel in the frame's measure
uniform vec2 u_anchor;   // of the place in a picture, in pixels
uniform vec2 u_pictures; // in a row and in a column of the sheet
in vec2 a_corner;
in vec2 a_place;
in vec3 a_look;          // turn, picture, side of the feathers
out vec2 v_sheet;
void main() {
  vec2 from = a_corner * ${CELL}.0 - u_anchor;
  from.x *= a_look.z;
  float c = cos(a_look.x), s = sin(a_look.x);
  vec2 turned = vec2(c * from.x - s * from.y, s * from.x + c * from.y);
  gl_Position = vec4(a_place + turned * u_pixel, 0.0, 1.0);
  vec2 cell = vec2(mod(a_look.y, u_pictures.x), floor(a_look.y / u_pictures.x));
  v_sheet = (cell + a_corner) / u_pictures;
}`;

const FRAGMENT = `#version 300 es
precision mediump float;
uniform sampler2D u_sheet;
in vec2 v_sheet;
out vec4 colour;
void main() {
  colour = texture(u_sheet, v_sheet);
}`;

/**
 * @typedef {object} Mark one symbol
 * @property {number} x on the mercator square, 0 to 1
 * @property {number} y
 * @property {number} turn clockwise, in radians
 * @property {number} picture
 * @property {number} side 1 on the northern half of the earth, -1 on the southern
 */

export class WindPainter {
  /**
   * @param {string} id of the layer
   * @param {() => {marks: Mark[], kind: import('./wind_symbols.mjs').Kind, palette: import('./palette.mjs').Palette} | null} picture
   * @param {(marks: Mark[]) => void} drawn told after each frame
   */
  constructor(id, picture, drawn) {
    this.id = id;
    this.type = 'custom';
    this.renderingMode = '2d';
    this.picture = picture;
    this.drawn = drawn;
    /** @type {WebGLProgram | null} */
    this.program = null;
    this.sheetOf = '';
  }

  onAdd(/** @type {any} */ map, /** @type {WebGL2RenderingContext} */ gl) {
    this.map = map;
    this.forget = () => { this.program = null; };
    map.on('webglcontextlost', this.forget);
    this.prepare(gl);
  }

  onRemove(/** @type {any} */ map, /** @type {WebGL2RenderingContext} */ gl) {
    map.off('webglcontextlost', this.forget);
    if (!this.program) return;
    gl.deleteProgram(this.program);
    gl.deleteTexture(this.texture ?? null);
    gl.deleteBuffer(this.corners ?? null);
    gl.deleteBuffer(this.buffer ?? null);
    gl.deleteVertexArray(this.array ?? null);
    this.program = null;
  }

  prepare(/** @type {WebGL2RenderingContext} */ gl) {
    const program = gl.createProgram();
    for (const [kind, source] of /** @type {const} */ ([[gl.VERTEX_SHADER, VERTEX], [gl.FRAGMENT_SHADER, FRAGMENT]])) {
      const shader = /** @type {WebGLShader} */ (gl.createShader(kind));
      gl.shaderSource(shader, source);
      gl.compileShader(shader);
      if (!gl.getShaderParameter(shader, gl.COMPILE_STATUS) && !gl.isContextLost()) {
        throw new Error(`wind shader: ${gl.getShaderInfoLog(shader)}`);
      }
      gl.attachShader(program, shader);
    }
    ['a_corner', 'a_place', 'a_look'].forEach((name, i) => gl.bindAttribLocation(program, i, name));
    gl.linkProgram(program);
    this.program = program;
    this.sheetOf = '';
    this.texture = gl.createTexture();
    this.array = gl.createVertexArray();
    gl.bindVertexArray(this.array);
    this.corners = gl.createBuffer();
    gl.bindBuffer(gl.ARRAY_BUFFER, this.corners);
    gl.bufferData(gl.ARRAY_BUFFER, new Float32Array([0, 0, 1, 0, 0, 1, 1, 1]), gl.STATIC_DRAW);
    gl.enableVertexAttribArray(0);
    gl.vertexAttribPointer(0, 2, gl.FLOAT, false, 0, 0);
    this.buffer = gl.createBuffer();
    gl.bindBuffer(gl.ARRAY_BUFFER, this.buffer);
    for (const [place, size, from] of [[1, 2, 0], [2, 3, 2]]) {
      gl.enableVertexAttribArray(place);
      gl.vertexAttribPointer(place, size, gl.FLOAT, false, NUMBERS * 4, from * 4);
      gl.vertexAttribDivisor(place, 1);
    }
    gl.bindVertexArray(null);
  }

  render(/** @type {WebGL2RenderingContext} */ gl, /** @type {any} */ {defaultProjectionData}) {
    const picture = this.picture();
    const marks = picture?.marks ?? [];
    if (picture && marks.length) {
      if (!this.program) this.prepare(gl);
      gl.useProgram(this.program);
      gl.activeTexture(gl.TEXTURE0);
      gl.bindTexture(gl.TEXTURE_2D, this.texture ?? null);
      this.useSheet(gl, picture);
      const {clientWidth, clientHeight} = this.map.getCanvas();
      gl.uniform2f(this.at(gl, 'u_pixel'), 2 / clientWidth, -2 / clientHeight);
      gl.bindVertexArray(this.array ?? null);
      gl.bindBuffer(gl.ARRAY_BUFFER, this.buffer ?? null);
      gl.bufferData(gl.ARRAY_BUFFER, this.numbers(marks, defaultProjectionData.mainMatrix), gl.STREAM_DRAW);
      gl.drawArraysInstanced(gl.TRIANGLE_STRIP, 0, 4, marks.length);
      gl.bindVertexArray(null);
    }
    this.drawn(marks);
  }

  at(/** @type {WebGL2RenderingContext} */ gl, /** @type {string} */ name) {
    return gl.getUniformLocation(/** @type {WebGLProgram} */ (this.program), name);
  }

  /** The sheet of a kind and palette, drawn when it is first needed. */
  useSheet(/** @type {WebGL2RenderingContext} */ gl, /** @type {any} */ {kind, palette}) {
    const wanted = `${kind} ${palette.theme}`;
    if (wanted === this.sheetOf) return;
    const image = sheet(kind, palette);
    gl.pixelStorei(gl.UNPACK_FLIP_Y_WEBGL, false);
    gl.pixelStorei(gl.UNPACK_PREMULTIPLY_ALPHA_WEBGL, true);
    gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA, gl.RGBA, gl.UNSIGNED_BYTE, image);
    gl.pixelStorei(gl.UNPACK_PREMULTIPLY_ALPHA_WEBGL, false);
    for (const filter of [gl.TEXTURE_MIN_FILTER, gl.TEXTURE_MAG_FILTER]) gl.texParameteri(gl.TEXTURE_2D, filter, gl.LINEAR);
    for (const wrap of [gl.TEXTURE_WRAP_S, gl.TEXTURE_WRAP_T]) gl.texParameteri(gl.TEXTURE_2D, wrap, gl.CLAMP_TO_EDGE);
    gl.uniform1i(this.at(gl, 'u_sheet'), 0);
    gl.uniform2fv(this.at(gl, 'u_anchor'), ANCHORS[/** @type {import('./wind_symbols.mjs').Kind} */ (kind)]);
    gl.uniform2f(this.at(gl, 'u_pictures'), ROW, image.height / (CELL * RATIO));
    this.sheetOf = wanted;
  }

  /** Places are brought into the frame in double precision: at deep zooms the world is too large for less. */
  numbers(/** @type {Mark[]} */ marks, /** @type {ArrayLike<number>} */ m) {
    const numbers = new Float32Array(marks.length * NUMBERS);
    marks.forEach(({x, y, turn, picture, side}, i) => {
      const w = m[3] * x + m[7] * y + m[15];
      numbers.set([(m[0] * x + m[4] * y + m[12]) / w, (m[1] * x + m[5] * y + m[13]) / w, turn, picture, side], i * NUMBERS);
    });
    return numbers;
  }
}
