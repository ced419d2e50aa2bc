/**
 * Makes a picture of a page a quarter smaller: text and flat colours shrink best without the filters that PNG has for
 * photographs.
 *
 * @module
 */

import { Buffer } from 'node:buffer'
import { crc32, deflateSync, inflateSync } from 'node:zlib'

const SIGNATURE_BYTES = 8
/** Length, type and checksum. */
const CHUNK_BYTES = 12

/** Writes the same pixels again. Takes what Chromium gives: 8 bits a channel, not interlaced. */
export function smallerPng(png: Buffer): Buffer {
  let head: Buffer = Buffer.alloc(0)
  const data: Buffer[] = []
  for (let at = SIGNATURE_BYTES; at < png.length; ) {
    const length = png.readUInt32BE(at)
    const type = png.toString('latin1', at + 4, at + 8)
    const body = png.subarray(at + 8, at + 8 + length)
    if (type === 'IHDR') head = body
    if (type === 'IDAT') data.push(body)
    at += CHUNK_BYTES + length
  }
  const channels = head[9] === 6 ? 4 : 3
  const rows = unfiltered(
    inflateSync(Buffer.concat(data)),
    head.readUInt32BE(0) * channels,
    channels,
  )
  return Buffer.concat([
    png.subarray(0, SIGNATURE_BYTES),
    chunk('IHDR', head),
    chunk('IDAT', deflateSync(rows, { level: 9 })),
    chunk('IEND', Buffer.alloc(0)),
  ])
}

/** PNG specification, section 9: each row begins with the number of its filter. */
function unfiltered(rows: Buffer, width: number, step: number): Buffer {
  const out = Buffer.alloc(rows.length)
  for (let start = 0; start < rows.length; start += width + 1) {
    const filter = rows[start]
    for (let x = 1; x <= width; x++) {
      const at = start + x
      const left = x > step ? (out[at - step] ?? 0) : 0
      const up = start > 0 ? (out[at - width - 1] ?? 0) : 0
      const corner = start > 0 && x > step ? (out[at - width - 1 - step] ?? 0) : 0
      const guess = [0, left, up, (left + up) >> 1, paeth(left, up, corner)][filter ?? 0] ?? 0
      out[at] = (rows[at] ?? 0) + guess
    }
  }
  return out
}

function paeth(left: number, up: number, corner: number): number {
  const distances = [left, up, corner].map((value) => Math.abs(left + up - corner - value))
  const nearest = Math.min(...distances)
  return [left, up, corner][distances.indexOf(nearest)] ?? 0
}

function chunk(type: string, body: Buffer): Buffer {
  const content = Buffer.concat([Buffer.from(type, 'latin1'), body])
  const framed = Buffer.alloc(CHUNK_BYTES + body.length)
  framed.writeUInt32BE(body.length)
  content.copy(framed, 4)
  framed.writeUInt32BE(crc32(content), 8 + body.length)
  return framed
}
