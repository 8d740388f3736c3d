/** Room around the picture, so that a point on its border needs no clipping; places within a pixel that are told apart. */
const PAD = 34, PHASES = 4;

/** Draws the points without WebGL: every pixel is mixed here. Small points in great number are cheap so. */
class RasterPoints {
  constructor(canvas, unit, count) {
    Object.assign(this, { canvas, unit, count, stamps: new Map() });
    this.colours = new Uint8Array(4 * count);
    this.order = shuffled(count);
    this.context = canvas.getContext("2d", { alpha: false, willReadFrequently: true });
  }

  /** Sorts places and colours in the order in which they are drawn: `front` rows last, those not shown left out. */
  upload(front = null) {
    const words = new Uint32Array(this.colours.buffer);
    const order = (front ? inFront(this.order, front) : this.order).filter((row) => words[row] >>> 24);
    this.places = new Float32Array(2 * order.length);
    this.paint = new Uint32Array(order.length);
    order.forEach((row, i) => {
      this.places[2 * i] = this.unit[2 * row];
      this.places[2 * i + 1] = this.unit[2 * row + 1];
      this.paint[i] = words[row];
    });
  }

  draw(view, shown, ratio, ground) {
    const width = this.canvas.width + 2 * PAD, height = this.canvas.height + 2 * PAD;
    if (this.image?.width !== width || this.image.height !== height) {
      this.image = this.context.createImageData(width, height);
      this.pixels = new Uint32Array(this.image.data.buffer);
      this.stamps.clear();
    }
    this.pixels.fill(packed(ground));
    const scale = view.scale * ratio;
    const left = width / 2 - view.x * scale, top = height / 2 + view.y * scale;
    const side = view.pointSize(shown) * ratio, opacity = view.opacity(shown);
    this.mix(scale, left, top, side, opacity);
    this.context.putImageData(this.image, -PAD, -PAD);
  }

  mix(scale, left, top, side, opacity) {
    const { places, paint, pixels } = this;
    const { width, height } = this.image;
    const reach = Math.ceil(side / 2) + 1;
    const [right, bottom] = [width - reach - 1, height - reach - 1];
    const full = this.stamp(side, opacity), dim = this.stamp(side, (opacity * 46) / 255);
    for (let i = 0; i < paint.length; i++) {
      const x = places[2 * i] * scale + left, y = top - places[2 * i + 1] * scale;
      if (!(x > reach && y > reach && x < right && y < bottom)) continue;
      const word = paint[i];
      const column = x | 0, row = y | 0;
      const phase = (((y - row) * PHASES) | 0) * PHASES + (((x - column) * PHASES) | 0);
      const { offsets, shares } = (word >>> 24 === 255 ? full : dim)[phase];
      const at = row * width + column;
      const redBlue = word & 0xff00ff, green = word & 0x00ff00;
      for (let j = 0; j < offsets.length; j++) {
        const place = at + offsets[j], share = shares[j], under = pixels[place], rest = 256 - share;
        // Two channels at once: neither product reaches into the other's bits.
        pixels[place] = 0xff000000
          | (((Math.imul(redBlue, share) + Math.imul(under & 0xff00ff, rest)) >>> 8) & 0xff00ff)
          | (((Math.imul(green, share) + Math.imul(under & 0x00ff00, rest)) >>> 8) & 0x00ff00);
      }
    }
  }

  /** The pixels that a disc covers and how much of each, of 256, for every place of its middle within a pixel. */
  stamp(side, opacity) {
    const key = `${side.toFixed(2)} ${opacity.toFixed(2)}`;
    if (!this.stamps.has(key)) {
      if (this.stamps.size > 60) this.stamps.clear();
      this.stamps.set(key, Array.from({ length: PHASES * PHASES }, (_, phase) => this.disc(side, opacity, phase)));
    }
    return this.stamps.get(key);
  }

  disc(side, opacity, phase) {
    const middle = [(phase % PHASES) + 0.5, Math.floor(phase / PHASES) + 0.5].map((value) => value / PHASES);
    const reach = Math.ceil(side / 2) + 1, radius = Math.max(side, 1.5) / 2;
    const offsets = [], shares = [];
    for (let y = -reach; y <= reach; y++) {
      for (let x = -reach; x <= reach; x++) {
        const far = Math.hypot(x + 0.5 - middle[0], y + 0.5 - middle[1]);
        const share = Math.round(256 * opacity * clamp(radius - far + 0.5, 0, 1));
        if (share < 8) continue;
        offsets.push(y * this.image.width + x);
        shares.push(share);
      }
    }
    return { offsets: Int32Array.from(offsets), shares: Int32Array.from(shares) };
  }
}

/** A colour of a style, such as #fbfbfa, as one opaque pixel. */
function packed(hex) {
  const [red, green, blue] = rgbOf(hex.trim());
  return ((255 << 24) | (blue << 16) | (green << 8) | red) >>> 0;
}
