const VERTEX = `#version 300 es
in vec2 at; in vec4 colour;
uniform vec2 middle, scale; uniform float size;
out vec4 tint;
void main() {
  // A row that is not shown is put outside of what is drawn.
  gl_Position = colour.a == 0.0 ? vec4(2.0, 2.0, 0.0, 1.0) : vec4((at - middle) * scale, 0.0, 1.0);
  gl_PointSize = size;
  tint = colour;
}`;
const FRAGMENT = `#version 300 es
precision highp float;
in vec4 tint; uniform float size, opacity;
out vec4 made;
void main() {
  float edge = size < 3.0 ? 1.0 : clamp(size * (0.5 - distance(gl_PointCoord, vec2(0.5))) + 0.5, 0.0, 1.0);
  float alpha = tint.a * opacity * edge;
  made = vec4(tint.rgb * alpha, alpha);
}`;

/** Draws the points with WebGL. `colours` are RGBA bytes of every row; alpha 0 is not shown, and small is dimmed. */
class WebGlPoints {
  static context(canvas) {
    return canvas.getContext("webgl2", { antialias: false, premultipliedAlpha: true });
  }

  /** Whether WebGL runs on a graphics processor; in software it is slower than `RasterPoints`. */
  static fast() {
    const gl = WebGlPoints.context(document.createElement("canvas"));
    if (!gl) return false;
    const names = gl.getExtension("WEBGL_debug_renderer_info");
    const renderer = String(gl.getParameter(names ? names.UNMASKED_RENDERER_WEBGL : gl.RENDERER));
    gl.getExtension("WEBGL_lose_context")?.loseContext();
    return !/swiftshader|llvmpipe|softpipe|software|basic render/i.test(renderer);
  }

  constructor(canvas, unit, count) {
    Object.assign(this, { canvas, unit, count, lost: false });
    this.colours = new Uint8Array(4 * count);
    this.order = shuffled(count);
    canvas.addEventListener("webglcontextlost", (event) => { event.preventDefault(); this.lost = true; });
    canvas.addEventListener("webglcontextrestored", () => { this.lost = false; this.prepare(); this.onrestored?.(); });
    this.prepare();
  }

  prepare() {
    const gl = (this.gl = WebGlPoints.context(this.canvas));
    const program = gl.createProgram();
    for (const [kind, source] of [[gl.VERTEX_SHADER, VERTEX], [gl.FRAGMENT_SHADER, FRAGMENT]]) {
      const shader = gl.createShader(kind);
      gl.shaderSource(shader, source);
      gl.compileShader(shader);
      gl.attachShader(program, shader);
    }
    gl.linkProgram(program);
    if (!gl.getProgramParameter(program, gl.LINK_STATUS)) throw new Error(gl.getProgramInfoLog(program));
    gl.useProgram(program);
    this.uniforms = {};
    for (const name of ["middle", "scale", "size", "opacity"]) this.uniforms[name] = gl.getUniformLocation(program, name);
    this.buffers = { at: gl.createBuffer(), colour: gl.createBuffer() };
    this.place = { at: gl.getAttribLocation(program, "at"), colour: gl.getAttribLocation(program, "colour") };
    gl.enable(gl.BLEND);
    gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
    this.upload();
  }

  /** Hands places and colours over, in the order in which they are drawn: `front` rows last. */
  upload(front = null) {
    const { gl, count } = this;
    const order = front ? inFront(this.order, front) : this.order;
    const places = new Float32Array(2 * count);
    const paint = new Uint32Array(count);
    const colours = new Uint32Array(this.colours.buffer);
    for (let i = 0; i < count; i++) {
      places[2 * i] = this.unit[2 * order[i]];
      places[2 * i + 1] = this.unit[2 * order[i] + 1];
      paint[i] = colours[order[i]];
    }
    gl.bindBuffer(gl.ARRAY_BUFFER, this.buffers.at);
    gl.bufferData(gl.ARRAY_BUFFER, places, gl.STATIC_DRAW);
    gl.enableVertexAttribArray(this.place.at);
    gl.vertexAttribPointer(this.place.at, 2, gl.FLOAT, false, 0, 0);
    gl.bindBuffer(gl.ARRAY_BUFFER, this.buffers.colour);
    gl.bufferData(gl.ARRAY_BUFFER, paint, gl.STATIC_DRAW);
    gl.enableVertexAttribArray(this.place.colour);
    gl.vertexAttribPointer(this.place.colour, 4, gl.UNSIGNED_BYTE, true, 0, 0);
  }

  draw(view, shown, ratio) {
    if (this.lost) return;
    const { gl, uniforms } = this;
    gl.viewport(0, 0, this.canvas.width, this.canvas.height);
    gl.clearColor(0, 0, 0, 0);
    gl.clear(gl.COLOR_BUFFER_BIT);
    gl.uniform2f(uniforms.middle, view.x, view.y);
    gl.uniform2f(uniforms.scale, (2 * view.scale) / view.width, (2 * view.scale) / view.height);
    gl.uniform1f(uniforms.size, view.pointSize(shown) * ratio);
    gl.uniform1f(uniforms.opacity, view.opacity(shown));
    gl.drawArrays(gl.POINTS, 0, this.count);
  }
}

/** All rows in an order that is mixed but always the same: else the last class would lie on top of all others. */
function shuffled(count) {
  const order = new Uint32Array(count);
  let state = 1;
  for (let i = 0; i < count; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    const j = Math.floor((state / 4294967296) * (i + 1));
    order[i] = order[j];
    order[j] = i;
  }
  return order;
}

/** The same order with some rows moved to its end. */
function inFront(order, front) {
  const made = new Uint32Array(order.length);
  let below = 0, above = order.length - front.size;
  for (const row of order) {
    if (front.has(row)) made[above++] = row;
    else made[below++] = row;
  }
  return made;
}
